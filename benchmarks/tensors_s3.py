"""Measures reading 400 values of a scalar from the embedded S3, against smdebug."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3

from benchmarks._tensors import peer, written
from benchmarks.result import Result, report
from gridwatch.aws.tensor_source import S3Source
from gridwatch.localcloud import LocalCloud
from gridwatch_rules.tensors.reader import Cursor, TensorReader

STEPS, TENSORS, RUNS = 400, 4, 3
BUCKET = "tensors"


def main() -> None:
    with LocalCloud.start(port=0) as cloud, written(STEPS, TENSORS, 1) as folder:
        environment = cloud.environment()
        client = boto3.client(
            "s3",
            endpoint_url=cloud.endpoint,
            region_name=cloud.region,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        upload(client, folder)
        times = [ours(client) for _ in range(RUNS)]
        theirs = float(peer("values", f"s3://{BUCKET}/job", environment=environment))
    median = sorted(times)[RUNS // 2]
    report(
        Result(
            name="tensors_s3",
            ours=round(median, 3),
            peer=round(theirs, 2),
            unit="s",
            ratio=round(theirs / median, 1),
            what=f"{STEPS} values of one of {TENSORS} scalars from the embedded S3, opening included; "
            f"ours: median of {RUNS}, peer: smdebug's create_trial and value of each step",
            more={"all": [round(each, 3) for each in times], "wanted_ratio": 15},
        )
    )


def upload(client: Any, folder: Path) -> None:
    def put(file: Path) -> None:
        client.put_object(Bucket=BUCKET, Key=f"job/{file.relative_to(folder)}", Body=file.read_bytes())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, (file for file in folder.rglob("*") if file.is_file())))


def ours(client: Any) -> float:
    begin = time.perf_counter()
    reader = TensorReader(S3Source(client, BUCKET, "job"))
    steps = list(reader.new_steps(Cursor(), ended=True))
    places = [place for saved in steps if (place := saved.place("tensor_0")) is not None]
    reader.prefetch(places)
    found = [reader.value_at(place, "tensor_0") for place in places]
    seconds = time.perf_counter() - begin
    assert len(found) == STEPS
    return seconds


if __name__ == "__main__":
    main()
