"""Records what a user's rule reads of its trial and what it asks for in vain, because a rule that got nothing has
judged nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gridwatch_rules.rules.sightings import listed, nothing_seen

if TYPE_CHECKING:
    from gridwatch_rules.rules.custom.recorded import Recorded
    from gridwatch_rules.rules.custom.smdebug.trials import Trial

_MOST_ASKED = 12


class Lookups:
    """The number of values and shapes of a trial that were read, and the names that were asked for but missing."""

    def __init__(self) -> None:
        self.read = 0
        self.missed: dict[str, None] = {}

    def miss(self, what: object) -> None:
        """Record something missing that a rule asked for: a name, or whatever the rule used as one."""
        if len(self.missed) < _MOST_ASKED:
            self.missed[str(what)] = None


def saved_nothing(recorded: Recorded) -> bool:
    """Whether a job that is over has not even collections. smdebug raises MissingCollectionFiles for such a job."""
    return not recorded.collection_files() and next(iter(recorded.worker_steps()), None) is None


def nothing_saved(rule: str) -> str:
    """The status details of a rule on a job that saved nothing."""
    return nothing_seen(rule, "the job's tensors", "none was there: the job saved no tensors")


def nothing_read(rule: str, trial: Trial, others: Sequence[Trial] = ()) -> str:
    """The status details of a rule that read nothing of its trials, although it asked or there were no steps. Empty
    otherwise.
    """
    missed = [*trial.index_reader.lookups.missed]
    missed += [f"{what} in {other.name}" for other in others for what in other.index_reader.lookups.missed]
    steps = len(trial.steps())
    if any(each.index_reader.lookups.read for each in (trial, *others)) or (steps and not missed):
        return ""
    there = listed(trial.tensor_names())
    held = f"in {steps:,} steps the job saved {there}" if steps else "the job saved no tensors"
    return nothing_seen(rule, listed(missed) or "the job's tensors", f"none was there: {held}")
