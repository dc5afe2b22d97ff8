"""Putting the statuses of a job's rules on the bus and on record: the same for whoever evaluates rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RuleEvaluationRecord, RulePolicy
from gridwatch.events.rule_status import DETAIL_TYPE, EventBus, status_change_detail
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch_rules.clock import Clock
from gridwatch_rules.status import RuleStatus

_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class News:
    """What a rule of a job has come to; `finding` as a document."""

    rule_name: str
    status: RuleStatus
    details: str = ""
    finding: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    store: StateStore
    bus: EventBus
    clock: Clock

    def tell(self, job: JobRecord, news: Sequence[News]) -> None:
        """All rules that Gridwatch evaluates as they stand, in one event; those of which nothing was recorded are told
        as in progress.

        On the bus first, then on record, so that a call that dies in between is repeated. Raises GridwatchError.
        """
        trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
        now = self.clock.now()
        known = {record.rule_name: record for record in self.store.list_rule_evaluations(job.job_name)}
        # In progress since the job began: whoever finds something meanwhile is later than that, and stays on record.
        # Later also by the wrong clock of a machine: what is on record was there before, and the trial before that.
        began = [trial.created_at, trial.started_at or trial.created_at] if trial else [now]
        since, verdict_at = began[-1], max(now, max(began) + _MOMENT)
        begun = [_in_progress(job, policy, since) for policy in job.own_policies if policy.name not in known]
        changed = [_record(job, each, _after(known.get(each.rule_name), verdict_at)) for each in news]
        latest = known | {record.rule_name: record for record in (*begun, *changed)}
        standing = [latest[policy.name] for policy in job.own_policies]
        if changed or begun:
            arn = trial.job_arn if trial else None
            detail = status_change_detail(job.job_name, arn, job.experiment, job.trial_id, standing)
            self.bus.publish(DETAIL_TYPE, detail)
        for record in standing:
            if known.get(record.rule_name) != record:
                self.store.put_rule_evaluation(record)


def _after(known: RuleEvaluationRecord | None, now: datetime) -> datetime:
    return max(now, known.updated_at) if known else now


def _record(job: JobRecord, news: News, now: datetime) -> RuleEvaluationRecord:
    return RuleEvaluationRecord(
        job_name=job.job_name,
        rule_name=news.rule_name,
        status=news.status,
        details=news.details or None,
        finding=news.finding,
        updated_at=now,
        experiment=job.experiment,
    )


def _in_progress(job: JobRecord, policy: RulePolicy, since: datetime) -> RuleEvaluationRecord:
    return RuleEvaluationRecord(
        job_name=job.job_name,
        rule_name=policy.name,
        status=RuleStatus.IN_PROGRESS,
        details=None,
        finding=None,
        updated_at=since,
        experiment=job.experiment,
    )
