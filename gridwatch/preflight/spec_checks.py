"""Finds what a spec asks for in vain: quotas that bind, money and time that do not suffice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gridwatch.domain.notices import Level, Notice
from gridwatch.savings.money import money
from gridwatch.savings.prices import PriceTable

if TYPE_CHECKING:
    from gridwatch.spec.model import ExperimentSpec

FRESH_ACCOUNT = 4  # instances over all training jobs, before anybody asked for more: quota L-00C91CB5


@dataclass(frozen=True, slots=True)
class Trials:
    """The trials that the spec makes: `points` are their hyperparameters."""

    points: Sequence[Mapping[str, Any]]
    instance_types: Sequence[str]


def check_spec(spec: ExperimentSpec, trials: Trials, prices: PriceTable, now: datetime) -> Iterator[Notice]:
    """The notices about what is asked for in vain."""
    count = len(trials.points)
    yield from _quota(spec, count)
    groups = spec.resources.machines if spec.resources.groups else None
    for machines in [groups] if groups else [{kind: spec.resources.instance_count} for kind in trials.instance_types]:
        yield from _money(spec, machines, prices)
    yield from _duration(spec, count, now)


def _quota(spec: ExperimentSpec, trials: int) -> Iterator[Notice]:
    together = min(spec.limits.parallel_jobs, trials) * sum(spec.resources.machines.values())
    if together > FRESH_ACCOUNT:
        yield Notice(
            check="quota", field="limits.parallel_jobs", level=Level.NOTE,
            message=f"{together} instances at one time; an account has {FRESH_ACCOUNT} for training until it asks for "
            "more (quota L-00C91CB5), and for many instance types none",
        )  # fmt: skip


def _money(spec: ExperimentSpec, machines: Mapping[str, int], prices: PriceTable) -> Iterator[Notice]:
    """The notices about money. `machines`: those of one job, by instance type."""
    budget = spec.limits.budget
    for kind in machines:
        if kind not in prices.per_hour:
            level = None if budget is not None else Level.NOTE
            message = f"the price of {kind} is not known, so that it counts as nothing"
            advice = "put it into settings/instance-prices.json of the experiments bucket"
            yield Notice(check="price", field="resources.instance_type", level=level, message=message, advice=advice)
    if budget is None:
        return
    hourly = sum(prices.per_hour.get(kind, 0.0) * count for kind, count in machines.items())
    cost = spec.resources.max_runtime / 3600 * hourly
    if cost > budget:
        yield Notice(
            check="price", field="limits.budget",
            message=f"one trial that takes all its time costs {money(cost, prices.currency)}, more than the "
            f"whole budget of {budget:g}",
            advice="lower resources.max_runtime to what a trial needs, or raise the budget",
        )  # fmt: skip


def _duration(spec: ExperimentSpec, trials: int, now: datetime) -> Iterator[Notice]:
    if spec.limits.deadline is None:
        return
    deadline = datetime.fromisoformat(spec.limits.deadline)
    if deadline <= now:
        message = f"the deadline was at {deadline:%Y-%m-%d %H:%M %Z}: nothing would be launched"
        yield Notice(check="duration", field="limits.deadline", message=message, level=Level.REFUSE)
        return
    rounds = -(-trials // spec.limits.parallel_jobs)
    longest = timedelta(seconds=spec.resources.max_runtime) * (rounds - 1)
    if now + longest > deadline:
        message = f"{trials} trials, {spec.limits.parallel_jobs} at one time, may take {longest} until the last begins"
        yield Notice(
            check="duration", field="limits.deadline", message=f"{message}, if each takes all its time",
            level=Level.NOTE,
        )  # fmt: skip
