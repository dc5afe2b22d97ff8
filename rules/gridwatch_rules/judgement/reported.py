"""The log of the values of a metric that an experiment's trials reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherReports:
    """The reports of a further trial in an entry, with fields as the entry has them."""

    trial: str
    reports: tuple[tuple[float, ...], ...] = ()
    planned: float | None = None
    ending: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsRecord:
    """One entry of the log of a metric's reports in an experiment. Entries are numbered from 1 and never changed. Their
    order is the order in which the reports became known.
    """

    log: str
    number: int
    trial: str
    reports: tuple[tuple[float, ...], ...] = ()  # step, resource, value as the trial reported it
    planned: float | None = None  # the resource of the whole training, when it is known
    ending: str | None = None  # gridwatch_rules.judgement.history.Ending, when the trial is over
    # Only the first entry may have these, and it belongs to no trial: the log of the experiment from which this one
    # continues, and how many of its entries come before all of this log.
    earlier_log: str | None = None
    earlier_number: int = 0
    # What others reported at the same instant, each of whom would else have an entry behind this one.
    others: tuple[OtherReports, ...] = ()

    @property
    def parts(self) -> tuple[ReportsRecord | OtherReports, ...]:
        """The reports of each trial in the entry, in the order in which they became known."""
        return (self, *self.others)
