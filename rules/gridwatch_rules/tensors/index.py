"""Parses index objects, which say what tensors a worker saved at a step, and where in the events file each of them
lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.partial import ends_early
from gridwatch_rules.tensors.seal import require_unbroken
from gridwatch_rules.tensors.source import ByteRange

_LARGEST = 2**31 - 1  # most bytes of a protocol buffer
_MOST_TENSORS = 100_000  # most tensors at a step, because each name takes time and an evaluation has a minute
_FARTHEST = 2**53  # largest file that any store holds
_MOST_AXES = 64  # most dimensions of an array in numpy
LARGEST_INDEX = 16 * 1024 * 1024  # bytes of one object, enough for the most tensors of a step with long names
_LONGEST_KEY = 700  # bytes of a key within a folder; S3 allows 1,024 including the folder
_SHOWN = 300  # longest error text
REDUCTIONS_PREFIX = "smdebug/reductions/"

ReductionName: TypeAlias = tuple[str, bool]  # ("mean", True) is the mean of the absolute values


@dataclass(frozen=True, slots=True)
class SavedShape:
    """A tensor's shape as recorded in the index. `original_name` is the framework's name for the tensor."""

    shape: tuple[int, ...]
    original_name: str


@dataclass(frozen=True, slots=True)
class WorkerStep:
    """The tensors that one worker saved at one global step."""

    step: int
    worker: str
    mode: Mode
    mode_step: int
    tensors: Mapping[str, ByteRange]
    reductions: Mapping[str, Mapping[ReductionName, ByteRange]]
    names: tuple[str, ...]  # names of tensors saved whole or as reductions, in the order written
    shapes: Mapping[str, SavedShape] = field(default_factory=dict)  # shapes of tensors whose collection saves shapes
    asked: bool = True  # False: saved only for curves, between the steps that the spec asks for


def parse_index(key: str, step: int, worker: str, data: bytes) -> list[WorkerStep] | None:
    """Parse one index object into the steps that it describes, increasing: those under `earlier` (which Gridwatch's
    hook writes when it puts several steps into one object), then its own. Returns None when the object ends early,
    because it may still be being written. Raises CorruptTensorError, and no other error, when it can never be read.
    """
    if len(data) > LARGEST_INDEX:
        # Parsed JSON takes up to 27 times as much memory as its text.
        raise CorruptTensorError(key, f"{len(data):,} bytes, where an index object has at most {LARGEST_INDEX:,}")
    try:
        require_unbroken(data)
        document = json.loads(data, object_hook=_compact, parse_constant=_refuse_constant)
        entries = [(_earlier_step(entry, step), entry) for entry in document.get("earlier", ())]
        entries.append((whole(step, "the step"), document))
        return [_worker_step(number, worker, entry) for number, entry in sorted(entries, key=lambda entry: entry[0])]
    except json.JSONDecodeError as error:
        if ends_early(error):
            return None
        raise CorruptTensorError(key, f"not JSON ({error})") from error
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return None
        raise CorruptTensorError(key, f"not text ({error})") from error
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise CorruptTensorError(key, f"not an index object ({type(error).__name__}: {str(error)[:_SHOWN]})") from error


def whole(value: object, what: str) -> int:
    """Check that a value is a whole number from 0 on that fits into 64 bits. Raises ValueError."""
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{what} is {value!r:.40}, not a whole number from 0 to 2**63 - 1")
    return value


def readable(name: object, what: str) -> str:
    """Check that a name is a text that UTF-8 can encode. Raises ValueError."""
    if not isinstance(name, str):
        raise ValueError(f"{what} is {name!r:.40}, not a text")
    if not name.isascii():
        name.encode()
    return name


class _Entry(NamedTuple):
    """One entry of `tensor_payload`, reduced to little memory as soon as it is read."""

    name: Any
    start: Any
    length: Any


def _compact(found: dict[str, Any]) -> Any:
    placed = "tensorname" in found and "start_idx" in found
    return _Entry(found["tensorname"], found["start_idx"], found["length"]) if placed else found


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _earlier_step(entry: Mapping[str, Any], own: int) -> int:
    step = whole(entry["step"], "an earlier step")
    if step >= own:
        raise ValueError(f"step {step} stands under `earlier` of step {own}")
    return step


def _worker_step(step: int, worker: str, document: Mapping[str, Any]) -> WorkerStep:
    meta = document["meta"]
    events = readable(meta.get("event_file_name", ""), "the events file")
    if events.startswith("/") or ".." in events or "\0" in events or len(events.encode()) > _LONGEST_KEY:
        raise ValueError(f"the events file {events!r:.100} lies outside of the folder, or is no name of a file")
    tensors: dict[str, ByteRange] = {}
    reductions: dict[str, dict[ReductionName, ByteRange]] = {}
    payload, shaped = _payloads(document)
    if payload and (not events or events.endswith("/")):
        raise ValueError(f"{events!r} is no name of an events file")
    for entry in payload:
        name, start, length = entry if type(entry) is _Entry else (entry["tensorname"], None, None)
        if type(start) is not int or type(length) is not int or not (0 <= start < _FARTHEST and 0 < length <= _LARGEST):
            raise ValueError(f"{name!r:.100} lies at {start!r:.40}, {length!r:.40} bytes long")
        place = ByteRange(events, start, length)
        if REDUCTIONS_PREFIX in readable(name, "a tensor's name"):
            original, reduction = _parse_reduction(name)
            reductions.setdefault(original, {})[reduction] = place
        else:
            tensors[name] = place
    names = (*tensors, *(name for name in reductions if name not in tensors)) if reductions else tuple(tensors)
    mode, mode_step = Mode[meta["mode"].strip()], whole(meta["mode_step"], "mode_step")
    asked = document.get("unasked") is not True
    return WorkerStep(step, worker, mode, mode_step, tensors, reductions, names, _shapes(shaped), asked)


def _payloads(document: Mapping[str, Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    """The entries of tensors and those of shapes. An index object may have either or both."""
    if "tensor_payload" not in document and "shape_payload" not in document:
        raise ValueError("neither tensor_payload nor shape_payload")
    payload, shaped = document.get("tensor_payload") or (), document.get("shape_payload") or ()
    if len(payload) + len(shaped) > _MOST_TENSORS:
        raise ValueError(f"more than {_MOST_TENSORS:,} tensors at one step")
    return payload, shaped


def _shapes(payload: Sequence[Any]) -> dict[str, SavedShape]:
    found: dict[str, SavedShape] = {}
    for entry in payload:
        name, shape = readable(entry["tensorname"], "a tensor's name"), tuple(entry["shape"])
        original = readable(entry.get("originalname") or name, "a tensor's name")
        if len(shape) > _MOST_AXES or not all(type(size) is int and 0 <= size < _FARTHEST for size in shape):
            raise ValueError(f"{name!r:.100} has the shape {entry['shape']!r:.100}")
        found[name] = SavedShape(shape, original)
    return found


def _parse_reduction(name: str) -> tuple[str, ReductionName]:
    kind, slash, original = name.partition(REDUCTIONS_PREFIX)[2].partition("/")
    if not slash or not original:
        raise ValueError(f"{name!r} names no reduction of a tensor")
    return original, (kind.removeprefix("abs_"), kind.startswith("abs_"))
