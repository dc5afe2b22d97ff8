"""Checks of the points that a spec makes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.grid.search import ExpressionError, search_points
from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.model import MAX_TRIALS, ExperimentSpec
from gridwatch.spec.parts.search import Distribution
from gridwatch.spec.problems import Path, Problem, did_you_mean, shown
from gridwatch.spec.search_space import (
    INSTANCE_COUNT,
    INSTANCE_TYPE,
    SETTINGS,
    is_hyperparameter,
    kinds_of,
    names_of,
    search_of,
    varied,
)
from gridwatch.spec.values import Scalar

MAX_CANDIDATES = 100_000  # made one by one, of which conditions and constraints leave the trials
MAX_LOOKS = 200_000  # of an expression at a point, which takes some microseconds
MAX_TOLD = 100_000_000  # characters of hyperparameters that all trials share, each of which has its copy
MAX_INSTANCES = 100
# CreateTrainingJob, and what script mode adds: program, archive, region, log level, job name.
MAX_HYPERPARAMETERS = 100
RESERVED_HYPERPARAMETERS = 5
MAX_VALUE = 2_500


def check_search(spec: ExperimentSpec) -> Iterator[Problem]:
    shape = [*_names(spec), *_lists(spec), *_distributions(spec)]
    yield from shape
    yield from _twice(spec)
    yield from _settings(spec)
    yield from _values(spec)
    if not shape:
        yield from _size(spec)


def _size(spec: ExperimentSpec) -> Iterator[Problem]:
    search = search_of(spec)
    selective = bool(search.conditions or search.constraints)
    path: Path = ("grid",) if spec.search is None else ("search",)
    if search.candidates > (MAX_CANDIDATES if selective else spec.limits.trials):
        allowed = f"{MAX_CANDIDATES:,} before constraints" if selective else f"{spec.limits.trials:,} (limits.trials)"
        yield _too_many(path, search.candidates, spec, allowed)
        return
    looks = search.candidates * (len(search.conditions) + len(search.constraints))
    if looks > MAX_LOOKS:
        found, allowed = f"{looks:,} (points times expressions)", f"{MAX_LOOKS:,}"
        advice = "put several constraints into one with &&, or take fewer points"
        message = "the conditions and constraints would be asked too often"
        yield Problem(path=("search",), message=message, found=found, allowed=allowed, advice=advice)
        return
    try:
        trials = sum(1 for _ in search_points(search))
    except ExpressionError as error:
        found = search.conditions[str(error.where[1])] if error.where[0] == "when" else (
            search.constraints[int(error.where[1])]
        )  # fmt: skip
        advice = 'the hyperparameters are known by their names, and as parameters["name"]'
        yield Problem(path=("search", *error.where), message=str(error), found=shown(found), advice=advice)
        return
    if trials > spec.limits.trials:
        yield _too_many(path, trials, spec, f"{spec.limits.trials:,} (limits.trials)")
    if trials * (size := len(json.dumps(spec.hyperparameters))) > MAX_TOLD:
        found, allowed = f"{trials:,} trials of {size:,} characters each", f"{MAX_TOLD:,} together"
        message = "the hyperparameters of all trials together are too large"
        advice = "put what is long into a file of a channel"
        yield Problem(path=("hyperparameters",), message=message, found=found, allowed=allowed, advice=advice)
    if trials == 0:
        message = "the constraints leave no point"
        yield Problem(path=("search", "constraints"), message=message, found=f"{search.candidates:,} points before")


def _too_many(path: Path, trials: int, spec: ExperimentSpec, allowed: str) -> Problem:
    factors = " x ".join(str(len(values)) for values in (spec.grid or {}).values())
    what = f"{trials:,} trials ({factors})" if path == ("grid",) else f"{trials:,} trials"
    advice = f"raise limits.trials, up to {MAX_TRIALS:,}" if trials <= MAX_TRIALS else "split the experiment"
    return Problem(
        path=path, message=f"the {path[0]} is over its limit", found=what, allowed=allowed, advice=advice
    )  # fmt: skip


def _names(spec: ExperimentSpec) -> Iterator[Problem]:
    first: dict[str, Path] = {}
    for path, name in names_of(spec):
        if name in spec.hyperparameters:
            yield Problem(path=path, message="is also under hyperparameters", advice="keep one of the two")
        elif name in first:
            other = ".".join(str(step) for step in first[name])
            yield Problem(path=path, message=f"is also under {other}", advice="keep one of the two")
        elif not is_hyperparameter(name) and name not in SETTINGS:
            yield Problem(
                path=path, message="is no field that can differ between trials", found=name,
                allowed=f"hyperparameters, {', '.join(SETTINGS)}", advice=did_you_mean(name, SETTINGS),
            )  # fmt: skip
        first.setdefault(name, path)
    names = {name for _, name in names_of(spec) if is_hyperparameter(name)}
    room = MAX_HYPERPARAMETERS - RESERVED_HYPERPARAMETERS
    if len(names | spec.hyperparameters.keys()) > room:
        allowed = f"{room}: SageMaker takes {MAX_HYPERPARAMETERS}, of which script mode uses {RESERVED_HYPERPARAMETERS}"
        found = str(len(names | spec.hyperparameters.keys()))
        yield Problem(path=("hyperparameters",), message="too many hyperparameters", found=found, allowed=allowed)
    for name in spec.search.when if spec.search else ():
        if name not in names:
            yield Problem(
                path=("search", "when", name), message="no point has this hyperparameter",
                advice=did_you_mean(name, names) or "give it values in the grid or in the search",
            )  # fmt: skip


def _lists(spec: ExperimentSpec) -> Iterator[Problem]:
    search = spec.search
    if search is None:
        return
    listed = search.list_ or []
    first: dict[frozenset[tuple[str, Scalar]], int] = {}
    for index, point in enumerate(listed):
        if point.keys() != listed[0].keys():
            missing = ", ".join(sorted(point.keys() ^ listed[0].keys()))
            message = f"has not the keys of the first point: {missing}"
            yield Problem(path=("search", "list", index), message=message, advice="use when to leave one out")
        before = first.setdefault(frozenset(point.items()), index)
        if before < index:
            yield Problem(path=("search", "list", index), message=f"is the point {before} once more")
    for index, group in enumerate(search.zip_ or ()):
        lengths = {name: len(values) for name, values in group.items()}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            message = "values that go together must be equally many"
            yield Problem(path=("search", "zip", index), message=message, found=found)


def _distributions(spec: ExperimentSpec) -> Iterator[Problem]:
    random = spec.search.random if spec.search else None
    for name, given in (random.parameters if random else {}).items():
        path = ("search", "random", "parameters", name)
        kinds = kinds_of(given)
        if len(kinds) != 1:
            allowed = "one of uniform, log_uniform, integer, choice"
            found = " and ".join(kinds) or "none"
            yield Problem(path=path, message="it is not clear how to draw", found=found, allowed=allowed)
        elif kinds != ["choice"]:
            yield from _range((*path, kinds[0]), kinds[0], given)


def _range(path: Path, kind: str, given: Distribution) -> Iterator[Problem]:
    low, high = getattr(given, kind)
    if low >= high:
        yield Problem(path=path, message="the range is empty", found=shown([low, high]), allowed="[low, high]")
    elif kind == "log_uniform" and low <= 0:
        advice = "use uniform, or begin above 0"
        yield Problem(path=path, message="a logarithm needs numbers above 0", found=shown([low, high]), advice=advice)


def _twice(spec: ExperimentSpec) -> Iterator[Problem]:
    for name, values in (spec.grid or {}).items():
        yield from _doubles(("grid", name), name, values)


def _doubles(path: Path, name: str, values: Sequence[Any]) -> Iterator[Problem]:
    seen: dict[Any, int] = {}
    for index, value in enumerate(values):
        # 1 and True are one key of a dict, but not one value.
        key = (isinstance(value, bool), value)
        if key in seen:
            message = f"the value is there twice, first as {name}[{seen[key]}]"
            yield Problem(path=(*path, index), message=message, found=shown(value))
        seen.setdefault(key, index)


def _settings(spec: ExperimentSpec) -> Iterator[Problem]:
    for path, name, value in varied(spec):
        if name == INSTANCE_TYPE and value not in INSTANCE_TYPES:
            advice = did_you_mean(str(value), INSTANCE_TYPES)
            message = "SageMaker has no such instance type for training"
            yield Problem(path=path, message=message, found=shown(value), advice=advice)
        if name == INSTANCE_COUNT and (type(value) is not int or not 1 <= value <= MAX_INSTANCES):
            allowed = f"1 to {MAX_INSTANCES}"
            yield Problem(path=path, message="is no number of instances", found=shown(value), allowed=allowed)


def _values(spec: ExperimentSpec) -> Iterator[Problem]:
    static = ((("hyperparameters", name), value) for name, value in spec.hyperparameters.items())
    for path, value in (*static, *((path, value) for path, _, value in varied(spec))):
        length = len(json.dumps(value))
        if length > MAX_VALUE:
            allowed = f"{MAX_VALUE:,} as JSON"
            yield Problem(path=path, message="the value is too long", found=f"{length:,} characters", allowed=allowed)
