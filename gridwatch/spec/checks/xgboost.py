"""Checks of a spec that trains SageMaker's XGBoost with Gridwatch's own script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.spec.checks.xgboost_metrics import check_metrics, meant_by, warn_of_metrics
from gridwatch.spec.metrics import CHANNELS
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, enumerated, shown
from gridwatch.spec.search_space import factors_of, is_hyperparameter, names_of, varied
from gridwatch.spec.settings import Setting, Settings
from gridwatch.spec.xgboost.clashes import CLASHES
from gridwatch.spec.xgboost.kinds import Kind, Number
from gridwatch.spec.xgboost.numbers import LARGEST_SINGLE, SMALLEST_SINGLE, finite, single, whole
from gridwatch.spec.xgboost.parameters import ALIASES, FORMER, IGNORED, OTHER_VALUES, PARAMETERS
from gridwatch.spec.xgboost.settings import Found
from gridwatch_rules.suggestions import closest


def check_xgboost(spec: ExperimentSpec) -> Iterator[Problem]:
    yield from _hyperparameters(spec)
    yield from _channels(spec)
    yield from check_metrics(spec)
    yield from (problem for problem, found in _clashes(spec) if found.outcome.is_refused)


def warn_of_xgboost(spec: ExperimentSpec) -> Iterator[Problem]:
    for path, name, _ in _all_values(spec):
        if name in IGNORED:
            yield Problem(path=path, message="is no longer used by XGBoost 3", advice="leave it out")
    rounds = [value for value in map(whole, _given(spec, "num_round")) if value is not None]
    for name, collection in spec.collect.items():
        if rounds and (collection.save_interval or 0) >= max(rounds):
            path = ("collect", name, "save_interval")
            message = f"of {max(rounds)} rounds only the first is saved: rules that look at {name} see nothing more"
            yield Problem(path=path, message=message, found=str(collection.save_interval), advice="save more often")
    if "validation" not in spec.data:
        yield Problem(path=("data",), message="there is no validation channel: only training metrics are reported")
    for name in spec.data:
        if name not in CHANNELS and meant_by(name) is None:
            message = "is copied to the instance, and neither trained on nor reported: no metric of it is known"
            yield Problem(path=("data", name), message=message, allowed=", ".join(CHANNELS), advice="leave it out")
    yield from _queries(spec)
    yield from (problem for problem, found in _clashes(spec) if not found.outcome.is_refused)
    yield from warn_of_metrics(spec)


def _queries(spec: ExperimentSpec) -> Iterator[Problem]:
    """The problem of rankings over data that cannot say which rows belong to one query."""
    ranking = next((value for value in _given(spec, "objective") if str(value).startswith("rank:")), None)
    for name, channel in spec.data.items():
        kind = (channel.content_type or "libsvm").split(";", 1)[0]
        if ranking is not None and name in CHANNELS and "libsvm" not in kind:
            message = f"has no queries, so that {ranking} ranks all rows of the channel as one query"
            advice = "use libsvm with qid, where the rows of a query stand together"
            yield Problem(path=("data", name, "content_type"), message=message, found=shown(kind), advice=advice)


def _hyperparameters(spec: ExperimentSpec) -> Iterator[Problem]:
    names = [*spec.hyperparameters, *(name for name in factors_of(spec) if name not in spec.hyperparameters)]
    for path, name in _all_names(spec):
        if name not in PARAMETERS and name not in IGNORED:
            message = "is no hyperparameter of SageMaker's XGBoost"
            advice = _meant(name, (*PARAMETERS, *IGNORED, *ALIASES, *FORMER))
            yield Problem(path=path, message=message, allowed=enumerated(PARAMETERS, 100), advice=advice)
    for path, name, value in _all_values(spec):
        yield from _value(path, name, value)
    if "num_round" not in names:
        yield Problem(path=("hyperparameters",), message="num_round is missing", advice="say how many rounds to train")


def _meant(given: str, known: Sequence[str]) -> str | None:
    """The name that was probably meant. Names of other versions and libraries count: a slip in one of them leads to its
    replacement.
    """
    meant = closest(given, known)
    if meant is None:
        return None
    if meant in ALIASES:
        return f"SageMaker calls it {ALIASES[meant]}"
    return FORMER.get(meant) or f"did you mean {meant}?"


def _value(path: Path, name: str, value: Any) -> Iterator[Problem]:
    kind = PARAMETERS.get(name) or IGNORED.get(name)
    if kind is not None and not kind.accepts(value):
        known = (*kind.choices, *(former for former in FORMER if ":" in former and name == "objective"))
        yield Problem(
            path=path,
            message="XGBoost does not take this value",
            found=shown(value),
            allowed=_allowed(kind, value),
            advice=OTHER_VALUES.get(name, {}).get(str(value)) or (_meant(str(value), known) if known else None),
        )


def _allowed(kind: Kind, value: Any) -> str:
    """The allowed values; for a number that single precision cannot hold, also the largest such number."""
    number = None if isinstance(kind, Number) and kind.whole else finite(value)
    if not isinstance(kind, Number) or number is None or single(number) is not None:
        return kind.allowed
    return f"{kind.allowed}, in single precision: 0, or {SMALLEST_SINGLE:.2g} to {LARGEST_SINGLE:.2g} away from it"


def _channels(spec: ExperimentSpec) -> Iterator[Problem]:
    for name in spec.data:
        meant = meant_by(name)
        if meant is not None and meant not in spec.data:
            message = "XGBoost trains on train and reports on train and validation: it knows no such channel"
            advice = f"did you mean {meant}?"
            yield Problem(path=("data", name), message=message, allowed=", ".join(CHANNELS), advice=advice)


def _clashes(spec: ExperimentSpec) -> Iterator[tuple[Problem, Found]]:
    """The settings of any trial that do not go together, each reported once, at the value to change."""
    settings = Settings(spec)
    for clash in CLASHES:
        told = ((each, found) for each in settings.of(clash.names) for found in clash.look(each))
        yield from dict.fromkeys((_placed(spec, found, each), found) for each, found in told)


def _placed(spec: ExperimentSpec, found: Found, setting: Setting) -> Problem:
    value = setting.get(found.blame)
    return Problem(
        path=_place(spec, found.blame, value),
        message=found.message,
        found=None if value is None else shown(value),
        allowed=found.allowed,
        advice=found.advice,
    )


def _place(spec: ExperimentSpec, name: str, value: Any) -> Path:
    """The place where a hyperparameter gets this value: in what varies, else among those that all trials share."""
    for path, varies, given in varied(spec):
        if varies == name and type(given) is type(value) and given == value:
            return path
    return ("hyperparameters", name) if name in spec.hyperparameters else ("hyperparameters",)


def _all_names(spec: ExperimentSpec) -> Iterator[tuple[Path, str]]:
    yield from ((("hyperparameters", name), name) for name in spec.hyperparameters)
    yield from ((path, name) for path, name in names_of(spec) if is_hyperparameter(name))


def _all_values(spec: ExperimentSpec) -> Iterator[tuple[Path, str, Any]]:
    yield from ((("hyperparameters", name), name, value) for name, value in spec.hyperparameters.items())
    yield from ((path, name, value) for path, name, value in varied(spec) if is_hyperparameter(name))


def _given(spec: ExperimentSpec, name: str) -> Sequence[Any]:
    return factors_of(spec).get(name) or [value for key, value in spec.hyperparameters.items() if key == name]
