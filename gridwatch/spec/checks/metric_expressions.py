"""Finds numbers that the expressions of a script's metrics would lose, cut or misread; they are reported before a job
runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from gridwatch.spec.metric_expressions import BETTER, NOT_FINITE, SAMPLES, Loss, line_of, losses, value_group
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, shown
from gridwatch_rules.patterns import PatternError, SlowPatternError, compile_pattern, time_limit
from gridwatch_rules.rules.metrics import is_count, is_never_negative

_TOLD = 3  # examples of one expression
_ON_NOT_FINITE = ("MetricNonFinite",)


def warn_of_expressions(spec: ExperimentSpec) -> Iterator[Problem]:
    usable = _usable(spec.algorithm.metrics)
    lines = {name: _line(expression) for name, expression in usable.items()}
    for name, expression in usable.items():
        path: Path = ("algorithm", "metrics", name)
        samples = samples_for(name)
        lost = losses(expression, samples)
        if lost and is_count(name) and not losses(expression, ("12.0",)):
            continue  # printed as a fraction
        if lost:
            yield _lossy(path, expression, lost, all_lost=len(lost) == len(samples))
        elif _looks_for_not_finite(spec) and (unseen := losses(expression, NOT_FINITE)):
            message = f"a rule looks for what is not finite, and this expression {_listed(unseen)}"
            yield Problem(path=path, message=message, found=shown(expression), advice=f"write the group as {BETTER}")
        others = {other: line for other, line in lines.items() if usable[other] != expression}
        yield from _of_others(path, expression, others)


def samples_for(name: str) -> tuple[str, ...]:
    """The numbers that a metric of this name may have: epochs have no fraction, and an accuracy has no minus sign."""
    if is_count(name):
        return ("12",)
    return tuple(number for number in SAMPLES if not (number.startswith("-") and is_never_negative(name)))


def _lossy(path: Path, expression: str, lost: tuple[Loss, ...], *, all_lost: bool) -> Problem:
    group = value_group(expression)
    if group is not None:
        where = "and here the number is in" if all_lost else "which here takes fewer forms of numbers than"
        message = f"SageMaker takes the first group for the value, {where} group {group}"
        advice = "write (?:...) for the groups before it"
        return Problem(path=path, message=message, found=shown(expression), advice=advice)
    message = "no value is ever read: it" if all_lost else "some values would be lost: it"
    missed = [loss.number for loss in losses(expression, NOT_FINITE)]
    beside = f", and misses {' and '.join(missed)}" if missed else ""
    advice = f"write the group as {BETTER}"
    return Problem(path=path, message=f"{message} {_listed(lost)}{beside}", found=shown(expression), advice=advice)


def _listed(lost: tuple[Loss, ...]) -> str:
    """The losses, misread numbers before missed ones: a wrong value is worse than none."""
    ordered = sorted(lost, key=lambda loss: loss.read is None)
    return ", ".join(loss.as_text for loss in ordered[:_TOLD])


def _of_others(path: Path, expression: str, lines: Mapping[str, str | None]) -> Iterator[Problem]:
    """Lines of other metrics in which this one also finds a value, so that two curves become one."""
    for other, line in lines.items():
        if line is not None and _is_found(expression, line):
            message = f'also finds a value in "{line}", which is a line of {other}'
            advice = "begin it with what only its own lines have, such as ^ or \\b"
            yield Problem(path=path, message=message, found=shown(expression), advice=advice)


def _line(expression: str) -> str | None:
    try:
        with time_limit():
            return line_of(expression)
    except PatternError:
        return None


def _is_found(expression: str, line: str) -> bool:
    try:
        with time_limit():
            found = re.search(expression, line)
    except PatternError:
        return False
    return found is not None and found[1] == "0.5"


def _usable(metrics: Mapping[str, str]) -> dict[str, str]:
    """The expressions that can be tried; none at all where one takes too long. The others are reported as problems."""
    usable = {}
    for name, expression in metrics.items():
        try:
            if compile_pattern(expression).groups:
                usable[name] = expression
        except SlowPatternError:
            return {}
        except PatternError:
            continue
    return usable


def _looks_for_not_finite(spec: ExperimentSpec) -> bool:
    return any(use.rule in _ON_NOT_FINITE or "non_finite" in (use.when or "") for use in spec.rules)
