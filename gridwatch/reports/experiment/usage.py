"""How a trial used its machine, which the report shows from its profile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from gridwatch_rules.failures import PermanentError
from gridwatch_rules.rules.profiler.metrics import Sample
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.source import TensorSource

MOST_TRIALS = 50  # a profile is many files
BINS = 20  # of 5 percent each
CELLS = 48  # of equal time, from a job's first sample to its last


@dataclass(frozen=True, slots=True)
class ResourceUse:
    """The use of one resource in percent: how many samples lie in each of BINS, and the mean of each of CELLS (None: no
    sample).
    """

    histogram: tuple[int, ...]
    timeline: tuple[float | None, ...]

    @property
    def samples(self) -> int:
        return sum(self.histogram)


@dataclass(frozen=True, slots=True)
class TrialUsage:
    """A trial's use of CPU, memory, GPU, GPU memory and I/O wait, by resource; `seconds` from the first sample to the
    last.
    """

    trial_id: str
    seconds: float
    uses: Mapping[str, ResourceUse]


@dataclass(frozen=True, slots=True)
class Usages:
    """The use of machines by trials. `looked_at`: trials whose profile was looked for; `damaged` says which could not
    be read, and why.
    """

    found: Sequence[TrialUsage] = ()
    looked_at: int = 0
    damaged: Sequence[str] = ()


def read_usages(trials: Sequence[Mapping[str, Any]], open_profile: Callable[[str], TensorSource]) -> Usages:
    """The usage of the first MOST_TRIALS rows of the table trials that had a job, in their order; `open_profile` takes
    a job.
    """
    looked_at = [trial for trial in trials if trial["status"] is not None][:MOST_TRIALS]
    found, damaged = [], []
    for trial in looked_at:
        try:
            usage = read_usage(trial["trial_id"], open_profile(trial["job_name"]), ended=trial["ended_at"] is not None)
        except (CorruptTensorError, PermanentError) as error:
            damaged.append(f"{trial['job_name']}: {error}")
        else:
            found += [usage] if usage else []
    return Usages(found, len(looked_at), damaged)


def read_usage(trial_id: str, source: TensorSource, *, ended: bool) -> TrialUsage | None:
    """The usage in a profile; None when it holds no sample. Raises CorruptTensorError."""
    found: dict[str, list[tuple[float, float]]] = {}
    for sample in _samples(ProfileReader(source), ended=ended):
        for resource, percent in _percents(sample):
            found.setdefault(resource, []).append((sample.time, percent))
    if not found:
        return None
    times = [time for points in found.values() for time, _ in points]
    began, ended_at = min(times), max(times)
    uses = {resource: _use(points, began, ended_at) for resource, points in found.items()}
    return TrialUsage(trial_id, ended_at - began, uses)


def _samples(reader: ProfileReader, *, ended: bool) -> Iterator[Sample]:
    cursor, more = ProfileCursor(), True
    while more:
        batch = reader.read(cursor, ended=ended)
        yield from (each for each in batch.measurements if isinstance(each, Sample))
        cursor, more = batch.cursor, batch.more


def _percents(sample: Sample) -> Iterator[tuple[str, float]]:
    for resource, parts in (
        ("CPU", sample.cpu),
        ("I/O wait", sample.io_wait),
        ("GPU", sample.gpu),
        ("GPU memory", sample.gpu_memory),
    ):
        if parts:
            yield resource, fmean(parts.values())
    if sample.memory is not None:
        yield "memory", sample.memory


def _use(points: Iterable[tuple[float, float]], began: float, ended: float) -> ResourceUse:
    histogram = [0] * BINS
    cells: list[list[float]] = [[] for _ in range(CELLS)]
    for time, percent in points:
        histogram[min(BINS - 1, max(0, int(percent * BINS / 100)))] += 1
        share = (time - began) / (ended - began) if ended > began else 0.0
        cells[min(CELLS - 1, int(share * CELLS))].append(percent)
    return ResourceUse(tuple(histogram), tuple(fmean(cell) if cell else None for cell in cells))
