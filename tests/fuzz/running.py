"""Runs inputs against targets, each made from (seed, target, number), so that one can be made again."""

from __future__ import annotations

import contextlib
import re
import resource
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.targets import TARGETS

MAX_SECONDS = 1.0  # of working time: a loaded machine is not the judge's fault
MAX_MEGABYTES = 256  # by which the process's peak may rise


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed input; `name` is the value that --only takes."""

    name: str
    reason: str
    content: bytes


@dataclass(slots=True)
class Tally:
    """The counts of one target. `peak`: the process's memory, in megabytes."""

    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    peak: float = 0.0
    failures: list[Failure] = field(default_factory=list)


def run(target: str, seed: int, numbers: Iterator[int] | range) -> Tally:
    tally = Tally()
    with contextlib.suppress(Exception):  # what is loaded with the first input is not its fault
        TARGETS[target].take(TARGETS[target].make(Random(f"{seed}:{target}")))
    before = peak_megabytes()
    for number in numbers:
        name = f"{target}:{number}"
        content = TARGETS[target].make(Random(f"{seed}:{name}"))
        began = time.process_time()
        try:
            accepted = TARGETS[target].take(content)
        except Exception:  # noqa: BLE001 - which is what is looked for
            tally.failures.append(Failure(name, traceback.format_exc(limit=-4), content))
            continue
        seconds = time.process_time() - began
        tally.accepted, tally.refused = tally.accepted + accepted, tally.refused + (not accepted)
        tally.slowest, tally.peak = max(tally.slowest, seconds), peak_megabytes()
        if seconds > MAX_SECONDS:
            tally.failures.append(Failure(name, f"took {seconds:.1f} s", content))
        if tally.peak - before > MAX_MEGABYTES:
            tally.failures.append(Failure(name, f"the peak rose by {tally.peak - before:.0f} MB", content))
            before = tally.peak
    return tally


def peak_megabytes() -> float:
    """The peak memory of this process since it started. Linux' getrusage also counts the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        assert found is not None
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20)  # macOS: in bytes
