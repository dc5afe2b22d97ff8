"""Checkpoints in memory."""

from __future__ import annotations

from collections.abc import Sequence


class FakeCheckpoints:
    """Checkpoints in memory. `kept`: the rounds of each trial's checkpoints, by experiment and trial."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], set[int]] = {}
        self.error: Exception | None = None

    def rounds(self, trial: tuple[str, str]) -> Sequence[int]:
        if self.error is not None:
            raise self.error
        return sorted(self.kept.get(trial, ()))

    def hand_on(self, trial: tuple[str, str], round_: int, to: tuple[str, str]) -> None:
        self.kept.setdefault(to, set()).add(round_)
