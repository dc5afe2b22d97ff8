"""All checks between a spec's fields, and between the spec and its algorithm, rules and SageMaker's limits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from gridwatch.spec.checks.advice import advise
from gridwatch.spec.checks.algorithm import check_algorithm, warn_of_algorithm
from gridwatch.spec.checks.compute import check_compute, warn_of_compute
from gridwatch.spec.checks.data import check_data
from gridwatch.spec.checks.distribution import check_distribution
from gridwatch.spec.checks.engine import check_engine, warn_of_engine
from gridwatch.spec.checks.hook import check_hook
from gridwatch.spec.checks.incremental import check_incremental
from gridwatch.spec.checks.model_parallel import warn_of_model_parallel
from gridwatch.spec.checks.preprocessing import check_preprocessing
from gridwatch.spec.checks.repair import check_repair
from gridwatch.spec.checks.search import check_search
from gridwatch.spec.checks.tracking import check_tracking, warn_of_tracking
from gridwatch.spec.checks.tune import check_tune
from gridwatch.spec.directions import warn_of_objective, warn_of_rules
from gridwatch.spec.metrics import reported_by
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, shown
from gridwatch.spec.variants import once, variants
from gridwatch_rules.expressions import Condition, ExpressionError

_OWN_TAGS = ("gridwatch:", "aws:")


def check(spec: ExperimentSpec, today: date) -> Iterator[Problem]:
    """Every problem of a spec whose single fields are valid."""
    yield from once(_of_each_algorithm(spec, today))
    yield from check_tune(spec)
    yield from check_engine(spec)
    yield from check_repair(spec)
    yield from _tags(spec)
    yield from check_incremental(spec)
    yield from once(check_tracking(spec))
    yield from check_preprocessing(spec)
    yield from _hypothesis(spec)


def _of_each_algorithm(spec: ExperimentSpec, today: date) -> Iterator[Problem]:
    for variant in variants(spec):
        for found in (
            check_search(variant.spec),
            check_algorithm(variant.spec, today),
            check_data(variant.spec),
            check_compute(variant.spec),
            check_distribution(variant.spec),
            check_hook(variant.spec),
        ):
            yield from (variant.placed(problem) for problem in found)


def warn(spec: ExperimentSpec, today: date) -> Iterator[Problem]:
    """Warnings about settings that are allowed but probably not meant."""
    yield from once(
        variant.placed(problem)
        for variant in variants(spec)
        for problem in (*warn_of_algorithm(variant.spec, today), *warn_of_compute(variant.spec))
    )
    yield from once(advise(spec))
    yield from once(_of_directions(spec))
    yield from warn_of_engine(spec)
    yield from once(warn_of_tracking(spec))
    yield from warn_of_model_parallel(spec)
    if not spec.collect and any(use.source for use in spec.rules):
        message = "what a rule of your own looks at is not known beforehand, and no collection is asked for"
        yield Problem(path=("rules",), message=message, advice="name its collections under collect")


def _of_directions(spec: ExperimentSpec) -> Iterator[Problem]:
    for variant in variants(spec):
        yield from (variant.placed(problem) for problem in warn_of_objective(variant.spec.objective))
        yield from warn_of_rules(variant.spec.rules, variant.spec.objective, reported_by(variant.spec))


def _tags(spec: ExperimentSpec) -> Iterator[Problem]:
    people = {"owner": spec.owner, "team": spec.team}
    for key in spec.tags:
        if key.lower().startswith(_OWN_TAGS):
            allowed = f"keys that do not begin with {' or '.join(_OWN_TAGS)}"
            yield Problem(path=("tags", key), message="the key is reserved", allowed=allowed)
        elif people.get(key):
            yield Problem(path=("tags", key), message=f"the field {key} makes this tag", advice="keep one of the two")


def _hypothesis(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.hypothesis is None or spec.hypothesis.expression is None:
        return
    try:
        Condition.compile(spec.hypothesis.expression)
    except ExpressionError as error:
        path = ("hypothesis", "expression")
        yield Problem(path=path, message=str(error), found=shown(spec.hypothesis.expression))
