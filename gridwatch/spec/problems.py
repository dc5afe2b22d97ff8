"""The problems of a spec, in a form in which its author can mend them: where, what was found, what is allowed, what to
do.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gridwatch_rules.suggestions import closest
from gridwatch_rules.visible import visible

Path = tuple[str | int, ...]

MAX_PROBLEMS = 100  # a file of another kind would give thousands
_MAX_FOUND = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong, or (as a warning) doubtful. `line` and `column` count from 1."""

    path: Path
    message: str
    found: str | None = None
    allowed: str | None = None
    advice: str | None = None
    line: int | None = None
    column: int | None = None

    @property
    def field(self) -> str:
        """The path as people write it: `grid.max_depth[1]`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    def at(self, line: int, column: int) -> Problem:
        return replace(self, line=line, column=column)

    def as_document(self) -> dict[str, Any]:
        told = {
            "field": self.field,
            "message": self.message,
            "found": self.found,
            "allowed": self.allowed,
            "advice": self.advice,
        }
        words = {name: text if text is None else visible(text) for name, text in told.items()}
        return {"line": self.line, "column": self.column, **words}

    def as_text(self, source: str) -> str:
        """The problem on one line: `<source>:<line>:<column>: <field>: <message>; found …; allowed …; <advice>`."""
        place = ":".join(str(part) for part in (source, self.line, self.column) if part is not None)
        parts = [self.message]
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.allowed is not None:
            parts.append(f"allowed: {self.allowed}")
        if self.advice is not None:
            parts.append(self.advice)
        field = f"{self.field}: " if self.path else ""
        return visible(" ".join(f"{place}: {field}{'; '.join(parts)}".split()))


class SpecError(Exception):
    """The spec cannot be accepted. The error is permanent: only the spec's author can help. `problems` is never
    empty.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("a SpecError needs a problem")
        self.problems = tuple(problems[:MAX_PROBLEMS])
        self.total = len(problems)
        super().__init__(f"{self.total} problem{'s' if self.total > 1 else ''} in the spec")

    def as_text(self, source: str) -> str:
        """All problems, one a line."""
        lines = [problem.as_text(source) for problem in self.problems]
        if self.total > len(self.problems):
            lines.append(f"{source}: and {self.total - len(self.problems)} more")
        return "\n".join(lines)

    def as_document(self) -> dict[str, Any]:
        return {"count": self.total, "problems": [problem.as_document() for problem in self.problems]}


def shown(value: object) -> str:
    """A value in a form for messages: as JSON, on one line, never long."""
    if isinstance(value, Mapping):
        return f"a mapping with {len(value)} keys"
    if isinstance(value, (list, tuple)) and len(value) > 8:
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_FOUND else f"{text[: _MAX_FOUND - 1]}…"


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The advice that names what was probably meant, if any of the known names is."""
    meant = closest(name, known)
    return f"did you mean {meant}?" if meant else None


def enumerated(names: Iterable[str], limit: int = 40) -> str:
    """Names for people, cut when there are very many."""
    listed = list(names)
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
