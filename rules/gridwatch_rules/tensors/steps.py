"""Assembles the steps that rules see from the files of a job's workers, each of which writes at its own pace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gridwatch_rules.tensors.index import ReductionName, SavedShape, WorkerStep
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.source import ByteRange

# Steps no longer wait for a worker that is this many saved steps behind the others (as in smdebug).
_WINDOW = 1000


@dataclass(frozen=True, slots=True)
class SavedStep:
    """One global step with what each worker saved at it. `workers` is in the order of their names and never empty."""

    step: int
    mode: Mode
    mode_step: int
    workers: tuple[WorkerStep, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, workers: Sequence[WorkerStep]) -> SavedStep:
        first = workers[0]
        if len(workers) == 1:
            return cls(first.step, first.mode, first.mode_step, (first,), first.names)
        names = tuple(dict.fromkeys(name for worker in workers for name in worker.names))
        return cls(first.step, first.mode, first.mode_step, tuple(workers), names)

    def places(self, name: str) -> dict[str, ByteRange]:
        """The place of the whole tensor, by worker."""
        return {each.worker: each.tensors[name] for each in self.workers if name in each.tensors}

    def place(self, name: str, worker: str | None = None) -> ByteRange | None:
        """The place of the tensor saved by `worker`, or by the first worker that saved it."""
        for each in self.workers:
            if worker in (None, each.worker) and name in each.tensors:
                return each.tensors[name]
        return None

    def reductions(self, name: str, worker: str | None = None) -> Mapping[ReductionName, ByteRange]:
        """The reductions of the tensor saved by `worker`, or by the first worker that saved any."""
        for each in self.workers:
            if worker in (None, each.worker) and name in each.reductions:
                return each.reductions[name]
        return {}

    def shapes(self) -> Mapping[str, SavedShape]:
        """The shapes given in the index, whose tensors need not be saved otherwise."""
        return {name: shape for each in reversed(self.workers) for name, shape in each.shapes.items()}


class Gathering:
    """Collects workers' steps in any order, and gives out in order the steps to which no worker can add any more."""

    def __init__(self, after: int, workers: int) -> None:
        self._after = after
        self._expected = workers
        self._pending: dict[int, dict[str, WorkerStep]] = {}
        self._progress: dict[str, int] = {}

    def add(self, steps: Sequence[WorkerStep]) -> None:
        for each in steps:
            if each.step > self._after:
                self._pending.setdefault(each.step, {}).setdefault(each.worker, each)
            if each.step > self._progress.get(each.worker, -1):
                self._progress[each.worker] = each.step

    def settled(self) -> int:
        """The last step that is final: all workers have reached it, or the missing ones are too far behind."""
        reached = min(self._progress.values()) if len(self._progress) >= self._expected else -1
        if len(self._pending) > _WINDOW:
            reached = max(reached, sorted(self._pending)[-_WINDOW - 1])
        return reached

    def take(self, until: int | None = None) -> Iterator[SavedStep]:
        """Remove and yield the steps up to `until` (all by default)."""
        for step in sorted(step for step in self._pending if until is None or step <= until):
            by_worker = self._pending.pop(step)
            self._after = step
            yield SavedStep.of([by_worker[worker] for worker in sorted(by_worker)])
