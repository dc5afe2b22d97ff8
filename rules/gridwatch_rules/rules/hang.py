"""Hang: the training stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import number
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from datetime import datetime

    from gridwatch_rules.rules.view import StepView
    from gridwatch_rules.tensors.heartbeats import Beat

_ASIDE = frozenset({"eval", "checkpoint"})
_MISSED = 4  # heartbeats that a rank has missed before it counts as silent
_MOST_TOLD = 8  # ranks in a finding's evidence
_FRAMES_TOLD, _FRAMES_KEPT = 3, 8
# Functions in which a rank waits for others: PyTorch's collectives, and its backward pass, in which gradients are
# averaged.
_WAITING = (
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "barrier", "reduce", "gather", "scatter",
    "recv", "wait", "synchronize", "_engine_run_backward",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class HangParameters:
    seconds: float = number(300.0, "seconds without any sign of the training that are too many", minimum=1)
    factor: float = number(3.0, "times the longest pause after which a rank went on that are too many", minimum=1)
    silent_seconds: float = number(1800.0, "seconds without a heartbeat of any rank that are too many", minimum=1)
    aside_factor: float = number(3.0, "how many times longer an evaluation or a checkpoint may take", minimum=1)


class Hang(Rule):
    """Fires when a rank has shown no sign of its training for `seconds` seconds, or has sent no heartbeat for so long.
    The finding says which rank stands still and which ones wait for it, since which step, in which phase, and where in
    the Python code.

    The limit of a rank is the greater of `seconds` and `factor` times the longest pause after which it went on, and
    `aside_factor` times that during evaluations and checkpoints. Signs are steps, batches, backward passes,
    evaluations and checkpoints. If several ranks stand still, the cause is the one that is silent; else the one that
    has begun the fewest collective operations, has made the fewest steps, or does not wait in a collective operation
    while others do. A silence of all ranks may be that of a job that is interrupted and starts anew, so that it lasts
    `silent_seconds` before it is one; the time does not count in which the job waits for machines. A rank whose
    training is over is no hang, but may be what the others wait for. That the rank behind in its sequence of
    collectives is the cause is how PyTorch's flight recorder is read (PyTorch tutorial, "Flight Recorder for Debugging
    Stuck Jobs").

    It needs the heartbeats of the hook's watch, and is evaluated by the clock: also when nothing is saved any more.
    """

    name = "Hang"
    summary = "the training stands still"
    Parameters = HangParameters
    parameters: HangParameters
    looks_at_beats: ClassVar[bool] = True
    judged = 0

    def __init__(self, parameters: HangParameters) -> None:
        super().__init__(parameters)
        self._moved: dict[str, float] = {}  # by rank, when its training last did anything
        self._paused: dict[str, float] = {}  # by rank, how long it has stood since then
        self._longest: dict[str, float] = {}  # by rank, the longest pause after which it went on
        self._waited = 0.0  # until when the job was last seen to wait for machines, in Unix seconds

    def requirement(self) -> Requirement:
        return Requirement()

    def looks_for(self) -> str:
        return "heartbeats, which the hook's watch writes to heartbeat-output"

    def check(self, view: StepView) -> Finding | None:
        del view
        return None

    def wait(self, now: datetime) -> None:
        self._waited = now.timestamp()

    def check_beats(self, beats: Sequence[Beat], now: float) -> Finding | None:
        self.judged += bool(beats)
        # What was told before the job waited for machines is as old as that wait's end.
        beats = [replace(beat, at=max(beat.at, self._waited)) for beat in beats]
        stuck = []
        told = any(now - beat.at <= _MISSED * beat.every for beat in beats)
        for beat in beats:
            self._note(beat)
            limit = self._limit(beat) if told else max(self._limit(beat), self.parameters.silent_seconds)
            if not beat.is_over and self._stands(beat, now) > limit:
                stuck.append(beat)
        return self._found(stuck, beats, now) if stuck else None

    def _note(self, beat: Beat) -> None:
        rank = str(beat.rank)
        former = self._moved.get(rank)
        if former is not None and beat.moved_at > former + 1:
            self._longest[rank] = max(self._longest.get(rank, 0.0), self._paused[rank])
        self._moved[rank], self._paused[rank] = beat.moved_at, beat.idle

    def _limit(self, beat: Beat) -> float:
        limit = max(self.parameters.seconds, self.parameters.factor * self._longest.get(str(beat.rank), 0.0))
        return limit * (self.parameters.aside_factor if beat.phase in _ASIDE else 1.0)

    def _stands(self, beat: Beat, now: float) -> float:
        """The seconds for which the rank has stood still. The time since its last heartbeat counts only when further
        ones are missing.
        """
        silent = now - beat.at
        return beat.idle + silent if silent > _MISSED * beat.every else beat.idle

    def _found(self, stuck: Sequence[Beat], beats: Sequence[Beat], now: float) -> Finding:
        causes = _causes(stuck, now)
        first = causes[0]
        others = [beat for beat in beats if beat not in causes]
        stands, limit = self._stands(first, now), self._limit(first)
        if all(now - beat.at > _MISSED * beat.every for beat in beats):
            limit = max(limit, self.parameters.silent_seconds)
        told = [self._told(beat, now) for beat in causes[:2]]
        if len(causes) > len(told):
            told.append(f"and {len(causes) - len(told)} more ranks as well")
        told += _others_told([beat for beat in others if beat.is_over or beat in stuck])
        return Finding(
            rule=self.name,
            step=max(first.step, 0),
            mode=Mode.GLOBAL,
            observed=stands,
            threshold=limit,
            sentence=f"{'; '.join(told)} (limit {limit:.0f} s)",
            evidence={"ranks": [_kept(beat) for beat in [*causes, *others][:_MOST_TOLD]]},
        )

    def _told(self, beat: Beat, now: float) -> str:
        since = f"has stood still for {self._stands(beat, now):.0f} s since step {beat.step}"
        silent = now - beat.at
        if silent > _MISSED * beat.every:
            return f"{_named(beat)} {since}, last in phase {beat.phase}, and sends no heartbeats"
        where = " < ".join(_short(frame) for frame in reversed(beat.stack[-_FRAMES_TOLD:]))
        return f"{_named(beat)} {since} in phase {beat.phase}{f' at {where}' if where else ''}"

    def save(self) -> dict[str, Any]:
        return {"moved": self._moved, "paused": self._paused, "longest": self._longest, "waited": self._waited}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._moved, self._paused = dict(saved["moved"]), dict(saved["paused"])
        self._longest = dict(saved["longest"])
        self._waited = float(saved.get("waited", 0.0))


def _causes(stuck: Sequence[Beat], now: float) -> Sequence[Beat]:
    """Those of the ranks that stand still for which the others wait; all of them where nobody can tell."""
    silent = [beat for beat in stuck if now - beat.at > _MISSED * beat.every]
    if silent:
        return silent
    begun = [beat.collectives for beat in stuck if beat.collectives is not None]
    if len(begun) == len(stuck) and min(begun) < max(begun):
        return [beat for beat in stuck if beat.collectives == min(begun)]
    fewest = min(beat.step for beat in stuck)
    if fewest < max(beat.step for beat in stuck):
        return [beat for beat in stuck if beat.step == fewest]
    free = [beat for beat in stuck if not _waits(beat)]
    return free or stuck


def _waits(beat: Beat) -> bool:
    """Whether the rank waits for others, by the functions it is in."""
    return any(frame.rpartition(" ")[2] in _WAITING for frame in beat.stack[-_FRAMES_KEPT:])


def _others_told(others: Sequence[Beat]) -> list[str]:
    over = [beat for beat in others if beat.is_over]
    waiting = [beat for beat in others if not beat.is_over]
    told = []
    if waiting:
        within = next((beat.last_collective for beat in waiting if beat.last_collective), "")
        told.append(f"{_ranks(waiting)} for it{f' in {within}' if within else ''}")
    if over:
        told.append(f"{_ranks(over, 'is over', 'are over')} since step {max(beat.step for beat in over)}")
    return told


def _ranks(beats: Sequence[Beat], one: str = "waits", several: str = "wait") -> str:
    if len(beats) == 1:
        return f"rank {beats[0].rank} {one}"
    numbers = ", ".join(str(beat.rank) for beat in beats[:_MOST_TOLD])
    return f"ranks {numbers}{' and others' if len(beats) > _MOST_TOLD else ''} {several}"


def _named(beat: Beat) -> str:
    host = f" on {beat.host}" if beat.host else ""
    return f"rank {beat.rank} of {beat.workers}{host}" if beat.workers > 1 else f"the training{host}"


def _short(frame: str) -> str:
    """A frame with the last two parts of its file's path."""
    place, _, function = frame.rpartition(" ")
    file, _, line = place.rpartition(":")
    return f"{'/'.join(PurePosixPath(file).parts[-2:])}:{line} {function}"


def _kept(beat: Beat) -> dict[str, Any]:
    return {
        "rank": beat.rank,
        "host": beat.host,
        "step": beat.step,
        "phase": beat.phase,
        "idle_seconds": beat.idle,
        "at": beat.at,
        "last_collective": beat.last_collective,
        "stack": list(beat.stack[-_FRAMES_KEPT:]),
    }
