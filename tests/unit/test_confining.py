"""Functions of the embedded cloud get no more than Lambda gives them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gridwatch.localcloud.confining import confined, is_possible

pytestmark = pytest.mark.skipif(not is_possible(), reason="this machine has no /proc")

BUSY = "import time\nprint(flush=True)\nwhile True: pass"
IDLE = "import time\nprint(flush=True)\ntime.sleep(60)"
LARGE = "import time\nheld = bytearray(200 * 2**20)\nprint(flush=True)\ntime.sleep(60)"


@contextmanager
def running(program: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def computed(process: subprocess.Popen[str], seconds: float, megabytes: int) -> float:
    """The processor time that a process gets in so many seconds."""
    before = _seconds(process.pid)
    with confined(lambda: process.pid, megabytes):
        time.sleep(seconds)
    return _seconds(process.pid) - before


def _seconds(process: int) -> float:
    from gridwatch.localcloud import confining

    return confining._seconds(process)


def test_a_function_computes_as_much_as_its_memory_lets_it() -> None:
    with running(BUSY) as process, running(BUSY) as free:
        before = _seconds(free.pid)
        got = computed(process, 3.0, 128)  # a fourteenth of a processor
        others = _seconds(free.pid) - before
    assert got < others / 2  # both compete for the same processors, however busy those are


def test_afterwards_it_is_not_held_any_more() -> None:
    with running(BUSY) as process:
        computed(process, 0.5, 64)
        before, deadline = _seconds(process.pid), time.monotonic() + 20
        while _seconds(process.pid) < before + 0.2:
            assert time.monotonic() < deadline, "it stands still"
            time.sleep(0.05)


@pytest.mark.parametrize(("program", "exceeded"), [(LARGE, True), (IDLE, False)])
def test_what_needs_more_than_its_memory_is_ended(program: str, exceeded: bool) -> None:
    with running(program) as process, confined(lambda: process.pid, 128) as confinement:
        deadline = time.monotonic() + (20 if exceeded else 0.5)
        while not confinement.exceeded and time.monotonic() < deadline:
            time.sleep(0.02)
        assert confinement.exceeded is exceeded
        if exceeded:
            process.wait(20)
        assert (process.poll() is not None) is exceeded


def test_a_process_that_begins_later_or_ends_meanwhile_harms_nothing() -> None:
    with confined(lambda: None, 128) as confinement:
        time.sleep(0.1)
    with running(IDLE) as process, confined(lambda: process.pid, 128):
        process.kill()
        process.wait()
        time.sleep(0.1)
    assert not confinement.exceeded
