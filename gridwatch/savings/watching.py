"""What watching costs: usage counted in the embedded cloud, at AWS's prices."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridwatch.pace import LookPrices

FIGURES = Path(__file__).with_name("watching.json")
LOG_BYTES = 1_500  # of an invocation: Powertools' one line, and Lambda's START, END and REPORT
# One object, its event, and the message that EventBridge sends. No request of ours, and paid for all the same.
WRITTEN = {"s3_write": 1.0, "eventbridge_event": 1.0, "sqs_request": 1.0}
TENSOR_BYTES = 8_000  # of a look: an events and an index object with some scalars


@dataclass(frozen=True, slots=True)
class Share:
    """The usage of one thing (an experiment, a trial, a look, …): units by the name of their price."""

    units: Mapping[str, float]

    @classmethod
    def of(cls, units: Mapping[str, float]) -> Share:
        return cls(dict(units))

    @property
    def requests(self) -> float:
        return sum(count for name, count in self.units.items() if not name.endswith("_second"))


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchingTable:
    """Usage and prices. `shares` by what they belong to: `experiment`, `trial`, `look` (at new tensors), `job_minute`
    (of a running job), `sweep`; `prices` of one unit each, in `currency`.
    """

    counted: str
    price_source: str
    price_date: str
    currency: str
    prices: Mapping[str, float]
    shares: Mapping[str, Share]

    @classmethod
    def built_in(cls) -> WatchingTable:
        document = json.loads(FIGURES.read_text())
        shares = {name: Share.of(units) for name, units in document.pop("units").items()}
        return cls(shares=shares, **document)

    def price_of(self, share: Share) -> float:
        logs = share.units.get("lambda_request", 0.0) * LOG_BYTES / 1e9 * self.prices["log_gb"]
        return sum(count * self.prices[name] for name, count in share.units.items()) + logs


def look_prices(table: WatchingTable) -> LookPrices:
    """The price of a look with everything it takes: the hook's object, S3's event, the message, and the evaluation, for
    a job that shares its invocation with no other.
    """
    written = table.price_of(Share.of(WRITTEN))
    recorded = table.price_of(Share.of({"s3_write": 1.0, "eventbridge_event": 1.0}))  # steps, index, position
    wishes = table.price_of(Share.of({"s3_read": 2.0}))  # that the hook looks for between two looks
    looked = table.price_of(_alone(table.shares["look"]))
    check = table.price_of(_alone(table.shares["job_minute"]))
    return LookPrices(look=looked + written + wishes, check=check, log=check + 3 * recorded, beginning=written)


def _alone(share: Share) -> Share:
    """The share with an invocation of its own, where the counted jobs shared one."""
    part = share.units["lambda_request"]
    return Share.of(
        {name: count / min(part, 1.0) if name in _OF_INVOCATIONS else count for name, count in share.units.items()}
    )


_OF_JOBS = ("look", "job_minute")
_OF_INVOCATIONS = ("lambda_request", "lambda_gb_second", "sqs_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """What watching one experiment takes: its cost, requests of AWS, Lambda's GB seconds, and the GB of its tensors in
    S3.
    """

    cost: float
    currency: str
    requests: float
    lambda_gb_seconds: float
    tensor_gb: float


def cost_of_watching(trials: int, looks: float, checks: float, table: WatchingTable) -> Watching:
    """The cost of watching, at most: no job shares its invocation with another. `looks`: all those at new tensors, each
    written as an object by a job; `checks`: those without news, of all jobs.
    """
    parts = (("experiment", 1.0), ("trial", float(trials)), ("look", looks), ("job_minute", checks))
    written = Share.of({name: count * looks for name, count in WRITTEN.items()})
    shares = [(_alone(table.shares[name]) if name in _OF_JOBS else table.shares[name], count) for name, count in parts]
    gb = looks * TENSOR_BYTES / 1e9
    return Watching(
        cost=sum(table.price_of(share) * count for share, count in shares)
        + table.price_of(written)
        + gb * table.prices["s3_gb_month"],
        currency=table.currency,
        requests=sum(share.requests * count for share, count in shares) + written.requests,
        lambda_gb_seconds=sum(share.units.get("lambda_gb_second", 0.0) * count for share, count in shares),
        tensor_gb=gb,
    )
