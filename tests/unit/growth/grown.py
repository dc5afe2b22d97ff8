"""An experiment of any size in a counting table, as Gridwatch's own code writes it, and the bound of what reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import CurrentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import Action, RuleEvaluationRecord, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from tests.fakes.clock import FakeClock
from tests.fakes.counting_table import Count, CountingTable
from tests.unit.tables.facts_of import NOON, a_job, a_trial, an_experiment

NAME = "blobs"
RULES = (
    RulePolicy(name="loss", rule="LossNotDecreasing", parameters={"num_steps": 2}, on_issue=Action.STOP),
    RulePolicy(name="finite", rule="MetricNonFinite", on_issue=Action.ALERT),
    RulePolicy(name="overfit", rule="Overfit", parameters={"patience": 5}, on_issue=Action.RECORD),
)
# What a command or a call of a function may ask of the table: some requests of its own, and two for each MB that it
# reads (a page is 1 MB, and the last page of each of its queries may hold little).
OF_ITS_OWN, A_MEGABYTE = 12, 2.0
_OF_FORMER_VERSIONS = ("gsi2pk", "gsi2sk")


@dataclass
class Grown:
    """`trials` of one experiment, each with its job, what rules said and what was done."""

    trials: int
    state: TrialState = TrialState.COMPLETED
    former: bool = False  # as a former version recorded it
    table: CountingTable = field(default_factory=CountingTable)
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.store = StateTable("state", dynamodb=self.table)
        trials = [self._trial(index) for index in range(self.trials)]
        self.store.put_experiment(replace(an_experiment(*trials), policies=RULES))
        self.store.add_trials(trials)
        for trial in trials:
            self._record(trial)
        if self.former:
            self._forget_the_index()
        self.table.start()

    def _trial(self, index: int) -> TrialRecord:
        status = {TrialState.COMPLETED: "Completed", TrialState.RUNNING: "InProgress"}.get(self.state)
        now = self.clock.now()
        return a_trial(index, state=self.state, status=status, created_at=now, started_at=now, updated_at=now)

    def _record(self, trial: TrialRecord) -> None:
        self.store.put_job(replace(a_job(trial), policies=RULES))
        self.store.put_current(_current(trial))
        for policy in RULES:
            found = trial.index % 3 == 0 and policy.name == "loss"
            evaluation = _evaluation(trial, policy, found=found)
            self.store.put_rule_evaluation(evaluation)
            if found:
                self.store.claim_reaction(_reaction(trial, policy), until=NOON)
                self.store.close_finding(trial.job_name, policy.name)

    def _forget_the_index(self) -> None:
        """Items as they were before there was a second index."""
        for key, item in list(self.table.items.items()):
            if "gsi2pk" in item:
                kept = {name: value for name, value in item.items() if name not in _OF_FORMER_VERSIONS}
                self.table.put_item(TableName="state", Item=kept)
                assert "gsi2pk" not in self.table.items[key]

    @property
    def experiment(self) -> ExperimentRecord:
        found = self.store.get_experiment(NAME)
        assert found is not None
        return found

    @contextmanager
    def held_to_the_bound(self, *, own: float = OF_ITS_OWN) -> Iterator[Count]:
        """Fails when more is asked of the table than some requests and so many for each MB that is read."""
        count = self.table.start()
        yield count
        most = own + A_MEGABYTE * count.megabytes
        told = f"{count.total} requests for {count.megabytes:.2f} MB of {self.trials} trials: {dict(count.requests)}"
        assert count.total <= most, f"{told}; at most {most:.0f}"


def _current(trial: TrialRecord) -> CurrentRecord:
    return CurrentRecord(
        experiment=NAME, trial_id=trial.trial_id, job_name=trial.job_name, metric="validation:error", source="hook",
        count=20, step=19, value=0.2, best=0.1, best_step=12, updated_at=trial.updated_at,
    )  # fmt: skip


def _evaluation(trial: TrialRecord, policy: RulePolicy, *, found: bool) -> RuleEvaluationRecord:
    return RuleEvaluationRecord(
        job_name=trial.job_name, rule_name=policy.name, status="IssuesFound" if found else "NoIssuesFound",
        details=None, finding=_finding() if found else None, updated_at=trial.updated_at, experiment=NAME,
    )  # fmt: skip


def _finding() -> Mapping[str, Any]:
    return {"step": 7, "sentence": "the loss has not fallen by 0.1 % within 10 steps", "values": [0.5, 0.5, 0.5]}


def _reaction(trial: TrialRecord, policy: RulePolicy) -> ReactionRecord:
    return ReactionRecord(
        job_name=trial.job_name, rule_name=policy.name, experiment=NAME, trial_id=trial.trial_id, action="stop",
        reason="the rule stops its job", outcome="stop requested", alert_id=None, finding=_finding(),
        decided_at=trial.updated_at, carried_out_at=trial.updated_at + timedelta(seconds=1),
    )  # fmt: skip
