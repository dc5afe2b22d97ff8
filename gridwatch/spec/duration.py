"""Reads durations as people write them."""

from __future__ import annotations

import re

_DURATION = re.compile(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s)?")


def seconds_of(text: str) -> int | None:
    """The seconds in `1h30m`, `90m`, `2d`, `45s`; None for any other text."""
    match = _DURATION.fullmatch(text.replace(" ", ""))
    if not match or not any(match.groups()):
        return None
    days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
