"""Reads a plain YAML scalar: YAML 1.2's core schema (https://yaml.org/spec/1.2.2/#103-core-schema).

Not YAML 1.1 as PyYAML reads it, under which `1e-3` is text, `yes` and `on` are booleans and `12:30` is a number.
"""

from __future__ import annotations

import math
import re

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NON_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS = 19  # of a 64-bit integer


class ScalarError(ValueError):
    """A number that cannot be used; the message says why."""


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar. Raises ScalarError for numbers that are not finite or too large."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _NON_FINITE.fullmatch(text):
        raise ScalarError("the number is not finite")
    if _INTEGER.fullmatch(text):
        if len(text.lstrip("+-0xo")) > _MAX_DIGITS:
            raise ScalarError("the number has more digits than 64 bits hold")
        bases = {"0o": 8, "0x": 16}
        return int(text, bases.get(text[:2], 10))
    if _FLOAT.fullmatch(text):
        number = float(text)
        if not math.isfinite(number):
            raise ScalarError("the number is not finite")
        return number
    return text
