"""A deployment whose training jobs only wait, so that a test writes their tensors, and in which things go wrong."""

from __future__ import annotations

import json
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.redrive import DeadLetters
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from gridwatch.storage.layout import tensor_prefix
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files
from tests.story.deployed import Deployed

# In the place of XGBoost's container: a process that waits, and ends when it is asked to.
WAITING = ("/bin/sleep", "3600")
METRIC = "train-error"


@dataclass
class FaultyCloud:
    """The deployment, `deployed`, with `faults` to turn on and off, and a table to read what was recorded."""

    deployed: Deployed
    endpoint: str

    @property
    def store(self) -> StateTable:
        return StateTable(self.deployed.outputs["StateTable"], dynamodb=self.deployed.client("dynamodb"))

    @contextmanager
    def faults(self, document: Mapping[str, Any]) -> Iterator[None]:
        self._steer("PUT", document)
        try:
            yield
        finally:
            self._steer("DELETE")

    def injected(self) -> Mapping[str, int]:
        """The number of faults, by operation and fault."""
        told = self._steer("GET")["injected"]
        return {f"{each['operation']} {each['fault']}": each["count"] for each in told}

    def _steer(self, method: str, document: object = None) -> Any:
        body = json.dumps(document).encode()
        request = urllib.request.Request(f"{self.endpoint}/_localcloud/faults", data=body, method=method)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def hurry_queues(self, seconds: int) -> None:
        """Make messages of failed calls come again after that long, not after minutes as in the template."""
        sqs = self.deployed.client("sqs")
        for url in sqs.list_queues(QueueNamePrefix="gridwatch-")["QueueUrls"]:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})

    def launch(self, name: str, jobs: int, rules: list[dict[str, Any]]) -> list[str]:
        """Launch a grid through the whole stack; returns the names of its jobs by their place in the grid, once all
        train.
        """
        self.submit(name, jobs, rules)

        def training() -> list[str] | None:
            trials = self.store.list_trials(name)
            running = [trial.job_name for trial in trials if trial.secondary_status == "Training"]
            return running if len(running) == jobs else None

        names = self.deployed.wait(training, f"{jobs} jobs train", 120)
        for job_name in names:
            self.begin(job_name)
        return names

    def submit(self, name: str, jobs: int, rules: Sequence[Mapping[str, Any]] = ()) -> None:
        for channel in ("train", "validation"):
            self.deployed.put(f"data/{channel}.csv", "1,2\n0,1\n")
        self.deployed.put(f"experiments/{name}.json", json.dumps(grid_spec(name, jobs, rules)))

    def begin(self, job_name: str) -> None:
        """Write what a hook writes before the first step."""
        self._put(job_name, *collections_file({"metrics": [METRIC]}))

    def write(self, job_name: str, step: int, value: float) -> None:
        """Write one step's tensors, as the hook does."""
        for key, content in scalar_files([ScalarStep(step, time.time(), {METRIC: value})]):
            self._put(job_name, key, content)

    def sweep(self) -> None:
        """Do what the schedules do every minute and every five."""
        missed = {"task": "look for missed uploads"}
        for function, payload in (("sweep", {"task": "wake evaluations"}), ("sweep", {}), ("launch-grid", missed)):
            self.deployed.client("lambda").invoke(
                FunctionName=f"gridwatch-{function}", InvocationType="Event", Payload=json.dumps(payload)
            )

    def redrive(self) -> None:
        """Do what a person does about dead letters once the cause is mended."""
        letters = DeadLetters(self.deployed.client("sqs"), self.deployed.client("lambda"), "gridwatch")
        for name, count in letters.counts().items():
            if count:
                letters.redrive(name)

    def _put(self, job_name: str, key: str, content: bytes) -> None:
        bucket = self.deployed.outputs["ArtifactsBucket"]
        self.deployed.client("s3").put_object(Bucket=bucket, Key=tensor_prefix(job_name) + key, Body=content)


@contextmanager
def faulty_cloud(
    *options: str, job: Sequence[str] = WAITING, settings: Mapping[str, Any] | None = None
) -> Iterator[FaultyCloud]:
    """The stack of this checkout in an embedded cloud of its own; `options` are the cloud's, `job` is what trains."""
    from infra.app import create_app

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.json"
        images.write_text(
            json.dumps({"images": [{"image": "*/sagemaker-xgboost:*", "kind": "training", "command": job}]})
        )
        create_app({"launch_rate_per_second": 100, **(settings or {})}, outdir=f"{folder}/cdk.out").synth()
        with LocalCloud.start(images=images, options=("--stop-grace", "1", *options)) as cloud:
            outputs = deploy(Path(folder) / "cdk.out", cloud.endpoint, region=cloud.region)
            session = boto3.Session(cloud.account, "local", region_name=cloud.region)
            session._session.set_default_client_config(Config(max_pool_connections=32))
            yield FaultyCloud(Deployed(session, cloud.endpoint, outputs), cloud.endpoint)


def grid_spec(name: str, jobs: int, rules: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A spec with that many points, which differ in their seed and may all run at once."""
    return {
        "name": name,
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {name: {"uri": f"{name}.csv", "content_type": "text/csv"} for name in ("train", "validation")},
        "hyperparameters": {"objective": "binary:logistic", "eval_metric": "error", "num_round": 1000},
        "grid": {"seed": list(range(jobs))},
        "rules": list(rules),
        "limits": {"parallel_jobs": jobs},
    }
