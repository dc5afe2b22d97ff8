"""Tables of what runs: written soon, not twice for the same news, and at most a fifth of the time."""

from __future__ import annotations

from datetime import timedelta

from evaluate_rules.refreshing import Refresher
from gridwatch.events.messages import SnapshotExperiment, to_body
from gridwatch.state.codec import moment_text
from snapshot_experiment.live import LiveTables
from snapshot_experiment.requests import parse_batch
from tests.fakes.clock import FakeClock
from tests.fakes.queues import FakeQueue


def test_news_of_an_experiment_asks_once_until_the_tables_are_due() -> None:
    queue, clock = FakeQueue(), FakeClock()
    refresher = Refresher(queue=queue, clock=clock, interval=2)
    due = moment_text(clock.now() + timedelta(seconds=4))  # the first news waits twice as long
    for _ in range(5):
        refresher.news_of("blobs")
    refresher.news_of("digits")
    assert (queue.messages, queue.delays) == (
        [SnapshotExperiment("blobs", due), SnapshotExperiment("digits", due)],
        [4, 4],
    )
    clock.advance(4)
    refresher.news_of("blobs")
    assert (len(queue.messages), queue.delays[-1]) == (3, 2)


def test_where_tables_wait_for_ends_nobody_asks() -> None:
    queue = FakeQueue()
    Refresher(queue=queue, clock=FakeClock(), interval=0).news_of("blobs")
    assert queue.messages == []


def test_tables_that_are_late_enough_are_not_written_again() -> None:
    queue, clock = FakeQueue(), FakeClock()
    live = LiveTables(queue)
    asked = moment_text(clock.now())
    assert live.is_due("blobs", asked, clock.now())
    clock.advance(1)
    as_of = clock.now()
    clock.advance(3)  # it took three seconds
    live.took("blobs", as_of, clock.now())
    assert not live.is_due("blobs", asked, clock.now())
    assert queue.messages == []
    later = moment_text(clock.now())
    assert not live.is_due("blobs", later, clock.now())  # it rests four times as long
    assert (queue.messages, queue.delays) == ([SnapshotExperiment("blobs", later)], [12])
    clock.advance(12)
    assert live.is_due("blobs", later, clock.now())
    assert live.is_due("digits", later, clock.now())


def test_one_message_that_wants_tables_for_certain_is_enough() -> None:
    since, certain = to_body(SnapshotExperiment("blobs", "2026-11-29T12")), to_body(SnapshotExperiment("blobs"))

    def parsed(*bodies: str) -> object:
        records = [{"messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]
        return parse_batch({"Records": records}).live

    assert parsed(since, since) == {"blobs": "2026-11-29T12"}
    assert parsed(since, certain) == {}
