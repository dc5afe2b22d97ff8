"""Compares directions with metrics' names: the objective's, and those of rules that are told which way is better."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.spec.model import Objective, RuleUse
from gridwatch.spec.problems import Path, Problem
from gridwatch_rules.judgement.catalogue import is_judgement_rule
from gridwatch_rules.patterns import PatternError, compile_pattern, found
from gridwatch_rules.rules.metrics import Sense, sense

_WAYS = {"min": Sense.FALLS, "max": Sense.RISES, "minimize": Sense.FALLS, "maximize": Sense.RISES}
# Rules on one job's curves that tell by its name whether a metric should fall.
_WITH_DIRECTION = "MetricPlateau"
_OF_LOSSES = frozenset({_WITH_DIRECTION, "LossNotDecreasing", "Divergence", "Overfit", "Overtraining"})
_BETTER = {Sense.RISES: "higher", Sense.FALLS: "lower"}


def warn_of_objective(objective: Objective | None) -> Iterator[Problem]:
    """The warning that an objective would make the worst trials the best."""
    known = sense(objective.metric) if objective is not None else None
    if objective is not None and known is not None and known is not _WAYS[objective.direction]:
        message = (
            f"{objective.metric} is better when it is {_BETTER[known]}: the worst trial would be taken for the best"
        )
        path = ("objective", "direction")
        yield Problem(path=path, message=message, found=objective.direction, advice=f"did you mean {known}?")


def warn_of_rules(
    rules: Sequence[RuleUse], objective: Objective | None, reported: Sequence[str] = ()
) -> Iterator[Problem]:
    """The warnings about rules. `reported`: the jobs' metrics, as far as they are known."""
    for index, use in enumerate(rules):
        way = use.parameters.get("direction")
        if use.source is None and way in ("min", "max"):
            yield from _rule(("rules", index, "parameters", "direction"), use, str(way), objective, reported)
        elif use.rule in _OF_LOSSES and objective is not None:
            yield from _taken_for_a_loss(("rules", index), use, objective, reported)


def _taken_for_a_loss(path: Path, use: RuleUse, objective: Objective, reported: Sequence[str]) -> Iterator[Problem]:
    """The warning about an objective that rises although its name does not say so: a rule takes it for one that should
    fall.
    """
    metric = objective.metric
    if objective.direction == "minimize" or sense(metric) is not None or metric not in reported:
        return
    if metric in _inspected(use, objective, reported):
        message = f"takes {metric} for a loss, whose name does not say that it is better when it is higher"
        advice = "say direction: max" if use.rule == _WITH_DIRECTION else "name the losses with tensor_regex"
        yield Problem(path=path, message=message, advice=advice)


def _rule(
    path: Path, use: RuleUse, way: str, objective: Objective | None, reported: Sequence[str]
) -> Iterator[Problem]:
    metrics = _judged(use, objective) if is_judgement_rule(use.rule_class) else _inspected(use, objective, reported)
    senses = {metric: sense(metric) for metric in metrics}
    against = [metric for metric, known in senses.items() if known is not None and known is not _WAYS[way]]
    if against and len(against) == len(senses):
        message = f"{against[0]} is better when it is {_BETTER[senses[against[0]] or Sense.RISES]}"
        advice = f"use {'max' if way == 'min' else 'min'}, or auto"
        yield Problem(path=path, message=message, found=way, advice=advice)
    elif objective is not None and metrics == [objective.metric] and _WAYS[way] is not _WAYS[objective.direction]:
        message = f"the objective says {objective.direction} of the same metric"
        yield Problem(path=path, message=message, found=way, advice="leave it out, and both mean the same")


def _judged(use: RuleUse, objective: Objective | None) -> list[str]:
    """The metric by which a rule across trials compares."""
    metric: Any = use.parameters.get("metric") or (objective.metric if objective is not None else None)
    return [str(metric)] if metric else []


def _inspected(use: RuleUse, objective: Objective | None, reported: Sequence[str]) -> list[str]:
    """The metrics that a rule on one job's curves looks at: those that its patterns match, else all."""
    patterns = use.parameters.get("tensor_regex")
    known = list(reported) or ([objective.metric] if objective is not None else [])
    if not patterns:
        return known
    texts = [patterns] if isinstance(patterns, str) else [str(pattern) for pattern in patterns]
    texts = [part for text in texts for part in text.split(",")]
    matching = [name for name in known if any(_finds(text, name) for text in texts)]
    return matching or [re.sub(r"[^A-Za-z0-9_@/:-]+", " ", text).strip() for text in texts]


def _finds(pattern: str, name: str) -> bool:
    """Whether a pattern matches the name; an invalid or slow pattern is reported by the rules' own checks."""
    try:
        return found(compile_pattern(pattern), name)
    except PatternError:
        return False
