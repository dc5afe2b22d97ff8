"""The watching side of Gridwatch on in-memory ports: evaluate, react, deliver, sweep, one call at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deliver_alert import delivering
from deliver_alert.channels import Channel, TextTopic
from deliver_alert.delivering import Courier
from deliver_alert.digesting import Digester
from deliver_alert.gatekeeping import AlertSettings, Gatekeeper
from evaluate_rules.evaluating import Evaluated, Evaluator
from evaluate_rules.rests import Rests
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import CloseGate, DeliverAlert, DigestExperiment, Message, TrackJob
from gridwatch.events.rule_status import rule_statuses
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.judging.judge import CrossTrialJudge
from gridwatch.launch.repairing import Repairer
from gridwatch.launch.tracking import Tracker
from gridwatch.launch.tuned_jobs import TunedJobs
from gridwatch.launch.tuning_tracking import TuningTracker
from gridwatch.launch.watching import Enroller, RuleSetError, RuleSets, StoredRuleSet
from gridwatch.state.memory import MemoryStore
from react_to_finding.reacting import Reaction, Reactor
from sweep.sweeping import Sweeper, SweepReport
from sweep.tuning import TuningSweeper
from tests.fakes.bus import FakeBus, FakeTopic
from tests.fakes.checkpoints import FakeCheckpoints
from tests.fakes.clock import FakeClock
from tests.fakes.fuse import Fuse
from tests.fakes.mortal_store import KilledError
from tests.fakes.queues import FakeQueue
from tests.fakes.reports import FakeReportStore
from tests.fakes.training import ARN, FakeTraining
from tests.fakes.tuning import FakeTuning
from tests.tensor_folder import MemorySource, TensorFolder

JOB = "gridwatch-blobs-0a1b2c3d4e-1"
LOSS = RulePolicy(
    name="loss", rule="LossNotDecreasing", parameters={"num_steps": 2, "diff_percent": 5.0}, on_issue=Action.STOP
)
FINITE = RulePolicy(name="finite", rule="MetricNonFinite", parameters={}, on_issue=Action.STOP)
ALIVE = Fuse(10**9, after=False)


class NoRuleSets:
    def load(self, name: str) -> StoredRuleSet:
        raise RuleSetError(name, "", ("there are none",))


class World:
    """One running job under `policies`, whose tensors arrive as `saved` says."""

    def __init__(self, *policies: RulePolicy) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore()
        self.training = FakeTraining(self.clock)
        self.tuning = FakeTuning(self.clock, self.training)
        self.bus, self.topic = FakeBus(), FakeTopic()
        self.alert_queue, self.evaluate_queue, self.snapshot_queue = FakeQueue(), FakeQueue(), FakeQueue()
        self.start_queue = FakeQueue(fifo=True)
        self.slow_queue, self.reports = FakeQueue(), FakeReportStore()
        self.track_queue = FakeQueue()
        self.profile: dict[str, bytes] = {}
        self.heartbeats: dict[str, bytes] = {}
        self.tensors: dict[str, TensorFolder] = {}
        self.until: int | None = None  # tensors of later steps have not arrived yet
        self.invocation_seconds = 60.0
        self.alert_settings, self.channels = AlertSettings(), list[Channel]()
        self.rule_sets: RuleSets = NoRuleSets()
        self.add_job(JOB, "0a1b2c3d4e", *(policies or (LOSS,)))

    def add_job(self, job_name: str, trial_id: str, *policies: RulePolicy) -> None:
        now = self.clock.now()
        self.store.put_job(
            JobRecord(
                job_name=job_name, experiment="blobs", trial_id=trial_id, attempt=1, policies=policies,
                hyperparameters={"eta": 0.2}, objective_metric="validation-error", objective_direction="minimize",
            )
        )  # fmt: skip
        trial = TrialRecord(
            experiment="blobs", trial_id=trial_id, index=0, attempt=1, state=TrialState.RUNNING, job_name=job_name,
            hyperparameters={"eta": 0.2}, created_at=now, updated_at=now, job_arn=ARN + job_name,
        )  # fmt: skip
        self.store.add_trials([trial])
        self.training.put(job_name, {})
        self.tensors[job_name] = TensorFolder({"metrics": ["loss"], "losses": ["loss"]})

    def losses(self, *values: float, job_name: str = JOB) -> None:
        for step, value in enumerate(values):
            self.tensors[job_name].save(step, {"loss": [value]})

    def evaluate(self, *, ended: bool = False, job_name: str = JOB, fuse: Fuse = ALIVE) -> Evaluated:
        self.clock.advance(1)
        return self.evaluator(fuse).evaluate(EvaluationRequest(job_name, ended=ended))

    def evaluator(
        self, fuse: Fuse = ALIVE, open_tensors: Callable[[JobRecord], MemorySource] | None = None
    ) -> Evaluator:
        store = fuse.guard(self.store)
        return Evaluator(
            store=store,
            publisher=RuleStatusPublisher(store=store, bus=fuse.guard(self.bus), clock=self.clock),
            open_tensors=open_tensors or (lambda job: self.tensors[job.job_name].source(self.until)),
            open_profile=lambda job: MemorySource(self.profile),
            open_other=self._other,
            rests=Rests(fuse.guard(self.evaluate_queue), self.clock),
            slow_queue=fuse.guard(self.slow_queue),
            slow_interval=60,
            reports=fuse.guard(self.reports),
            judge=CrossTrialJudge(store),
            clock=self.clock,
            open_heartbeats=lambda job: MemorySource(self.heartbeats),
        )

    def _other(self, location: str) -> MemorySource:
        try:
            return self.tensors[location].source()
        except KeyError:
            raise LookupError(f"{location}: not one of ours") from None

    def react(self, event: Mapping[str, Any] | None = None, fuse: Fuse = ALIVE) -> Sequence[Reaction]:
        """Invoke the reaction with that event, by default the last on the bus; a message that comes again is late."""
        self.clock.advance(120)
        statuses = rule_statuses(event or self.bus.events[-1])
        return list(self.reactor(fuse).react(statuses)) if statuses else []

    def reactor(self, fuse: Fuse = ALIVE) -> Reactor:
        began, store = self.clock.now(), fuse.guard(self.store)
        return Reactor(
            store=store,
            training=fuse.guard(self.training),
            alerts=AlertOutbox(store, fuse.guard(self.alert_queue)),
            clock=self.clock,
            name_prefix="gridwatch",
            artifacts_bucket="artifacts",
            seconds_left=lambda: self.invocation_seconds - (self.clock.now() - began).total_seconds(),
            jitter=lambda longest: longest / 2,
            open_tensors=lambda job: self.tensors[job.job_name].source(self.until),
        )

    def deliver(self, alert_id: str, fuse: Fuse = ALIVE) -> delivering.Outcome:
        self.clock.advance(1)
        courier = Courier(
            store=fuse.guard(self.store),
            channels=[TextTopic(fuse.guard(self.topic)), *(fuse.guard(channel) for channel in self.channels)],
            gatekeeper=self.gatekeeper(fuse),
            clock=self.clock,
            name_prefix="gridwatch",
        )
        return courier.deliver(alert_id)

    def gatekeeper(self, fuse: Fuse = ALIVE) -> Gatekeeper:
        store, queue = fuse.guard(self.store), fuse.guard(self.alert_queue)
        alerts = AlertOutbox(store, queue)
        return Gatekeeper(store=store, queue=queue, alerts=alerts, clock=self.clock, alert_settings=self.alert_settings)

    def digest(self, experiment: str, fuse: Fuse = ALIVE) -> AlertRecord | None:
        store = fuse.guard(self.store)
        alerts = AlertOutbox(store, fuse.guard(self.alert_queue))
        return Digester(store=store, alerts=alerts, clock=self.clock).digest(experiment)

    def handle(self, message: Message, fuse: Fuse = ALIVE) -> None:
        """Handle one message of the alert queue."""
        if isinstance(message, CloseGate):
            self.gatekeeper(fuse).close(message.gate_id)
        elif isinstance(message, DigestExperiment):
            self.digest(message.experiment, fuse)
        else:
            assert isinstance(message, DeliverAlert)
            self.deliver(message.alert_id, fuse)

    def deliver_all(self) -> None:
        """Handle every message of the alert queue, once."""
        messages = list(self.alert_queue.messages)
        self.alert_queue.messages.clear()
        for message in messages:
            self.handle(message)

    def tracker(self, fuse: Fuse | None = None) -> Tracker:
        fuse = fuse or ALIVE
        store, training = fuse.guard(self.store), fuse.guard(self.training)
        alerts = AlertOutbox(store, fuse.guard(self.alert_queue))
        return Tracker(
            store=store,
            training=training,
            start_queue=self.start_queue,
            evaluate_queue=fuse.guard(self.evaluate_queue),
            snapshot_queue=self.snapshot_queue,
            alerts=alerts,
            clock=self.clock,
            repairer=Repairer(store=store, checkpoints=FakeCheckpoints(), alerts=alerts, clock=self.clock),
            enrollers=(
                TunedJobs(
                    store=store,
                    training=training,
                    tuning=FakeTuning(self.clock, self.training),
                    clock=self.clock,
                    name_prefix="gridwatch",
                ),
                Enroller(
                    store=store,
                    training=training,
                    rule_sets=self.rule_sets,
                    alerts=alerts,
                    clock=self.clock,
                    artifacts_bucket="artifacts",
                ),
            ),
        )

    def tuning_tracker(self, fuse: Fuse | None = None) -> TuningTracker:
        fuse = fuse or ALIVE
        store = fuse.guard(self.store)
        return TuningTracker(
            store=store,
            tuning=self.tuning,
            training=fuse.guard(self.training),
            tracker=self.tracker(fuse),
            snapshot_queue=fuse.guard(self.snapshot_queue),
            alerts=AlertOutbox(store, fuse.guard(self.alert_queue)),
            clock=self.clock,
            name_prefix="gridwatch",
        )

    def sweep(self, fuse: Fuse = ALIVE) -> SweepReport:
        """Run one sweep, and handle what it asks `track_job` for."""
        report = self.sweeper(fuse).sweep()
        self.track_all(fuse)
        return report

    def track_all(self, fuse: Fuse = ALIVE) -> None:
        """Handle every message of the queue `track`; one whose invocation dies stays."""
        while self.track_queue.messages:
            message = self.track_queue.messages[0]
            assert isinstance(message, TrackJob)
            self.tracker(fuse).look(message.job_name)
            self.track_queue.messages.pop(0)

    def sweeper(self, fuse: Fuse = ALIVE) -> Sweeper:
        began = self.clock.now()
        return Sweeper(
            store=fuse.guard(self.store),
            training=self.training,
            listing=self.training,
            tracker=self.tracker(fuse),
            track_queue=fuse.guard(self.track_queue),
            start_queue=self.start_queue,
            evaluate_queue=self.evaluate_queue,
            alert_queue=fuse.guard(self.alert_queue),
            publisher=RuleStatusPublisher(store=fuse.guard(self.store), bus=fuse.guard(self.bus), clock=self.clock),
            clock=self.clock,
            name_prefix="gridwatch",
            seconds_left=lambda: 300 - (self.clock.now() - began).total_seconds(),
            tunings=TuningSweeper(
                store=self.store, tuning=self.tuning, tracker=self.tuning_tracker(), clock=self.clock
            ),
        )

    @property
    def trial(self) -> TrialRecord:
        return self.store.trials[("blobs", "0a1b2c3d4e")]

    @property
    def reactions(self) -> list[ReactionRecord]:
        return list(self.store.reactions.values())


def at_every_call(invoke: Callable[[World, Fuse], object], prepare: Callable[[], World]) -> list[World]:
    """Worlds in which `invoke` died at its first, second, … call, before or after it took effect, up to the last."""
    worlds = []
    for calls, after in itertools.product(range(60), (False, True)):
        world = prepare()
        try:
            invoke(world, Fuse(calls, after=after))
        except KilledError:
            worlds.append(world)
        else:
            assert calls >= 3, "the invocation makes hardly any calls"
            return worlds
    raise AssertionError("the invocation does not come to an end")
