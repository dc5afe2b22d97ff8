"""How far a training has come and how fast it goes, by the steps that it saved and the times at which it saved them.

One axis with a known planned length is chosen, and no other is mixed into it: the steps of a hook for rounds and steps;
for epochs, and for jobs whose metrics come from their log, how often the objective was reported.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gridwatch.domain.savings import Restart
from gridwatch.savings.averages import mean, median
from gridwatch.savings.marks import Mark, rates, run_of
from gridwatch.savings.planned import EPOCHS, STEPS, Planned, planned
from gridwatch_rules.tensors.index import WorkerStep
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.source import TensorSource
from gridwatch_rules.tensors.timeline import WorkerTimeline, saved_steps, times

__all__ = ["Mark", "Pace", "Progress", "read_progress"]

_SEGMENTS = 12
_PAUSE = 5.0  # a segment that is so many times slower than the usual one is a pause: a restart, an upload
_STILL = 600.0  # seconds without a new step after which a training counts as standing still, if it was quicker before
_STILL_GAPS = 20.0
_ONCE = ("val", "eval", "test", "dev", "hold")  # in the names of metrics that are reported once an epoch
_UNSEEN = 3.0  # reports so many times further apart than usual have others between them, which were not looked at
_CLOSING, _CLOSING_STOPPED = 30.0, 5.0  # seconds that a hook closes at most: by itself, and when it is stopped
_CLOSING_RATES = (80.0, 250.0, 800.0)  # objects a second, eight at once of 100, 32 and 10 ms
_LEAST_SPREAD = 0.1  # no pace is known better than this


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The seconds that a unit takes: the likeliest number, and its range."""

    usual: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the training has come: `marks`, at least one, increase in both units and time. `assumed`: in words, what
    the count takes for granted; `restarted`: the steps began again in between; `saved_every`: the number of steps
    between two that Gridwatch's hook saves together in one object, indexing the rest when it closes; `vague`: the
    assumption may well be wrong, as for a training loss, which many scripts report several times an epoch; `former` and
    `redone`: of a job that began again (gridwatch.savings.marks).
    """

    planned: Planned
    marks: tuple[Mark, ...]
    assumed: str | None = None
    restarted: bool = False
    saved_every: float | None = None
    vague: bool = False
    former: tuple[Mark, ...] = ()
    redone: float = 0.0

    @property
    def newest(self) -> Mark:
        return self.marks[-1]

    @property
    def pace(self) -> Pace | None:
        """The pace; None while there are not two moments to compare."""
        found = rates(self.former, _SEGMENTS) + rates(self.marks, _SEGMENTS)
        if not found:
            return None
        pauses = _PAUSE * median(found)
        kept = [rate for rate in found if rate <= pauses] or found
        half = len(kept) // 2
        usual, before = mean(kept[half:]), mean(kept[:half] or kept)
        spread = max(_LEAST_SPREAD, 0.5 / len(kept))
        low, high = min(usual, before), max(usual, before, mean(found))
        return Pace(usual=usual, low=low * (1 - spread), high=high * (1 + spread))

    @property
    def closing(self) -> Pace:
        """The seconds that the hook would need longer to close after all steps than after a stop now: it then writes
        the index objects that it has left out (gridwatch_hook.closing).
        """
        if self.saved_every is None or self.planned.unit == EPOCHS:
            return Pace(usual=0.0, low=0.0, high=0.0)
        whole, now = (count / self.saved_every for count in (self.planned.length, self.newest.done))

        def longer(rate: float) -> float:
            return max(min(whole / rate, _CLOSING) - min(now / rate, _CLOSING_STOPPED), 0.0)

        slow, usual, quick = _CLOSING_RATES
        return Pace(usual=longer(usual), low=longer(quick), high=longer(slow))

    def stands_still(self, at: float) -> bool:
        """Whether no step has come for so long that the training, which was quicker before, seems not to go on."""
        gaps = [after.at - before.at for run in (self.former, self.marks) for before, after in pairwise(run)]
        if not gaps or self.newest.done >= self.planned.length:
            return False
        return at - self.newest.at > max(_STILL, _STILL_GAPS * max(gaps))


def read_progress(
    source: TensorSource,
    hyperparameters: Mapping[str, Any],
    objective: str,
    logged: Collection[str] = (),
    restart: Restart | None = None,
) -> Progress | None:
    """The progress of the job whose tensors these are; None when its planned length or its steps are not known.

    `objective`: the metric that is reported once a round or epoch; `logged`: metrics that come from the job's log,
    whose steps are lines; `restart`: the last time that the job began again. Raises OSError and
    gridwatch_rules.failures errors when the tensors cannot be reached.
    """
    length = planned(hyperparameters)
    if length is None:
        return None
    found = [
        progress
        for timeline in saved_steps(source).values()
        if (progress := _of_worker(source, timeline, length, objective, logged, restart=restart)) is not None
    ]
    # Of workers that train together the one that is furthest: what it has done need not be done again.
    return max(found, key=lambda each: (each.assumed is None, each.newest.done), default=None)


def _of_worker(
    source: TensorSource,
    timeline: WorkerTimeline,
    length: Planned,
    objective: str,
    logged: Collection[str],
    *,
    restart: Restart | None,
) -> Progress | None:
    lines, hooked = _by_source(timeline.steps, frozenset(logged))
    counted, assumed, in_log = _steps(hooked), None, False
    if length.unit == EPOCHS or (length.unit != STEPS and not hooked):
        # Of steps a log tells now and then, so that its lines say nothing of them.
        counted, in_log = _reports(lines or hooked, objective), bool(lines)
        assumed = f"each report of {objective} counts as one of the {length.length:g} {length.unit}"
    known = times(source, [step for _, step in counted])
    marks = [Mark(done, known[step.step]) for done, step in counted if step.step in known]
    run = run_of(marks, restart, length.length, cumulative=in_log)
    if run is None or run.marks[-1].done > length.length:
        return None  # nothing was saved, or it counts otherwise than assumed
    return Progress(
        planned=length,
        marks=run.marks,
        assumed=assumed,
        restarted=run.restarted,
        saved_every=_saved_every(hooked) if timeline.together else None,
        vague=assumed is not None and not any(part in objective.lower() for part in _ONCE),
        former=run.former,
        redone=run.redone,
    )


def _by_source(
    steps: Sequence[WorkerStep], logged: frozenset[str]
) -> tuple[Sequence[WorkerStep], Sequence[WorkerStep]]:
    """The steps that are lines of the job's log, and those of its hook."""
    lines: list[WorkerStep] = []
    hooked: list[WorkerStep] = []
    for step in steps:
        (lines if logged.issuperset(step.names) and logged else hooked).append(step)
    return lines, hooked


def _saved_every(steps: Sequence[WorkerStep]) -> float | None:
    """How many steps lie between two that are saved and whose index object is written when the hook closes."""
    distances = [after.step - before.step for before, after in pairwise(step for step in steps if step.asked)]
    return median(distances) if distances else None


def _steps(steps: Sequence[WorkerStep]) -> list[tuple[float, WorkerStep]]:
    """Each step with the number of steps done by then. A hook that knows modes counts those of training separately;
    more of these than of all steps is damage.
    """
    trained = [step for step in steps if step.mode is Mode.TRAIN and step.mode_step <= step.step]
    if trained:
        return [(float(step.mode_step + 1), step) for step in trained]
    return [(float(step.step + 1), step) for step in steps]


def _reports(steps: Sequence[WorkerStep], metric: str) -> list[tuple[float, WorkerStep]]:
    """The steps with a report of the metric, in the mode that reported it first, each with the number of reports by
    then.

    Where steps were not looked at, reports are counted by their usual distance.
    """
    reported = [step for step in steps if metric in step.names]
    reported = [step for step in reported if step.mode == reported[0].mode]
    if not reported:
        return []
    distances = [after.step - before.step for before, after in pairwise(reported)]
    usual = median(distances) if distances else 1.0
    count, counted = 1.0, [(1.0, reported[0])]
    for distance, step in zip(distances, reported[1:], strict=True):
        count += 1.0 if distance <= _UNSEEN * usual else round(distance / usual)
        counted.append((count, step))
    return counted
