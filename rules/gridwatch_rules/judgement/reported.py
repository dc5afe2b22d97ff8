"""What the trials of an experiment reported of a metric, as entries of a log."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsRecord:
    """One entry of the log of what an experiment's trials reported of a metric: entries are numbered from 1, are never
    changed, and their order is the order in which the reports became known.
    """

    log: str
    number: int
    trial: str
    reports: tuple[tuple[float, ...], ...] = ()  # step, resource, value as the trial reported it
    planned: float | None = None  # the resource of the whole training, when it is known
    ending: str | None = None  # gridwatch_rules.judgement.history.Ending, when the trial is over
    # Of the first entry alone, which is of no trial: the log of the experiment that this one starts from, and how many
    # entries of it were known before all of this log.
    earlier_log: str | None = None
    earlier_number: int = 0
