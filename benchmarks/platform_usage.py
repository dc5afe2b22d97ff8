"""Counts what watching takes: requests and Lambda time for an experiment, a trial, a look at new tensors and a minute
of a running job. `gridwatch/savings/watching.json` and docs/cost.md are made from it.

Jobs that only wait are launched through the whole embedded stack, in experiments of two sizes; tensors are written for
them step by step, and they are stopped by hand. The requests are those that reach the cloud; Lambda's own reading of
queues, which does not, counts two requests (receive, delete) for each invocation by a queue. `--write` replaces the
committed figures.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks._stops import Waiting, deployed
from benchmarks.result import Result, report
from gridwatch.savings.watching import FIGURES, Share, WatchingTable

SMALL, LARGE = 2, 22
LOOKS = 8  # at each of the large experiment's jobs
WAKES = 3
LOOK_SECONDS, REST_SECONDS = 4.0, 25.0
OTHERS_FAULT = "other"
# Invoked by EventBridge or by another function; the rest by queues.
_NOT_BY_QUEUE = ("launch_grid", "sweep", "run_custom_rule")
_S3_CLASSES = {"PUT": "s3_write", "LIST": "s3_write", "POST": "s3_write", "GET": "s3_read", "HEAD": "s3_read"}
_DYNAMODB_READS = ("GetItem", "Query", "BatchGetItem", "Scan")


@dataclass(frozen=True)
class Invocations:
    count: int
    seconds: float


@dataclass(frozen=True)
class Used:
    """The usage: units by the name of their price."""

    units: Mapping[str, float]

    def __sub__(self, other: Used) -> Used:
        names = {*self.units, *other.units}
        return Used({name: self.units.get(name, 0.0) - other.units.get(name, 0.0) for name in names})

    def __truediv__(self, number: float) -> Used:
        return Used({name: value / number for name, value in self.units.items()})

    def rounded(self) -> dict[str, float]:
        return {name: round(max(0.0, value), 4) for name, value in sorted(self.units.items()) if value > 0.00005}


class Meter:
    """Reads the cloud's counters; `memory` is in GB by function."""

    def __init__(self, cloud: Waiting) -> None:
        self._url = f"{cloud.endpoint}/_localcloud/usage"
        pages = cloud.client("lambda").get_paginator("list_functions").paginate()
        self._memory = {each["FunctionName"]: each["MemorySize"] / 1024 for page in pages for each in page["Functions"]}

    def invocations(self, function: str) -> Invocations:
        """The invocations, since the last call, of functions whose names have that ending."""
        document = self._read()
        found = [each for name, each in document["invocations"].items() if name.endswith(function)]
        return Invocations(sum(each["count"] for each in found), sum(each["seconds"] for each in found))

    def _read(self) -> Mapping[str, Any]:
        request = urllib.request.Request(self._url, method="DELETE")  # noqa: S310  our own cloud's
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  as above
            document: Mapping[str, Any] = json.load(answer)
        return document

    def take(self, *, without: tuple[str, ...] = ()) -> Used:
        """The usage since the last call, without functions whose names end with one of `without`."""
        document = self._read()
        units: Counter[str] = Counter()
        for each in document["requests"]:
            if each["caller"] != OTHERS_FAULT and not each["caller"].endswith(without or ("\0",)):
                for name, count in priced(each["operation"]):
                    units[name] += count * each["count"]
        found: dict[str, float] = dict(units)
        for function, each in document["invocations"].items():
            if function.endswith(without or ("\0",)):
                continue
            found["lambda_request"] = found.get("lambda_request", 0.0) + each["count"]
            found["lambda_gb_second"] = found.get("lambda_gb_second", 0.0) + each["seconds"] * self._memory[function]
            if not function.endswith(_NOT_BY_QUEUE):
                found["sqs_request"] = found.get("sqs_request", 0.0) + 2 * each["count"]
        return Used(found)


def priced(operation: str) -> list[tuple[str, float]]:
    """The prices of a request, with how many units of each."""
    service, _, name = operation.partition(":")
    match service:
        case "s3":
            # What is written into the buckets is told to EventBridge as well.
            told = [("eventbridge_event", 1.0)] if name == "PUT" else []
            return [(_S3_CLASSES[name], 1.0), *told] if name in _S3_CLASSES else []
        case "dynamodb":
            # A write goes into the table and into its index; a transaction costs twice as much.
            if name in _DYNAMODB_READS:
                return [("dynamodb_read", 1.0)]
            return [("dynamodb_write", 4.0 if name == "TransactWriteItems" else 2.0)]
        case "sqs":
            return [("sqs_request", 1.0)]
        case "sns":
            return [("sns_publish", 1.0)] if name == "Publish" else []
        case "events":
            return [("eventbridge_event", 1.0)]
        case _:
            return []  # SageMaker's API, Service Quotas, Lambda's (counted as invocations) have no price


def main() -> None:
    with deployed() as cloud:
        meter = Meter(cloud)
        _experiment(cloud, meter, 1, "usage-warm-up")  # functions that start for the first time take longer
        small = _experiment(cloud, meter, SMALL, "usage-small")
        with_jobs = _experiment(cloud, meter, LARGE, "usage-large", looks=LOOKS)
    per_trial = (with_jobs["whole"] - small["whole"]) / (LARGE - SMALL)
    per_experiment = small["whole"] - Used({name: SMALL * value for name, value in per_trial.units.items()})
    table = WatchingTable.built_in()
    shares = {
        "experiment": per_experiment.rounded(),
        "trial": per_trial.rounded(),
        "look": with_jobs["look"].rounded(),
        "job_minute": with_jobs["minute"].rounded(),
        "sweep": with_jobs["sweep"].rounded(),
    }
    if "--write" in sys.argv[1:]:
        document = json.loads(FIGURES.read_text())
        FIGURES.write_text(json.dumps({**document, "units": shares}, indent=2) + "\n")
    usual = (("trial", 1), ("look", 40), ("job_minute", 30))
    ours = sum(table.price_of(Share.of(shares[name])) * count for name, count in usual)
    peer = sum(table.price_of(table.shares[name]) * count for name, count in usual)
    report(
        Result(
            name="platform_usage", ours=round(ours, 6), peer=round(peer, 6), unit="USD",
            ratio=round(peer / ours, 3),
            what="watching one trial of half an hour with 40 looks at new tensors, as counted now; peer: by the "
            "committed figures. Wanted: within a fifth of each other",
            more=shares,
        )
    )  # fmt: skip


def _experiment(cloud: Waiting, meter: Meter, jobs: int, name: str, looks: int = 0) -> dict[str, Used]:
    """Launch an experiment, look, wake, end. `whole`: launching and ending."""
    meter.take()
    cloud.launch(jobs, name)
    time.sleep(REST_SECONDS / 2)
    found = {"launch": meter.take(without=("sweep",))}
    if looks:
        for step in range(looks):
            for job in cloud.jobs:
                cloud.write(job, step, 0.1)
            time.sleep(LOOK_SECONDS)
        found["look"] = meter.take(without=("sweep",)) / (looks * jobs)
        sweep = next(each for each in _functions(cloud) if each.endswith("sweep"))
        wake = {"task": "wake evaluations"}
        for _ in range(WAKES):
            cloud.client("lambda").invoke(FunctionName=sweep, Payload=json.dumps(wake).encode())
            time.sleep(LOOK_SECONDS)
        found["minute"] = meter.take() / (WAKES * jobs)
    sagemaker = cloud.client("sagemaker")
    for job in cloud.jobs:
        sagemaker.stop_training_job(TrainingJobName=job)
    time.sleep(REST_SECONDS)
    found["whole"] = _sum(found["launch"], meter.take(without=("sweep",)))
    if looks:
        sweep = next(each for each in _functions(cloud) if each.endswith("sweep"))
        for _ in range(WAKES):
            cloud.client("lambda").invoke(FunctionName=sweep, Payload=b"{}")
        time.sleep(LOOK_SECONDS)
        found["sweep"] = meter.take() / WAKES
    return found


def _functions(cloud: Waiting) -> list[str]:
    pages = cloud.client("lambda").get_paginator("list_functions").paginate()
    return [each["FunctionName"] for page in pages for each in page["Functions"]]


def _sum(one: Used, other: Used) -> Used:
    return one - (Used({}) - other)


if __name__ == "__main__":
    main()
