"""Encodes framework metrics, the spans of time in which the training did something, as trace events."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

STEP = "Step:ModeKeys."  # this and the mode make a step's phase and its name
NEXT_BATCH = "DataLoaderIter::GetNext"
LOADER_PHASE = "DataLoaderIter"
LOADER_START_PHASE = "DataLoaderIterInitialize"
LOADER_WORKER = "DataLoaderWorker"


class Span(NamedTuple):
    """One activity of the training, which lasted from `start` (Unix seconds) for `duration` seconds."""

    phase: str
    name: str
    start: float
    duration: float
    details: Mapping[str, Any]


class Timeline:
    """Encodes spans. A phase has the same number (the trace format's `pid`) in all files of one process."""

    def __init__(self, process: int, started: float) -> None:
        self._process = process
        self._started_us = int(started * 1_000_000)
        self._phases: dict[str, int] = {}

    def encode(self, spans: Sequence[Span]) -> tuple[int, bytes]:
        """Encode these spans as a file. Returns the end of the last span (microseconds since 1970) and the file's
        content.

        The format is smdebug's: one event a line, with times relative to the time that the first event names.
        """
        start = {"start_time_since_epoch_in_micros": self._started_us}
        lines = _metadata(0, start)
        for phase in dict.fromkeys(span.phase for span in spans):
            number = self._phases.setdefault(phase, len(self._phases) + 1)
            lines += _metadata(number, {"name": phase})
        lines += [self._event(span) for span in spans]
        end = max(int((span.start + span.duration) * 1_000_000) for span in spans)
        return end, ("[\n" + ",\n".join(map(json.dumps, lines)) + "\n]\n").encode()

    def _event(self, span: Span) -> dict[str, Any]:
        return {
            "name": span.name,
            "pid": self._phases[span.phase],
            "ph": "X",
            "ts": int(span.start * 1_000_000) - self._started_us,
            "dur": int(span.duration * 1_000_000),
            "args": {"pid": self._process, **span.details},
        }


def _metadata(number: int, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": "process_name", "ph": "M", "pid": number, "args": arguments},
        {"name": "process_sort_index", "ph": "M", "pid": number, "args": {"sort_index": number}},
    ]
