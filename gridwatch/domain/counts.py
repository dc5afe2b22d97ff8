"""The counts of an experiment: its trials by state, what their jobs took, what stops saved, and its best trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentCounts:
    """The counts of one experiment, changed together with its trials and reactions.

    Times are whole milliseconds and amounts of money whole millionths, so that what is added and taken away again
    leaves nothing. They are right only when `is_whole`: else some trials were recorded before there were counts.
    """

    experiment: str
    is_whole: bool = False
    states: Mapping[str, int] = field(default_factory=dict)
    took: Mapping[str, int] = field(default_factory=dict)  # milliseconds of jobs that are over, by instance type
    saved: int = 0  # milliseconds of training that stops saved
    saved_cost: Mapping[str, int] = field(default_factory=dict)  # what they saved, by currency, in millionths
    metric: str | None = None  # the objective, by which trials are compared
    maximize: bool = False
    best: float | None = None  # final value of a completed trial; None: there is none, or `best_is_known` is False
    best_trial: str | None = None
    best_is_known: bool = True  # not after the best trial was tried again, until all are looked at
    version: int = 0  # of the record, as read
