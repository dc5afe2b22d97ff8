"""Stories of delivering: an alert is sent once, and twice only by a death in between."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import pytest

from deliver_alert.channels import ChatTopic, IncidentWebhook, SlackWebhook
from deliver_alert.delivering import LEASE, DeliveryOutcome
from gridwatch.alerts.content import Alert, Severity, record, spec_rejected
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.domain.alerts import AlertRecord
from gridwatch.events.messages import DeliverAlert, PostWebhook
from gridwatch_rules.failures import ThrottledError, TransientError
from tests.fakes.bus import FakeTopic
from tests.fakes.fuse import Fuse
from tests.fakes.queues import FakeQueue
from tests.unit.functions.watching import World, at_every_call


def asked(world: World) -> AlertRecord:
    alert = spec_rejected(
        spec_key="experiments/a.yaml", spec_version="v", problems=["p"], total=1, answer_key="k", now=world.clock.now()
    )
    return AlertOutbox(world.store, world.alert_queue).ask(alert)


def test_sent_once_and_remembered() -> None:
    world = World()
    alert = asked(world)

    assert world.deliver(alert.alert_id) is DeliveryOutcome.SENT
    assert world.deliver(alert.alert_id) is DeliveryOutcome.SENT_BEFORE

    ((subject, body, attributes),) = world.topic.messages
    assert subject.startswith("[Gridwatch] Spec experiments/a.yaml")
    assert body.endswith(f"Gridwatch alert {alert.alert_id}\n")
    assert attributes == {
        "prefix": "gridwatch",
        "kind": "spec_rejected",
        "severity": "critical",
        "alert_id": alert.alert_id,
        "format": "text",
    }
    kept = world.store.alerts[alert.alert_id]
    assert kept.message_id == "message-1"
    assert kept.sent_at == world.clock.now() - timedelta(seconds=1)


def test_asking_twice_is_asking_once() -> None:
    world = World()
    first, second = asked(world), asked(world)
    assert first == second
    world.deliver_all()
    assert len(world.topic.messages) == 1
    asked(world)
    assert world.alert_queue.messages == []


def test_an_alert_that_nobody_knows() -> None:
    assert World().deliver("nothing-0123") is DeliveryOutcome.UNKNOWN


def test_two_invocations_at_once_send_one_message() -> None:
    world = World()
    alert_id = asked(world).alert_id
    publish = world.topic.publish

    def publish_slowly(subject: str, body: str, attributes: dict[str, str]) -> str:
        with pytest.raises(TransientError, match="being sent"):
            world.deliver(alert_id)
        return publish(subject, body, attributes)

    world.topic.publish = publish_slowly  # type: ignore[assignment,method-assign]
    assert world.deliver(alert_id) is DeliveryOutcome.SENT
    assert len(world.topic.messages) == 1


def test_a_throttled_topic_loses_nothing() -> None:
    world = World()
    alert_id = asked(world).alert_id
    publish = world.topic.publish

    def throttled(*arguments: object) -> str:
        raise ThrottledError("slow down")

    world.topic.publish = throttled  # type: ignore[assignment,method-assign]
    with pytest.raises(ThrottledError):
        world.deliver(alert_id)
    world.topic.publish = publish  # type: ignore[method-assign]
    world.clock.advance(LEASE.total_seconds())
    assert world.deliver(alert_id) is DeliveryOutcome.SENT


def test_death_at_any_call_sends_at_least_once_under_one_id() -> None:
    def prepare() -> World:
        world = World()
        asked(world)
        return world

    worlds = at_every_call(lambda world, fuse: world.deliver(next(iter(world.store.alerts)), fuse), prepare)
    repeated = 0
    for world in worlds:
        world.clock.advance(LEASE.total_seconds())
        world.deliver_all()
        assert len({attributes["alert_id"] for _, _, attributes in world.topic.messages}) == 1
        assert all(alert.sent_at for alert in world.store.alerts.values())
        repeated += len(world.topic.messages) - 1
    assert repeated == 2  # the two deaths between sending and recording


@pytest.mark.parametrize("seed", range(10))
def test_messages_of_many_in_any_order_with_deaths_before_sending(seed: int) -> None:
    chance = random.Random(seed)
    world = World()
    alert_id = asked(world).alert_id
    queue = [DeliverAlert(alert_id)] * 5
    while queue:
        message = queue.pop()
        try:
            world.deliver(message.alert_id, Fuse(chance.choice([0, 99]), after=chance.random() < 0.5))
        except BaseException:  # noqa: BLE001 - whatever it died of, the message comes again
            world.clock.advance(180)
            queue.append(message)
    assert len(world.topic.messages) == 1


def test_every_channel_gets_it_once_in_its_own_form() -> None:
    def prepare() -> World:
        world = World()
        chat, webhooks = FakeTopic(), FakeQueue()
        world.channels = [ChatTopic(chat), SlackWebhook(webhooks), IncidentWebhook(webhooks, "gridwatch")]
        asked(world)
        return world

    world = prepare()
    world.deliver_all()
    assert len(world.topic.messages) == 1
    assert told_through(world) == ["chat", "incident", "slack"]

    for died in at_every_call(lambda world, fuse: world.deliver(next(iter(world.store.alerts)), fuse), prepare):
        died.clock.advance(LEASE.total_seconds())
        died.deliver_all()
        sent = [*(["text"] * len(died.topic.messages)), *told_through(died)]
        assert set(sent) == {"text", "chat", "slack", "incident"}
        assert len(sent) <= 5  # one channel at most saw it twice: the one at whose turn the call died


def told_through(world: World) -> list[str]:
    """The channels beside the text that have the alert, each as often as it has it."""
    chat, slack, _ = world.channels
    assert isinstance(chat, ChatTopic)
    assert isinstance(slack, SlackWebhook)
    assert isinstance(chat.topic, FakeTopic)
    assert isinstance(slack.queue, FakeQueue)
    for _, body, attributes in chat.topic.messages:
        assert json.loads(body)["source"] == "custom"
        assert attributes["format"] == "chat"
    posts = [message.channel for message in slack.queue.messages if isinstance(message, PostWebhook)]
    return sorted(["chat"] * len(chat.topic.messages) + posts)


def test_that_an_experiment_has_ended_is_no_incident() -> None:
    world = World()
    webhooks = FakeQueue()
    world.channels = [IncidentWebhook(webhooks, "gridwatch")]
    ended = record(
        Alert(kind="experiment_ended", severity=Severity.INFO, title="t", summary="s"),
        about=("a",), experiment="a", now=world.clock.now(),
    )  # fmt: skip
    AlertOutbox(world.store, world.alert_queue).ask(ended)
    world.deliver_all()
    assert webhooks.messages == []
    assert len(world.topic.messages) == 1
