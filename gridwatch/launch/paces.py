"""The pace of each job that is launched or found, from its machines' price, its length and what a spec says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch.domain.jobs import JobRecord
from gridwatch.pace import SPOT, Bounds, Log, LookPrices, Pace, as_said, expected_seconds, pace_of
from gridwatch.savings.prices import Machines, PriceTable
from gridwatch.state.accepted_spec import Watching

EMBEDDED_ACCOUNT = "000000000000"  # of the embedded cloud; AWS has no such account
BY_PRICE, FREELY, AUTO = "price", "free", "auto"  # the setting watch_pace
DAY = 86_400.0  # seconds that a job may take when nobody says how long


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """What a pace is computed from. `prices` is called when a job needs them; `looks` are the costs of looks; `bounds`
    are the deployment's.
    """

    prices: Callable[[], PriceTable]
    looks: LookPrices
    bounds: Bounds = field(default_factory=Bounds)

    @classmethod
    def of_deployment(
        cls,
        *,
        prices: Callable[[], PriceTable],
        looks: LookPrices,
        share: float,
        every_seconds: float,
        pace: str,
        account: str,
    ) -> Pacing:
        """The pacing by a deployment's settings; `every_seconds` 0 means the best distance."""
        free = pace == FREELY or (pace == AUTO and account == EMBEDDED_ACCOUNT)
        return cls(prices=prices, looks=looks, bounds=Bounds(share=share, every=every_seconds or None, free=free))

    def of(
        self,
        machines: Machines,
        *,
        longest: float | None,
        took: Sequence[float] = (),
        spot: bool = False,
        watching: Watching | None = None,
        log: Log = Log.NEVER,
        profiled: bool = False,
    ) -> Pace:
        """The pace of a job. `longest` is how many seconds it may take; `took` are the seconds of completed trials like
        it; `watching` is the spec's section about looks; `log` says when its log is looked at; `profiled` that its
        profile is looked at as well.
        """
        hourly = None if self.bounds.free else self.prices().hourly(machines)
        if hourly is not None and spot:
            hourly *= SPOT
        said = watching or Watching()
        bounds = as_said(self.bounds, said.share, said.every)
        return pace_of(hourly, expected_seconds(longest or DAY, took), self.looks, bounds, log=log, profiled=profiled)


@dataclass(frozen=True, slots=True)
class RequestedMachines:
    """The machines of a ResourceConfig, as CreateTrainingJob has it. Implements gridwatch.savings.prices.Machines."""

    instance_type: str | None
    instance_count: int | None
    further_machines: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> RequestedMachines:
        counts: dict[str, int] = {}
        for group in config.get("InstanceGroups", ()):
            counts[group["InstanceType"]] = counts.get(group["InstanceType"], 0) + int(group["InstanceCount"])
        if not counts:
            return cls(config.get("InstanceType"), config.get("InstanceCount"))
        (first, count), *others = counts.items()
        return cls(first, count, dict(others))


def log_of(job: JobRecord) -> Log:
    """When a job's log is looked at (evaluate_rules.recording)."""
    if not job.log_metrics:
        return Log.NEVER
    return Log.CHECKED if job.log_repeats_hook else Log.FOLLOWED
