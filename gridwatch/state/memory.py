"""A store in memory: the state of a test, and the contract of `gridwatch.state.store` in its plainest form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.deployments import DebuggerRefusal, EnlistedRecord, StoppingRecord
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold, SnapshotTurn, TrackingRecord, TuningRecord
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.regions import RegionsRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.counting import (
    after_reaction,
    after_trials,
    changes_counts,
    nothing_counted,
    with_objective,
)
from gridwatch.state.job_records import JobRecords
from gridwatch.state.store import ConflictError, SavedEvaluation, TrialPlace
from gridwatch_rules.judgement.reported import ReportsRecord


class MemoryStore:
    """Implements `gridwatch.state.store.StateStore`. Its dictionaries are public, for tests to look into."""

    def __init__(self) -> None:
        self.experiments: dict[str, ExperimentRecord] = {}
        self.counts: dict[str, ExperimentCounts] = {}
        self.holds: dict[str, LaunchHold] = {}
        self.turns: dict[str, SnapshotTurn] = {}
        self.tracking: dict[str, TrackingRecord] = {}
        self.trials: dict[tuple[str, str], TrialRecord] = {}
        self.tunings: dict[tuple[str, str], TuningRecord] = {}
        self.jobs: dict[str, JobRecord] = {}
        self.managed: set[str] = set()
        self.evaluations: dict[str, SavedEvaluation] = {}
        self.rule_evaluations: dict[tuple[str, str], RuleEvaluationRecord] = {}
        self.current: dict[tuple[str, str], CurrentRecord] = {}
        self.open: set[tuple[str, str]] = set()
        self.regions: dict[str, RegionsRecord] = {}
        self.reports: dict[str, list[ReportsRecord]] = {}
        self.left: dict[str, dict[tuple[int, str], ReportsRecord]] = {}
        self.stops: dict[str, str] = {}
        self.reaction_leases: dict[tuple[str, str], datetime] = {}
        self.reactions: dict[tuple[str, str], ReactionRecord] = {}
        self.alerts: dict[str, AlertRecord] = {}
        self.leases: dict[str, datetime] = {}
        self.gates: dict[str, AlertGate] = {}
        self.admissions: dict[str, set[tuple[datetime, str]]] = {}
        self.stopping: StoppingRecord | None = None
        self.enlisted: EnlistedRecord | None = None
        self.debugger_refusal: DebuggerRefusal | None = None

    def put_experiment(self, record: ExperimentRecord) -> ExperimentRecord | None:
        kept = self.experiments.get(record.name)
        if kept is not None and kept.uploaded_at > record.uploaded_at:
            return record
        self.experiments[record.name] = record
        known = self.counts.get(record.name)
        if known is not None or kept is None:
            self.counts[record.name] = with_objective(known, record) if known else nothing_counted(record)
        return kept

    def get_counts(self, experiment: str) -> ExperimentCounts | None:
        return self.counts.get(experiment)

    def list_counts(self) -> Sequence[ExperimentCounts]:
        return sorted(self.counts.values(), key=lambda counts: counts.experiment)

    def save_counts(self, counts: ExperimentCounts) -> None:
        kept = self.counts.get(counts.experiment)
        if (kept.version if kept else 0) != counts.version:
            raise ConflictError(f"the counts of {counts.experiment} were changed meanwhile")
        self.counts[counts.experiment] = replace(counts, version=counts.version + 1)

    def _count(self, before: TrialRecord | None, after: TrialRecord) -> None:
        if changes_counts(before, after):
            known = self.counts.get(after.experiment) or ExperimentCounts(experiment=after.experiment)
            counts = after_trials(known, [(before, after)])
            self.counts[after.experiment] = replace(counts, version=known.version + 1)

    def get_experiment(self, name: str) -> ExperimentRecord | None:
        return self.experiments.get(name)

    def list_experiments(self) -> Sequence[ExperimentRecord]:
        return sorted(self.experiments.values(), key=lambda record: record.created_at, reverse=True)

    def experiments_since(self, created_at: datetime | None) -> Iterator[ExperimentRecord]:
        every = reversed(self.list_experiments())
        return (record for record in every if created_at is None or record.created_at >= created_at)

    def get_enlisted(self) -> EnlistedRecord | None:
        return self.enlisted

    def put_enlisted(self, record: EnlistedRecord) -> None:
        self.enlisted = record

    def open_experiments(self) -> Iterator[ExperimentRecord]:
        found = [record for record in self.experiments.values() if record.final_states is None]
        return iter(sorted(found, key=lambda record: record.name))

    def get_hold(self, experiment: str) -> LaunchHold | None:
        return self.holds.get(experiment)

    def save_hold(self, hold: LaunchHold) -> LaunchHold:
        kept = self.holds.get(hold.experiment)
        if (kept.version if kept else 0) != hold.version:
            raise ConflictError(f"what holds {hold.experiment} was changed meanwhile")
        self.holds[hold.experiment] = replace(hold, version=hold.version + 1)
        return self.holds[hold.experiment]

    def get_turn(self, experiment: str) -> SnapshotTurn | None:
        return self.turns.get(experiment)

    def save_turn(self, turn: SnapshotTurn) -> SnapshotTurn:
        kept = self.turns.get(turn.experiment)
        if (kept.version if kept else 0) != turn.version:
            raise ConflictError(f"whose turn it is to write the tables of {turn.experiment} was changed meanwhile")
        self.turns[turn.experiment] = replace(turn, version=turn.version + 1)
        return self.turns[turn.experiment]

    def get_tracking(self, experiment: str) -> TrackingRecord | None:
        return self.tracking.get(experiment)

    def save_tracking(self, record: TrackingRecord) -> TrackingRecord:
        kept = self.tracking.get(record.experiment)
        if (kept.version if kept else 0) != record.version:
            raise ConflictError(f"the tracking of {record.experiment} was changed meanwhile")
        self.tracking[record.experiment] = replace(record, version=record.version + 1)
        return self.tracking[record.experiment]

    def add_trials(self, trials: Iterable[TrialRecord]) -> int:
        new = [trial for trial in trials if (trial.experiment, trial.trial_id) not in self.trials]
        for trial in new:
            self._count(None, trial)
            self.trials[trial.experiment, trial.trial_id] = trial
        return len(new)

    def get_trial(self, experiment: str, trial_id: str) -> TrialRecord | None:
        return self.trials.get((experiment, trial_id))

    def get_trials(self, places: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], TrialRecord]:
        return {place: self.trials[place] for place in places if place in self.trials}

    def list_trials(self, experiment: str) -> Sequence[TrialRecord]:
        mine = (trial for trial in self.trials.values() if trial.experiment == experiment)
        return sorted(mine, key=lambda trial: trial.index)

    def update_trial(self, trial: TrialRecord, *, expected: TrialRecord) -> None:
        key = (trial.experiment, trial.trial_id)
        kept = self.trials.get(key)
        if kept is None or kept.updated_at != expected.updated_at:
            raise ConflictError(f"trial {trial.trial_id} of {trial.experiment} was changed meanwhile")
        self._count(kept, trial)
        self.trials[key] = trial

    def update_trials(self, changes: Sequence[tuple[TrialRecord, TrialRecord]]) -> Sequence[TrialRecord]:
        kept = []
        for before, after in changes:
            with suppress(ConflictError):
                self.update_trial(after, expected=before)
                kept.append(after)
        return kept

    def trials_in(
        self, state: TrialState, *, limit: int | None = None, after: TrialPlace | None = None
    ) -> Sequence[TrialRecord]:
        found = [trial for trial in self.trials.values() if trial.state is state]
        behind = [trial for trial in found if after is None or after < TrialPlace.of(trial)]
        return sorted(behind, key=TrialPlace.of)[:limit]

    def add_tuning(self, record: TuningRecord) -> bool:
        return self.tunings.setdefault((record.experiment, record.name), record) is record

    def get_tuning(self, experiment: str, name: str) -> TuningRecord | None:
        return self.tunings.get((experiment, name))

    def list_tunings(self, experiment: str) -> Sequence[TuningRecord]:
        mine = (record for record in self.tunings.values() if record.experiment == experiment)
        return sorted(mine, key=lambda record: (record.created_at, record.name))

    def update_tuning(self, record: TuningRecord, *, expected: TuningRecord) -> None:
        kept = self.tunings.get((record.experiment, record.name))
        if kept is None or kept.updated_at != expected.updated_at:
            raise ConflictError(f"tuning job {record.name} was changed meanwhile")
        self.tunings[(record.experiment, record.name)] = record

    def tunings_in(self, state: TrialState) -> Sequence[TuningRecord]:
        found = (record for record in self.tunings.values() if record.state is state)
        return sorted(found, key=lambda record: (record.created_at, record.name))

    def put_job(self, job: JobRecord) -> None:
        self.jobs[job.job_name] = job
        (self.managed.add if job.managed_rules else self.managed.discard)(job.job_name)

    def get_job(self, job_name: str) -> JobRecord | None:
        return self.jobs.get(job_name)

    def get_jobs(self, job_names: Iterable[str]) -> Mapping[str, JobRecord | None]:
        return {name: self.jobs[name] for name in job_names if name in self.jobs}

    def records_of_jobs(self, experiment: str, job_names: Iterable[str]) -> Mapping[str, JobRecords]:
        return {
            name: JobRecords(
                self.jobs.get(name), tuple(self.list_rule_evaluations(name)), tuple(self.list_reactions(name))
            )
            for name in job_names
        }

    def managed_jobs(self) -> Sequence[JobRecord]:
        return [self.jobs[name] for name in sorted(self.managed)]

    def close_managed_job(self, job_name: str) -> None:
        self.managed.discard(job_name)

    def load_evaluation(self, job_name: str) -> SavedEvaluation:
        return self.evaluations.get(job_name, SavedEvaluation(None, 0))

    def save_evaluation(self, job_name: str, document: Mapping[str, Any], *, version: int) -> None:
        if self.load_evaluation(job_name).version != version:
            raise ConflictError(f"the evaluation of {job_name} was saved meanwhile")
        self.evaluations[job_name] = SavedEvaluation(document, version + 1)

    def put_rule_evaluation(self, record: RuleEvaluationRecord) -> None:
        key = (record.job_name, record.rule_name)
        kept = self.rule_evaluations.get(key)
        if kept is None or kept.updated_at <= record.updated_at:
            self.rule_evaluations[key] = record
            (self.open.add if record.needs_reaction else self.open.discard)(key)

    def open_findings(self) -> Sequence[RuleEvaluationRecord]:
        return sorted((self.rule_evaluations[key] for key in self.open), key=lambda record: record.updated_at)

    def close_finding(self, job_name: str, rule_name: str) -> None:
        self.open.discard((job_name, rule_name))

    def list_rule_evaluations(self, job_name: str) -> Sequence[RuleEvaluationRecord]:
        mine = (record for record in self.rule_evaluations.values() if record.job_name == job_name)
        return sorted(mine, key=lambda record: record.rule_name)

    def put_current(self, record: CurrentRecord) -> None:
        key = (record.experiment, record.trial_id)
        kept = self.current.get(key)
        if kept is None or kept.job_name != record.job_name or kept.rank <= record.rank:
            self.current[key] = record

    def list_current(self, experiment: str) -> Sequence[CurrentRecord]:
        mine = (record for record in self.current.values() if record.experiment == experiment)
        return sorted(mine, key=lambda record: record.trial_id)

    def get_regions(self, experiment: str) -> RegionsRecord | None:
        return self.regions.get(experiment)

    def save_regions(self, record: RegionsRecord) -> None:
        kept = self.regions.get(record.experiment)
        if (kept.version if kept else 0) != record.version:
            raise ConflictError(f"the regions of {record.experiment} were changed meanwhile")
        self.regions[record.experiment] = replace(record, version=record.version + 1)

    def add_reports(self, record: ReportsRecord) -> None:
        log = self.reports.setdefault(record.log, [])
        if record.number != len(log) + 1:
            raise ConflictError(f"entry {record.number} of {record.log} is there already")
        log.append(record)

    def reports_after(self, log: str, number: int) -> Sequence[ReportsRecord]:
        return list(self.reports.get(log, ())[number:])

    def leave_reports(self, record: ReportsRecord) -> None:
        self.left.setdefault(record.log, {})[record.number, record.trial] = record

    def left_reports(self, log: str, number: int) -> Sequence[ReportsRecord]:
        return [record for key, record in sorted(self.left.get(log, {}).items()) if key[0] > number]

    def claim_stop(self, job_name: str, rule_name: str) -> str:
        return self.stops.setdefault(job_name, rule_name)

    def claim_reaction(self, record: ReactionRecord, *, until: datetime) -> ReactionRecord:
        key = (record.job_name, record.rule_name)
        if key not in self.reactions:
            self.reactions[key] = record
            self.reaction_leases[key] = until
        return self.reactions[key]

    def lease_reaction(self, record: ReactionRecord, *, now: datetime, until: datetime) -> bool:
        key = (record.job_name, record.rule_name)
        if self.reactions[key].carried_out_at is not None or self.reaction_leases[key] > now:
            return False
        self.reaction_leases[key] = until
        return True

    def keep_reaction(self, record: ReactionRecord, *, until: datetime) -> None:
        key = (record.job_name, record.rule_name)
        if self.reactions[key].carried_out_at is None:
            self.reactions[key] = record
            self.reaction_leases[key] = until

    def finish_reaction(self, record: ReactionRecord) -> None:
        key = (record.job_name, record.rule_name)
        known = self.counts.get(record.experiment) or ExperimentCounts(experiment=record.experiment)
        counts = after_reaction(known, self.reactions.get(key), record)
        if counts != known:
            self.counts[record.experiment] = replace(counts, version=known.version + 1)
        self.reactions[key] = record

    def finish_reactions(self, records: Sequence[ReactionRecord]) -> None:
        for record in records:
            self.finish_reaction(record)

    def list_reactions(self, job_name: str) -> Sequence[ReactionRecord]:
        mine = (record for record in self.reactions.values() if record.job_name == job_name)
        return sorted(mine, key=lambda record: record.rule_name)

    def get_stopping(self) -> StoppingRecord | None:
        return self.stopping

    def put_stopping(self, record: StoppingRecord) -> None:
        self.stopping = record

    def get_debugger_refusal(self) -> DebuggerRefusal | None:
        return self.debugger_refusal

    def put_debugger_refusal(self, record: DebuggerRefusal) -> None:
        self.debugger_refusal = record

    def add_alert(self, alert: AlertRecord) -> AlertRecord:
        return self.alerts.setdefault(alert.alert_id, alert)

    def get_alert(self, alert_id: str) -> AlertRecord | None:
        return self.alerts.get(alert_id)

    def get_alerts(self, alert_ids: Iterable[str]) -> Sequence[AlertRecord]:
        return [self.alerts[alert_id] for alert_id in alert_ids if alert_id in self.alerts]

    def lease_alert(self, alert_id: str, *, now: datetime, until: datetime) -> AlertRecord | None:
        alert = self.alerts.get(alert_id)
        leased = self.leases.get(alert_id)
        if alert is None or alert.is_settled or (leased is not None and leased > now):
            return None
        self.leases[alert_id] = until
        return alert

    def keep_leased(self, alert: AlertRecord, *, until: datetime) -> None:
        self.alerts[alert.alert_id] = alert
        self.leases[alert.alert_id] = until

    def mark_sent(self, alert: AlertRecord) -> None:
        self.alerts[alert.alert_id] = alert

    def mark_all_sent(self, alerts: Sequence[AlertRecord]) -> None:
        for alert in alerts:
            self.mark_sent(alert)

    def unsent_alerts(self) -> Sequence[AlertRecord]:
        unsent = (alert for alert in self.alerts.values() if not alert.is_settled)
        return sorted(unsent, key=lambda alert: alert.created_at)

    def get_gate(self, gate_id: str) -> AlertGate | None:
        return self.gates.get(gate_id)

    def save_gate(self, gate: AlertGate) -> AlertGate:
        kept = self.gates.get(gate.gate_id)
        if (kept.version if kept else 0) != gate.version:
            raise ConflictError(f"the gate {gate.gate_id} was changed meanwhile")
        self.gates[gate.gate_id] = replace(gate, version=gate.version + 1)
        return self.gates[gate.gate_id]

    def admit_alert(self, gate: AlertGate, alert_id: str) -> AlertGate:
        kept = self.save_gate(gate)
        self.admissions.setdefault(gate.gate_id, set()).add((gate.opened_at, alert_id))
        return kept

    def is_admitted(self, gate: AlertGate, alert_id: str) -> bool:
        return (gate.opened_at, alert_id) in self.admissions.get(gate.gate_id, ())

    def admitted(self, gate_id: str) -> Sequence[tuple[datetime, str]]:
        return sorted(self.admissions.get(gate_id, ()))

    def untold_gates(self) -> Sequence[AlertGate]:
        untold = (gate for gate in self.gates.values() if gate.collected and not gate.told)
        return sorted(untold, key=lambda gate: gate.closes_at)
