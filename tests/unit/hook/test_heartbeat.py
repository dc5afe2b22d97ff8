"""What a rank makes of the heartbeat that a former process left."""

from __future__ import annotations

import json
import os
import platform
from typing import Any, cast

import pytest

from gridwatch_hook.watch.heartbeat import Heartbeat, begun_collectives


class Status:
    """A place with one status file."""

    def __init__(self, content: bytes | None) -> None:
        self.content = content

    def read(self, key: str) -> bytes | None:
        return self.content


class Clock:
    def wall(self) -> float:
        return 1_000.0

    def monotonic(self) -> float:
        return 0.0


def heartbeat(content: bytes | None) -> Heartbeat:
    anything = cast("Any", None)
    return Heartbeat(anything, cast("Any", Status(content)), anything, Clock(), every=15.0, rank=0, workers=1)


def test_steps_go_on_after_those_of_a_former_process() -> None:
    made = heartbeat(b'{"step": 41, "phase": "over", "at": 990.0, "every_seconds": 15.0, "host": "another"}')
    assert (made.last_step, made.taken) == (41, False)


def test_a_rank_that_lives_elsewhere_is_taken() -> None:
    assert heartbeat(b'{"step": 41, "phase": "step", "at": 990.0, "every_seconds": 15.0, "host": "another"}').taken


def test_a_process_that_is_gone_from_this_host_leaves_its_rank() -> None:
    gone = os.fork()
    if gone == 0:
        os._exit(0)
    os.waitpid(gone, 0)
    status = f'{{"process": {gone}, "phase": "step", "at": 990.0, "every_seconds": 15.0, "host": "{platform.node()}"}}'
    assert not heartbeat(status.encode()).taken


def test_a_rank_whose_former_clock_was_far_ahead_is_not_taken() -> None:
    made = heartbeat(b'{"step": 41, "phase": "step", "at": 90000.0, "every_seconds": 15.0, "host": "another"}')
    assert (made.last_step, made.taken) == (41, False)


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"step": "x"}',
        b'{"step": null}',
        b'{"at": {}}',
        b'{"step": 1e999}',
        b'{"step": 1000000000000}',
        b'{"step": -7}',
        b'{"step": 41, "at": 1e999, "every_seconds": 15.0}',
        b'{"step": 41, "at": 990.0, "every_seconds": 1e999}',
        b'{"step": 41, "at": 990.0, "every_seconds": NaN}',
    ],
)
def test_a_damaged_heartbeat_is_none(content: bytes | None) -> None:
    made = heartbeat(content)
    assert (made.last_step, made.taken) == (-1, False)


class Collectives:
    """Stands for PyTorch's module of collectives."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def _dump_fr_trace_json(self) -> str:
        return self._answer


def entry(group: int, number: int, name: str) -> dict[str, Any]:
    return {"process_group": [str(group), "default_pg"], "collective_seq_id": number, "profiling_name": name}


def test_collectives_are_counted_over_their_groups() -> None:
    entries = [entry(0, 3, "gloo:all_reduce"), entry(1, 2, "gloo:barrier"), entry(0, 4, "gloo:broadcast")]
    found = begun_collectives(Collectives(json.dumps({"entries": entries})))
    assert found == {"collectives": 6, "last_collective": "gloo:broadcast"}


@pytest.mark.parametrize("answer", ["", "{}", '{"entries": []}', '{"entries": [{}]}', '{"entries": 3}'])
def test_a_recorder_that_cannot_be_read_tells_of_no_collectives(answer: str) -> None:
    assert begun_collectives(Collectives(answer)) == {}
    assert begun_collectives(None) == {}
