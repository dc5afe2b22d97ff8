"""Updates a trial's record from a description of its training job. Pure: events, answers and sweeps all end here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.trials import TrialRecord, TrialState, used_seconds
from gridwatch.grid.names import next_attempt_name

REMOVED = "its point is no longer in the spec"  # why a trial that waited was cancelled by an upload

_NO_CAPACITY = "CapacityError"  # how the failure reason begins
_STATES = {
    "InProgress": TrialState.RUNNING,
    "Stopping": TrialState.STOPPING,
    "Completed": TrialState.COMPLETED,
    "Failed": TrialState.FAILED,
    "Stopped": TrialState.STOPPED,
}
_PROGRESS = [TrialState.WAITING, TrialState.STARTING, TrialState.RUNNING, TrialState.STOPPING]


def state_of(status: str) -> TrialState | None:
    """The trial's state for a TrainingJobStatus; None for a status that says nothing about it (Deleting, or a
    new one).
    """
    return _STATES.get(status)


def is_terminal(status: str) -> bool:
    state = state_of(status)
    return state is not None and state.is_finished


def observed(trial: TrialRecord, job: JobDescription, now: datetime) -> TrialRecord | None:
    """The record after the news; None when the news is old, changes nothing, or is about another attempt."""
    state = state_of(job.status)
    if state is None or job.job_name != trial.job_name or _is_stale(trial, state, job):
        return None
    news = replace(
        trial,
        state=state,
        updated_at=now,
        job_arn=job.arn,
        status=job.status,
        secondary_status=job.secondary_status,
        status_at=job.modified_at,
        instance_type=job.instance_type or trial.instance_type,
        instance_count=job.instance_count or trial.instance_count,
        started_at=job.started_at or trial.started_at,
        ended_at=job.ended_at or trial.ended_at,
        billable_seconds=job.billable_seconds if job.billable_seconds is not None else trial.billable_seconds,
        final_metrics=dict(job.final_metrics) or trial.final_metrics,
        model_uri=(job.model_uri or trial.model_uri) if state.is_finished else trial.model_uri,
        reason=job.failure_reason or trial.reason,
    )
    return None if replace(news, updated_at=trial.updated_at) == trial else news


def lacked_capacity(trial: TrialRecord) -> bool:
    """Whether the job failed only because SageMaker had no machine for it, so nothing is wrong with the trial."""
    return trial.state is TrialState.FAILED and (trial.reason or "").startswith(_NO_CAPACITY)


def next_attempt(trial: TrialRecord, now: datetime, waits_until: datetime | None = None) -> TrialRecord:
    """The trial as it waits for another job under another name; all that stays of the former job is its failure reason
    and what it took.
    """
    return TrialRecord(
        experiment=trial.experiment,
        trial_id=trial.trial_id,
        index=trial.index,
        attempt=trial.attempt + 1,
        state=TrialState.WAITING,
        job_name=next_attempt_name(trial.job_name, trial.trial_id, trial.attempt),
        hyperparameters=trial.hyperparameters,
        priority=trial.priority,
        created_at=trial.created_at,
        updated_at=now,
        instance_type=trial.instance_type,
        instance_count=trial.instance_count,
        further_machines=trial.further_machines,
        reason=trial.reason,
        waits_until=waits_until,
        settings=trial.settings,
        repeat=trial.repeat,
        former_seconds=trial.former_seconds + used_seconds(trial, now),
        parent=trial.parent,
        change=trial.change,
        repair=trial.repair,
        algorithm=trial.algorithm,
        rerun_of=trial.rerun_of,
        components=trial.components,
        former_jobs=trial.job_names,
    )


def capacity_pause(attempt: int) -> timedelta:
    """How long a trial waits for capacity after that many attempts: 1, 2, 4, … minutes, at most an hour."""
    return timedelta(minutes=min(60, 2 ** min(attempt - 1, 6)))


def _is_stale(trial: TrialRecord, state: TrialState, job: JobDescription) -> bool:
    if trial.status_at is not None and job.modified_at < trial.status_at:
        return True
    if trial.state.is_finished:
        # What never ran has no news; a job that is over stays over, but may still get its metrics and its bill.
        return trial.state in (TrialState.CANCELLED, TrialState.REFUSED) or state is not trial.state
    # Two events of one second: progress is not taken back.
    same_moment = trial.status_at is not None and job.modified_at == trial.status_at
    return same_moment and not state.is_finished and _PROGRESS.index(state) < _PROGRESS.index(trial.state)
