"""What a snapshot knows about one experiment before it becomes rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from gridwatch.state.records import ExperimentRecord, ReactionRecord, RuleEvaluationRecord, RulePolicy, TrialRecord
from gridwatch.verdicts.status import RuleStatus


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which snapshot a row belongs to, and from when on it read."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFacts:
    """One trial with what is recorded about its latest job; `policies` are the rules that it was launched under."""

    trial: TrialRecord
    policies: tuple[RulePolicy, ...] = ()
    evaluations: tuple[RuleEvaluationRecord, ...] = ()
    reactions: tuple[ReactionRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveCount:
    """How many points of a trial's curves were read, and whether none were missing."""

    points: int
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFacts:
    """One experiment with its trials; `curves` by trial_id, for those trials whose job could have written tensors."""

    record: ExperimentRecord
    trials: tuple[TrialFacts, ...]
    curves: Mapping[str, CurveCount]

    def trial_complete(self, facts: TrialFacts) -> bool:
        """Nothing more will come of this trial or of its rules, and what came was read."""
        count = self.curves.get(facts.trial.trial_id)
        rules_over = all(RuleStatus(evaluation.status).is_final for evaluation in facts.evaluations)
        return facts.trial.state.is_finished and rules_over and (count is None or count.complete)

    @property
    def complete(self) -> bool:
        """True when every trial of the current spec is on record and every recorded trial is complete."""
        recorded = {facts.trial.trial_id for facts in self.trials}
        return recorded.issuperset(self.record.trial_ids) and all(map(self.trial_complete, self.trials))
