"""What a person does to an experiment as a whole: stop trials, try failed ones again. Killed and done again, it
completes what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.regions import CANCELLED_IN
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import SnapshotExperiment, StartTrials
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.holding import without_failures
from gridwatch.launch.observation import next_attempt
from gridwatch.launch.pacing import TokenBucket
from gridwatch.launch.ports import TrainingService
from gridwatch.state.open_experiments import reopen
from gridwatch.state.store import StateStore
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NotFoundError, TransientError

BY_HAND = "cancelled by hand"  # why a trial that waited is cancelled; an upload does not bring it back
STOP_RATE = 1.0  # StopTrainingJob a second, which AWS allows an account
_CLAIM_SECONDS = 60.0  # how long a launcher may be about to create a job
_LOOK_AGAIN = 2.0


@dataclass(frozen=True, slots=True)
class StopReport:
    """`cancelled` never had a job, `stopped` are asked to stop, `unclear` were being started and have no job yet."""

    cancelled: int
    stopped: int
    unclear: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    store: StateStore
    training: TrainingService
    start_queue: MessageQueue
    snapshot_queue: MessageQueue
    clock: Clock
    tell: Callable[[str], None]  # what was done to one trial

    def stop(self, experiment: str, is_meant: Callable[[TrialRecord], bool]) -> StopReport:
        """What waits is cancelled first, so that no slot that becomes free is taken; then what runs is stopped."""
        meant = [trial for trial in self.store.list_trials(experiment) if is_meant(trial)]
        cancelled = self._cancel([trial for trial in meant if trial.state is TrialState.WAITING])
        bucket = TokenBucket(self.clock, STOP_RATE)
        stopped = 0
        left = {trial.trial_id for trial in meant if not trial.state.is_finished}
        deadline = self.clock.now().timestamp() + _CLAIM_SECONDS
        while left:
            now = [trial for trial in self.store.list_trials(experiment) if trial.trial_id in left]
            # What a queue of AWS Batch still has comes before what trains, for the same reason.
            now.sort(key=lambda trial: trial.is_training)
            cancelled += self._cancel([trial for trial in now if trial.state is TrialState.WAITING])  # given back
            stopped += sum(self._stop(trial.job_name, bucket) for trial in now if trial.state is TrialState.RUNNING)
            left = {trial.trial_id for trial in now if trial.state is TrialState.STARTING}
            if left and self.clock.now().timestamp() >= deadline:
                break
            if left:
                self.clock.sleep(_LOOK_AGAIN)
        # Jobs that are stopped tell of their end; of what was cancelled the tables and the digest would not hear.
        self.snapshot_queue.send(SnapshotExperiment(experiment))
        return StopReport(cancelled, stopped, len(left))

    def retry(self, experiment: ExperimentRecord, states: Collection[TrialState]) -> int:
        """Trials in those states wait again, each as its next attempt, and what held the experiment is let go."""
        current = frozenset(experiment.trial_ids)
        trials = self.store.list_trials(experiment.name)
        chosen = [trial for trial in trials if trial.state in states and (trial.parent or trial.trial_id) in current]
        reopen(self.store, experiment)
        now = self.clock.now()
        count = self._update([(trial, next_attempt(trial, now)) for trial in chosen], "waits again")
        self._release(experiment)
        self.start_queue.send(
            StartTrials(f"retry {experiment.name}"), deduplication_id=f"retry {self.clock.now():%Y-%m-%dT%H:%M:%S.%f}"
        )
        return count

    def retry_region(self, experiment: ExperimentRecord, name: str) -> int:
        """The points that were spared in a doomed region wait as any others again, and it is not doomed any more.
        Raises LookupError, naming the regions there are.
        """
        kept = self.store.get_regions(experiment.name)
        known = {each.name: each for each in (*kept.doomed, *kept.released)} if kept else {}
        if kept is None or name not in known:
            raise LookupError(f"no doomed region {name!r}; there are: {', '.join(known) or 'none'}")
        doomed = tuple(each for each in kept.doomed if each.name != name)
        released = (*(each for each in kept.released if each.name != name), known[name])
        now = self.clock.now()
        self.store.save_regions(replace(kept, doomed=doomed, released=released, updated_at=now))
        reopen(self.store, experiment)
        spared = [t for t in self.store.list_trials(experiment.name) if t.reason == f"{CANCELLED_IN}{name}"]
        count = self._update([(trial, _released(trial, now)) for trial in spared], "waits again")
        self.start_queue.send(
            StartTrials(f"retry {experiment.name}"), deduplication_id=f"retry {now:%Y-%m-%dT%H:%M:%S.%f}"
        )
        return count

    def _cancel(self, trials: Sequence[TrialRecord]) -> int:
        now = self.clock.now()
        changes = [
            (trial, replace(trial, state=TrialState.CANCELLED, reason=BY_HAND, updated_at=now)) for trial in trials
        ]
        return self._update(changes, "cancelled")

    def _update(self, changes: Sequence[tuple[TrialRecord, TrialRecord]], done: str) -> int:
        """How many were changed: where a launcher was faster, whoever asked looks again."""
        kept = self.store.update_trials(changes)
        for trial in kept:
            self.tell(f"{trial.job_name}: {done}")
        return len(kept)

    def _stop(self, job_name: str, bucket: TokenBucket) -> bool:
        while True:
            bucket.take()
            try:
                asked = self.training.stop_job(job_name)
            except NotFoundError:
                return False
            except TransientError as error:
                self.tell(f"{job_name}: {error}; again in {bucket.refused():.0f} s")
                continue
            bucket.accepted()
            if asked:
                self.tell(f"{job_name}: asked to stop")
            return asked

    def _release(self, experiment: ExperimentRecord) -> None:
        hold = self.store.get_hold(experiment.name)
        if hold is not None:
            free = without_failures(replace(hold, limit=None, reason=None))
            self.store.save_hold(replace(free, updated_at=self.clock.now()))


def _released(trial: TrialRecord, now: datetime) -> TrialRecord:
    if trial.state is TrialState.WAITING:  # it was moved behind all others
        return replace(trial, priority=trial.priority + 1, reason=None, updated_at=now)
    return replace(trial, state=TrialState.WAITING, reason=None, updated_at=now)
