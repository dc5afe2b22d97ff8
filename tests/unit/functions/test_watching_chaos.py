"""The whole watching side under chaos: events doubled, shuffled and lost, calls killed, SageMaker and SNS throttling.

Queues give a message again until its call succeeds, as SQS does; the bus hands an event to a queue one to five times,
or never; the schedule sweeps. However it comes: no job is stopped twice or without a finding, none is missed, no alert
is lost, none is told under two ids.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gridwatch.alerts.rule_issue import rule_issue_id
from gridwatch.events.messages import DeliverAlert, EvaluateJob
from gridwatch.launch.observation import is_terminal
from gridwatch_rules.failures import ThrottledError
from tests.fakes.fuse import Fuse
from tests.fakes.mortal_store import KilledError
from tests.unit.functions.watching import FINITE, JOB, LOSS, World

STUCK = [8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0]
HEALTHY = [2.0**-step for step in range(7)]
BROKEN = [8.0, 4.0, float("nan"), 1.0, 0.5, 0.25, 0.125]
Message = tuple[str, Any]


class Chaos:
    """Four jobs: two that get nowhere, one whose loss is no number, and a healthy one."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = World(LOSS, FINITE)
        self.bad = {JOB: "loss", "gridwatch-blobs-0000000001-1": "loss", "gridwatch-blobs-0000000002-1": "finite"}
        self.healthy = "gridwatch-blobs-0000000003-1"
        for name in [*self.bad, self.healthy]:
            if name != JOB:
                self.world.add_job(name, name.split("-")[-2], LOSS, FINITE)
            values = HEALTHY if name == self.healthy else STUCK if self.bad[name] == "loss" else BROKEN
            self.world.losses(*values, job_name=name)
        self.messages: list[Message] = []
        self.deaths_between = 0  # sending an alert and recording that it was sent
        for name in [*self.bad, self.healthy]:
            for until in range(7):
                self.send(("evaluate", (name, until)))

    def send(self, message: Message) -> None:
        """By the bus: one event in ten is lost, the others come up to five times."""
        if self.chance.random() >= 0.1:
            self.messages += [message] * self.chance.randint(1, 5)

    def run(self) -> None:
        while self.messages:
            message = self.messages.pop(self.chance.randrange(len(self.messages)))
            try:
                self.handle(*message)
            except (KilledError, ThrottledError):
                self.messages.append(message)
            except Exception as error:
                if "another invocation" not in str(error):
                    raise
                self.messages.append(message)
            self.collect()

    def collect(self) -> None:
        """What was put on the bus and into the queues goes on its way. Our own queues lose nothing."""
        for event in self.world.bus.events:
            self.send(("react", event))
        for message in self.world.evaluate_queue.messages:
            assert isinstance(message, EvaluateJob)
            self.messages.append(("evaluate", (message.job_name, None)))
        for message in self.world.alert_queue.messages:
            assert isinstance(message, DeliverAlert)
            self.messages.append(("deliver", message.alert_id))
        for sent in (self.world.bus.events, self.world.evaluate_queue.messages, self.world.alert_queue.messages):
            sent.clear()

    def handle(self, kind: str, subject: Any) -> None:
        self.world.clock.advance(self.chance.choice([1, 100]))
        if self.chance.random() < 0.2:
            self.world.training.stop_failures = [ThrottledError("slow down")] * self.chance.choice([1, 100])
        handlers: dict[str, Callable[[Any, Fuse], object]] = {
            "evaluate": self.evaluate,
            "react": self.world.react,
            "deliver": self.deliver,
        }
        fuse = Fuse(self.chance.randint(0, 30), after=self.chance.random() < 0.5)
        try:
            handlers[kind](subject, fuse)
        finally:
            self.world.training.stop_failures = []

    def evaluate(self, subject: tuple[str, int | None], fuse: Fuse) -> None:
        job_name, self.world.until = subject
        self.world.evaluate(job_name=job_name, fuse=fuse)

    def deliver(self, alert_id: str, fuse: Fuse) -> None:
        before = len(self.world.topic.messages)
        try:
            self.world.deliver(alert_id, fuse)
        except KilledError:
            sent = len(self.world.topic.messages) > before
            self.deaths_between += sent and self.world.store.alerts[alert_id].sent_at is None
            raise

    def sweep(self) -> None:
        self.world.clock.advance(300)
        for name, job in list(self.world.training.jobs.items()):
            if job.status == "Stopping":
                self.world.training.finish(name, "Stopped")
        self.world.sweep()
        self.collect()


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens(seed: int) -> None:
    chaos = Chaos(seed)
    world = chaos.world
    chaos.run()
    for _ in range(6):
        chaos.sweep()
        chaos.run()

    assert Counter(world.training.stopped) == Counter(list(chaos.bad))
    assert {name for name, job in world.training.jobs.items() if not is_terminal(job.status)} == {chaos.healthy}
    expected = {rule_issue_id(job_name, rule) for job_name, rule in chaos.bad.items()}
    told = Counter(attributes["alert_id"] for _, _, attributes in world.topic.messages)
    assert set(told) == expected
    assert told.total() - len(expected) == chaos.deaths_between
    assert world.store.open_findings() == []
    assert world.store.unsent_alerts() == []
    assert all(reaction.carried_out_at for reaction in world.reactions)
    reasons = {trial.job_name: trial.reason for trial in world.store.trials.values()}
    assert reasons == {
        **{name: f"stopped by {rule}@{step(rule)}" for name, rule in chaos.bad.items()},
        chaos.healthy: None,
    }


def step(rule: str) -> int:
    return 6 if rule == "loss" else 2


def test_chaos_is_the_same_for_the_same_seed() -> None:
    first, second = Chaos(7), Chaos(7)
    first.run()
    second.run()
    assert json.dumps(first.world.topic.messages) == json.dumps(second.world.topic.messages)
