"""The one writer of what rules have come to: on the bus, and on record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.events.rule_status import DETAIL_TYPE, EventBus, status_change_detail
from gridwatch.state.store import EvaluationStore, StateStore
from gridwatch.state.unreadable import Isolation, if_readable
from gridwatch_rules.clock import Clock
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus

_MOMENT = timedelta(microseconds=1)


def record_statuses(store: EvaluationStore, job: JobRecord, changes: Iterable[StatusChange], *, now: datetime) -> None:
    """Keeps what rules of the job have come to: at their own times, and `now` where a change names none."""
    _put(store, (RuleEvaluationRecord.of(job.job_name, job.experiment, change, now=now) for change in changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleStatusPublisher:
    """Tells of statuses on the bus first, then keeps them, so that a call that dies in between is repeated."""

    store: StateStore
    bus: EventBus
    clock: Clock

    def publish(self, job: JobRecord, changes: Sequence[StatusChange]) -> None:
        """All rules that Gridwatch evaluates as they stand, in one event; those of which nothing was recorded are told
        as in progress. Raises GridwatchError.
        """
        trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
        now = self.clock.now()
        known = {record.rule_name: record for record in self.store.list_rule_evaluations(job.job_name)}
        # In progress since the job began: whoever finds something meanwhile is later than that, and stays on record.
        # Later also by the wrong clock of a machine: what is on record was there before, and the trial before that.
        began = [trial.created_at, trial.started_at or trial.created_at] if trial else [now]
        since, verdict_at = began[-1], max(now, max(began) + _MOMENT)
        begun = [
            StatusChange(policy.name, RuleStatus.IN_PROGRESS, at=since)
            for policy in job.own_policies
            if policy.name not in known
        ]
        timed = [replace(each, at=_after(known.get(each.rule_name), verdict_at)) for each in changes]
        told = [RuleEvaluationRecord.of(job.job_name, job.experiment, change, now=now) for change in (*begun, *timed)]
        latest = known | {record.rule_name: record for record in told}
        standing = [latest[policy.name] for policy in job.own_policies]
        if told:
            self._send(job, trial.job_arn if trial else None, standing)
        _put(self.store, (record for record in standing if known.get(record.rule_name) != record))

    def publish_managed(self, job: JobRecord, job_arn: str, changes: Sequence[StatusChange], *, now: datetime) -> int:
        """What SageMaker's own rules have come to that is not on record; returns how many. Raises GridwatchError."""
        known = {record.rule_name: record.status for record in self.store.list_rule_evaluations(job.job_name)}
        records = [
            RuleEvaluationRecord.of(job.job_name, job.experiment, change, now=now)
            for change in changes
            if known.get(change.rule_name) != change.status
        ]
        if records:
            self._send(job, job_arn, records)
        _put(self.store, records)
        return len(records)

    def publish_again(
        self, found: Sequence[tuple[JobRecord, Sequence[RuleEvaluationRecord]]], isolation: Isolation
    ) -> None:
        """Publish, for each job, what is on record and nobody has reacted to; what a damaged record says of one job is
        noted in `isolation`. Raises GridwatchError.
        """
        trials = self.store.get_trials((job.experiment, job.trial_id) for job, _ in found)
        details = []
        for job, records in found:
            with isolation.each(job.job_name):
                trial = trials.get((job.experiment, job.trial_id))
                job_arn = trial.job_arn if trial else None
                detail = status_change_detail(job.job_name, job_arn, job.experiment, job.trial_id, records)
                json.dumps(detail, allow_nan=False)  # raises what no event can carry
                details.append(detail)
        self.bus.publish_all(DETAIL_TYPE, details)

    def _send(self, job: JobRecord, job_arn: str | None, records: Sequence[RuleEvaluationRecord]) -> None:
        detail = status_change_detail(job.job_name, job_arn, job.experiment, job.trial_id, records)
        self.bus.publish(DETAIL_TYPE, detail)


def _put(store: EvaluationStore, records: Iterable[RuleEvaluationRecord]) -> None:
    for record in records:
        store.put_rule_evaluation(record)


def _after(known: RuleEvaluationRecord | None, now: datetime) -> datetime:
    return max(now, known.updated_at) if known else now
