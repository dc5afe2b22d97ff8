"""Gridwatch's records in one DynamoDB table, by the contract of `gridwatch.state.store`.

| record | pk | sk | gsi1pk | gsi1sk |
| --- | --- | --- | --- | --- |
| ExperimentRecord | `experiment#<name>` | `experiment` | `experiments` | created_at |
| ExperimentCounts | `experiment#<name>` | `counts` | `experiments#counts` | name |
| what is counted besides | `experiment#<name>` | `counts#<two digits>` | `experiments#counts` unless empty | name |
| LaunchHold | `experiment#<name>` | `hold` | | |
| SnapshotTurn | `experiment#<name>` | `snapshot` | | |
| RegionsRecord | `experiment#<name>` | `regions` | | |
| TrackingRecord | `experiment#<name>` | `tracking` | | |
| TrialRecord | `experiment#<name>` | `trial#<trial id>` | `trials#<state>` | priority, created_at, experiment, index |
| CurrentRecord | `experiment#<name>` | `current#<trial id>` | | |
| TuningRecord | `experiment#<name>` | `tuning#<tuning job>` | `tunings#<state>` | created_at, tuning job |
| JobRecord | `job#<job>` | `job` | `jobs#managed` while Debugger's rules look at it | job |
| saved evaluation | `job#<job>` | `evaluation` | | |
| RuleEvaluationRecord | `job#<job>` | `rule#<rule name>` | `findings#open` until closed | updated_at |
| the rule that stops | `job#<job>` | `stop` | | |
| ReactionRecord | `job#<job>` | `reaction#<rule name>` | | |
| ReportsRecord | `reports#<log>` | `<number, ten digits>` | | |
| the same, left for others | `left#<log>` | `<number, ten digits>#<trial>` | | |
| EnlistedRecord | `experiments` | `enlisted` | | |
| StoppingRecord | `stopping` | `stopping` | | |
| DebuggerRefusal | `debugger` | `refusal` | | |
| AlertRecord | `alert#<id>` | `alert` | `alerts#unsent` until settled | created_at |
| AlertGate | `gate#<id>` | `gate` | `gates#untold` while it holds alerts back | closes_at |
| that an alert came to it | `gate#<id>` | `admitted#<opened_at>#<alert id>` | | |

Attributes beside them: `uploaded_at` of experiments, `updated_at` of trials, tuning jobs and rule evaluations,
`job_name` and `points` (ten digits) of current values,
`version` of gates, holds, turns and of saved evaluations, `stored_at`, the key in S3 of evaluations over 100 kB,
`rule` of stops, `leased_until` of alerts and of reactions, `saved` of reactions that are counted, `version` of counts.
Items of a job (JobRecord, RuleEvaluationRecord, ReactionRecord) are also in a second index, under their experiment:
gsi2pk `experiment#<name>`, gsi2sk `<job>#<sk>`. Those that former versions wrote are not, and are read by their keys
(gridwatch.aws.experiment_jobs). An ExperimentRecord is there while it is open: gsi2pk `experiments#open`, gsi2sk name.
All keys and attributes are strings; every item also has its record as JSON and `schema`, the version of this layout
(gridwatch.aws.table says how). The indexes project all attributes and are sparse: other items are in neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby, islice
from typing import Any

from gridwatch.aws.experiment_counts import Changed, ExperimentCounting
from gridwatch.aws.experiment_jobs import (
    JOB,
    REACTION,
    RULE,
    ExperimentJobs,
    known_job,
    known_jobs,
    place_in_experiment,
)
from gridwatch.aws.experiment_jobs import job_key as _job
from gridwatch.aws.record_reader import RecordReader, place_of
from gridwatch.aws.rule_state import RuleStateBucket
from gridwatch.aws.table import DocumentTable, Item, Put
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.deployments import DebuggerRefusal, EnlistedRecord, StoppingRecord
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold, SnapshotTurn, TrackingRecord, TuningRecord
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.regions import RegionsRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.codec import moment_text, to_json
from gridwatch.state.counting import (
    TrialChange,
    after_reaction,
    after_trials,
    changes_counts,
    nothing_counted,
    objective_of,
    saved_as_text,
    with_objective,
)
from gridwatch.state.job_records import JobRecords
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError, SavedEvaluation, TrialPlace
from gridwatch.state.unreadable import Noted, UnreadableRecordError, if_readable, unnoted
from gridwatch_rules.failures import NotFoundError, PermanentError
from gridwatch_rules.judgement.reported import ReportsRecord

SCHEMA = "1"
LARGEST_EVALUATION = 100 * 1024
_NEW = "attribute_not_exists(pk)"
_ADMITTED = "admitted#"
_DONE = "done"  # the lease of a finished reaction, which sorts after any time


class StateTable:
    """Implements `gridwatch.state.store.StateStore`. Raises gridwatch_rules.failures errors besides the contract's own.

    `rule_states` is the bucket for large evaluations; only functions that evaluate rules need it. `noted` is called for
    records that cannot be read: lists leave them out, and reading one raises UnreadableRecordError. Such records are
    never overwritten.
    """

    def __init__(
        self,
        name: str,
        rule_states: RuleStateBucket | None = None,
        dynamodb: Any = None,
        noted: Noted = unnoted,
    ) -> None:
        self._table = DocumentTable(name, dynamodb)
        self._noted = noted
        self._records = RecordReader(noted)
        self._counting = ExperimentCounting(self._table, self._records, SCHEMA)
        self._rule_states = rule_states

    def put_experiment(self, record: ExperimentRecord) -> ExperimentRecord | None:
        uploaded = moment_text(record.uploaded_at)
        item = _item(
            _experiment(record.name),
            "experiment",
            record,
            index=("experiments", moment_text(record.created_at)),
            second_index=("experiments#open", record.name) if record.final_states is None else None,
            uploaded_at=uploaded,
        )
        condition = f"{_NEW} OR uploaded_at <= :new"
        was_kept, replaced = self._table.exchange(item, condition=condition, values={":new": uploaded})
        if not was_kept:
            return record
        former = next(self._records.all(ExperimentRecord, [replaced] if replaced else []), None)
        self._count_from(record, former, is_new=replaced is None)
        return former

    def _count_from(self, record: ExperimentRecord, former: ExperimentRecord | None, *, is_new: bool) -> None:
        """Begin the counts of a new experiment, and go on with those of another when its objective is another."""
        if former is not None and objective_of(former) == objective_of(record):
            return
        for _ in Patience().tries():
            known = if_readable(partial(self.get_counts, record.name))
            counts = nothing_counted(record) if known is None else with_objective(known, record)
            if counts == known or (known is None and not is_new):
                return
            with suppress(ConflictError):
                self.save_counts(counts)
                return

    def get_counts(self, experiment: str) -> ExperimentCounts | None:
        return self._counting.get(experiment)

    def list_counts(self) -> Sequence[ExperimentCounts]:
        return list(self._counting.all())

    def save_counts(self, counts: ExperimentCounts) -> None:
        self._counting.save(counts)

    def get_experiment(self, name: str) -> ExperimentRecord | None:
        item = self._table.get(_experiment(name), "experiment")
        return self._records.one(ExperimentRecord, item) if item else None

    def list_experiments(self) -> Sequence[ExperimentRecord]:
        found = self._table.indexed("experiments", newest_first=True)
        return list(self._records.all(ExperimentRecord, found))

    def experiments_since(self, created_at: datetime | None) -> Iterator[ExperimentRecord]:
        before = moment_text(created_at - timedelta(microseconds=1)) if created_at else None
        return self._records.all(ExperimentRecord, self._table.indexed("experiments", after=before))

    def get_enlisted(self) -> EnlistedRecord | None:
        item = self._table.get("experiments", "enlisted")
        return self._records.one(EnlistedRecord, item) if item else None

    def put_enlisted(self, record: EnlistedRecord) -> None:
        self._table.put(_item("experiments", "enlisted", record))

    def open_experiments(self) -> Iterator[ExperimentRecord]:
        return self._records.all(ExperimentRecord, self._table.second_indexed("experiments#open"))

    def get_hold(self, experiment: str) -> LaunchHold | None:
        item = self._table.get(_experiment(experiment), "hold")
        return self._records.one(LaunchHold, item) if item else None

    def save_hold(self, hold: LaunchHold) -> LaunchHold:
        kept = replace(hold, version=hold.version + 1)
        item = _item(_experiment(hold.experiment), "hold", kept, version=str(kept.version))
        condition, values = ("version = :version", {":version": str(hold.version)}) if hold.version else (_NEW, {})
        if not self._table.put(item, condition=condition, values=values):
            raise ConflictError(f"what holds {hold.experiment} was changed meanwhile")
        return kept

    def get_turn(self, experiment: str) -> SnapshotTurn | None:
        item = self._table.get(_experiment(experiment), "snapshot")
        return self._records.one(SnapshotTurn, item) if item else None

    def save_turn(self, turn: SnapshotTurn) -> SnapshotTurn:
        kept = replace(turn, version=turn.version + 1)
        item = _item(_experiment(turn.experiment), "snapshot", kept, version=str(kept.version))
        condition, values = ("version = :version", {":version": str(turn.version)}) if turn.version else (_NEW, {})
        if not self._table.put(item, condition=condition, values=values):
            raise ConflictError(f"whose turn it is to write the tables of {turn.experiment} was changed meanwhile")
        return kept

    def get_tracking(self, experiment: str) -> TrackingRecord | None:
        item = self._table.get(_experiment(experiment), "tracking")
        return self._records.one(TrackingRecord, item) if item else None

    def save_tracking(self, record: TrackingRecord) -> TrackingRecord:
        kept = replace(record, version=record.version + 1)
        item = _item(_experiment(record.experiment), "tracking", kept, version=str(kept.version))
        condition, values = ("version = :version", {":version": str(record.version)}) if record.version else (_NEW, {})
        if not self._table.put(item, condition=condition, values=values):
            raise ConflictError(f"the tracking of {record.experiment} was changed meanwhile")
        return kept

    def add_trials(self, trials: Iterable[TrialRecord]) -> int:
        return sum(
            sum(self._put_trials([(None, trial) for trial in its]))
            for _, its in groupby(trials, key=lambda trial: trial.experiment)
        )

    def _put_trials(self, changes: Sequence[TrialChange]) -> list[bool]:
        """Put trials of one experiment together with its counts, and say of each whether it was put."""
        puts = [_trial_put(after, before) for before, after in changes]

        def changed(numbers: Sequence[int], counts: ExperimentCounts) -> ExperimentCounts:
            return after_trials(counts, (changes[number] for number in numbers))

        return self._counting.put_each(changes[0][1].experiment, puts, changed)

    def get_trial(self, experiment: str, trial_id: str) -> TrialRecord | None:
        item = self._table.get(_experiment(experiment), f"trial#{trial_id}")
        return self._records.one(TrialRecord, item) if item else None

    def get_trials(self, places: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], TrialRecord]:
        items = self._table.get_many((_experiment(name), f"trial#{trial_id}") for name, trial_id in places)
        return {(each.experiment, each.trial_id): each for each in self._records.all(TrialRecord, items)}

    def list_trials(self, experiment: str) -> Sequence[TrialRecord]:
        found = self._table.below(_experiment(experiment), "trial#")
        return sorted(self._records.all(TrialRecord, found), key=lambda trial: trial.index)

    def update_trial(self, trial: TrialRecord, *, expected: TrialRecord) -> None:
        put = _trial_put(trial, expected)
        if changes_counts(expected, trial):
            (kept,) = self._put_trials([(expected, trial)])
        else:
            kept = self._table.put(put.item, condition=put.condition, values=put.values)
        if not kept:
            raise ConflictError(f"trial {trial.trial_id} of {trial.experiment} was changed meanwhile")

    def update_trials(self, changes: Sequence[tuple[TrialRecord, TrialRecord]]) -> Sequence[TrialRecord]:
        kept = []
        for is_counted, its in groupby(sorted(changes, key=_counted_with), key=_counted_with):
            some = list(its)
            puts = [_trial_put(after, before) for before, after in some]
            done = self._put_trials(some) if is_counted else self._table.put_each(puts)
            kept += [after for (_, after), is_kept in zip(some, done, strict=True) if is_kept]
        return kept

    def trials_in(
        self, state: TrialState, *, limit: int | None = None, after: TrialPlace | None = None
    ) -> Sequence[TrialRecord]:
        found = self._table.indexed(_trials_in(state), limit=limit, after=_place(after) if after else None)
        return list(islice(self._in_place(found), limit))

    def _in_place(self, items: Iterable[Item]) -> Iterator[TrialRecord]:
        """The trials whose place in the index agrees with their records: the next page begins behind such a place."""
        for item in items:
            for trial in self._records.all(TrialRecord, [item]):
                if TrialPlace.of(trial).is_possible and item.index == _trial_item(trial).index:
                    yield trial
                else:
                    self._noted(UnreadableRecordError(place_of(item), "it says another place than the index has"))

    def add_tuning(self, record: TuningRecord) -> bool:
        return self._table.put(_tuning_item(record), condition=_NEW)

    def get_tuning(self, experiment: str, name: str) -> TuningRecord | None:
        item = self._table.get(_experiment(experiment), f"tuning#{name}")
        return self._records.one(TuningRecord, item) if item else None

    def list_tunings(self, experiment: str) -> Sequence[TuningRecord]:
        found = self._table.below(_experiment(experiment), "tuning#")
        return sorted(self._records.all(TuningRecord, found), key=lambda record: (record.created_at, record.name))

    def update_tuning(self, record: TuningRecord, *, expected: TuningRecord) -> None:
        values = {":expected": moment_text(expected.updated_at)}
        if not self._table.put(_tuning_item(record), condition="updated_at = :expected", values=values):
            raise ConflictError(f"tuning job {record.name} was changed meanwhile")

    def tunings_in(self, state: TrialState) -> Sequence[TuningRecord]:
        return list(self._records.all(TuningRecord, self._table.indexed(f"tunings#{state.value}")))

    def put_job(self, job: JobRecord) -> None:
        index = ("jobs#managed", job.job_name) if job.managed_rules else None
        # What a former version recorded stays as it is: rules and reactions that the index does not have belong to it.
        under = place_in_experiment(job.experiment, job.job_name, JOB) if job.listed else None
        self._table.put(_item(_job(job.job_name), JOB, job, index=index, second_index=under))

    def get_job(self, job_name: str) -> JobRecord | None:
        item = self._table.get(_job(job_name), JOB)
        return known_job(self._records, item) if item else None

    def get_jobs(self, job_names: Iterable[str]) -> Mapping[str, JobRecord | None]:
        items = self._table.get_many((_job(name), JOB) for name in job_names)
        return {item.pk.removeprefix(_job("")): next(known_jobs(self._records, [item]), None) for item in items}

    def records_of_jobs(self, experiment: str, job_names: Iterable[str]) -> Mapping[str, JobRecords]:
        return ExperimentJobs(self._table, self._records).read(experiment, job_names)

    def managed_jobs(self) -> Sequence[JobRecord]:
        return list(known_jobs(self._records, self._table.indexed("jobs#managed")))

    def close_managed_job(self, job_name: str) -> None:
        self._table.unindex(_job(job_name), JOB)

    def load_evaluation(self, job_name: str) -> SavedEvaluation:
        item = self._table.get(_job(job_name), "evaluation")
        if item is None:
            return SavedEvaluation(None, 0)
        version = self._records.number(item, "version")
        try:
            return SavedEvaluation(self._evaluation(item), version)
        except UnreadableRecordError as error:
            # A job is judged by its tensors alone: without what was saved it is judged from its first step again.
            self._noted(error)
            return SavedEvaluation({}, version)

    def save_evaluation(self, job_name: str, document: Mapping[str, Any], *, version: int) -> None:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        attributes = {"version": str(version + 1), "schema": SCHEMA}
        if len(text.encode()) > LARGEST_EVALUATION:
            attributes["stored_at"] = self._large_states().put(job_name, version + 1, text)
            text = "{}"
        item = Item(pk=_job(job_name), sk="evaluation", document=text, attributes=attributes)
        condition, values = ("version = :version", {":version": str(version)}) if version else (_NEW, {})
        if not self._table.put(item, condition=condition, values=values):
            raise ConflictError(f"the evaluation of {job_name} was saved meanwhile")

    def put_rule_evaluation(self, record: RuleEvaluationRecord) -> None:
        updated = moment_text(record.updated_at)
        index = ("findings#open", updated) if record.needs_reaction else None
        sk = f"{RULE}{record.rule_name}"
        experiment = record.experiment or self._experiment_of(record.job_name)
        under = place_in_experiment(experiment, record.job_name, sk) if experiment else None
        item = _item(_job(record.job_name), sk, record, index=index, second_index=under, updated_at=updated)
        self._table.put(item, condition=f"{_NEW} OR updated_at <= :new", values={":new": updated})

    def open_findings(self) -> Sequence[RuleEvaluationRecord]:
        return list(self._records.all(RuleEvaluationRecord, self._table.indexed("findings#open")))

    def close_finding(self, job_name: str, rule_name: str) -> None:
        self._table.unindex(_job(job_name), f"{RULE}{rule_name}")

    def list_rule_evaluations(self, job_name: str) -> Sequence[RuleEvaluationRecord]:
        return list(self._records.all(RuleEvaluationRecord, self._table.below(_job(job_name), RULE)))

    def put_current(self, record: CurrentRecord) -> None:
        item = _item(
            _experiment(record.experiment),
            f"current#{record.trial_id}",
            record,
            job_name=record.job_name,
            points=record.rank,
        )
        condition = f"{_NEW} OR job_name <> :job OR points <= :points"
        values = {":job": record.job_name, ":points": record.rank}
        self._table.put(item, condition=condition, values=values)

    def list_current(self, experiment: str) -> Sequence[CurrentRecord]:
        found = self._table.below(_experiment(experiment), "current#")
        return list(self._records.all(CurrentRecord, found))

    def get_regions(self, experiment: str) -> RegionsRecord | None:
        item = self._table.get(_experiment(experiment), "regions")
        return self._records.one(RegionsRecord, item) if item else None

    def save_regions(self, record: RegionsRecord) -> None:
        kept = replace(record, version=record.version + 1)
        item = _item(_experiment(record.experiment), "regions", kept, version=str(kept.version))
        condition, values = ("version = :version", {":version": str(record.version)}) if record.version else (_NEW, {})
        if not self._table.put(item, condition=condition, values=values):
            raise ConflictError(f"the regions of {record.experiment} were changed meanwhile")

    def add_reports(self, record: ReportsRecord) -> None:
        if not self._table.put(_item(_reports(record.log), _number(record.number), record), condition=_NEW):
            raise ConflictError(f"entry {record.number} of {record.log} is there already")

    def reports_after(self, log: str, number: int) -> Sequence[ReportsRecord]:
        found = self._table.after(_reports(log), _number(number))
        return [self._entry(log, item) for item in found]

    def leave_reports(self, record: ReportsRecord) -> None:
        self._table.put(_item(f"left#{record.log}", f"{_number(record.number)}#{record.trial}", record))

    def left_reports(self, log: str, number: int) -> Sequence[ReportsRecord]:
        found = self._table.after(f"left#{log}", _number(number + 1))
        return list(self._records.all(ReportsRecord, found))

    def claim_stop(self, job_name: str, rule_name: str) -> str:
        attributes = {"rule": rule_name, "schema": SCHEMA}
        item = Item(pk=_job(job_name), sk="stop", document="{}", attributes=attributes)
        if self._table.put(item, condition=_NEW):
            return rule_name
        return self._records.attribute(self._existing(item), "rule")

    def claim_reaction(self, record: ReactionRecord, *, until: datetime) -> ReactionRecord:
        item = _reaction_item(record, leased_until=moment_text(until))
        if self._table.put(item, condition=_NEW):
            return record
        return self._records.one(ReactionRecord, self._existing(item))

    def lease_reaction(self, record: ReactionRecord, *, now: datetime, until: datetime) -> bool:
        seen = self._records.attribute(self._existing(_reaction_item(record)), "leased_until")
        if seen > moment_text(now):
            return False
        leased = _reaction_item(record, leased_until=moment_text(until))
        # Carrying it out ends the lease, so one that is as it was read also says that nobody has done it meanwhile.
        return self._table.put(leased, condition="leased_until = :seen", values={":seen": seen})

    def keep_reaction(self, record: ReactionRecord, *, until: datetime) -> None:
        item = _reaction_item(record, leased_until=moment_text(until))
        self._table.put(item, condition="leased_until <> :done", values={":done": _DONE})

    def finish_reaction(self, record: ReactionRecord) -> None:
        self.finish_reactions([record])

    def finish_reactions(self, records: Sequence[ReactionRecord]) -> None:
        left = list(records)
        for _ in Patience().tries():
            left = self._finished(left)
            if not left:
                return
        raise ConflictError(f"the reaction to {left[0].rule_name} of {left[0].job_name} is written to all the time")

    def _finished(self, records: Sequence[ReactionRecord]) -> list[ReactionRecord]:
        """Finish reactions as they are stored now; returns those that somebody else wrote meanwhile."""
        items = [_reaction_item(record) for record in records]
        stored = {(item.pk, item.sk): item for item in self._table.get_many((item.pk, item.sk) for item in items)}
        changes, puts, uncounted = [], [], []
        for record, item in zip(records, items, strict=True):
            known = stored.get((item.pk, item.sk))
            before = next(self._records.all(ReactionRecord, [known] if known else []), None)
            if saved_as_text(record) == (saved_as_text(before) if before else ""):
                uncounted.append(Put(item))
                continue
            seen = known.attributes.get("saved") if known else None
            condition, values = ("saved = :seen", {":seen": seen}) if seen else ("attribute_not_exists(saved)", {})
            changes.append((before, record))
            puts.append(Put(item, condition, values))
        self._put_uncounted(uncounted)
        done = self._counting.put_each(records[0].experiment, puts, _counting(changes)) if puts else ()
        return [record for (_, record), is_done in zip(changes, done, strict=True) if not is_done]

    def _put_uncounted(self, puts: Sequence[Put]) -> None:
        if len(puts) == 1:
            self._table.put(puts[0].item)  # half the price of a transaction
        else:
            self._table.put_each(puts)

    def list_reactions(self, job_name: str) -> Sequence[ReactionRecord]:
        return list(self._records.all(ReactionRecord, self._table.below(_job(job_name), REACTION)))

    def get_stopping(self) -> StoppingRecord | None:
        item = self._table.get("stopping", "stopping")
        return self._records.one(StoppingRecord, item) if item else None

    def put_stopping(self, record: StoppingRecord) -> None:
        self._table.put(_item("stopping", "stopping", record))

    def get_debugger_refusal(self) -> DebuggerRefusal | None:
        item = self._table.get("debugger", "refusal")
        return self._records.one(DebuggerRefusal, item) if item else None

    def put_debugger_refusal(self, record: DebuggerRefusal) -> None:
        self._table.put(_item("debugger", "refusal", record))

    def add_alert(self, alert: AlertRecord) -> AlertRecord:
        item = _alert_item(alert)
        if self._table.put(item, condition=_NEW):
            return alert
        return self._records.one(AlertRecord, self._existing(item))

    def get_alert(self, alert_id: str) -> AlertRecord | None:
        item = self._table.get(f"alert#{alert_id}", "alert")
        return self._records.one(AlertRecord, item) if item else None

    def get_alerts(self, alert_ids: Iterable[str]) -> Sequence[AlertRecord]:
        keys = [(f"alert#{alert_id}", "alert") for alert_id in alert_ids]
        found = {item.pk: item for item in self._table.get_many(keys)}
        return list(self._records.all(AlertRecord, (found[pk] for pk, _ in keys if pk in found)))

    def lease_alert(self, alert_id: str, *, now: datetime, until: datetime) -> AlertRecord | None:
        item = self._table.get(f"alert#{alert_id}", "alert")
        if item is None:
            return None
        alert, seen = self._records.one(AlertRecord, item), self._records.attribute(item, "leased_until")
        if alert.is_settled or seen > moment_text(now):
            return None
        leased = _alert_item(alert, leased_until=moment_text(until))
        # Sending ends the lease, so one that is as it was read also says that nobody has sent it meanwhile.
        return alert if self._table.put(leased, condition="leased_until = :seen", values={":seen": seen}) else None

    def keep_leased(self, alert: AlertRecord, *, until: datetime) -> None:
        self._table.put(_alert_item(alert, leased_until=moment_text(until)))

    def mark_sent(self, alert: AlertRecord) -> None:
        self._table.put(_alert_item(alert))

    def mark_all_sent(self, alerts: Sequence[AlertRecord]) -> None:
        self._table.put_each([Put(_alert_item(alert), "attribute_exists(pk)") for alert in alerts])

    def unsent_alerts(self) -> Sequence[AlertRecord]:
        return list(self._records.all(AlertRecord, self._table.indexed("alerts#unsent")))

    def get_gate(self, gate_id: str) -> AlertGate | None:
        item = self._table.get(_gate(gate_id), "gate")
        return self._records.one(AlertGate, item) if item else None

    def save_gate(self, gate: AlertGate) -> AlertGate:
        kept = replace(gate, version=gate.version + 1)
        put = _gate_put(gate, kept)
        if not self._table.put(put.item, condition=put.condition, values=put.values):
            raise ConflictError(f"the gate {gate.gate_id} was changed meanwhile")
        return kept

    def admit_alert(self, gate: AlertGate, alert_id: str) -> AlertGate:
        kept = replace(gate, version=gate.version + 1)
        place = _admission(gate, alert_id)
        note = Item(pk=_gate(gate.gate_id), sk=place, document="{}", attributes={"schema": SCHEMA})
        if not self._table.put_together([_gate_put(gate, kept), Put(note)]):
            raise ConflictError(f"the gate {gate.gate_id} was changed meanwhile")
        return kept

    def is_admitted(self, gate: AlertGate, alert_id: str) -> bool:
        return self._table.get(_gate(gate.gate_id), _admission(gate, alert_id)) is not None

    def admitted(self, gate_id: str) -> Sequence[tuple[datetime, str]]:
        places = (item.sk.split("#", 2) for item in self._table.below(_gate(gate_id), _ADMITTED))
        return [(datetime.fromisoformat(opened_at), alert_id) for _, opened_at, alert_id in places]

    def untold_gates(self) -> Sequence[AlertGate]:
        return list(self._records.all(AlertGate, self._table.indexed("gates#untold")))

    def _experiment_of(self, job_name: str) -> str | None:
        """The experiment of a job, for records that do not name it themselves."""
        job = if_readable(lambda: self.get_job(job_name))
        return job.experiment if job else None

    def _existing(self, item: Item) -> Item:
        kept = self._table.get(item.pk, item.sk)
        if kept is None:  # only expiry or a person's hand removes items
            raise ConflictError(f"{item.pk} {item.sk} was removed meanwhile")
        return kept

    def _entry(self, log: str, item: Item) -> ReportsRecord:
        """An entry of a log. One that cannot be read is empty but keeps its number, as the later ones do."""
        try:
            return self._records.one(ReportsRecord, item)
        except UnreadableRecordError:
            return ReportsRecord(log=log, number=int(item.sk), trial="")

    def _evaluation(self, item: Item) -> Mapping[str, Any]:
        """The saved evaluation. Raises UnreadableRecordError when it is no JSON object or no longer there."""
        stored_at = item.attributes.get("stored_at")
        try:
            found = json.loads(self._large_states().get(stored_at) if stored_at else item.document)
        except (ValueError, RecursionError, NotFoundError) as error:
            raise UnreadableRecordError(place_of(item), item.flaw or str(error)) from error
        if not isinstance(found, dict):
            raise UnreadableRecordError(place_of(item), "it is no JSON object")
        return found

    def _large_states(self) -> RuleStateBucket:
        if self._rule_states is None:
            raise PermanentError("an evaluation over 100 kB lies in S3, and this function was given no bucket for it")
        return self._rule_states


def _experiment(name: str) -> str:
    return f"experiment#{name}"


def _reports(log: str) -> str:
    return f"reports#{log}"


def _number(number: int) -> str:
    return f"{number:010d}"


def _trials_in(state: TrialState) -> str:
    return f"trials#{state.value}"


def _item(
    pk: str,
    sk: str,
    record: object,
    *,
    index: tuple[str, str] | None = None,
    second_index: tuple[str, str] | None = None,
    **attributes: str,
) -> Item:
    return Item(
        pk=pk,
        sk=sk,
        document=to_json(record),
        attributes=attributes | {"schema": SCHEMA},
        index=index,
        second_index=second_index,
    )


def _place(place: TrialPlace) -> str:
    """Text that sorts as trials do in the index: by descending priority. Ten digits hold every priority that people
    use.
    """
    order = f"{5_000_000_000 - place.priority:010d}"
    return f"{order}#{moment_text(place.created_at)}#{place.experiment}#{place.index:09d}"


def _trial_item(trial: TrialRecord) -> Item:
    return _item(
        _experiment(trial.experiment),
        f"trial#{trial.trial_id}",
        trial,
        index=(_trials_in(trial.state), _place(TrialPlace.of(trial))),
        updated_at=moment_text(trial.updated_at),
    )


def _counting(changes: Sequence[tuple[ReactionRecord | None, ReactionRecord]]) -> Changed:
    def changed(numbers: Sequence[int], counts: ExperimentCounts) -> ExperimentCounts:
        for number in numbers:
            counts = after_reaction(counts, *changes[number])
        return counts

    return changed


def _counted_with(change: tuple[TrialRecord, TrialRecord]) -> str:
    """The experiment whose counts the change is written with; empty when they stay as they are."""
    return change[1].experiment if changes_counts(*change) else ""


def _trial_put(trial: TrialRecord, expected: TrialRecord | None) -> Put:
    if expected is None:
        return Put(_trial_item(trial), _NEW)
    return Put(_trial_item(trial), "updated_at = :expected", {":expected": moment_text(expected.updated_at)})


def _gate(gate_id: str) -> str:
    return f"gate#{gate_id}"


def _gate_put(gate: AlertGate, kept: AlertGate) -> Put:
    untold = ("gates#untold", moment_text(gate.closes_at)) if gate.collected and not gate.told else None
    item = _item(_gate(gate.gate_id), "gate", kept, index=untold, version=str(kept.version))
    return Put(item, "version = :version", {":version": str(gate.version)}) if gate.version else Put(item, _NEW)


def _admission(gate: AlertGate, alert_id: str) -> str:
    return f"{_ADMITTED}{moment_text(gate.opened_at)}#{alert_id}"


def _tuning_item(record: TuningRecord) -> Item:
    return _item(
        _experiment(record.experiment),
        f"tuning#{record.name}",
        record,
        index=(f"tunings#{record.state.value}", f"{moment_text(record.created_at)}#{record.name}"),
        updated_at=moment_text(record.updated_at),
    )


def _reaction_item(record: ReactionRecord, leased_until: str = "") -> Item:
    """The item of a reaction. After the last lease its value sorts after any time."""
    lease = _DONE if record.carried_out_at is not None else leased_until
    sk = f"{REACTION}{record.rule_name}"
    under = place_in_experiment(record.experiment, record.job_name, sk)
    saved = saved_as_text(record)
    item = _item(_job(record.job_name), sk, record, second_index=under, leased_until=lease)
    return replace(item, attributes={**item.attributes, "saved": saved}) if saved else item


def _alert_item(alert: AlertRecord, leased_until: str = "") -> Item:
    """The item of an alert. Its lease is empty before the first attempt and "sent" after the last."""
    unsent = None if alert.is_settled else ("alerts#unsent", moment_text(alert.created_at))
    lease = "sent" if alert.is_settled else leased_until
    return _item(f"alert#{alert.alert_id}", "alert", alert, index=unsent, leased_until=lease)
