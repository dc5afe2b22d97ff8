"""One round of launching: recover claims, find what waits, start trials in fair order until none may start or time is
up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import StartTrials
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.observation import REMOVED
from gridwatch.launch.order import FairOrder
from gridwatch.launch.request import INSTANCE_TYPE, managed_rules
from gridwatch.state.store import ConflictError
from gridwatch.state.unreadable import Isolation
from start_trials.starting import Launcher, LaunchOutcome
from start_trials.waiting import WaitingTrials

RESERVE_SECONDS = 15.0  # kept for handing over: one call to SageMaker with its timeouts, one message
CLAIM_LASTS = timedelta(seconds=60)  # longer than a living launcher holds a claim without creating the job
_LOOK_AGAIN = 5.0


@dataclass(frozen=True, slots=True)
class RoundReport:
    """How many trials ended in which outcome, and whether a next round was requested."""

    outcomes: Counter[str] = field(default_factory=Counter)
    handed_over: bool = False
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    launcher: Launcher
    queue: MessageQueue
    round_id: str  # unique to the invocation: names the message that hands over
    isolation: Isolation = field(default_factory=Isolation)

    def run(self) -> RoundReport:
        outcomes: Counter[str] = Counter()
        self._recover(outcomes)
        report = self._launch(outcomes)
        if not report.handed_over and self._saw_claims_out(outcomes):
            return self._hand_over(outcomes)  # what was recovered waits again, or has left room
        return report

    def _launch(self, outcomes: Counter[str]) -> RoundReport:
        waiting = WaitingTrials(self.launcher.store).queues()
        found = self._experiments(waiting)
        experiments = {name: record for name, record in found.items() if not self._is_held(record, outcomes)}
        wanted = {name: self._ready(waiting[name], record, outcomes) for name, record in experiments.items()}
        order = FairOrder(wanted, self._slots(), {name: found.parallel_jobs for name, found in experiments.items()})
        return self._start(order, experiments, outcomes)

    def _start(self, order: FairOrder, experiments: dict[str, ExperimentRecord], outcomes: Counter[str]) -> RoundReport:
        full: set[str] = set()  # instance types that SageMaker has no room for in this round
        while (trial := order.next()) is not None:
            if self._time_is_up():
                return self._hand_over(outcomes)
            if trial.instance_type in full:
                self._pass_over(trial, order)
                continue
            outcome = self._started(trial, experiments[trial.experiment])
            outcomes[outcome] += 1
            if outcome is LaunchOutcome.UNREADABLE:
                order.give_back(trial)
                order.close(trial.experiment)
                continue
            if outcome is LaunchOutcome.UNWELL:
                return RoundReport(outcomes, stopped_by="SageMaker answers with throttling or errors")
            if outcome is LaunchOutcome.NOT_YET:
                if managed_rules(experiments[trial.experiment].template):  # it may be its rules that lack room
                    order.close(trial.experiment)
                    continue
                full.add(trial.instance_type or "")
                self._pass_over(trial, order)
            elif outcome is LaunchOutcome.REFUSED:
                order.give_back(trial)
                if self._is_held(experiments[trial.experiment], outcomes):
                    order.close(trial.experiment)
        return RoundReport(outcomes, stopped_by=f"no room for {', '.join(sorted(full))}" if full else None)

    def _started(self, trial: TrialRecord, experiment: ExperimentRecord) -> LaunchOutcome:
        with self.isolation.each(trial.job_name):
            return self.launcher.start(trial, experiment)
        return LaunchOutcome.UNREADABLE

    def _pass_over(self, trial: TrialRecord, order: FairOrder) -> None:
        """Pass over a trial for which there is no machine of its type. Others of its grid may want another type, where
        it has several.
        """
        if INSTANCE_TYPE in trial.settings:
            order.skip(trial)
        else:
            order.close(trial.experiment)

    def _time_is_up(self) -> bool:
        return self.launcher.seconds_left() < RESERVE_SECONDS + self.launcher.bucket.wait_seconds()

    def _hand_over(self, outcomes: Counter[str]) -> RoundReport:
        self.queue.send(StartTrials("hand over"), deduplication_id=f"hand over {self.round_id}")
        return RoundReport(outcomes, handed_over=True)

    def _recover(self, outcomes: Counter[str]) -> None:
        now = self.launcher.clock.now()
        for trial in self.launcher.store.trials_in(TrialState.STARTING):
            if self._time_is_up():
                return
            if now - trial.updated_at >= CLAIM_LASTS:
                with self.isolation.each(trial.job_name):
                    outcomes[f"recovered, {self.launcher.recover(trial)}"] += 1

    def _saw_claims_out(self, outcomes: Counter[str]) -> bool:
        """Whether claims remained that this round did not make and had time to wait for: until their launcher, which is
        hardly alive, has settled them, or they are old enough to recover.
        """
        clock, seen = self.launcher.clock, False
        while young := [left for left in self._claims_left() if left > 0]:
            if min(young) > self.launcher.seconds_left() - RESERVE_SECONDS:
                break  # the sweep wakes another round
            clock.sleep(min(_LOOK_AGAIN, *young))
            seen = True
        if seen:
            self._recover(outcomes)
        return seen

    def _claims_left(self) -> list[float]:
        """The seconds until each claim may be recovered."""
        now = self.launcher.clock.now()
        claims = self.launcher.store.trials_in(TrialState.STARTING)
        return [(trial.updated_at + CLAIM_LASTS - now).total_seconds() for trial in claims]

    def _slots(self) -> Counter[str]:
        """The slots taken by each experiment; one counts until the job is terminal, also while it is stopping."""
        states = [state for state in TrialState if state.takes_slot]
        return Counter(trial.experiment for state in states for trial in self.launcher.store.trials_in(state))

    def _experiments(self, names: Iterable[str]) -> dict[str, ExperimentRecord]:
        found: dict[str, ExperimentRecord] = {}
        for name in names:
            with self.isolation.each(name):
                if (record := self.launcher.store.get_experiment(name)) is not None:
                    found[name] = record
        return found

    def _is_held(self, experiment: ExperimentRecord, outcomes: Counter[str]) -> bool:
        """Whether the experiment is held. It also counts as held while nobody can read its hold."""
        with self.isolation.each(f"the limits of {experiment.name}"):
            hold = self.launcher.limits.hold(experiment)
            if hold is not None:
                outcomes[f"held by {hold.limit}"] += 1
            return hold is not None
        return True

    def _ready(
        self, waiting: Iterator[TrialRecord], experiment: ExperimentRecord, outcomes: Counter[str]
    ) -> Iterator[TrialRecord]:
        """The trials that may start now. Points that a later upload took out are cancelled here too: the upload may
        have been recorded meanwhile.
        """
        current = frozenset(experiment.trial_ids)
        now = self.launcher.clock.now()
        for trial in waiting:
            if (trial.parent or trial.trial_id) not in current:
                with self.isolation.each(trial.job_name):
                    outcomes["cancelled"] += self._cancel(trial)
            elif trial.waits_until is None or trial.waits_until <= now:
                yield trial

    def _cancel(self, trial: TrialRecord) -> bool:
        now = self.launcher.clock.now()
        cancelled = replace(trial, state=TrialState.CANCELLED, reason=REMOVED, updated_at=now)
        try:
            self.launcher.store.update_trial(cancelled, expected=trial)
        except ConflictError:
            return False
        return True
