"""Hands waiting tuning jobs to SageMaker, each once, because its name is made from the whole request."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.alerts.tuning import tuning_refused
from gridwatch.domain.experiments import TuningRecord
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.paces import Pacing
from gridwatch.launch.tuning import own_tuning_tags, paced
from gridwatch.launch.tuning_ports import TuningService
from gridwatch.state.accepted_spec import Watching, spec_of
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import Isolation
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import NameTakenError, NotYetError, PermanentError, TransientError
from start_trials.starting import LaunchOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningLauncher:
    store: StateStore
    tuning: TuningService
    alerts: AlertOutbox
    snapshot_queue: MessageQueue
    clock: Clock
    name_prefix: str
    pacing: Pacing | None = None
    isolation: Isolation = field(default_factory=Isolation)

    def start_waiting(self) -> Counter[str]:
        """Start the waiting tuning jobs; returns how many had which outcome. One that could not be created yet waits
        for the next round.
        """
        outcomes: Counter[str] = Counter()
        for record in self.store.tunings_in(TrialState.WAITING):
            outcome = LaunchOutcome.UNREADABLE
            with self.isolation.each(record.name):
                outcome = self._start(record)
            outcomes[outcome] += 1
            if outcome is LaunchOutcome.UNWELL:
                break
        return outcomes

    def _start(self, record: TuningRecord) -> LaunchOutcome:
        try:
            request = paced(record.request, self.pacing, self._watching(record)) if self.pacing else record.request
            arn = self.tuning.create_tuning(request)
        except NameTakenError as error:
            return self._adopt(record, error)
        except NotYetError:
            return LaunchOutcome.NOT_YET  # as many tuning jobs run as the account may have
        except TransientError:
            return LaunchOutcome.UNWELL
        except PermanentError as error:
            return self._refuse(record, error)
        self._settle(record, TrialState.RUNNING, arn=arn)
        return LaunchOutcome.STARTED

    def _watching(self, record: TuningRecord) -> Watching | None:
        """The spec's section about looks."""
        experiment = self.store.get_experiment(record.experiment)
        return spec_of(experiment).watching if experiment else None

    def _adopt(self, record: TuningRecord, taken: NameTakenError) -> LaunchOutcome:
        """Adopt the tuning job that a former call created before it died, or that another is creating now, unless it is
        not ours.
        """
        try:
            described = self.tuning.describe_tuning(record.name)
            tags = self.tuning.tuning_tags(described.arn)
        except TransientError:
            return LaunchOutcome.UNWELL
        except PermanentError:
            return self._refuse(record, taken)
        expected = own_tuning_tags(self.name_prefix, record.experiment, record.name)
        if {key: tags.get(key) for key in expected} != expected:
            return self._refuse(record, taken)
        # Its own state comes with its next event, or with the sweep.
        self._settle(record, TrialState.RUNNING, arn=described.arn)
        return LaunchOutcome.ALREADY_THERE

    def _refuse(self, record: TuningRecord, error: PermanentError) -> LaunchOutcome:
        # The alert first: killed in between, the next round is refused again and asks for the same alert.
        self.alerts.ask(tuning_refused(record, code=error.code, reason=str(error), now=self.clock.now()))
        self._settle(record, TrialState.REFUSED, reason=f"{error.code}: {error}")
        self.snapshot_queue.send(SnapshotExperiment(record.experiment))
        return LaunchOutcome.REFUSED

    def _settle(
        self, record: TuningRecord, state: TrialState, *, arn: str | None = None, reason: str | None = None
    ) -> None:
        after = replace(record, state=state, arn=arn, reason=reason, updated_at=self.clock.now())
        try:
            self.store.update_tuning(after, expected=record)
        except ConflictError:
            return  # its own event, or another launcher, was faster and knows more
