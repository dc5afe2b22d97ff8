"""The index objects: which tensors a worker saved at a step, and where in the events file each of them lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from gridwatch.tensors.errors import CorruptTensorError
from gridwatch.tensors.modes import Mode
from gridwatch.tensors.partial import ends_early
from gridwatch.tensors.source import ByteRange

_LARGEST = 2**31 - 1  # bytes of a protocol buffer
_MOST_TENSORS = 100_000  # at a step: to look at each name takes time, of which an evaluation has a minute
_FARTHEST = 2**53  # no store holds a larger file
REDUCTIONS_PREFIX = "smdebug/reductions/"

ReductionName: TypeAlias = tuple[str, bool]  # ("mean", True) is the mean of the absolute values


@dataclass(frozen=True, slots=True)
class WorkerStep:
    """What one worker saved at one global step."""

    step: int
    worker: str
    mode: Mode
    mode_step: int
    tensors: Mapping[str, ByteRange]
    reductions: Mapping[str, Mapping[ReductionName, ByteRange]]
    names: tuple[str, ...]  # of tensors saved whole or as reductions, in the order written


def parse_index(key: str, step: int, worker: str, data: bytes) -> list[WorkerStep] | None:
    """The steps described by one index object, increasing: those under `earlier` (which Gridwatch's hook writes when it
    puts several steps into one object), then its own. None when the object ends early, so that it may still be being
    written. Raises CorruptTensorError when it can never be read.
    """
    try:
        document = json.loads(data)
        entries = [(int(entry["step"]), entry) for entry in document.get("earlier", ())]
        entries.append((step, document))
        return [_worker_step(number, worker, entry) for number, entry in sorted(entries, key=lambda entry: entry[0])]
    except json.JSONDecodeError as error:
        if ends_early(error):
            return None
        raise CorruptTensorError(key, f"not JSON ({error})") from error
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            return None
        raise CorruptTensorError(key, f"not text ({error})") from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise CorruptTensorError(key, f"not an index object ({type(error).__name__}: {error})") from error


def _worker_step(step: int, worker: str, document: Mapping[str, Any]) -> WorkerStep:
    meta = document["meta"]
    events = meta.get("event_file_name", "")
    if events.startswith("/") or ".." in events or "\0" in events:
        raise ValueError(f"the events file {events!r} lies outside of the folder")
    tensors: dict[str, ByteRange] = {}
    reductions: dict[str, dict[ReductionName, ByteRange]] = {}
    if len(document["tensor_payload"]) > _MOST_TENSORS:
        raise ValueError(f"more than {_MOST_TENSORS:,} tensors at one step")
    for entry in document["tensor_payload"]:
        name, start, length = entry["tensorname"], entry["start_idx"], entry["length"]
        if type(start) is not int or type(length) is not int or not (0 <= start < _FARTHEST and 0 < length <= _LARGEST):
            raise ValueError(f"{name!r} lies at {start!r}, {length!r} bytes long")
        place = ByteRange(events, start, length)
        if REDUCTIONS_PREFIX in name:
            original, reduction = _parse_reduction(name)
            reductions.setdefault(original, {})[reduction] = place
        else:
            tensors[name] = place
    names = (*tensors, *(name for name in reductions if name not in tensors)) if reductions else tuple(tensors)
    return WorkerStep(step, worker, Mode[meta["mode"].strip()], int(meta["mode_step"]), tensors, reductions, names)


def _parse_reduction(name: str) -> tuple[str, ReductionName]:
    kind, slash, original = name.partition(REDUCTIONS_PREFIX)[2].partition("/")
    if not slash or not original:
        raise ValueError(f"{name!r} names no reduction of a tensor")
    return original, (kind.removeprefix("abs_"), kind.startswith("abs_"))
