"""Says which steps are profiled: a number of steps from a first one, or a duration from a moment, as in Debugger."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gridwatch_hook.parameters import ConfigError, Parameters

_KEYS = ("StartStep", "NumSteps", "StartTimeInSecSinceEpoch", "DurationInSeconds")


@dataclass(slots=True)
class ProfileRange:
    """A half-open range of steps, or of Unix seconds. Without either it covers everything.

    As in smdebug, a missing start means the first step that comes, and a missing number of steps means one.
    """

    start_step: int | None = None
    num_steps: int | None = None
    start_time: float | None = None
    duration: float | None = None
    _limits: tuple[float, float] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, where: str, text: Any, more_keys: tuple[str, ...] = ()) -> ProfileRange:
        """Parse a value of ProfilingParameters: the text of an object with Debugger's keys. Raises ConfigError."""
        given = Parameters.create(where, _object(where, text), (*_KEYS, *more_keys))
        found = cls(
            start_step=given.integer("StartStep", None, at_least=0),
            num_steps=given.integer("NumSteps", None, at_least=1),
            start_time=given.number("StartTimeInSecSinceEpoch", None),
            duration=given.number("DurationInSeconds", None, above=0.0),
        )
        if found._by_step and found._by_time:
            raise ConfigError(f"{where}: give steps or times, not both")
        return found

    def covers(self, step: int, now: float) -> bool:
        """Whether the range covers a step that happens `now` (Unix seconds)."""
        if self._by_step:
            if self._limits is None:
                first = step if self.start_step is None else self.start_step
                self._limits = (first, first + (self.num_steps or 1))
            return self._limits[0] <= step < self._limits[1]
        if self._by_time:
            if self._limits is None:
                begin = now if self.start_time is None else self.start_time
                self._limits = (begin, begin + self.duration if self.duration else float("inf"))
            return self._limits[0] <= now < self._limits[1]
        return True

    @property
    def _by_step(self) -> bool:
        return self.start_step is not None or self.num_steps is not None

    @property
    def _by_time(self) -> bool:
        return self.start_time is not None or self.duration is not None


def _object(where: str, text: Any) -> Mapping[str, Any]:
    """Parse the text of an object. SageMaker's SDK writes a comma before its closing brace, which JSON forbids and
    Python allows.
    """
    if isinstance(text, Mapping):
        return text
    try:
        value = ast.literal_eval(str(text).strip() or "{}")
    except (ValueError, SyntaxError):
        raise ConfigError(f"{where}: {text!r} is not an object") from None
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where}: {text!r} is not an object")
    return value
