"""Measures reading 10,000 trial components from a paged Search: ours, the raw calls alone, and the SDK's
ExperimentAnalytics.
"""

from __future__ import annotations

import http.client
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from benchmarks._peers import require
from benchmarks._search_api import EXPERIMENT, MAX_PAGE, SearchApi, search_api
from benchmarks.result import Result, report
from gridwatch.aws.component_search import ComponentSearch, search_client
from gridwatch.cli.analytics.sdk_layouts import component_row
from gridwatch.tables.components import Component
from scripts.peer_environment import python_of

COUNT, MANY = 10_000, 50_000
ROUNDS = 3
KEYS: dict[str, Any] = {
    "aws_access_key_id": "123456789012",
    "aws_secret_access_key": "none",
    "region_name": "us-east-1",
}
PEER = """
import sys, time, types, warnings
warnings.simplefilter("ignore")
import boto3
from sagemaker.analytics import ExperimentAnalytics
client = boto3.client("sagemaker", endpoint_url=sys.argv[1], region_name="us-east-1",
                      aws_access_key_id="1", aws_secret_access_key="1")
begin = time.perf_counter()
session = types.SimpleNamespace(sagemaker_client=client)
frame = ExperimentAnalytics(experiment_name=sys.argv[2], sagemaker_session=session).dataframe()
print(time.perf_counter() - begin, len(frame), len(frame.columns))
"""


def main() -> None:
    require("sagemaker")
    with search_api(COUNT) as api:
        _read(api)
        calls = api.calls()
        # In turns, and the best of each: other work on the machine only adds.
        reads, serials, both, frames = [], [], [], []
        for _ in range(ROUNDS):
            reads.append(_read(api))
            serials.append(_raw(api, calls, connections=1))
            both.append(_raw(api, calls, connections=2))
            frames.append(_frame(api))
        read, serial, both_ends = min(reads), min(serials), min(both)
        frame, rows, columns = min(frames)
        peer, peer_rows, peer_columns = map(float, _peer(api).split())
    if (rows, columns) != (peer_rows, peer_columns):
        sys.exit(f"ours has {rows} rows of {columns} columns, the SDK's {peer_rows} of {peer_columns}")
    report(
        Result(
            name="snapshot_search",
            ours=round(frame, 2),
            peer=round(peer, 2),
            unit="s",
            ratio=round(peer / frame, 1),
            what=f"{COUNT:,} trial components behind a Search of 30 ms, 10 a page unless asked, at most 100, as a data "
            "frame; peer: ExperimentAnalytics.dataframe(). Wanted: ratio at least 5, floor_ratio at most 1.3",
            more={
                "floor_ratio": round(read / serial, 2),
                "floor_ratio_from_both_ends": round(read / both_ends, 2),
                "snapshot_seconds": round(read, 2),
                "calls": calls,
                "raw_seconds_one_by_one": round(serial, 2),
                "raw_seconds_from_both_ends": round(both_ends, 2),
                "many": _many(),
            },
        )
    )


def client_of(api: SearchApi) -> Any:
    """A client of SageMaker, configured as a snapshot's."""
    return search_client(endpoint_url=api.endpoint, **KEYS)


def _read(api: SearchApi) -> float:
    """The seconds of a snapshot's reading."""
    search = ComponentSearch(client_of(api))
    begin = time.perf_counter()
    found = search.read(EXPERIMENT, Component.parse)
    assert len(found) == COUNT
    return time.perf_counter() - begin


def _frame(api: SearchApi) -> tuple[float, int, int]:
    """The seconds, rows and columns of the data frame in the SDK's layout."""
    import pandas as pd  # noqa: PLC0415  not counted, as the SDK's import is not

    search = ComponentSearch(client_of(api))
    begin = time.perf_counter()
    frame = pd.DataFrame(list(search.read(EXPERIMENT, component_row).values()))
    return time.perf_counter() - begin, len(frame), len(frame.columns)


def _raw(api: SearchApi, calls: int, *, connections: int) -> float:
    """The seconds of as many requests for full pages, whose answers are ignored."""
    where = urlsplit(api.endpoint)

    def ask(numbers: range) -> None:
        connection = http.client.HTTPConnection(where.hostname or "", where.port)
        for number in numbers:
            body = {"SearchExpression": {}, "MaxResults": MAX_PAGE, "NextToken": str(number * MAX_PAGE % COUNT)}
            connection.request("POST", "/", json.dumps(body), {"X-Amz-Target": "SageMaker.Search"})
            connection.getresponse().read()
        connection.close()

    begin = time.perf_counter()
    with ThreadPoolExecutor(connections) as threads:
        list(threads.map(ask, [range(start, calls, connections) for start in range(connections)]))
    return time.perf_counter() - begin


def _peer(api: SearchApi) -> str:
    command = [str(python_of("sagemaker")), "-c", PEER, api.endpoint, EXPERIMENT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return done.stdout.strip().rpartition("\n")[2]


def _many() -> dict[str, Any]:
    """Read 50,000 components in a process of its own, whose memory is measured."""
    with search_api(MANY) as api:
        command = [sys.executable, "-m", "benchmarks.snapshot_search", "many", api.endpoint]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"wanted": MANY, "allowed_mb": 512}


def _tell_many(endpoint: str) -> None:
    begin = time.perf_counter()
    found = ComponentSearch(client_of(SearchApi(endpoint))).read(EXPERIMENT, Component.parse)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"components": len(found), "seconds": round(seconds, 1), "peak_mb": round(peak)}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["many"]:
        _tell_many(sys.argv[2])
    else:
        main()
