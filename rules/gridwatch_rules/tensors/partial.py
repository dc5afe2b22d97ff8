"""Tells a JSON file that is still being written from one that is damaged."""

from __future__ import annotations

import json

_LITERALS = ("true", "false", "null", "-")


def ends_early(error: json.JSONDecodeError) -> bool:
    """Whether more text could complete the JSON: the decoder stopped at the end, in a string, or within a literal."""
    rest = error.doc[error.pos :].strip()
    return error.msg.startswith("Unterminated string") or any(word.startswith(rest) for word in _LITERALS)
