"""Reads the heartbeats of a job's ranks, which the hook's watch writes also while nothing else moves.

Each rank has one small object, `status/worker_<rank>.json`, below `heartbeat-output`. An object that cannot be read, or
that is cut off, is as good as none: the next heartbeat replaces it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch_rules.tensors.layout import MOST_STEPS
from gridwatch_rules.tensors.source import ByteRange, TensorSource
from gridwatch_rules.visible import visible_line

FOLDER = "heartbeat-output"
OVER = "over"
_PREFIX = "status/worker_"
_MOST_RANKS = 1024
_MOST_BYTES = 64 * 1024
_MOST_FRAMES = 30
_LONGEST_TEXT = 200

Beats = Callable[[], "Sequence[Beat]"]  # reads what the ranks tell now


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """The newest heartbeat of a rank. `stack` is that of its training thread, innermost last, where it has stood still.

    `idle` are seconds since the training last did anything, at the Unix time `at`; the rank's process began to tell at
    `began`. `collectives` counts the collective operations that the rank has begun, the last of which is
    `last_collective`.
    """

    rank: int
    step: int
    phase: str
    idle: float
    at: float
    began: float = 0.0
    every: float = 15.0
    workers: int = 1
    host: str = ""
    stack: tuple[str, ...] = ()
    collectives: int | None = None
    last_collective: str = ""

    @property
    def is_over(self) -> bool:
        """Whether the rank has said that its training ended."""
        return self.phase == OVER

    @property
    def moved_at(self) -> float:
        """The Unix time at which the training last did anything."""
        return self.at - self.idle


def no_beats() -> Sequence[Beat]:
    """The heartbeats of a job that has none."""
    return ()


def read_heartbeats(source: TensorSource) -> Sequence[Beat]:
    """The newest heartbeat of each rank, by rank. Raises what the source raises when it cannot be reached."""
    keys = list(source.keys(_PREFIX, limit=_MOST_RANKS))
    contents = source.read([ByteRange(key, 0, _MOST_BYTES) for key in keys]) if keys else ()
    beats = [beat for content in contents if (beat := parse_heartbeat(content or b"")) is not None]
    return sorted(_of_this_run(beats), key=lambda beat: beat.rank)


def _of_this_run(beats: Sequence[Beat]) -> Sequence[Beat]:
    """The heartbeats without those that an earlier run of the job left: a rank that has not begun again, or that there
    is no more.
    """
    if not beats:
        return beats
    newest = max(beats, key=lambda beat: beat.began)
    return [beat for beat in beats if beat.at >= newest.began - newest.every and beat.rank < newest.workers]


def parse_heartbeat(content: bytes) -> Beat | None:
    """The heartbeat in an object; None where it is none."""
    try:
        found = json.loads(content)
        return _parsed(found) if isinstance(found, dict) else None
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _parsed(found: Mapping[str, Any]) -> Beat | None:
    numbers = [float(found[name]) for name in ("idle_seconds", "at")]
    numbers += [float(found.get(name) or 0.0) for name in ("began", "every_seconds")]
    rank, step = int(found["rank"]), int(found["step"])
    if not all(map(math.isfinite, numbers)) or not 0 <= rank < 10**6 or not -1 <= step < MOST_STEPS:
        return None
    stack = found.get("stack") or ()
    begun = found.get("collectives")
    return Beat(
        rank=rank,
        step=step,
        phase=_text(found["phase"]),
        idle=max(numbers[0], 0.0),
        at=numbers[1],
        began=numbers[2],
        every=min(max(numbers[3], 0.0), 3600.0) or 15.0,
        workers=max(int(found.get("workers") or 1), rank + 1),
        host=_text(found.get("host", "")),
        stack=tuple(map(_text, stack[-_MOST_FRAMES:])) if isinstance(stack, list) else (),
        collectives=begun if isinstance(begun, int) else None,
        last_collective=_text(found.get("last_collective") or ""),
    )


def _text(value: object) -> str:
    return visible_line(str(value))[:_LONGEST_TEXT]
