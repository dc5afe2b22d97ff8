"""Notices, the results of checks before a launch, and the names of the checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How much a notice weighs. Only `refuse` keeps an experiment from being launched."""

    REFUSE = "refuse"
    WARN = "warn"
    NOTE = "note"  # worth knowing, nothing to mend


# Check -> how it weighs when the spec does not say. What makes every training fail, or learn nonsense, is refused.
CHECKS: Mapping[str, Level] = {
    "empty": Level.REFUSE,
    "format": Level.REFUSE,
    "manifest": Level.REFUSE,
    "ragged": Level.REFUSE,
    "header": Level.REFUSE,
    "label": Level.REFUSE,
    "weights": Level.REFUSE,
    "columns": Level.REFUSE,
    "constraints": Level.REFUSE,
    "volume": Level.REFUSE,
    "label-place": Level.WARN,
    "label-balance": Level.WARN,
    "queries": Level.WARN,
    "non-finite": Level.WARN,
    "constant": Level.WARN,
    "duplicate-columns": Level.WARN,
    "duplicate-rows": Level.WARN,
    "leak": Level.WARN,
    "overlap": Level.WARN,
    "shift": Level.WARN,
    "memory": Level.WARN,
    "quota": Level.WARN,
    "price": Level.WARN,
    "duration": Level.WARN,
    "intervals": Level.WARN,
    "short-run": Level.REFUSE,
    "short-run-gradients": Level.REFUSE,
    "short-run-initial-loss": Level.WARN,
    "short-run-overfits": Level.WARN,
    "short-run-learns": Level.WARN,
}


_ORDER = tuple(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing that a check found. `field` is the spec's; `row` and `column` count from 1, as editors do."""

    check: str
    message: str
    level: Level | None = None  # None: what the spec says of this check, else its default
    field: str | None = None
    channel: str | None = None
    file: str | None = None
    row: int | None = None
    column: int | None = None
    allowed: str | None = None
    advice: str | None = None

    @property
    def place(self) -> str:
        parts = [
            self.field,
            f"channel {self.channel}" if self.channel else None,
            self.file,
            f"row {self.row:,}" if self.row is not None else None,
            f"column {self.column}" if self.column is not None else None,
        ]
        return ", ".join(part for part in parts if part)

    def as_text(self) -> str:
        """The notice on one line: `<level>: <check>: <place>: <message>; allowed: …; <advice>`."""
        said = [self.message, f"allowed: {self.allowed}" if self.allowed else None, self.advice]
        head = f"{self.level or CHECKS[self.check]}: {self.check}: {self.place}{': ' if self.place else ''}"
        return head + "; ".join(part for part in said if part)

    def as_document(self) -> dict[str, Any]:
        return {
            "check": self.check,
            "level": self.level or CHECKS[self.check],
            "field": self.field,
            "channel": self.channel,
            "file": self.file,
            "row": self.row,
            "column": self.column,
            "message": self.message,
            "allowed": self.allowed,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """All notices, the gravest first, and in words what was checked and what was not."""

    notices: tuple[Notice, ...]
    looked_at: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[Notice, ...]:
        return tuple(notice for notice in self.notices if notice.level is Level.REFUSE)

    def as_document(self) -> dict[str, Any]:
        notices = [notice.as_document() for notice in self.notices]
        return {"refused": bool(self.refusals), "notices": notices, "looked_at": list(self.looked_at)}


@dataclass(frozen=True, slots=True)
class Weights:
    """The spec's settings for checks: which refuse, which warn, and which are off."""

    refuse: frozenset[str] = frozenset()
    warn: frozenset[str] = frozenset()
    skip: frozenset[str] = frozenset()

    def report(self, notices: Iterable[Notice], looked_at: Iterable[str] = ()) -> Report:
        weighed = [(self._level(notice), notice) for notice in notices if notice.check not in self.skip]
        in_order = sorted(weighed, key=lambda each: _ORDER.index(each[0]))
        return Report(tuple(replace(notice, level=level) for level, notice in in_order), tuple(looked_at))

    def _level(self, notice: Notice) -> Level:
        if notice.level is Level.NOTE:
            return Level.NOTE
        if notice.check in self.refuse:
            return Level.REFUSE
        if notice.check in self.warn:
            return Level.WARN
        return notice.level or CHECKS[notice.check]
