"""What a stop saves, and how that is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gridwatch.domain.measured import Measured


class Certainty(StrEnum):
    """How a saving is known."""

    ESTIMATE = "estimate"  # as it was when the stop was decided
    CORRECTED = "corrected"  # an estimate still, by how far the job had really come when it was over
    MEASURED = "measured"  # the job was let run on: what its rest really took stands beside the estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The last time that a job began again, as after an interruption of spot capacity. `resumes`: it keeps checkpoints,
    from which its script can go on.
    """

    at: datetime
    resumes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsRecord:
    """What a stop saves (gridwatch.savings). `cost` and the other amounts are None without a price.

    The true figure is expected between the low and the high one. For `at_most`, `seconds` and `cost` are upper bounds.
    """

    seconds: Measured  # of training, on each instance
    cost: Measured | None  # of all instances
    currency: str
    method: str  # how the remaining time was estimated, in words
    price_per_hour: Measured | None  # of one instance of the first type
    price_source: str
    seconds_low: Measured | None = None
    seconds_high: Measured | None = None
    cost_low: Measured | None = None
    cost_high: Measured | None = None
    bound: str | None = None  # "about" or "at most"; None: written before this was kept
    hourly: Measured | None = None  # of all instances together
    hourly_low: Measured | None = None  # the least that it may be: of spot capacity nobody knows it beforehand
    longest_seconds: int | None = None  # that the job may take in all: its MaxRuntimeInSeconds
    certainty: Certainty = Certainty.ESTIMATE
    decided_seconds: Measured | None = None  # of a corrected one: the estimate as it was when the stop was decided
    measured_seconds: Measured | None = None  # of a job that was let run on: what its rest took
    measured_cost: Measured | None = None
    restart: Restart | None = None  # of the job, as known when the stop was decided

    @property
    def at_most(self) -> bool:
        return self.bound == "at most" if self.bound is not None else self.method.startswith("limit")

    @property
    def seconds_range(self) -> tuple[float, float]:
        """The low and the high figure. Where an old record lacks them, its one figure counts, or 0 as the low
        of a bound.
        """
        low = self.seconds_low if self.seconds_low is not None else 0.0 if self.at_most else self.seconds
        return low, self.seconds if self.seconds_high is None else self.seconds_high

    @property
    def cost_range(self) -> tuple[float, float] | None:
        """The low and the high amount of money, in the same way; None without a price."""
        if self.cost is None:
            return None
        low = self.cost_low if self.cost_low is not None else 0.0 if self.at_most else self.cost
        return low, self.cost if self.cost_high is None else self.cost_high
