"""Measures what watching adds to a job's price, and how late a stop comes: counted from the real code over simulated
hours.

The whole deployment runs in simulated time (tests/simulation): the template's rules and queues, the functions' own
handlers, and in each job the real hook on the pace that the launcher gave it. Every request is counted between the
job's first and last step: what the hook puts, S3's events, messages, invocations, and each call of evaluate_rules; not
launch, end and tables. Seconds of Lambda are those that `benchmarks.platform_usage` has measured. A late stop is half
the distance of looks in the mean.
"""

from __future__ import annotations

import atexit
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import benchmarks._functions  # noqa: F401
from benchmarks.platform_usage import priced
from benchmarks.result import Result, report
from gridwatch.pace import best_distance
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import Share, WatchingTable
from gridwatch.storage.layout import tensor_prefix
from gridwatch_hook.hook import Hook
from gridwatch_hook.s3 import S3Sink
from gridwatch_hook.settings import Environment
from tests.simulation.blueprint import Blueprint
from tests.simulation.clients import installed
from tests.simulation.cloud import Cloud
from tests.simulation.faults import NONE, Trouble
from tests.simulation.sagemaker import Course
from tests.simulation.stage import Stage

MACHINES = ("ml.m5.large", "ml.m5.4xlarge", "ml.g5.xlarge", "ml.g5.12xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge")
LENGTHS = {"5 min": 300, "1 h": 3_600, "24 h": 86_400}
LONGEST_STEPS = 3_600  # of a job: a day's steps come every 24 s
SCALARS = 4  # of a step
WANTED = 0.01
# Before there was a pace: at 34f0193, as benchmarks.platform_usage counted it then.
FORMER_FLUSHES = 4.0
FORMER_LOOK = 1.25e-5 + 2 * (5e-6 + 1e-6)  # an evaluation, two objects and their events
FORMER_CHECK = 7.9e-6  # each minute
EVALUATOR_HOURLY = 0.115  # Debugger's rules of one's own run on a machine of their own, ml.m5.large at least
QUOTA = 4  # processing instances of a fresh account, of which each of Debugger's built-in rules takes one
REACTION = 2.0  # seconds from a look to StopTrainingJob, about: benchmarks.stop_latency has 0.1 s where nothing waits


@dataclass
class Counted:
    """The usage of one job between its first step and its last. `looks`: when the hook wrote."""

    units: Counter[str] = field(default_factory=Counter)
    looks: list[float] = field(default_factory=list)
    evaluations: int = 0

    def cost(self, table: WatchingTable) -> float:
        return table.price_of(Share.of(self.units))


class CountingS3:
    """The S3 client of a job's hook."""

    def __init__(self, cloud: Cloud, counted: Counted) -> None:
        self._cloud, self._counted = cloud, counted

    def put_object(self, **request: Any) -> dict[str, Any]:
        self._counted.units["s3_write"] += 1
        self._counted.units["eventbridge_event"] += 1
        self._counted.looks += [self._cloud.stage.now] if "/flushes/" in request["Key"] else []
        return self._cloud.s3.put_object(**request)


class StageClock:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def wall(self) -> float:
        return self._stage.now

    def monotonic(self) -> float:
        return self._stage.now


class HookedCloud(Cloud):
    """A cloud whose jobs write through the real hook, whose thread runs on the stage's time."""

    counted: Counted
    hook: Hook | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.lines: list[tuple[float, str]] = []  # of the job's log

    def describe_log_streams(self, *, logGroupName: str, logStreamNamePrefix: str) -> dict[str, Any]:  # noqa: N803
        del logGroupName
        return {"logStreams": [{"logStreamName": f"{logStreamNamePrefix}1"}] if self.lines else []}

    def get_log_events(self, *, nextToken: str = "0", **_: Any) -> dict[str, Any]:  # noqa: N803  boto3's spelling
        first = int(nextToken)
        page = [{"timestamp": round(at * 1000), "message": line} for at, line in self.lines[first : first + 10_000]]
        return {"events": page, "nextForwardToken": str(first + len(page))}

    def _tensors(self, job_name: str, step: int, value: float | None) -> None:
        if value is None:
            self.counted = Counted()
            bucket = self.blueprint.environment["ARTIFACTS_BUCKET"]
            sink = S3Sink(CountingS3(self, self.counted), bucket, tensor_prefix(job_name))
            environment = Environment.read(self.sagemaker.jobs[job_name].request["Environment"])
            assert environment.pace is not None
            self.hook = started(sink, environment, StageClock(self.stage))
            return
        assert self.hook is not None
        self.lines.append((self.stage.now, f"[{step}]#011validation-error:{value:.5f}"))
        for number in range(SCALARS):
            self.hook.save_scalar(f"metric-{number}" if number else "validation-error", value, collection="metrics")
        self.hook.next_step()
        delivery = self.hook._delivery
        if delivery.due_in() <= 0:
            delivery.write()


def started(sink: S3Sink, environment: Environment, clock: StageClock) -> Hook:
    """A hook without a thread of its own."""
    from unittest import mock  # noqa: PLC0415

    with mock.patch("gridwatch_hook.delivery.Delivery.start"):
        hook = Hook.create(sink=sink, environment=environment, clock=clock)
    atexit.unregister(hook.close)  # no thread is there to end
    return hook


def watched(blueprint: Blueprint, machine: str, seconds: int) -> Counted:
    """One job of that length on that machine, under two rules."""
    steps = min(seconds, LONGEST_STEPS)
    course = Course(tuple(1.0 / (1 + step) for step in range(steps)), step_seconds=seconds / steps)
    stage = Stage(1)
    trouble = Trouble(NONE, 1)
    cloud = HookedCloud(blueprint, stage, trouble, lambda _: course, quota=4)
    with installed(cloud):
        bucket = blueprint.environment["EXPERIMENTS_BUCKET"]
        for name in ("train", "validation"):
            cloud.s3.put_object(Bucket=bucket, Key=f"data/{name}.csv", Body=b"1,2\n0,1\n")
        content = json.dumps(spec(machine, seconds)).encode()
        cloud.s3.put_object(Bucket=bucket, Key="experiments/cost.json", Body=content)
        stage.run(lambda: any(job.started for job in cloud.sagemaker.jobs.values()), most_seconds=600)
        (job,) = cloud.sagemaker.jobs.values()
        before = usage(cloud)
        stage.run(lambda: len(job.written) >= steps, most_seconds=2 * seconds)
        assert len(job.written) >= steps, job.status
        return added(cloud, before)


def usage(cloud: HookedCloud) -> Counter[str]:
    """The units used so far by evaluations and by what wakes them."""
    units: Counter[str] = Counter()
    for (function, operation), count in cloud.trouble.calls.items():
        if function == "evaluate_rules":
            service, _, name = operation.partition(":")
            for unit, each in priced(f"{service}:{_S3_NAMES.get(name, name)}"):
                units[unit] += round(each * count)
        elif function == "sweep" and operation == "sqs:SendMessage":
            units["sqs_request"] += count
    queue = next(each for each in cloud.sqs.queues.values() if each.name == "gridwatch-evaluate")
    units["_messages"] = queue.sent
    units["_invocations"] = cloud.invocations["evaluate_rules"]
    return units


_S3_NAMES = {"PutObject": "PUT", "GetObject": "GET", "ListObjectsV2": "LIST", "HeadObject": "HEAD"}


def added(cloud: HookedCloud, before: Mapping[str, int]) -> Counted:
    counted = cloud.counted
    now = usage(cloud)
    now.subtract(before)
    messages, invocations = now.pop("_messages"), now.pop("_invocations")
    counted.units.update(now)
    # EventBridge sends each message; Lambda receives and deletes them by invocation.
    told = sum("/flushes/" in key for _, key in cloud.s3.objects)
    counted.units["sqs_request"] += min(told, messages) + 2 * invocations
    counted.units["lambda_request"] += invocations
    counted.evaluations = invocations
    look = WatchingTable.built_in().shares["look"].units
    memory = look["lambda_gb_second"] / look["lambda_request"]
    counted.units["lambda_gb_second"] += invocations * memory  # type: ignore[assignment]  # a Counter of amounts
    return counted


def spec(machine: str, seconds: int) -> dict[str, Any]:
    return {
        "name": "cost",
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {name: {"uri": f"{name}.csv", "content_type": "text/csv"} for name in ("train", "validation")},
        "hyperparameters": {"objective": "binary:logistic", "eval_metric": "error", "num_round": 1_000_000},
        "grid": {"seed": [1]},
        "resources": {"instance_type": machine, "max_runtime": seconds},
        "rules": [
            {"rule": "MetricThreshold", "parameters": {"above": 5, "tensor_regex": "error"}, "on_issue": "stop"},
            {"rule": "MetricNonFinite", "on_issue": "stop"},
        ],
    }


def lateness(counted: Counted, seconds: float) -> float:
    """The mean time from a moment of the training to the next look at it, and to the stop."""
    ends = counted.looks[1:]
    gaps = [end - begin for begin, end in zip(counted.looks, ends, strict=False)]
    rest = seconds - sum(gaps)
    return (sum(gap * gap for gap in gaps) / 2 + rest * rest / 2) / seconds + REACTION


def row(blueprint: Blueprint, machine: str, length: str, table: WatchingTable) -> dict[str, Any]:
    seconds, hourly = LENGTHS[length], PriceTable.built_in().per_hour[machine]
    counted = watched(blueprint, machine, seconds)
    price = hourly * seconds / 3600
    cost = counted.cost(table)
    former = FORMER_LOOK * FORMER_FLUSHES * seconds + FORMER_CHECK * seconds / 60
    return {
        "machine": machine,
        "length": length,
        "share": round(cost / price, 6),
        "delay_s": round(lateness(counted, seconds), 1),
        "cost_usd": float(f"{cost:.3g}"),
        "looks": len(counted.looks),
        "evaluations": counted.evaluations,
        "former_share": round(former / price, 6),
        "former_delay_s": round(1 / FORMER_FLUSHES / 2 + REACTION, 1),
        "debugger_own_rule_share": round(EVALUATOR_HOURLY / hourly, 6),
        "best_distance_s": round(best_distance(table_look(table), hourly, seconds / 3600), 1),
    }


def table_look(table: WatchingTable) -> float:
    from gridwatch.savings.watching import look_prices  # noqa: PLC0415

    return look_prices(table).look


def rows(blueprint: Blueprint) -> Iterator[dict[str, Any]]:
    table = WatchingTable.built_in()
    for machine in MACHINES:
        for length in LENGTHS:
            found = row(blueprint, machine, length, table)
            print(json.dumps(found), file=sys.stderr, flush=True)
            yield found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = list(rows(Blueprint.create(Path(folder))))
    worst = max(found, key=lambda each: each["share"])
    former = max(each["former_share"] for each in found)
    report(
        Result(
            name="watch_cost", ours=worst["share"], peer=former, unit="of the job's price",
            ratio=round(former / worst["share"], 1),
            what="the largest share that watching takes of a job's price "
            f"({worst['machine']}, {worst['length']}); peer: a look at each of {FORMER_FLUSHES:g} writes a second. "
            f"Wanted: at most {WANTED}",
            more={
                "worst_share": worst["share"],
                "largest_delay_s": max(each["delay_s"] for each in found),
                "jobs": found,
                "debugger": f"built-in rules cost nothing and take one of the account's processing instances each "
                f"({QUOTA} on a fresh account); a rule of one's own pays for a machine, "
                f"{EVALUATOR_HOURLY} USD an hour at least",
            },
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
