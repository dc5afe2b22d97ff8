"""The state store on one DynamoDB table.

| record | pk | sk | index `gsi1` |
| --- | --- | --- | --- |
| experiment | EXPERIMENT#name | EXPERIMENT | EXPERIMENTS, by creation |
| trial | EXPERIMENT#name | TRIAL#id | TRIALS#state, by priority, creation, index |
| job | JOB#name | JOB | |
| saved evaluation | JOB#name | EVALUATION | |
| rule evaluation | JOB#name | RULE#rule | |
| reaction | JOB#name | REACTION#rule | |
| alert | ALERT#id | ALERT | ALERTS#unsent until it is sent, by creation |
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Protocol, TypeVar

from gridwatch.aws.table_items import Item, TableItems
from gridwatch.state.codec import decode, encode
from gridwatch.state.records import (
    AlertRecord,
    ExperimentRecord,
    JobRecord,
    ReactionRecord,
    RuleEvaluationRecord,
    TrialRecord,
    TrialState,
)
from gridwatch.state.store import ConflictError, SavedEvaluation

R = TypeVar("R")

_THREADS = 10  # botocore's connection pool holds as many
_HIGHEST_PRIORITY = 99_999
_LONGEST_STATE = 100_000  # bytes of a saved evaluation in the table; a longer one is an object of its own
_NEW = "attribute_not_exists(pk)"


class StateObjects(Protocol):
    """Where saved evaluations go that are too long for the table."""

    def put(self, job_name: str, version: int, document: str) -> str:
        """Keep it; the key under which `get` finds it again."""
        ...

    def get(self, key: str) -> str: ...


class StateTable:
    """Implements `gridwatch.state.store.StateStore`. Only who saves evaluations needs `objects`."""

    def __init__(self, table: str, *, objects: StateObjects | None = None, dynamodb: Any = None) -> None:
        self._items = TableItems(table, dynamodb)
        self._objects = objects

    def put_experiment(self, record: ExperimentRecord) -> bool:
        stamp = record.uploaded_at.isoformat(timespec="microseconds")
        item = Item(
            pk=f"EXPERIMENT#{record.name}",
            sk="EXPERIMENT",
            body=encode(record),
            stamp=stamp,
            index=("EXPERIMENTS", f"{record.created_at.isoformat(timespec='microseconds')}#{record.name}"),
        )
        return self._items.put(item, condition=f"{_NEW} OR stamp <= :stamp", values={":stamp": stamp})

    def get_experiment(self, name: str) -> ExperimentRecord | None:
        return self._get(ExperimentRecord, f"EXPERIMENT#{name}", "EXPERIMENT")

    def list_experiments(self) -> Sequence[ExperimentRecord]:
        return [decode(ExperimentRecord, item.body) for item in self._items.indexed("EXPERIMENTS", newest_first=True)]

    def add_trials(self, trials: Iterable[TrialRecord]) -> int:
        # One conditional write each: a batch write knows no conditions and would undo what a launcher did meanwhile.
        with ThreadPoolExecutor(_THREADS) as pool:
            return sum(pool.map(lambda trial: self._items.put(_trial_item(trial), condition=_NEW), trials))

    def get_trial(self, experiment: str, trial_id: str) -> TrialRecord | None:
        return self._get(TrialRecord, f"EXPERIMENT#{experiment}", f"TRIAL#{trial_id}")

    def list_trials(self, experiment: str) -> Sequence[TrialRecord]:
        found = self._items.below(f"EXPERIMENT#{experiment}", "TRIAL#")
        return sorted((decode(TrialRecord, item.body) for item in found), key=lambda trial: trial.index)

    def update_trial(self, trial: TrialRecord, *, expected: TrialRecord) -> None:
        stamp = _trial_item(expected).stamp
        if not self._items.put(_trial_item(trial), condition="stamp = :stamp", values={":stamp": stamp}):
            raise ConflictError(f"trial {trial.trial_id} of {trial.experiment} was changed meanwhile")

    def trials_in(self, state: TrialState, *, limit: int | None = None) -> Sequence[TrialRecord]:
        found = self._items.indexed(f"TRIALS#{state}", limit=limit)
        return [decode(TrialRecord, item.body) for item in islice(found, limit)]

    def put_job(self, job: JobRecord) -> None:
        self._items.put(Item(pk=f"JOB#{job.job_name}", sk="JOB", body=encode(job), stamp=""))

    def get_job(self, job_name: str) -> JobRecord | None:
        return self._get(JobRecord, f"JOB#{job_name}", "JOB")

    def load_evaluation(self, job_name: str) -> SavedEvaluation:
        item = self._items.get(f"JOB#{job_name}", "EVALUATION")
        if item is None:
            return SavedEvaluation(None, 0)
        saved = json.loads(item.body)
        if "object" in saved:
            saved["document"] = json.loads(self._state_objects.get(saved["object"]))
        return SavedEvaluation(saved["document"], int(item.stamp))

    def save_evaluation(self, job_name: str, document: Mapping[str, Any], *, version: int) -> None:
        text = json.dumps(document, separators=(",", ":"))
        if len(text) > _LONGEST_STATE:
            body = json.dumps({"object": self._state_objects.put(job_name, version + 1, text)})
        else:
            body = f'{{"document":{text}}}'
        item = Item(pk=f"JOB#{job_name}", sk="EVALUATION", body=body, stamp=str(version + 1))
        condition = "stamp = :stamp" if version else _NEW
        if not self._items.put(item, condition=condition, values={":stamp": str(version)} if version else None):
            raise ConflictError(f"the evaluation of {job_name} was saved meanwhile")

    def put_rule_evaluation(self, record: RuleEvaluationRecord) -> None:
        item = Item(
            pk=f"JOB#{record.job_name}",
            sk=f"RULE#{record.rule_name}",
            body=encode(record),
            stamp=record.updated_at.isoformat(timespec="microseconds"),
        )
        self._items.put(item, condition=f"{_NEW} OR stamp <= :stamp", values={":stamp": item.stamp})

    def list_rule_evaluations(self, job_name: str) -> Sequence[RuleEvaluationRecord]:
        return self._of_job(RuleEvaluationRecord, job_name, "RULE#")

    def claim_reaction(self, record: ReactionRecord) -> ReactionRecord:
        if self._items.put(_reaction_item(record), condition=_NEW):
            return record
        kept = self._get(ReactionRecord, f"JOB#{record.job_name}", f"REACTION#{record.rule_name}")
        return kept or record

    def finish_reaction(self, record: ReactionRecord) -> None:
        self._items.put(_reaction_item(record))

    def list_reactions(self, job_name: str) -> Sequence[ReactionRecord]:
        return self._of_job(ReactionRecord, job_name, "REACTION#")

    def add_alert(self, alert: AlertRecord) -> AlertRecord:
        if self._items.put(_alert_item(alert), condition=_NEW):
            return alert
        return self.get_alert(alert.alert_id) or alert

    def get_alert(self, alert_id: str) -> AlertRecord | None:
        return self._get(AlertRecord, f"ALERT#{alert_id}", "ALERT")

    def mark_sent(self, alert: AlertRecord) -> None:
        self._items.put(_alert_item(alert))

    def unsent_alerts(self) -> Sequence[AlertRecord]:
        return [decode(AlertRecord, item.body) for item in self._items.indexed("ALERTS#unsent")]

    def _get(self, kind: type[R], pk: str, sk: str) -> R | None:
        item = self._items.get(pk, sk)
        return decode(kind, item.body) if item else None

    def _of_job(self, kind: type[R], job_name: str, prefix: str) -> list[R]:
        return [decode(kind, item.body) for item in self._items.below(f"JOB#{job_name}", prefix)]

    @property
    def _state_objects(self) -> StateObjects:
        if self._objects is None:
            raise RuntimeError("this store was made without a place for evaluations that are too long for the table")
        return self._objects


def _trial_item(trial: TrialRecord) -> Item:
    created = trial.created_at.isoformat(timespec="microseconds")
    order = f"{_HIGHEST_PRIORITY - trial.priority:06d}#{created}#{trial.index:06d}#{trial.experiment}#{trial.trial_id}"
    return Item(
        pk=f"EXPERIMENT#{trial.experiment}",
        sk=f"TRIAL#{trial.trial_id}",
        body=encode(trial),
        stamp=trial.updated_at.isoformat(timespec="microseconds"),
        index=(f"TRIALS#{trial.state}", order),
    )


def _reaction_item(record: ReactionRecord) -> Item:
    return Item(pk=f"JOB#{record.job_name}", sk=f"REACTION#{record.rule_name}", body=encode(record), stamp="")


def _alert_item(alert: AlertRecord) -> Item:
    unsent = ("ALERTS#unsent", f"{alert.created_at.isoformat(timespec='microseconds')}#{alert.alert_id}")
    return Item(
        pk=f"ALERT#{alert.alert_id}",
        sk="ALERT",
        body=encode(alert),
        stamp="",
        index=None if alert.sent_at else unsent,
    )
