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
sys.path[:0] = [str(ROOT), str(ROOT / "rules")]

from gridwatch.pace import (  # noqa: E402 - found by the line above
    FIRST_SECONDS,
    LONGEST,
    QUICKEST,
    SHARE,
    SPOT,
    UNKNOWN_PRICE,
    Bounds,
    Pace,
    pace_of,
    usual_looks,
)
from gridwatch.savings.prices import PriceTable  # noqa: E402 - likewise
from gridwatch.savings.watching import (  # noqa: E402 - likewise
    LOG_BYTES,
    Share,
    WatchingTable,
    cost_of_watching,
    look_prices,
)

MINUTES = 43_800  # of a month
# Lambda's pollers of an idle queue: five at first, each waiting 20 s at a time (Lambda Developer Guide, "Using Lambda
# with Amazon SQS", and its batch window of long polls).
POLLS_PER_MINUTE = 5 * 3

HEAD = """# What the platform costs

<!-- Written by `python -m scripts.cost_page` from counted figures, prices and the template. -->

These figures are worked out from counted requests and from prices. `python -m benchmarks.platform_usage` launches
jobs through the whole embedded stack, writes tensors for them and stops them; it counts every request that reaches
the cloud, and the seconds of every invocation times its function's memory. The seconds are those of a busy machine
of two cores: on AWS they will differ, but the requests will not.
"""

IDLE_NOTE = """
The table leaves out the free tier, which covers a million requests of SQS and of Lambda. The tables, buckets and logs
of an idle deployment cost next to nothing. Settings can add to it: a customer-managed key (1.00 a month), secrets (0.40
each), a dashboard beyond an account's third (3.00), and interface endpoints of a network without a way out (about 7.30
each, in each zone).
"""
TRIALS_NOTE = """The table is for ten experiments of 100 trials; each trial takes all of its time on the machine
named and is looked at as often as its price allows. It does not include the training itself, nor
the storage of data, models and logs of jobs. `gridwatch plan` gives the most that a spec can cost.
"""
PACE_NOTE = """
## How often a job is looked at

A job is looked at as often as costs least. With c the price of a look, p the job's price an hour and T the hours
that it is expected to take (`max_runtime`, or a quarter more than earlier trials of the experiment took in the
median), looks at the distance d cost c·T/d, and a stop that comes d/2 late in the mean costs p·d/2 once; the sum
is least at d =
√(2·c·T/p). A look costs {look:.7f} {currency} with all that it takes: the object that the hook writes, S3's event,
the message, the evaluation.

The share limits this: any time after a job's first {first:.0f} seconds, looks have cost at most {share:g} % of what
the job has cost, those without news (each minute where the price allows it) among them. As many looks as five
minutes pay for are available from the beginning, so the first steps of an expensive job are looked at sooner, and the
hook spends what is left when a loss is not finite or begins to rise. `share` and the distance are settings, of a spec
(`watching`) and of the deployment (`watch_share`, `watch_every_seconds`); one look is made however small the share.
`gridwatch look EXPERIMENT --every 5` asks for more looks at the running jobs, for a while and within the share. No
distance is longer than {longest:.0f} s. Spot is reckoned at {spot:g} % of the on-demand price, instances without a
price at {unknown} {currency} an hour: put the real ones into `settings/instance-prices.json`
([watching](watching.md#what-a-stop-saved)). In the embedded cloud looks are free and {quick:g} a second;
`watch_pace` gives it AWS's pace.

| machine | {currency} an hour | 5 minutes: a look every | 1 hour | 24 hours | looks of an hour, at most |
| --- | ---: | ---: | ---: | ---: | ---: |
"""
PACE_FOOT = """
A stop comes half the distance late in the mean. `python -m benchmarks.watch_cost` counts what it comes to with the real
hook and functions in simulated hours ([benchmarks](benchmarks.md)).
"""
ASSUMED_NOTE = """
The figures assume: a write into the state table is one unit for the item and one for its index, a read one unit; an
invocation logs {bytes:,} bytes; one by a queue is one receive and one delete; S3 tells
EventBridge of every object written.
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
    parts = (_idle(deployment, table), _paces(table), _per_trials(table), _shares(table), _prices(table))
    return "\n".join([HEAD, *(line for part in parts for line in part)]) + "\n"


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


MACHINES = ("ml.m5.large", "ml.m5.4xlarge", "ml.g5.xlarge", "ml.g5.12xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge")


def _pace(machine: str, seconds: float, table: WatchingTable) -> Pace:
    return pace_of(PriceTable.built_in().per_hour[machine], seconds, look_prices(table), Bounds())


def _paces(table: WatchingTable) -> Iterable[str]:
    prices = look_prices(table)
    yield PACE_NOTE.format(
        look=prices.look,
        currency=table.currency,
        first=FIRST_SECONDS,
        share=100 * SHARE,
        longest=LONGEST,
        spot=100 * SPOT,
        unknown=UNKNOWN_PRICE,
        quick=1 / QUICKEST,
    ).rstrip("\n")
    for machine in MACHINES:
        hourly = PriceTable.built_in().per_hour[machine]
        paces = [_pace(machine, seconds, table) for seconds in (300, 3_600, 86_400)]
        often = " | ".join(f"{each.look_seconds:,.2g} s" if each.look_seconds < 10 else f"{each.look_seconds:,.0f} s"
                           for each in paces)  # fmt: skip
        spent = prices.look * usual_looks(paces[1], 3_600) / hourly
        yield f"| {machine} | {hourly:.2f} | {often} | {100 * spent:.2f} % |"
    yield PACE_FOOT


def _per_trials(table: WatchingTable) -> Iterable[str]:
    yield "## 1,000 trials\n"
    yield TRIALS_NOTE
    columns = f"looks each | watching, {table.currency} | of it a trial | of the training | Lambda, GB s | requests"
    yield f"| each trial | {columns} |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for machine, name, minutes in (
        ("ml.m5.large", "5 minutes", 5),
        ("ml.m5.large", "1 hour", 60),
        ("ml.m5.large", "8 hours", 480),
        ("ml.g5.xlarge", "1 hour", 60),
        ("ml.p4d.24xlarge", "8 hours", 480),
    ):
        pace = _pace(machine, minutes * 60, table)
        looks, checks = usual_looks(pace, minutes * 60), minutes * 60 / pace.check_seconds
        found = [cost_of_watching(100, 100 * looks, 100 * checks, table) for _ in range(10)]
        cost, seconds = sum(each.cost for each in found), sum(each.lambda_gb_seconds for each in found)
        requests = sum(each.requests for each in found)
        training = 1000 * PriceTable.built_in().per_hour[machine] * minutes / 60
        yield (
            f"| {name} on {machine} | {looks:,.0f} | {cost:,.2f} | {cost / 1000:.4f} | {100 * cost / training:.2f} % | "
            f"{seconds:,.0f} | {requests:,.0f} |"
        )
    yield ""


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
