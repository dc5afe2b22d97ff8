"""Stops a training job and marks it wherever people look; each step may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialState
from gridwatch.grid.names import trial_entity
from gridwatch.launch.ports import TrainingService
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import UnreadableRecordError, if_readable
from gridwatch.verdicts.decision import NOT_STOPPED_PAUSED
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError, PermanentError, ThrottledError
from gridwatch_rules.rules.status_change import StatusChange

STOPPED_BY = "gridwatch:stopped-by"
MAX_CONFLICTS = 5
STOP_INTERVAL = 1.0  # seconds: SageMaker allows one StopTrainingJob a second in an account
RESERVE = 5.0  # seconds of the invocation that are kept for what follows the stop

# What a stop makes of a trial's state; SageMaker's own news may have come first.
_STOPS = {
    TrialState.STARTING: TrialState.STOPPING,
    TrialState.RUNNING: TrialState.STOPPING,
    TrialState.STOPPING: TrialState.STOPPING,
    TrialState.STOPPED: TrialState.STOPPED,
}


class StopOutcome(StrEnum):
    """The result of a stop; it completes "the outcome is …" for people."""

    REQUESTED = "stop requested"
    STOPPING = "the training job is stopping"
    STOPPED = "the training job is stopped"
    OVER = "already over"
    GONE = "the training job is no longer there"
    PAUSED = NOT_STOPPED_PAUSED

    @property
    def is_ours(self) -> bool:
        """Whether the reaction stopped the job, which was still running when the stop was decided."""
        return self in (StopOutcome.REQUESTED, StopOutcome.STOPPING, StopOutcome.STOPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopper:
    """Stops jobs. `seconds_left`: how long this invocation may still take; `jitter`: a random number of seconds, at
    most that many.
    """

    store: StateStore
    training: TrainingService
    clock: Clock
    name_prefix: str
    seconds_left: Callable[[], float]
    jitter: Callable[[float], float]

    def stop(self, job: JobRecord, change: StatusChange, description: JobDescription | None) -> StopOutcome:
        """Stop the job and mark it wherever people look."""
        outcome = self._stop_running(job.job_name, description)
        if outcome.is_ours:
            by = change.rule_name if change.step is None else f"{change.rule_name}@{change.step}"
            self._mark_trial(job, f"stopped by {by}")
            if description is not None:
                self._tag(description.arn, {STOPPED_BY: by[:256]})
                if not job.watched:
                    self._tag(self._trial_arn(description.arn, job), {STOPPED_BY: by[:256]})
        return outcome

    def paused(self) -> str | None:
        """Who paused all stopping, and why; None when it is not paused.

        A switch that cannot be read counts as paused: a stop cannot be taken back, and findings are told all the same.
        """
        try:
            switch = self.store.get_stopping()
        except UnreadableRecordError as error:
            return f"because the switch cannot be read ({error.reason})"
        return f"by {switch.by}: {switch.reason}" if switch is not None and switch.paused else None

    def _stop_running(self, job_name: str, description: JobDescription | None) -> StopOutcome:
        if description is None:
            return StopOutcome.GONE
        if description.status in ("Stopping", "Stopped"):
            # It ran when the stop was claimed: this is another delivery of a message whose first one has stopped it.
            return StopOutcome.STOPPING if description.status == "Stopping" else StopOutcome.STOPPED
        if description.status != "InProgress":
            return StopOutcome.OVER
        while True:
            if self.paused() is not None:  # since it was decided, or while this waited for its turn
                return StopOutcome.PAUSED
            try:
                return StopOutcome.REQUESTED if self.training.stop_job(job_name) else StopOutcome.OVER
            except NotFoundError:
                return StopOutcome.GONE
            except ThrottledError:
                # Others stop jobs as well. Who waits here is served within seconds, a message that comes again later.
                pause = STOP_INTERVAL + self.jitter(STOP_INTERVAL)
                if self.seconds_left() < pause + RESERVE:
                    raise
                self.clock.sleep(pause)

    def _mark_trial(self, job: JobRecord, reason: str) -> None:
        for _ in range(MAX_CONFLICTS):
            trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
            if trial is None or trial.job_name != job.job_name or trial.state not in _STOPS or trial.reason == reason:
                return
            marked = replace(trial, state=_STOPS[trial.state], reason=reason, updated_at=self.clock.now())
            try:
                self.store.update_trial(marked, expected=trial)
            except ConflictError:
                continue
            return
        raise ConflictError(f"the trial of {job.job_name} is written to all the time")

    def _trial_arn(self, job_arn: str, job: JobRecord) -> str:
        """The ARN of SageMaker's own trial entity, which lies in the job's account and region."""
        entity = trial_entity(self.name_prefix, job.experiment, job.trial_id)
        return f"{job_arn.rpartition(':')[0]}:experiment-trial/{entity}"

    def _tag(self, arn: str, tags: Mapping[str, str]) -> None:
        try:
            self.training.tag_job(arn, tags)
        except PermanentError:
            # 50 tags are taken, the job is gone, or SageMaker does not track the trial: our record says the same,
            # and people must still be told.
            return
