"""A deployment in the embedded cloud whose training jobs only wait, so that a benchmark can write tensors for them."""

from __future__ import annotations

import json
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import numpy as np
from botocore.config import Config

from gridwatch.aws.state_table import StateTable
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.deploy import deploy
from gridwatch.storage.layout import tensor_prefix
from gridwatch_hook.batch import SavedStep, encode_together
from gridwatch_hook.modes import Mode
from gridwatch_rules.tensors.scalars import collections_file

T = TypeVar("T")
EXPERIMENT = "stop-latency"
METRIC = "train-error"
LIMIT = 0.9
# What the embedded cloud does oftener, because it costs nothing there, would be counted as if it cost.
_AS_ON_AWS = {"LookIntervalSeconds": "60", "TableIntervalSeconds": "0"}
# In the place of XGBoost's container: a process that waits, and ends when it is asked to.
_IMAGE = {"image": "*/sagemaker-xgboost:*", "kind": "training", "command": ["/bin/sleep", "3600"]}


@dataclass
class Waiting:
    """A deployment with jobs that only wait, watched by one rule: `train-error` above 0.9 stops them."""

    outputs: Mapping[str, str]
    session: Any
    endpoint: str
    jobs: Sequence[str] = ()
    _clients: dict[str, Any] = field(default_factory=dict)
    _written: dict[str, int] = field(default_factory=dict)  # the last step of each job

    def client(self, service: str) -> Any:
        if service not in self._clients:
            config = Config(max_pool_connections=64, retries={"mode": "standard", "total_max_attempts": 10})
            self._clients[service] = self.session.client(service, endpoint_url=self.endpoint, config=config)
        return self._clients[service]

    def launch(self, jobs: int, experiment: str = EXPERIMENT) -> None:
        """Launch jobs by a spec, through the whole stack; returns when all of them train, and no others do."""
        bucket, s3 = self.outputs["ExperimentsBucket"], self.client("s3")
        for name in ("train", "validation"):
            s3.put_object(Bucket=bucket, Key=f"data/{name}.csv", Body=b"1,2\n0,1\n")
        s3.put_object(
            Bucket=bucket, Key=f"experiments/{experiment}.json", Body=json.dumps(_spec(jobs, experiment)).encode()
        )
        self.jobs = wait(lambda: self._training(jobs), 120, f"{jobs} jobs train")
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(self._begin, self.jobs))

    def _training(self, jobs: int) -> Sequence[str] | None:
        pages = self.client("sagemaker").get_paginator("list_training_jobs").paginate(StatusEquals="InProgress")
        names = [
            job["TrainingJobName"]
            for page in pages
            for job in page["TrainingJobSummaries"]
            if job["SecondaryStatus"] == "Training"
        ]
        return sorted(names) if len(names) == jobs else None

    def _begin(self, job: str) -> None:
        self._put(job, *collections_file({"metrics": [METRIC]}))

    def write(self, job: str, step: int, value: float) -> float:
        """Write one step's tensors, as the hook does; returns when the PutObject began that makes the step visible."""
        saved = SavedStep(step, Mode.GLOBAL, step, time.time())
        saved.add(METRIC, np.array([value]))
        batch = encode_together([saved], "worker_0", self._written.get(job, -1))
        self._written[job] = step
        began = time.time()
        self._put(job, batch.events_key, batch.events)
        return began

    def _put(self, job: str, key: str, content: bytes) -> None:
        bucket = self.outputs["ArtifactsBucket"]
        self.client("s3").put_object(Bucket=bucket, Key=tensor_prefix(job) + key, Body=content)

    def stopped_at(self, job: str) -> float | None:
        """When SageMaker accepted the stop, by its own clock, which is this machine's."""
        described = self.client("sagemaker").describe_training_job(TrainingJobName=job)
        stops = [each for each in described["SecondaryStatusTransitions"] if each["Status"] == "Stopping"]
        return stops[0]["StartTime"].timestamp() if stops else None

    def await_stops(self, jobs: Sequence[str], timeout: float) -> Mapping[str, float]:
        """When each of the jobs was stopped. Fails when one is not."""
        found: dict[str, float] = {}

        def all_found() -> bool | None:
            for job in (job for job in jobs if job not in found):
                at = self.stopped_at(job)
                if at is not None:
                    found[job] = at
            return len(found) == len(jobs) or None

        wait(all_found, timeout, f"{len(jobs)} stops", pause=1.0)
        return found


class Poller:
    """A poller as in AWS's sample: it reads the statuses of every job's rules, again and again, and acts on new ones.

    It notes when it would call StopTrainingJob; the time of that call is not added.
    """

    def __init__(self, cloud: Waiting, jobs: Sequence[str], seconds: float) -> None:
        self._store = StateTable(cloud.outputs["StateTable"], dynamodb=cloud.client("dynamodb"))
        self._jobs, self._seconds = jobs, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self.seen: dict[str, float] = {}

    def __enter__(self) -> Poller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def await_all(self, timeout: float) -> None:
        wait(lambda: len(self.seen) == len(self._jobs) or None, timeout, "the poller sees every finding")

    def _poll(self) -> None:
        while not self._over.wait(self._seconds):
            for job in (job for job in self._jobs if job not in self.seen):
                statuses = [record.status for record in self._store.list_rule_evaluations(job)]
                if "IssuesFound" in statuses:
                    self.seen[job] = time.time()


@contextmanager
def deployed(*options: str) -> Iterator[Waiting]:
    """The stack of this checkout in an embedded cloud of its own; `options` are the cloud's."""
    from infra.app import create_app  # noqa: PLC0415 - starts Node

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images.json"
        images.write_text(json.dumps({"images": [_IMAGE]}))
        create_app({"launch_rate_per_second": 100}, outdir=f"{folder}/cdk.out").synth()
        with LocalCloud.start(images=images, options=("--stop-grace", "1", *options)) as cloud:
            outputs = deploy(Path(folder) / "cdk.out", cloud.endpoint, _AS_ON_AWS, region=cloud.region)
            session = boto3.Session(cloud.account, "local", region_name=cloud.region)
            yield Waiting(outputs, session, cloud.endpoint)


def wait(look: Callable[[], T | None], seconds: float, what: str, pause: float = 0.2) -> T:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(pause)
    raise SystemExit(f"not within {seconds:.0f} s: {what}")


def wait_while_moving(look: Callable[[], T | None], seen: Callable[[], str], quiet: float, pause: float = 0.2) -> T:
    """Wait as long as what is seen changes, however slow the machine is. Given up after `quiet` seconds in which it did
    not, with what was seen last.
    """
    last, since = "", time.monotonic()
    while (found := look()) is None:
        now = seen()
        if now != last:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > quiet:
            raise SystemExit(f"nothing has changed for {quiet:.0f} s: {last}")
        time.sleep(pause)
    return found


def _spec(jobs: int, experiment: str) -> dict[str, Any]:
    channel = {"content_type": "text/csv"}
    return {
        "name": experiment,
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {name: {"uri": f"{name}.csv", **channel} for name in ("train", "validation")},
        "hyperparameters": {"objective": "binary:logistic", "eval_metric": "error", "num_round": 1000},
        "grid": {"seed": list(range(jobs))},
        "rules": [
            {
                "rule": "MetricThreshold",
                "parameters": {"above": LIMIT, "tensor_regex": f"^{METRIC}$"},
                "on_issue": "stop",
            }
        ],
        "limits": {"parallel_jobs": jobs},
    }
