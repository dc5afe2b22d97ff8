"""Records what this version writes, so that tests hold later versions to reading it: `python -m tests.golden.record
VERSION`.

An experiment with a failing trial runs through the embedded stack; its items of the state table, its tables, its rules'
saved state and every kind of message go to `tests/golden/VERSION`. Run it for a release, never to change a former one.
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3

from gridwatch.events import messages
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = "golden"
SPEC = f"""
name: {EXPERIMENT}
hypothesis: {{text: Few rounds suffice., expression: best.num_round <= 20}}
objective: {{metric: validation-error, direction: minimize}}
owner: ada@example.org
team: trees
algorithm: {{name: xgboost, version: 3.2-0}}
data:
  train: {{uri: golden/train.csv, content_type: text/csv}}
  validation: {{uri: golden/validation.csv, content_type: text/csv}}
hyperparameters: {{objective: "binary:logistic", eval_metric: error, max_depth: 16}}
grid: {{num_round: [10, 20, 4000]}}
collect: {{metrics: {{save_interval: 2}}}}
audit: 0.01
doomed_regions: {{}}
rules:
  - rule: LossNotDecreasing
    parameters: {{collection_names: metrics, num_steps: 8, diff_percent: 5}}
    on_issue: stop
  - {{rule: ASHA, on_issue: stop, mode: shadow}}
limits: {{parallel_jobs: 1}}
"""
KEPT = ("tables/", "history/", "components/", "rule-state/")
SECONDS = 180.0
SAMPLES = {"str": "a-name-of-something", "bool": True}


def main(version: str) -> None:
    from gridwatch.cli.demo.dataset import generate, write_csv
    from infra.app import create_app

    folder = ROOT / "tests" / "golden" / version
    with tempfile.TemporaryDirectory() as scratch:
        create_app({}, outdir=f"{scratch}/cdk.out").synth()
        with LocalCloud.start() as cloud:
            outputs = deploy(Path(scratch) / "cdk.out", cloud.endpoint, region=cloud.region)
            session = boto3.Session(cloud.account, "local", region_name=cloud.region)
            clients = {name: session.client(name, endpoint_url=cloud.endpoint) for name in ("s3", "dynamodb")}
            for file in write_csv(generate(), Path(scratch)).values():
                key = f"data/{EXPERIMENT}/{file.name}"
                clients["s3"].put_object(Bucket=outputs["ExperimentsBucket"], Key=key, Body=file.read_bytes())
            key = f"experiments/{EXPERIMENT}.yaml"
            clients["s3"].put_object(Bucket=outputs["ExperimentsBucket"], Key=key, Body=SPEC.encode())
            _await(clients, outputs["ArtifactsBucket"])
            _keep(clients, outputs, folder)
    kinds = [
        kind for kind in vars(messages).values() if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
    ]
    bodies = [
        messages.to_body(kind(**{n: SAMPLES[f.type] for n, f in kind.__dataclass_fields__.items()})) for kind in kinds
    ]
    (folder / "messages.json").write_text(json.dumps(bodies, indent=1) + "\n")


def _await(clients: dict[str, Any], bucket: str) -> None:
    """Wait until the experiment is over and its page exists."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if clients["s3"].list_objects_v2(Bucket=bucket, Prefix="reports/experiments/").get("Contents"):
            time.sleep(5)  # the digest
            return
        time.sleep(1)
    raise SystemExit(f"{EXPERIMENT} was not over after {SECONDS:.0f} seconds")


def _keep(clients: dict[str, Any], outputs: dict[str, str], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pages = clients["dynamodb"].get_paginator("scan").paginate(TableName=outputs["StateTable"])
    items = sorted((item for page in pages for item in page["Items"]), key=json.dumps)
    (folder / "state.json.gz").write_bytes(gzip.compress(json.dumps(items, indent=0).encode(), mtime=0))
    for prefix in KEPT:
        for found in (
            clients["s3"].list_objects_v2(Bucket=outputs["ArtifactsBucket"], Prefix=prefix).get("Contents", ())
        ):
            target = folder / "artifacts" / found["Key"].replace("#", "%23")
            target.parent.mkdir(parents=True, exist_ok=True)
            answer = clients["s3"].get_object(Bucket=outputs["ArtifactsBucket"], Key=found["Key"])
            target.write_bytes(answer["Body"].read())


if __name__ == "__main__":
    main(sys.argv[1])
