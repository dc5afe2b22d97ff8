"""A trial: its state, and everything that is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gridwatch.domain.measured import Measured

QUEUED = "Queued"  # the secondary status of a job that waits in a queue of AWS Batch; SageMaker has none of that name


class TrialState(StrEnum):
    """The state of a trial. Only `retry` makes a finished trial wait again, as a new attempt."""

    WAITING = "waiting"  # recorded, not yet handed to SageMaker
    STARTING = "starting"  # claimed by a launcher; the job may or may not exist yet
    RUNNING = "running"  # SageMaker has the job and it is not over
    STOPPING = "stopping"  # still takes its instances
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"  # never launched: its point was removed, or a person cancelled it
    REFUSED = "refused"  # never launched: SageMaker refused the request for good

    @property
    def is_finished(self) -> bool:
        return self in _FINISHED

    @property
    def takes_slot(self) -> bool:
        """Whether instances are (or may be) in use: until the job is terminal, even while Stopping."""
        return self in (TrialState.STARTING, TrialState.RUNNING, TrialState.STOPPING)


_FINISHED = frozenset(
    {TrialState.COMPLETED, TrialState.FAILED, TrialState.STOPPED, TrialState.CANCELLED, TrialState.REFUSED}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One point of the grid. `trial_id` is its identity; a job's name adds the attempt."""

    experiment: str
    trial_id: str
    index: int  # place in the grid's order, from 0
    attempt: int
    state: TrialState
    job_name: str
    hyperparameters: Mapping[str, Any]  # typed as in the spec
    priority: int = 0
    created_at: datetime
    updated_at: datetime
    job_arn: str | None = None
    status: str | None = None  # SageMaker's TrainingJobStatus, as last seen
    secondary_status: str | None = None
    status_at: datetime | None = None  # SageMaker's LastModifiedTime of that status: older news is ignored
    instance_type: str | None = None
    instance_count: int | None = None
    further_machines: Mapping[str, int] = field(default_factory=dict)  # of groups: the other types, with their counts
    started_at: datetime | None = None  # training start
    ended_at: datetime | None = None  # training end
    billable_seconds: int | None = None
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    model_uri: str | None = None
    reason: str | None = None  # why it failed, was refused or cancelled
    waits_until: datetime | None = None  # it is not handed to SageMaker before

    @property
    def training_job(self) -> str:
        """The name by which SageMaker knows the trial's job, for logs, metrics and Search. AWS Batch gives it one of
        its own.
        """
        known = (self.job_arn or "").rpartition(":training-job/")
        return known[2] if known[1] else self.job_name

    @property
    def machines(self) -> str | None:
        """The instances of the trial's job, in words."""
        if self.instance_type is None:
            return None
        counts = {self.instance_type: self.instance_count, **self.further_machines}
        return " + ".join(f"{count} x {kind}" for kind, count in counts.items())

    @property
    def shown_state(self) -> str:
        """The state as people see it."""
        return "queued" if self.state is TrialState.RUNNING and self.secondary_status == QUEUED else self.state.value

    @property
    def may_have_job(self) -> bool:
        """Whether something may be recorded of a job of its last attempt."""
        return self.state not in (TrialState.WAITING, TrialState.CANCELLED)

    @property
    def is_training(self) -> bool:
        """Whether SageMaker knows the trial's job; in a queue of AWS Batch there is none yet, or none any more."""
        return self.status is not None and self.secondary_status != QUEUED

    settings: Mapping[str, Any] = field(default_factory=dict)  # fields of the spec that differ between its trials
    parent: str | None = None  # the trial that this one repairs
    change: str | None = None  # of a repair, in words: what is other than in its parent, and where it began
    proof: str | None = None  # of a repair that is over, in words: what it brought, beside its parent at equal steps
    repair: str | None = None  # of a trial that a rule stopped, in words: what repairs it, or why nothing does
    repeat: int = 0  # of the same point
    former_seconds: Measured = 0.0  # that the jobs of its former attempts are billed
    rerun_of: str | None = None  # <experiment>/<trial> that this one is once more
    algorithm: str | None = None  # of a tuning job with several, the one whose job this is, by its name in the spec
    components: tuple[str, ...] = ()  # of SageMaker's, that its trial there has beside those of its jobs
    former_jobs: tuple[str, ...] = ()  # names of the jobs of its former attempts, by which their artifacts are kept
    check_seconds: Measured = 60.0  # between two looks at its job without news (gridwatch.pace)

    @property
    def job_names(self) -> tuple[str, ...]:
        """Every recorded name of a job of this trial. AWS Batch gives a training job a name of its own besides ours.

        A trial that was never launched has none: its planned name may be that of somebody else's job, and refused for
        that.
        """
        never = self.state in (TrialState.CANCELLED, TrialState.REFUSED)
        latest = () if never else (self.job_name, self.training_job)
        return tuple(dict.fromkeys((*self.former_jobs, *latest)))


def used_seconds(trial: TrialRecord, now: datetime) -> float:
    if trial.billable_seconds is not None and trial.state.is_finished:
        return float(trial.billable_seconds)
    if trial.started_at is None:
        return 0.0
    return max(0.0, ((trial.ended_at or now) - trial.started_at).total_seconds())
