"""What a snapshot knows about one experiment before it becomes rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.prices import PriceTable
from gridwatch.tables.components import Component
from gridwatch_rules.status import is_final
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.wording import counted


@dataclass(frozen=True, slots=True)
class Stamp:
    """The snapshot that a row belongs to, and the time from which it read."""

    snapshot_id: str
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a curve. `mode` is TRAIN, EVAL, PREDICT or GLOBAL; `logged_at` None where no time was kept."""

    name: str
    mode: str
    step: int
    value: float
    logged_at: datetime | None
    source: MetricSource = MetricSource.HOOK
    worker: str | None = None


_WITHOUT_JOB = (TrialState.WAITING, TrialState.CANCELLED, TrialState.REFUSED)


class SearchState(StrEnum):
    """What SageMaker Search had of a trial's job, besides what Gridwatch knows itself."""

    CURRENT = "current"
    BEHIND = "behind"  # its component, with older news than ours
    ABSENT = "absent"  # no component of the job, yet or any more
    UNREAD = "unread"  # Search was not asked, or did not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    """A trial with what is recorded about its latest job; `component` is the job's in SageMaker Search, if any."""

    trial: TrialRecord
    job: JobRecord | None = None
    evaluations: tuple[RuleEvaluationRecord, ...] = ()
    reactions: tuple[ReactionRecord, ...] = ()
    component: Component | None = None

    @property
    def policies(self) -> tuple[RulePolicy, ...]:
        """The rules that the job was launched under; none for a job that was recorded but never existed."""
        return self.job.policies if self.job and self.trial.state not in _WITHOUT_JOB else ()

    @property
    def open_rules(self) -> int:
        """The number of recorded rules without a final status."""
        return sum(not is_final(evaluation.status) for evaluation in self.evaluations)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveCount:
    """How many points of a trial's curves are in `metrics`, whether none are missing, and the objective's curve."""

    points: int
    complete: bool
    best: float | None = None  # of the finite values
    best_step: int | None = None
    last: float | None = None
    last_step: int | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFacts:
    """An experiment with its trials; `curves` by trial_id, for trials whose job could have written tensors."""

    record: ExperimentRecord
    trials: tuple[TrialFacts, ...]
    curves: Mapping[str, CurveCount]
    prices: PriceTable = field(default_factory=PriceTable.built_in)
    search_asked: bool = True
    search_error: str | None = None  # why Search could not be read

    def trial_complete(self, facts: TrialFacts) -> bool:
        """Whether nothing more will come of this trial or of its rules, and everything that came was read."""
        count = self.curves.get(facts.trial.trial_id)
        return facts.trial.state.is_finished and not facts.open_rules and (count is None or count.complete)

    def search_state(self, facts: TrialFacts) -> SearchState | None:
        """What Search had of the trial's job; None for a trial without a job."""
        trial = facts.trial
        if trial.status is None:
            return None
        if self.search_error is not None or not self.search_asked:
            return SearchState.UNREAD
        if facts.component is None:
            return SearchState.ABSENT
        return SearchState.CURRENT if facts.component.keeps_up_with(trial) else SearchState.BEHIND

    @property
    def incomplete_reasons(self) -> tuple[str, ...]:
        """What is missing, in words; empty when every trial of the current spec is recorded, over and read."""
        recorded = {facts.trial.trial_id for facts in self.trials}
        unrecorded = len(set(self.record.trial_ids) - recorded)
        unfinished = sum(not facts.trial.state.is_finished for facts in self.trials)
        open_rules = sum(facts.open_rules for facts in self.trials)
        finished = {facts.trial.trial_id for facts in self.trials if facts.trial.state.is_finished}
        unread = sum(not count.complete for trial_id, count in self.curves.items() if trial_id in finished)
        missing = (
            (unrecorded, "trial of the spec is", "trials of the spec are", "not on record yet"),
            (unfinished, "trial is", "trials are", "not over"),
            (open_rules, "rule has", "rules have", "not said the last word"),
            (unread, "job has", "jobs have", "metrics that were not read to their end"),
        )
        return tuple(f"{counted(count, one, several)} {what}" for count, one, several, what in missing if count)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing. What Search lacks does not count: it adds figures, but no trial."""
        return not self.incomplete_reasons
