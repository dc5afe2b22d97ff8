"""Evaluate one job's rules on what is new, and tell what changed.

Two calls for one job at once: both read the state under a version, both evaluate, and of the two saves one is refused;
that call reads again and goes on from there, so that no step is lost or judged twice.

What changed is put on the bus and recorded before the state is saved. Were it saved first, a call that dies in between
would leave a finding that nobody ever hears of, because the next call sees nothing change. So a finding may be told
twice, which `react_to_finding` expects; and both tell the same, because a verdict is a function of the values recorded
before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from evaluate_rules.recording import LogRecorder
from gridwatch.clock import Clock
from gridwatch.events.rule_status import DETAIL_TYPE, EventBus, status_change_detail
from gridwatch.rules.curve import curve_to
from gridwatch.rules.errors import RuleConfigurationError
from gridwatch.rules.evaluation import Evaluation, RuleConfiguration, RuleStatusChange
from gridwatch.rules.finding import Finding
from gridwatch.state.records import JobRecord, RuleEvaluationRecord, RulePolicy
from gridwatch.state.store import ConflictError, SavedEvaluation, StateStore
from gridwatch.tensors.reader import TensorReader
from gridwatch.tensors.source import TensorSource
from gridwatch.verdicts.status import RuleStatus

MAX_CONFLICTS = 20


class Outcome(StrEnum):
    FOREIGN = "foreign"  # not a job of ours
    NO_RULES = "no rules"
    OVER = "over"  # every rule has its verdict
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What came of it: the last step judged, and the rules whose status changed with the step of their finding."""

    outcome: Outcome
    last_step: int = -1
    changes: tuple[RuleStatusChange, ...] = ()
    restarted: bool = False  # the saved state was of another version of Gridwatch: judged from the first step again


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    store: StateStore
    bus: EventBus
    open_tensors: Callable[[JobRecord], TensorSource]
    clock: Clock
    recorder: LogRecorder | None = None  # of jobs whose metrics are only in their log

    def evaluate(self, job_name: str, *, ended: bool) -> Evaluated:
        """Doing it again changes nothing. Raises GridwatchError, OSError or ConflictError: ask again later."""
        job = self.store.get_job(job_name)
        if job is None:
            # Records are written before jobs are created, so this is no job of ours that is merely new.
            return Evaluated(Outcome.FOREIGN)
        if not job.policies:
            return Evaluated(Outcome.NO_RULES)
        if job.log_metrics and self.recorder is not None:
            self.recorder.catch_up(job, ended=ended)
        reader: TensorReader | None = None
        for _ in range(MAX_CONFLICTS):
            saved = self.store.load_evaluation(job_name)
            evaluation, restarted = _restored(_sound(job.policies), saved)
            if saved.version and _is_over(evaluation):
                return Evaluated(Outcome.OVER, evaluation.last_step)
            # What a former round has read stays read.
            reader = reader or TensorReader(self.open_tensors(job))
            changes = tuple(evaluation.advance(reader, now=self.clock.now(), ended=ended))
            self._tell(job, changes, reader, first=saved.version == 0)
            document = evaluation.save()
            if _as_text(document) == _as_text(saved.document):
                return Evaluated(Outcome.UNCHANGED, evaluation.last_step)
            try:
                self.store.save_evaluation(job_name, document, version=saved.version)
            except ConflictError:
                continue
            outcome = Outcome.CHANGED if changes else Outcome.UNCHANGED
            return Evaluated(outcome, evaluation.last_step, changes, restarted)
        raise ConflictError(f"the evaluation of {job_name} is written to all the time")

    def _tell(self, job: JobRecord, changes: Sequence[RuleStatusChange], reader: TensorReader, *, first: bool) -> None:
        """Put what changed on the bus and on record; at the first call also what begins."""
        if not changes and not first:
            return
        trial = self.store.get_trial(job.experiment, job.trial_id)
        now = self.clock.now()
        news = [_record(job, change, reader, now) for change in changes]
        if first:
            news += [_failed(job, name, reason, now) for name, reason in _broken(job.policies).items()]
        known = {record.rule_name: record for record in self.store.list_rule_evaluations(job.job_name)}
        # In progress since the job began: whoever finds something meanwhile is later than that, and stays on record.
        since = (trial.started_at or trial.created_at) if trial else now
        begun = [_in_progress(job, policy, since) for policy in job.policies if policy.name not in known]
        latest = known | {record.rule_name: record for record in (*begun, *news)}
        standing = [latest[policy.name] for policy in job.policies]
        if news or begun:
            arn = trial.job_arn if trial else None
            detail = status_change_detail(job.job_name, arn, job.experiment, job.trial_id, standing)
            self.bus.publish(DETAIL_TYPE, detail)
        for record in standing:
            if known.get(record.rule_name) != record:
                self.store.put_rule_evaluation(record)


def _as_text(document: Mapping[str, Any] | None) -> str:
    """What is kept of it: tuples come back as lists."""
    return json.dumps(document, sort_keys=True)


def _restored(policies: Sequence[RulePolicy], saved: SavedEvaluation) -> tuple[Evaluation, bool]:
    """The evaluation as saved, and whether it had to begin anew."""
    configurations = [_configuration(policy) for policy in policies]
    if saved.document is None:
        return Evaluation.create(configurations), False
    try:
        return Evaluation.restore(configurations, saved.document), False
    except (ValueError, KeyError):
        # Saved by another version of the engine. The tensors are still there, and lead to the same verdicts.
        return Evaluation.create(configurations), True


def _sound(policies: Sequence[RulePolicy]) -> list[RulePolicy]:
    broken = _broken(policies)
    return [policy for policy in policies if policy.name not in broken]


def _broken(policies: Sequence[RulePolicy]) -> Mapping[str, str]:
    """Rules that cannot be created, with the reason. The spec was checked, so these came by a change of the catalogue;
    one of them must not keep the others from looking.
    """
    broken = {}
    for policy in policies:
        try:
            Evaluation.create([_configuration(policy)])
        except RuleConfigurationError as error:
            broken[policy.name] = f"RuleConfigurationError: {error}"
    return broken


def _configuration(policy: RulePolicy) -> RuleConfiguration:
    return RuleConfiguration(policy.name, policy.rule, policy.parameters)


def _is_over(evaluation: Evaluation) -> bool:
    return all(found.status.is_final for found in evaluation.statuses.values())


def _record(job: JobRecord, change: RuleStatusChange, reader: TensorReader, now: datetime) -> RuleEvaluationRecord:
    finding = _finding(change.finding, reader) if change.finding else None
    return RuleEvaluationRecord(
        job_name=job.job_name,
        rule_name=change.name,
        status=change.status,
        details=change.details or None,
        finding=finding,
        updated_at=now,
    )


def _finding(finding: Finding, reader: TensorReader) -> Mapping[str, Any]:
    curve = curve_to(finding, reader)
    return {**finding.as_json(), **({"curve": curve} if curve else {})}


def _failed(job: JobRecord, rule_name: str, reason: str, now: datetime) -> RuleEvaluationRecord:
    return RuleEvaluationRecord(
        job_name=job.job_name,
        rule_name=rule_name,
        status=RuleStatus.ERROR,
        details=reason,
        finding=None,
        updated_at=now,
    )


def _in_progress(job: JobRecord, policy: RulePolicy, since: datetime) -> RuleEvaluationRecord:
    return RuleEvaluationRecord(
        job_name=job.job_name,
        rule_name=policy.name,
        status=RuleStatus.IN_PROGRESS,
        details=None,
        finding=None,
        updated_at=since,
    )
