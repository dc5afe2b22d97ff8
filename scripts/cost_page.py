"""Writes docs/cost.md from the counted figures and the synthesized template: `python -m scripts.cost_page` (after
`make synth`). A test holds the page current.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "cost.md"
TEMPLATE = ROOT / "cdk.out" / "Gridwatch.template.json"
sys.path.insert(0, str(ROOT / "layers" / "gridwatch" / "python"))

from gridwatch.savings.watching import LOG_BYTES, Share, WatchingTable, cost_of_watching  # noqa: E402 - found by the line above

MINUTES = 43_800  # of a month
# Lambda's pollers of an idle queue: five at first, each waiting 20 s at a time (Lambda Developer Guide, "Using Lambda
# with Amazon SQS", and its batch window of long polls).
POLLS_PER_MINUTE = 5 * 3

HEAD = """# What the platform costs

<!-- Written by `python -m scripts.cost_page` from counted figures, prices and the template. -->

Worked out from requests that were counted, and from prices. `python -m benchmarks.platform_usage` launches jobs through
the whole embedded stack, writes tensors for them and stops them; it counts every request that reaches the cloud, and
the seconds of every invocation times its function's memory. Seconds are those of a busy machine of two cores: on AWS
they will differ, the requests will not.
"""

IDLE_NOTE = """
Without the free tier, which covers a million requests of SQS and of Lambda. The tables, buckets and logs of an idle
deployment are next to nothing. Not in it, where settings ask for them: a customer-managed key (1.00 a month), secrets
(0.40 each), a dashboard beyond an account's third (3.00), interface endpoints of a network without a way out (about
7.30 each, in each zone).
"""
TRIALS_NOTE = """Ten experiments of 100 trials. A look is an evaluation of new tensors, of which a job's hook writes
at most 4 a second.
"""
LOOKS_NOTE = """
The looks cost most: what a job saves seldom is watched cheaply (`save_interval`). `gridwatch plan` says for a spec what
it is at most. Training itself is not in it, nor what data, models and logs of jobs take.
"""
ASSUMED_NOTE = """
Assumed: a write into the state table is one unit for the item and one for its index, a read one unit; an invocation
logs {bytes:,} bytes; one by a queue is one receive and one delete; S3 tells EventBridge of every object written.
"""


@dataclass(frozen=True)
class Deployment:
    """What the template says: queues that Lambda reads, alarms, and how often each schedule fires, in minutes."""

    queues: int
    alarms: int
    schedules: Sequence[int]

    @classmethod
    def of(cls, template: Mapping[str, Any]) -> Deployment:
        resources = list(template["Resources"].values())
        sources = [each for each in resources if each["Type"] == "AWS::Lambda::EventSourceMapping"]
        alarms = [each for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
        rates = [
            each["Properties"].get("ScheduleExpression") for each in resources if each["Type"] == "AWS::Events::Rule"
        ]
        minutes = [int(rate.removeprefix("rate(").split()[0]) for rate in rates if rate]
        return cls(len(sources), len(alarms), sorted(minutes))


def main() -> None:
    PAGE.write_text(render(Deployment.of(json.loads(TEMPLATE.read_text()))), encoding="utf-8")


def render(deployment: Deployment) -> str:
    table = WatchingTable.built_in()
    return "\n".join([HEAD, *_idle(deployment, table), *_per_trials(table), *_shares(table), *_prices(table)]) + "\n"


def _idle(deployment: Deployment, table: WatchingTable) -> Iterable[str]:
    polls = deployment.queues * POLLS_PER_MINUTE * MINUTES
    runs = sum(MINUTES / minutes for minutes in deployment.schedules)
    every = ", ".join(map(str, deployment.schedules))
    lines = [
        (
            "queues that Lambda polls",
            f"{deployment.queues}, {POLLS_PER_MINUTE} polls a minute each",
            polls * table.prices["sqs_request"],
        ),
        ("alarms", f"{deployment.alarms}", deployment.alarms * table.prices["alarm_month"]),
        ("schedules", f"every {every} min: {runs:,.0f} invocations", runs * table.price_of(table.shares["sweep"])),
    ]
    yield "## Idle, a month\n"
    yield f"| | what | {table.currency} |\n| --- | --- | ---: |"
    for name, what, cost in lines:
        yield f"| {name} | {what} | {cost:.2f} |"
    yield f"| **together** | | **{sum(cost for *_, cost in lines):.2f}** |"
    yield IDLE_NOTE


def _per_trials(table: WatchingTable) -> Iterable[str]:
    yield "## 1,000 trials\n"
    yield TRIALS_NOTE
    yield f"| each trial | looks each | watching, {table.currency} | of it a trial | Lambda, GB s | requests |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, minutes, looks in (
        ("5 minutes, a look every 10 s", 5, 30),
        ("1 hour, a look every 10 s", 60, 360),
        ("1 hour, a look every second", 60, 3_600),
        ("8 hours, a look a minute", 480, 480),
        ("8 hours, a look every 10 s", 480, 2_880),
    ):
        found = [cost_of_watching(100, 100 * looks, 100 * minutes, table) for _ in range(10)]
        cost, seconds = sum(each.cost for each in found), sum(each.lambda_gb_seconds for each in found)
        requests = sum(each.requests for each in found)
        yield f"| {name} | {looks:,} | {cost:,.2f} | {cost / 1000:.4f} | {seconds:,.0f} | {requests:,.0f} |"
    yield LOOKS_NOTE


def _shares(table: WatchingTable) -> Iterable[str]:
    names = {
        "experiment": "an experiment: upload, digest, report",
        "trial": "a trial: launch, state, end, its part of the tables",
        "look": "a look at new tensors",
        "job_minute": "a minute of a running job, without news",
        "sweep": "a run of the sweep",
    }
    yield f"## Counted on {table.counted}\n"
    units = sorted({name for share in table.shares.values() for name in share.units})
    yield f"| | {' | '.join(unit.replace('_', ' ') for unit in units)} | {table.currency} |"
    yield "| --- |" + " ---: |" * (len(units) + 1)
    for key, name in names.items():
        share: Share = table.shares[key]
        cells = [f"{share.units[unit]:.2f}" if unit in share.units else "" for unit in units]
        yield f"| {name} | {' | '.join(cells)} | {table.price_of(share):.7f} |"
    yield ASSUMED_NOTE.format(bytes=LOG_BYTES)


def _prices(table: WatchingTable) -> Iterable[str]:
    yield "## Prices\n"
    yield f"{table.price_source}; {table.price_date}. In {table.currency}, of one:\n"
    yield "| | |\n| --- | ---: |"
    for name, price in table.prices.items():
        yield f"| {name.replace('_', ' ')} | {price:.10f} |"


if __name__ == "__main__":
    main()
