"""Marks of how far a training has come, and which of them count once the job has begun again on another machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gridwatch.domain.savings import Restart


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of the progress: `done` units of the planned length were done at `at`, in Unix seconds."""

    done: float
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """The marks since the job last began, increasing in both units and time. `former`: those before, which tell the
    pace as well. `redone`: units that count as done and may have to be done once more, because a script that resumes
    from its checkpoint need not say where.
    """

    marks: tuple[Mark, ...]
    restarted: bool = False
    former: tuple[Mark, ...] = ()
    redone: float = 0.0


def run_of(marks: Sequence[Mark], restart: Restart | None, length: float, *, cumulative: bool) -> Run | None:
    """The marks that count, of all marks by step; None when there are none.

    `cumulative`: the count goes on when the job begins again, as the number of lines in its log does; the steps of a
    hook begin at 0 again, or where the checkpoint was.
    """
    if restart is None:
        kept = _increasing(marks)
        return Run(marks=tuple(kept), restarted=kept[-1].done < marks[-1].done) if kept else None
    began = restart.at.timestamp()
    former = _increasing([mark for mark in marks if mark.at < began])
    fresh = _increasing([mark for mark in marks if mark.at >= began])
    if not former:
        return Run(marks=tuple(fresh), restarted=True) if fresh else None
    before = former[-1].done
    is_absolute = not cumulative and bool(fresh) and former[0].done < fresh[0].done  # it counts from its checkpoint on
    since, redone = 0.0, 0.0
    if not is_absolute:
        redone = before if restart.resumes else 0.0
        since = redone if not cumulative else redone - before
    own = [replace(mark, done=mark.done + since) for mark in fresh] or [Mark(redone, began)]
    return Run(marks=_within(length, own), restarted=True, former=tuple(former), redone=redone)


def _within(length: float, marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """The marks, where none is beyond the last unit but one of the planned length: what was redone counted twice."""
    if marks[-1].done <= length:
        return tuple(marks)
    return tuple(replace(mark, done=min(mark.done, length - 1)) for mark in marks)


def _increasing(marks: Sequence[Mark]) -> list[Mark]:
    """The marks up to the one that came last in time: those beyond it are from a former run of the job, which began
    again.
    """
    if not marks:
        return []
    latest = max(range(len(marks)), key=lambda place: marks[place].at)
    kept: list[Mark] = []
    for mark in reversed(marks[: latest + 1]):
        if not kept or mark.at < kept[-1].at:
            kept.append(mark)
    return kept[::-1]


def rates(marks: Sequence[Mark], stretches: int) -> list[float]:
    """The seconds for a unit in each of several stretches of about as many units."""
    if len(marks) < 2:
        return []
    first, last = marks[0], marks[-1]
    stretch = (last.done - first.done) / stretches
    found, begin = [], first
    for mark in marks[1:]:
        if mark.done - begin.done >= stretch and mark.done > begin.done:
            found.append((mark.at - begin.at) / (mark.done - begin.done))
            begin = mark
    return found
