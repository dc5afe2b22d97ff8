"""Hands one trial to SageMaker: claimed, recorded, created, and never created twice.

The job's name is the trial's identity, and SageMaker accepts a name once. So whatever dies or runs twice in between, a
job that exists under the trial's name and tags is that trial's job.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from gridwatch.alerts.content import trial_refused
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import QUEUED, TrialRecord, TrialState
from gridwatch.events.messages import SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.holding import LaunchLimits
from gridwatch.launch.observation import is_terminal, observed
from gridwatch.launch.pacing import TokenBucket
from gridwatch.launch.ports import Share, TrainingService
from gridwatch.launch.request import own_tags, training_request
from gridwatch.pace import CHECK_SECONDS
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import DAMAGE
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import (
    NameTakenError,
    NotFoundError,
    NotYetError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from start_trials.engines import Engines, Variant
from start_trials.paces import Paces
from start_trials.tracking import Tracking

T = TypeVar("T")

MAX_ATTEMPTS = 6  # of one call that is throttled or fails in passing; then the trial waits for the next round


class LaunchOutcome(StrEnum):
    STARTED = "started"
    ALREADY_THERE = "already there"  # a former call created the job
    TAKEN = "taken"  # another launcher has the trial, or it waits no more
    NOT_YET = "not yet"  # quota or capacity
    UNWELL = "unwell"  # throttled or failing all the time
    REFUSED = "refused"
    UNREADABLE = "unreadable"  # a record that it needs is damaged: it waits until that is mended


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """Starts trials. `seconds_left`: how long this invocation may still take. `paces`: how often its jobs are looked
    at; None when nobody says.
    """

    store: StateStore
    training: TrainingService
    alerts: AlertOutbox
    snapshot_queue: MessageQueue
    clock: Clock
    bucket: TokenBucket
    name_prefix: str
    artifacts_bucket: str
    limits: LaunchLimits
    engines: Engines
    tracking: Tracking
    seconds_left: Callable[[], float]
    paces: Paces | None = None

    def start(self, trial: TrialRecord, experiment: ExperimentRecord) -> LaunchOutcome:
        job = self.engines.first(trial, experiment).job
        checks = self.paces.of(trial, experiment, job).check_seconds if self.paces else CHECK_SECONDS
        claimed = replace(trial, state=TrialState.STARTING, updated_at=self.clock.now(), check_seconds=checks)
        try:
            self.store.update_trial(claimed, expected=trial)
        except ConflictError:
            return LaunchOutcome.TAKEN
        try:
            return self._create(claimed, experiment)
        except NotYetError as error:
            self._settle(claimed, TrialState.WAITING, reason=str(error))
            return LaunchOutcome.NOT_YET
        except TransientError as error:
            self._settle(claimed, TrialState.WAITING, reason=str(error))
            return LaunchOutcome.UNWELL
        except PermanentError as error:
            self._refuse(claimed, experiment, error)
            return LaunchOutcome.REFUSED
        except DAMAGE:
            # If its job was created nevertheless, the next try finds it under its name.
            self._settle(claimed, TrialState.WAITING, reason="a record that its launch needs is damaged")
            raise

    def recover(self, trial: TrialRecord) -> LaunchOutcome:
        """Recover a trial that a dead launcher claimed: its job exists, or it waits again."""
        try:
            self._adopt(trial)
        except NotFoundError:
            self._settle(trial, TrialState.WAITING, reason=trial.reason)
            return LaunchOutcome.NOT_YET
        except NameTakenError as error:
            experiment = self.store.get_experiment(trial.experiment)
            if experiment is not None:
                self._refuse(trial, experiment, error)
            return LaunchOutcome.REFUSED
        return LaunchOutcome.ALREADY_THERE

    def _create(self, trial: TrialRecord, experiment: ExperimentRecord) -> LaunchOutcome:
        try:
            arn = self._created(trial, experiment)
        except NameTakenError:
            self._adopt(trial)
            return LaunchOutcome.ALREADY_THERE
        queued = replace(trial, secondary_status=QUEUED) if ":service-job/" in arn else trial
        self._settle(queued, TrialState.RUNNING, job_arn=arn)
        return LaunchOutcome.STARTED

    def _created(self, trial: TrialRecord, experiment: ExperimentRecord) -> str:
        """The ARN of the created job; where a spec leaves the engine open, of the job as SageMaker accepts it."""
        first = self.engines.first(trial, experiment)
        try:
            return self._handed_over(trial, first, experiment)
        except PermanentError as error:
            second = self.engines.second(trial, experiment, error)
            if second is None:
                raise
            arn = self._handed_over(trial, second, experiment)
            self.engines.learn(trial, arn, error)
            return arn

    def _handed_over(self, trial: TrialRecord, variant: Variant, experiment: ExperimentRecord) -> str:
        pace = self.paces.of(trial, experiment, variant.job) if self.paces else None
        request = training_request(
            variant.template, trial, name_prefix=self.name_prefix, artifacts_bucket=self.artifacts_bucket, pace=pace
        )
        tracked = self.tracking.tracked(trial, experiment, request.pop("ExperimentConfig", None))
        if tracked.config is not None:
            request["ExperimentConfig"] = tracked.config
        # Before the job is there, so that any event about it can be placed.
        looks = pace.log_seconds if pace else None
        self.store.put_job(replace(variant.job, components=tracked.components, look_seconds=looks))
        share = Share(spec_of(experiment).labels.team, trial.priority)
        return self._retried(lambda: self.training.create_job(request, share), paced=True)

    def _adopt(self, trial: TrialRecord) -> None:
        """Adopt the job that exists under the trial's name. NameTakenError when it is not ours."""
        job = self._retried(lambda: self.training.describe_job(trial.job_name))
        tags = self._retried(lambda: self.training.job_tags(job.arn))
        expected = own_tags(self.name_prefix, trial.experiment, trial.trial_id)
        if {key: tags.get(key) for key in expected} != expected:
            message = f"a training job named {trial.job_name} exists and is not of this trial"
            raise NameTakenError(message, code="ResourceInUse")
        self.engines.as_it_is(trial, job)
        if is_terminal(job.status):
            # What follows from an end is not a launcher's work: for whoever hears of it, or the sweep, the job runs.
            self._settle(trial, TrialState.RUNNING, job_arn=job.arn)
            return
        news = observed(trial, job, self.clock.now())
        if news is not None:
            self._update(trial, news)

    def _retried(self, call: Callable[[], T], *, paced: bool = False) -> T:
        """The call's answer; throttling and passing failures are waited out while there is time."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if paced:
                self.bucket.take()
            try:
                answer = call()
            except TransientError as error:
                delay = self.bucket.refused() if paced or isinstance(error, ThrottledError) else float(attempt)
                if attempt == MAX_ATTEMPTS or delay + 5.0 > self.seconds_left():
                    raise
                if not paced:
                    self.clock.sleep(delay)
                continue
            if paced:
                self.bucket.accepted()
            return answer
        raise AssertionError("the last attempt returns or raises")

    def _refuse(self, trial: TrialRecord, experiment: ExperimentRecord, error: PermanentError) -> None:
        now = self.clock.now()
        # The alert first: killed in between, the next launcher finds the trial in STARTING and asks for the same alert.
        self.alerts.ask(
            trial_refused(
                trial=trial, code=error.code, reason=str(error), spec_version=experiment.spec_version, now=now
            )
        )
        self.limits.failed(experiment, trial, f"{error.code}: {error}")
        self._settle(trial, TrialState.REFUSED, reason=str(error))
        self.snapshot_queue.send(SnapshotExperiment(trial.experiment))

    def _settle(
        self, trial: TrialRecord, state: TrialState, *, reason: str | None = None, job_arn: str | None = None
    ) -> None:
        after = replace(
            trial, state=state, reason=reason, job_arn=job_arn or trial.job_arn, updated_at=self.clock.now()
        )
        self._update(trial, after)

    def _update(self, before: TrialRecord, after: TrialRecord) -> None:
        try:
            self.store.update_trial(after, expected=before)
        except ConflictError:
            # Whoever wrote meanwhile (the job's own events, another launcher) knows more than this call.
            return
