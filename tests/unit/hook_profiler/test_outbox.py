"""Files leave in order, whatever the place does; what cannot leave is counted."""

from __future__ import annotations

from gridwatch_hook.profiler.outbox import Outbox
from tests.unit.hook.memory_sink import MemorySink
from tests.unit.hook_profiler.fakes import MovedClock


def test_files_leave_in_their_order() -> None:
    sink = MemorySink()
    outbox = Outbox(sink, MovedClock())
    outbox.start()
    for number in range(20):
        outbox.put(f"{number:02d}", b"x")
    outbox.finish(5.0)
    assert sink.puts == [f"{number:02d}" for number in range(20)]
    assert outbox.report.files_written == 20


def test_putting_does_not_wait_for_the_place() -> None:
    sink = MemorySink()
    sink.open.clear()
    outbox = Outbox(sink, MovedClock(), memory_limit=10)
    outbox.start()
    outbox.put("a", b"12345")
    outbox.put("b", b"12345")
    outbox.put("c", b"1")  # no room left
    assert not sink.objects
    sink.open.set()
    outbox.finish(5.0)
    assert sink.puts == ["a", "b"]
    assert (outbox.report.files_written, outbox.report.files_lost) == (2, 1)


def test_a_write_that_fails_is_tried_again() -> None:
    sink = MemorySink(failures=1)
    outbox = Outbox(sink, MovedClock(), first_pause=0.0)
    outbox.start()
    outbox.put("a", b"1")
    outbox.finish(5.0)
    assert sink.objects == {"a": b"1"}
    assert (outbox.report.failed_attempts, outbox.report.last_error) == (1, "OSError: the disk is on fire")


def test_closing_gives_up_when_its_time_is_over() -> None:
    sink = MemorySink(failures=1000)
    outbox = Outbox(sink, MovedClock())
    outbox.start()
    outbox.put("a", b"1")
    outbox.put("b", b"1")
    outbox.finish(0.0)
    assert outbox.report.files_lost == 2
