"""The contract of Gridwatch's store. Implementations: `gridwatch.state.memory` (tests) and `gridwatch.aws.state_table`
(DynamoDB); one contract test class runs against both.

Every method is atomic for one record. Reads are strongly consistent except where a docstring says otherwise.
Records are replaced whole; what two writers could fight over is written under a condition: the method says who wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.deployments import DebuggerRefusal, EnlistedRecord, StoppingRecord
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold, SnapshotTurn, TrackingRecord, TuningRecord
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.regions import RegionsRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.job_records import JobRecords
from gridwatch_rules.judgement.reported import ReportsRecord

LAST_INDEX = 999_999_999  # more than any grid has
_PRIORITIES = 5_000_000_000


class ConflictError(Exception):
    """Somebody else wrote this record since it was read: read again and decide anew."""


@dataclass(frozen=True, slots=True)
class SavedEvaluation:
    """The rule engine's saved state for one job, and the version under which it was read (0: never saved)."""

    document: Mapping[str, Any] | None
    version: int


@dataclass(frozen=True, slots=True)
class TrialPlace:
    """Where a trial stands among those of its state: by priority (highest first), age, experiment and index."""

    priority: int
    created_at: datetime
    experiment: str
    index: int

    @classmethod
    def of(cls, trial: TrialRecord) -> TrialPlace:
        return cls(trial.priority, trial.created_at, trial.experiment, trial.index)

    @property
    def is_possible(self) -> bool:
        """Whether the place's text in an index sorts correctly: a damaged record may have any number."""
        return abs(self.priority) < _PRIORITIES and 0 <= self.index < LAST_INDEX

    def behind_its_upload(self) -> TrialPlace:
        """The place after all trials that were recorded with this one, of the same experiment."""
        return replace(self, index=LAST_INDEX)

    def __lt__(self, other: TrialPlace) -> bool:
        return self._order < other._order

    @property
    def _order(self) -> tuple[int, datetime, str, int]:
        return -self.priority, self.created_at, self.experiment, self.index


class ExperimentStore(Protocol):
    def put_experiment(self, record: ExperimentRecord) -> ExperimentRecord | None:
        """Save the record unless one of a later upload (`uploaded_at`) is stored. Returns the record that no longer
        counts: the one that was replaced (None: there was none), or `record` itself when it lost.
        """
        ...

    def get_experiment(self, name: str) -> ExperimentRecord | None: ...

    def list_experiments(self) -> Sequence[ExperimentRecord]:
        """All experiments, newest first. Eventually consistent."""
        ...

    def experiments_since(self, created_at: datetime | None) -> Iterator[ExperimentRecord]:
        """The experiments created at that time and later (None: all), oldest first, read as the caller iterates.
        Eventually consistent.
        """
        ...

    def get_enlisted(self) -> EnlistedRecord | None: ...

    def put_enlisted(self, record: EnlistedRecord) -> None: ...

    def open_experiments(self) -> Iterator[ExperimentRecord]:
        """The experiments without `final_states`, by name, read as the caller iterates; none that a former version
        recorded.

        Eventually consistent.
        """
        ...


class CountStore(Protocol):
    """Counts change together with what they count, by `put_experiment`, `add_trials`, `update_trial`, `update_trials`
    and `finish_reaction`: both or neither.
    """

    def get_counts(self, experiment: str) -> ExperimentCounts | None:
        """The counts of an experiment; None before anything was counted."""
        ...

    def list_counts(self) -> Sequence[ExperimentCounts]:
        """The counts of all experiments that have some, by name, to be read and not to be saved. Eventually
        consistent.
        """
        ...

    def save_counts(self, counts: ExperimentCounts) -> None:
        """Save counts as the next version of those that were read (0: there were none); ConflictError when others are
        stored.
        """
        ...


class HoldStore(Protocol):
    def get_hold(self, experiment: str) -> LaunchHold | None: ...

    def save_hold(self, hold: LaunchHold) -> LaunchHold:
        """Save the hold as the next version of the one that was read; ConflictError when another is stored.

        `version` 0 stands for a hold that was not there. Returns it as it is stored now.
        """
        ...


class TurnStore(Protocol):
    def get_turn(self, experiment: str) -> SnapshotTurn | None: ...

    def save_turn(self, turn: SnapshotTurn) -> SnapshotTurn:
        """Keep it as the next version of the one that was read (0: there was none); ConflictError when another is
        stored. Returns it as it is kept now.
        """
        ...


class RegionStore(Protocol):
    def get_regions(self, experiment: str) -> RegionsRecord | None: ...

    def save_regions(self, record: RegionsRecord) -> None:
        """Save the regions as the next version of those that were read (0: there were none); ConflictError when another
        is stored.
        """
        ...


class TrackingStore(Protocol):
    def get_tracking(self, experiment: str) -> TrackingRecord | None: ...

    def save_tracking(self, record: TrackingRecord) -> TrackingRecord:
        """Save the record as the next version of the one that was read (0: there was none); ConflictError when another
        is stored. Returns it as it is stored now.
        """
        ...


class TrialStore(Protocol):
    def add_trials(self, trials: Iterable[TrialRecord]) -> int:
        """Record the trials that are not there yet (by experiment and trial_id); returns how many were new.

        Trials that exist keep their record. Killed half-way and called again, it completes what is missing.
        """
        ...

    def get_trial(self, experiment: str, trial_id: str) -> TrialRecord | None: ...

    def get_trials(self, places: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], TrialRecord]:
        """The readable records of these trials, each named by its experiment and trial_id, a hundred in a request."""
        ...

    def list_trials(self, experiment: str) -> Sequence[TrialRecord]:
        """All trials of an experiment by index."""
        ...

    def update_trial(self, trial: TrialRecord, *, expected: TrialRecord) -> None:
        """Replace `expected` by `trial`; ConflictError when the stored record is not at `expected.updated_at`."""
        ...

    def update_trials(self, changes: Sequence[tuple[TrialRecord, TrialRecord]]) -> Sequence[TrialRecord]:
        """Replace the first of each pair by the second, a hundred in a request. Returns those that were kept: of the
        others the stored record is not at the first one's `updated_at`.
        """
        ...

    def trials_in(
        self, state: TrialState, *, limit: int | None = None, after: TrialPlace | None = None
    ) -> Sequence[TrialRecord]:
        """Trials in that state over all experiments, in the order of `TrialPlace`, only those after `after`.

        Eventually consistent (an index): confirm by `update_trial` before acting.
        """
        ...


class TuningStore(Protocol):
    def add_tuning(self, record: TuningRecord) -> bool:
        """Save the record unless there is one of its experiment and name; False when there is."""
        ...

    def get_tuning(self, experiment: str, name: str) -> TuningRecord | None: ...

    def list_tunings(self, experiment: str) -> Sequence[TuningRecord]:
        """All tuning jobs of an experiment, oldest first."""
        ...

    def update_tuning(self, record: TuningRecord, *, expected: TuningRecord) -> None:
        """Replace `expected` by `record`; ConflictError when the stored one is not at `expected.updated_at`."""
        ...

    def tunings_in(self, state: TrialState) -> Sequence[TuningRecord]:
        """Tuning jobs in that state over all experiments, oldest first. Eventually consistent."""
        ...


class JobStore(Protocol):
    def put_job(self, job: JobRecord) -> None:
        """Save whose job this is; writing the same again changes nothing."""
        ...

    def get_job(self, job_name: str) -> JobRecord | None: ...

    def get_jobs(self, job_names: Iterable[str]) -> Mapping[str, JobRecord | None]:
        """The records of these jobs, read a hundred in a request; None for one that cannot be read."""
        ...

    def records_of_jobs(self, experiment: str, job_names: Iterable[str]) -> Mapping[str, JobRecords]:
        """The records of these jobs of the experiment, by job name, with an entry for each.

        It costs one request for each page of the experiment's records, however many jobs are named. Eventually
        consistent: a recent write may be missing, or the record may be as it was before.
        """
        ...

    def managed_jobs(self) -> Sequence[JobRecord]:
        """Jobs under rules of SageMaker Debugger, from `put_job` to `close_managed_job`, by name.

        Eventually consistent.
        """
        ...

    def close_managed_job(self, job_name: str) -> None:
        """Note that the job is over and all its managed rules have their verdicts; without a record of the job nothing
        happens.
        """
        ...


class EvaluationStore(Protocol):
    def load_evaluation(self, job_name: str) -> SavedEvaluation: ...

    def save_evaluation(self, job_name: str, document: Mapping[str, Any], *, version: int) -> None:
        """Save under `version + 1`; ConflictError when the stored version is not `version`."""
        ...

    def put_rule_evaluation(self, record: RuleEvaluationRecord) -> None:
        """Replace the status of one rule; an older record (`updated_at`) never replaces a newer one."""
        ...

    def open_findings(self) -> Sequence[RuleEvaluationRecord]:
        """Rules whose issue or error was recorded and for which `close_finding` was not called since, oldest first.

        Eventually consistent.
        """
        ...

    def close_finding(self, job_name: str, rule_name: str) -> None:
        """Note that nothing is left to do about what the rule found; without a record of it nothing happens."""
        ...

    def list_rule_evaluations(self, job_name: str) -> Sequence[RuleEvaluationRecord]: ...


class CurrentStore(Protocol):
    def put_current(self, record: CurrentRecord) -> None:
        """Replace what is known of the trial's objective. A record with fewer values of the same job never replaces one
        with more, and one from another source never replaces one from the job's own.
        """
        ...

    def list_current(self, experiment: str) -> Sequence[CurrentRecord]:
        """The current objective of all trials of an experiment that have one, in one query."""
        ...


class ReportStore(Protocol):
    def add_reports(self, record: ReportsRecord) -> None:
        """Add the entry to the log; ConflictError when there is one of that number."""
        ...

    def reports_after(self, log: str, number: int) -> Sequence[ReportsRecord]:
        """The entries after that number (0: all), by number. The cost depends on the new entries alone."""
        ...

    def leave_reports(self, record: ReportsRecord) -> None:
        """Leave an entry whose number was taken beside the log, for others to take along; it replaces one of the same
        number and trial.
        """
        ...

    def left_reports(self, log: str, number: int) -> Sequence[ReportsRecord]:
        """The readable entries that were left since the log had that many, by number and trial."""
        ...


class ReactionStore(Protocol):
    def claim_stop(self, job_name: str, rule_name: str) -> str:
        """Record which rule stops the job: the first that asks. Returns that rule, this one or an earlier one."""
        ...

    def claim_reaction(self, record: ReactionRecord, *, until: datetime) -> ReactionRecord:
        """Save the record if there is none for its (job, rule); returns the stored one: that very object, or the
        earlier one. Whoever claims it may carry it out alone until `until`.
        """
        ...

    def lease_reaction(self, record: ReactionRecord, *, now: datetime, until: datetime) -> bool:
        """Lease a reaction that somebody else claimed, to carry it out: nobody else gets it before `until`.

        False when another's lease lasts beyond `now`, or when it is carried out already.
        """
        ...

    def keep_reaction(self, record: ReactionRecord, *, until: datetime) -> None:
        """Record what came of a leased reaction so far; it stays leased until then. Nothing is counted yet, and a
        finished one stays as it is.
        """
        ...

    def finish_reaction(self, record: ReactionRecord) -> None:
        """Replace the claimed record by the one that says what came of it."""
        ...

    def finish_reactions(self, records: Sequence[ReactionRecord]) -> None:
        """Finish reactions to jobs of one experiment, as `finish_reaction` does, a hundred in a request."""
        ...

    def list_reactions(self, job_name: str) -> Sequence[ReactionRecord]: ...


class StoppingStore(Protocol):
    def get_stopping(self) -> StoppingRecord | None:
        """The switch that pauses stopping; None when nobody ever touched it, so that stopping is not paused."""
        ...

    def put_stopping(self, record: StoppingRecord) -> None: ...


class DebuggerStore(Protocol):
    def get_debugger_refusal(self) -> DebuggerRefusal | None:
        """The refusal of Debugger in this store's account and region; None when nothing was refused."""
        ...

    def put_debugger_refusal(self, record: DebuggerRefusal) -> None: ...


class AlertStore(Protocol):
    def add_alert(self, alert: AlertRecord) -> AlertRecord:
        """Save the alert if its id is new; returns the stored one."""
        ...

    def get_alert(self, alert_id: str) -> AlertRecord | None: ...

    def get_alerts(self, alert_ids: Iterable[str]) -> Sequence[AlertRecord]:
        """The readable records of these alerts, in this order, read a hundred in a request."""
        ...

    def lease_alert(self, alert_id: str, *, now: datetime, until: datetime) -> AlertRecord | None:
        """Lease the alert for sending: nobody else gets it before `until`, unless it is sent.

        None when it is settled already, when somebody else's lease lasts beyond `now`, or when there is no such alert.
        """
        ...

    def keep_leased(self, alert: AlertRecord, *, until: datetime) -> None:
        """Replace an alert that is leased to the caller, who keeps the lease until `until`."""
        ...

    def mark_sent(self, alert: AlertRecord) -> None:
        """Replace the alert by one that is settled: with `sent_at` and `message_id`, or `told_in` another."""
        ...

    def mark_all_sent(self, alerts: Sequence[AlertRecord]) -> None:
        """Mark alerts as sent, as `mark_sent` does, a hundred in a request."""
        ...

    def unsent_alerts(self) -> Sequence[AlertRecord]:
        """Alerts that are not settled, oldest first. Eventually consistent."""
        ...

    def get_gate(self, gate_id: str) -> AlertGate | None: ...

    def save_gate(self, gate: AlertGate) -> AlertGate:
        """Save the gate as the next version of the one that was read; ConflictError when another is stored.

        `version` 0 stands for a gate that was not there. Returns the gate as it is stored now.
        """
        ...

    def admit_alert(self, gate: AlertGate, alert_id: str) -> AlertGate:
        """Save the gate as `save_gate` does, together with the fact that the alert came to it in this opening: both or
        neither.
        """
        ...

    def is_admitted(self, gate: AlertGate, alert_id: str) -> bool:
        """Whether the alert came to the gate in this opening of it."""
        ...

    def admitted(self, gate_id: str) -> Sequence[tuple[datetime, str]]:
        """All alerts that came to the gate, by the time when it was opened and their ids."""
        ...

    def untold_gates(self) -> Sequence[AlertGate]:
        """Gates that have collected alerts and were not told yet, by `closes_at`. Eventually consistent."""
        ...


class StateStore(
    ExperimentStore,
    CountStore,
    HoldStore,
    TurnStore,
    RegionStore,
    TrackingStore,
    TrialStore,
    TuningStore,
    JobStore,
    EvaluationStore,
    CurrentStore,
    ReportStore,
    ReactionStore,
    StoppingStore,
    DebuggerStore,
    AlertStore,
    Protocol,
):
    """The whole store, for functions that use several areas of it."""
