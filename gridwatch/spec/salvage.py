"""Finds the remaining problems in a spec whose fields are partly invalid, so that its author hears of all at once.

Invalid fields are taken out, missing ones are filled with stand-ins, and the checks between fields run on the result.
Of the problems found, only those are reported that an invalid or missing field cannot have caused.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem
from gridwatch_rules.rules.catalogue import rule_names

_STAND_INS: dict[Path, Any] = {
    ("name",): "stand-in",
    ("objective",): {"metric": "train-error", "direction": "minimize"},
    ("objective", "metric"): "train-error",
    ("objective", "direction"): "minimize",
    ("algorithm",): {"name": "xgboost", "version": "3.2-0"},
    ("algorithm", "name"): "xgboost",
    ("algorithm", "version"): "3.2-0",
    ("data",): {"train": {"uri": "stand-in", "content_type": "text/csv"}},
}
_ROUNDS = 4
# A wrong value in any of these may be why another of them, or the objective's metric, seems wrong.
_ENTANGLED = frozenset({"data", "hyperparameters", "grid", "search"})


def sound_part(document: dict[str, Any], error: ValidationError) -> ExperimentSpec | None:
    """A spec made from the valid fields; None when there is none."""
    rest = copy.deepcopy(document)
    for _ in range(_ROUNDS):
        for path in _broken(error):
            _remove(rest, path)
        try:
            return ExperimentSpec.model_validate_json(json.dumps(rest))
        except ValidationError as further:
            error = further
    return None


def independent(further: Iterable[Problem], known: Iterable[Problem]) -> Iterator[Problem]:
    """The further problems that the known ones cannot have caused."""
    broken = [problem.path for problem in known]
    # A stand-in for what trains asks for channels and hyperparameters of its own.
    entangled = ("algorithm",) in broken or any(path[:1] and path[0] in _ENTANGLED for path in broken)
    for problem in further:
        related = any(_related(problem.path, path) for path in broken)
        # A problem of a whole section (num_round is missing) or of the metric is about more than one field.
        shaky = len(problem.path) == 1 or problem.path[0] == "objective"
        if not related and not (entangled and shaky):
            yield problem


def _broken(error: ValidationError) -> set[Path]:
    """The invalid parts to take out: whole sections, or whole entries of a section."""
    return {tuple(details["loc"][:2]) for details in error.errors(include_url=False)}


def _remove(document: dict[str, Any], path: Path) -> None:
    """Replace the value at the path by its stand-in, or take it out."""
    section = document.get(str(path[0])) if path else None
    if len(path) == 2 and path[0] == "rules" and isinstance(section, list):
        section[int(path[1])] = {"rule": rule_names()[0], "name": f"stand-in-{path[1]}"}  # its place must be kept
    elif len(path) == 2 and isinstance(section, dict) and (path in _STAND_INS or path[1] in section):
        _replace(section, path)
    elif path:
        _replace(document, path[:1])


def _replace(section: dict[str, Any], path: Path) -> None:
    if path in _STAND_INS:
        section[str(path[-1])] = copy.deepcopy(_STAND_INS[path])
    else:
        section.pop(str(path[-1]), None)


def _related(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other), 2)
    return one[:shorter] == other[:shorter]
