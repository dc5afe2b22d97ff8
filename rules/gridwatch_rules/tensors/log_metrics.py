"""Finds the metrics in jobs' logs, with the regular expressions that SageMaker uses.

A line of the log that holds at least one metric is a step, numbered from 0, because a log has no other steps. Only the
order of the lines counts, so the steps are the same whenever, and in however many pieces, the log is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gridwatch_rules.failures import PermanentError
from gridwatch_rules.patterns import PatternError, time_limit
from gridwatch_rules.tensors.layout import MOST_STEPS
from gridwatch_rules.tensors.metric_definition import LogMetric
from gridwatch_rules.tensors.scalars import ScalarStep

LONGEST_LINE = 4_096  # characters that are searched at each end of a line, because the expressions are users' own


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a log; `at` is in seconds since 1970."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """The position up to which a log was read, stream after stream. `steps` is the number of steps before it, `due` the
    planned time of the next look. `closed` means that the log was read to its end after the job was over. `version`
    numbers the positions, so that of two concurrent looks the later one cannot move the position back.
    """

    stream: str = ""
    token: str = ""
    steps: int = 0
    read_at: datetime | None = None
    due: datetime | None = None
    closed: bool = False
    version: str = ""

    @property
    def is_possible(self) -> bool:
        """Whether the position is one that reading a log can lead to."""
        return 0 <= self.steps < MOST_STEPS


@dataclass(frozen=True, slots=True)
class LogPage:
    """One page of a log. `more` says that another page can be read at once."""

    lines: Sequence[LogLine]
    stream: str
    token: str
    more: bool


class PositionExpiredError(PermanentError):
    """The log no longer accepts the position. It must be read from its beginning, which leads to the same steps."""


class TrainingLog(Protocol):
    """Access to the logs of training jobs."""

    def page(self, job_name: str, stream: str, token: str) -> LogPage:
        """Read the page after a position in a job's log, or the first page when both are empty.

        Raises PositionExpiredError and other gridwatch_rules.failures errors. A log that does not exist yet is empty.
        """
        ...


class MetricFinder:
    """Finds a job's metrics in lines of its log. Expressions that do not compile find nothing; SageMaker refuses such
    jobs. An expression that takes too long on a line finds nothing from there on.
    """

    def __init__(self, metrics: Iterable[LogMetric]) -> None:
        self._expressions = {metric.name: found for metric in metrics if (found := _compiled(metric.regex))}

    def steps(self, lines: Iterable[LogLine], first: int) -> Iterator[ScalarStep]:
        """Yield the steps in these lines, numbered from `first`."""
        for line in lines:
            texts = _ends(line.text)
            found = {name: value for name in list(self._expressions) if (value := self._value(name, texts)) is not None}
            if found:
                yield ScalarStep(first, line.at, found)
                first += 1

    def _value(self, name: str, texts: Sequence[str]) -> float | None:
        """The last value in these parts of a line, which are in the order of being searched."""
        try:
            with time_limit():
                found = (_last(self._expressions[name], text) for text in texts)
                return next((value for value in found if value is not None), None)
        except PatternError:
            del self._expressions[name]
            return None


def _ends(text: str) -> tuple[str, ...]:
    """The parts of a line that are searched: all of it or, of a long one, its end and then its beginning, in whole
    words where it has blanks, so that no number is cut.
    """
    if len(text) <= LONGEST_LINE:
        return (text,)
    begin, end = text[:LONGEST_LINE], text[-LONGEST_LINE:]
    return end.partition(" ")[2] or end, begin.rpartition(" ")[0] or begin


def _compiled(regex: str) -> re.Pattern[str] | None:
    try:
        return re.compile(regex)
    except (re.error, OverflowError, RecursionError):
        return None


def _last(expression: re.Pattern[str], text: str) -> float | None:
    value = None
    for match in expression.finditer(text):
        try:
            value = float((match.group(1) if expression.groups else match.group(0)) or "")
        except ValueError:
            continue
    return value
