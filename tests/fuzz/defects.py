"""The defects that an answer may have, besides an unexpected exception."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class DefectError(AssertionError):
    """An input was handled wrongly."""


def readable(text: str, longest: int = 150_000) -> None:
    """Check a text that people are shown: its length is bounded, and nothing in it would steer a terminal or a chat."""
    if len(text) > longest:
        raise DefectError(f"a text of {len(text):,} characters")
    if found := _CONTROL.search(text):
        around = text[max(0, found.start() - 60) : found.end() + 20]
        raise DefectError(f"the control character {found[0]!r} in {around!r}")
