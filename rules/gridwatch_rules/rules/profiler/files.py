"""Parses the files of a profile: their names and their contents.

System metrics are one JSON event a line, in `system/incremental/<hour>/<second>.<node>.json`. Framework metrics are an
array of trace events in `framework/pevents/<hour>/<microsecond>_<process>-<node>_<kind>.json`. Source: smdebug 1.0.34,
`smdebug/profiler` (readers) and `smdebug/core/tfevent/timeline_file_writer.py` (writer).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from gridwatch_rules.rules.profiler.metrics import Sample, Span, samples
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.index import readable, whole

SYSTEM_PREFIX = "system/"
FRAMEWORK_PREFIX = "framework/pevents/"

LARGEST = 24 * 1024 * 1024  # bytes: Debugger begins a new file after 10 MB; JSON takes up to 27 times as much memory
# Errors from malformed files: endless numbers, lists in place of objects, and so on.
_ODD = (KeyError, TypeError, ValueError, AttributeError, OverflowError)

_SYSTEM = re.compile(r"system/.+/(\d{10})\.(algo-\d+)\.json$")
_FRAMEWORK = re.compile(r"framework/pevents/\d+/(\d{1,18})_([^_/]+)_(?:pythontimeline|model_timeline)\.json$")
_PROCESS_NODE = re.compile(r"(?P<process>.+)-(?P<node>algo-\d+)$")


class FileKey(NamedTuple):
    """The parsed key of a file. `stream` names all files of one writer, whose names sort by time; `time` is the time in
    the name, in Unix seconds.
    """

    key: str
    stream: str
    node: str
    time: float


def parse_key(key: str) -> FileKey | None:
    """Parse the key of a profile's file. Returns None for files that rules do not read."""
    if found := _SYSTEM.match(key):
        return FileKey(key, f"system/{found[2]}", found[2], float(found[1]))
    if found := _FRAMEWORK.match(key):
        node = _PROCESS_NODE.match(found[2])
        return FileKey(key, f"framework/{found[2]}", node["node"] if node else found[2], int(found[1]) / 1_000_000)
    return None


def parse_samples(key: str, content: bytes, *, ended: bool) -> list[Sample] | None:
    """Parse a file of system metrics. Returns None while its last line is incomplete. Raises CorruptTensorError."""
    _check_size(key, content)
    *lines, last = content.split(b"\n")
    # Each line ends with a line break, so text after the last one is an incomplete line.
    if (last or not content) and not ended:
        return None
    lines.append(last)
    events = []
    for number, line in enumerate(lines):
        event = _json(line) if line.strip() else None
        if event is None and line.strip() and not (ended and number == len(lines) - 1):
            raise CorruptTensorError(key, f"line {number + 1} is no JSON")
        if event is not None:
            events.append(event)
    try:
        return samples(events)
    except _ODD as error:
        raise CorruptTensorError(key, f"not an event of system metrics: {error!r}") from error


def parse_spans(file: FileKey, content: bytes, *, ended: bool) -> list[Span] | None:
    """Parse a file of framework metrics into spans in the order of their ends. Returns None while it is incomplete.
    Raises CorruptTensorError.
    """
    _check_size(file.key, content)
    document = _json(content)
    if not isinstance(document, list):
        if not ended and not content.rstrip().endswith(b"]"):
            return None
        raise CorruptTensorError(file.key, "it is no array of trace events")
    try:
        return sorted(_spans(file.node, document), key=lambda each: each.time)
    except _ODD as error:
        raise CorruptTensorError(file.key, f"not a trace event: {error!r}") from error


def _spans(node: str, events: list[Mapping[str, Any]]) -> list[Span]:
    began = 0
    phases: dict[int, str] = {}
    spans = []
    for event in events:
        details = event.get("args") or {}
        if event["ph"] == "M":
            began = int(details.get("start_time_since_epoch_in_micros", began))
            if event["name"] == "process_name" and "name" in details:
                phases[event["pid"]] = readable(details["name"], "a process's name")
        elif event["ph"] == "X":
            step = details.get("step_num")
            start, duration = (event["ts"] + began) / 1_000_000, event["dur"] / 1_000_000
            if not math.isfinite(start + duration):
                raise ValueError(f"a span from {start} for {duration} s")
            spans.append(
                Span(
                    node=node,
                    phase=phases.get(event["pid"], "Unknown"),
                    name=readable(event["name"], "an event's name"),
                    start=start,
                    duration=duration,
                    step=None if step is None else whole(int(step), "step_num"),
                    details=details,
                )
            )
    return spans


def _check_size(key: str, content: bytes) -> None:
    if len(content) > LARGEST:
        raise CorruptTensorError(key, f"{len(content):,} bytes, where a file of a profile has at most {LARGEST:,}")


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
