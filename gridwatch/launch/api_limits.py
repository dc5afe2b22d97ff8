"""The limits that SageMaker's API sets on a request, applied to the request as it is sent.

`api_limits.json` is made of botocore's model (`python -m scripts.api_limits`, which a test holds current).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path as File
from typing import Any

TRAINING = "CreateTrainingJob"
TUNING = "CreateHyperParameterTuningJob"
_TABLE = File(__file__).with_name("api_limits.json")
# Of Java's expressions, what Python's spells otherwise; here all of them stand inside of brackets.
_CLASSES = {r"\p{Alnum}": "a-zA-Z0-9", r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r"\s"}

Limits = Mapping[str, Any]
Place = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Violation:
    """One limit that is exceeded. `place` leads through the request to what SageMaker would refuse; `value` is the
    value sent.
    """

    place: Place
    value: Any
    allowed: str

    @property
    def member(self) -> str:
        """The place as the API reference writes it: `HyperParameterRanges.CategoricalParameterRanges[2].Values[0]`."""
        text = ""
        for step in self.place:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
        return text

    @property
    def found(self) -> str:
        """The size or number found; the value itself where its characters are wrong."""
        if isinstance(self.value, str) and "characters" in self.allowed:
            return f"{len(self.value):,} characters"
        return f"{len(self.value)}" if isinstance(self.value, (list, tuple, Mapping)) else str(self.value)[:80]


def violations(operation: str, request: Mapping[str, Any]) -> Iterator[Violation]:
    """Everything in the request that exceeds a limit of the operation."""
    yield from _walk(_table()[operation], request, "", ())


def _walk(limits: Mapping[str, Limits], value: Any, path: str, place: Place) -> Iterator[Violation]:
    told = limits.get(path)
    if told is not None:
        allowed = _refused(told, value)
        if allowed is not None:
            yield Violation(place, value, allowed)
    if isinstance(value, Mapping):
        # A map's keys are names of the sender's, a structure's are the API's.
        is_map = f"{path}{{}}" in limits or f"{path}{{key}}" in limits
        for name, each in value.items():
            if is_map:
                yield from _walk(limits, name, f"{path}{{key}}", (*place, name))
            inner = f"{path}{{}}" if is_map else f"{path}.{name}" if path else name
            yield from _walk(limits, each, inner, (*place, name))
    elif isinstance(value, (list, tuple)):
        for index, each in enumerate(value):
            yield from _walk(limits, each, f"{path}[]", (*place, index))


def _refused(limits: Limits, value: Any) -> str | None:
    """What is allowed there, if the value is not."""
    if value is None:
        return None
    least, most = limits.get("min"), limits.get("max")
    if isinstance(value, str):
        if (least is not None and len(value) < least) or (most is not None and len(value) > most):
            return f"{least or 0:,} to {most:,} characters" if most is not None else f"at least {least} characters"
        if "enum" in limits and value not in limits["enum"]:
            return ", ".join(limits["enum"])
        pattern = limits.get("pattern")
        return f"text of the form {pattern}" if pattern and not _pattern(pattern).fullmatch(value) else None
    if isinstance(value, bool):
        return None
    size = value if isinstance(value, (int, float)) else len(value)
    if (least is not None and size < least) or (most is not None and size > most):
        return f"{least or 0:,} to {most:,}" if most is not None else f"at least {least}"
    return None


@lru_cache(maxsize=128)
def _pattern(text: str) -> re.Pattern[str]:
    for java, python in _CLASSES.items():
        text = text.replace(java, python)
    return re.compile(text)


@cache
def _table() -> Mapping[str, Mapping[str, Limits]]:
    table: Mapping[str, Mapping[str, Limits]] = json.loads(_TABLE.read_text())
    return table
