"""What must hold between a spec's fields, and between the spec, XGBoost, the rules and SageMaker's limits."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from gridwatch.grid.points import count
from gridwatch.spec.channels import channel_problem
from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.metrics import MAX_DEFINITIONS, evaluation_metrics, reported_metrics
from gridwatch.spec.model import MAX_TRIALS, ExperimentSpec
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown
from gridwatch.spec.rule_checks import check_rules
from gridwatch.spec.xgboost_parameters import ALIASES, CONTAINER_METRICS, IGNORED, METRICS, PARAMETERS, known_metric

MAX_HYPERPARAMETERS = 100  # CreateTrainingJob
RESERVED_HYPERPARAMETERS = 5  # what script mode adds: program, archive, region, log level, job name
MAX_VALUE = 2_500
CONTENT_TYPES = (
    "text/csv", "csv", "text/libsvm", "text/x-libsvm", "libsvm", "application/x-parquet", "parquet"
)  # fmt: skip
_OWN_TAGS = ("gridwatch:", "aws:")


def check(spec: ExperimentSpec) -> Iterator[Problem]:
    """Every problem of a spec whose single fields are right."""
    yield from _grid(spec)
    yield from _hyperparameters(spec)
    yield from _metrics(spec)
    yield from _channels(spec)
    yield from _collections(spec)
    yield from check_rules(spec.rules)
    yield from _tags(spec)
    yield from _instances(spec)
    yield from _hypothesis(spec)


def warn(spec: ExperimentSpec) -> Iterator[Problem]:
    """What is allowed but hardly meant."""
    for path, name, _ in _all_values(spec):
        if name in IGNORED:
            yield Problem(path=path, message="is no longer used by XGBoost 3", advice="leave it out")
    rounds = [value for value in _given(spec, "num_round") if isinstance(value, int)]
    for name, collection in spec.collect.items():
        if rounds and (collection.save_interval or 0) >= max(rounds):
            path = ("collect", name, "save_interval")
            message = f"of {max(rounds)} rounds only the first is saved: rules that look at {name} see nothing more"
            yield Problem(path=path, message=message, found=str(collection.save_interval), advice="save more often")
    if not spec.collect and any(use.source for use in spec.rules):
        message = "what a rule of your own looks at is not known beforehand, and no collection is asked for"
        yield Problem(path=("rules",), message=message, advice="name its collections under collect")
    if "validation" not in spec.data:
        yield Problem(path=("data",), message="there is no validation channel: only training metrics are reported")


def _grid(spec: ExperimentSpec) -> Iterator[Problem]:
    trials = count(spec.factors)
    if trials > spec.limits.trials:
        factors = " x ".join(str(len(values)) for values in spec.factors.values())
        yield Problem(
            path=("grid",),
            message="the grid is over its limit",
            found=f"{trials:,} trials ({factors})",
            allowed=f"{spec.limits.trials:,} (limits.trials)",
            advice=f"raise limits.trials, up to {MAX_TRIALS:,}" if trials <= MAX_TRIALS else "split the experiment",
        )
    for name, values in spec.factors.items():
        if name in spec.hyperparameters:
            yield Problem(path=("grid", name), message="is also under hyperparameters", advice="keep one of the two")
        seen: dict[Any, int] = {}
        for index, value in enumerate(values):
            # 1 and True are one key of a dict, but not one value.
            key = (isinstance(value, bool), value)
            if key in seen:
                message = f"the value is there twice, first as {name}[{seen[key]}]"
                yield Problem(path=("grid", name, index), message=message, found=shown(value))
            seen.setdefault(key, index)


def _hyperparameters(spec: ExperimentSpec) -> Iterator[Problem]:
    names = [*spec.hyperparameters, *(name for name in spec.factors if name not in spec.hyperparameters)]
    room = MAX_HYPERPARAMETERS - RESERVED_HYPERPARAMETERS
    if len(names) > room:
        allowed = f"{room}: SageMaker takes {MAX_HYPERPARAMETERS}, of which script mode uses {RESERVED_HYPERPARAMETERS}"
        message = "too many hyperparameters"
        yield Problem(path=("hyperparameters",), message=message, found=str(len(names)), allowed=allowed)
    for path, name in _all_names(spec):
        if name not in PARAMETERS and name not in IGNORED:
            alias = ALIASES.get(name)
            advice = f"SageMaker calls it {alias}" if alias else did_you_mean(name, PARAMETERS)
            message = "is no hyperparameter of SageMaker's XGBoost"
            yield Problem(path=path, message=message, allowed=enumerated(PARAMETERS, 100), advice=advice)
    for path, name, value in _all_values(spec):
        yield from _value(path, name, value)
    if "num_round" not in names:
        yield Problem(path=("hyperparameters",), message="num_round is missing", advice="say how many rounds to train")
    objectives = _given(spec, "objective")
    if any(str(value).startswith("multi:") for value in objectives) and "num_class" not in names:
        yield Problem(path=("hyperparameters",), message="num_class is missing", advice="multi: objectives need it")


def _value(path: Path, name: str, value: Any) -> Iterator[Problem]:
    length = len(json.dumps(value))
    if length > MAX_VALUE:
        allowed = f"{MAX_VALUE:,} as JSON"
        yield Problem(path=path, message="the value is too long", found=f"{length:,} characters", allowed=allowed)
    kind = PARAMETERS.get(name) or IGNORED.get(name)
    if kind is not None and not kind.accepts(value):
        advice = did_you_mean(str(value), kind.allowed.split(", "))
        yield Problem(
            path=path,
            message="XGBoost does not take this value",
            found=shown(value),
            allowed=kind.allowed,
            advice=advice,
        )


def _metrics(spec: ExperimentSpec) -> Iterator[Problem]:
    metrics = evaluation_metrics(spec.hyperparameters, spec.factors)
    path: Path = ("grid", "eval_metric") if "eval_metric" in spec.factors else ("hyperparameters", "eval_metric")
    all_metrics = (*METRICS, *CONTAINER_METRICS)
    for name in metrics:
        if not known_metric(name):
            yield Problem(
                path=path, message="is no metric of XGBoost", found=shown(name), allowed=enumerated(all_metrics),
                advice=did_you_mean(name, all_metrics),
            )  # fmt: skip
    reported = reported_metrics(metrics, list(spec.data))
    if len(reported) > MAX_DEFINITIONS:
        allowed = f"{MAX_DEFINITIONS} over all channels"
        yield Problem(path=path, message="too many metrics", found=str(len(reported)), allowed=allowed)
    if spec.objective.metric not in reported:
        yield Problem(
            path=("objective", "metric"), message="the training jobs do not report this metric",
            found=shown(spec.objective.metric), allowed=enumerated(reported),
            advice=did_you_mean(spec.objective.metric.replace(":", "-"), reported),
        )  # fmt: skip


def _channels(spec: ExperimentSpec) -> Iterator[Problem]:
    if "train" not in spec.data:
        advice = did_you_mean("train", spec.data)
        yield Problem(path=("data",), message="there is no train channel", found=enumerated(spec.data), advice=advice)
    for name, channel in spec.data.items():
        wrong = channel_problem(channel.uri)
        if wrong:
            allowed = "s3://bucket/prefix, or a place below data/ of the experiments bucket such as blobs/train.csv"
            yield Problem(path=("data", name, "uri"), message=wrong, found=shown(channel.uri), allowed=allowed)
        kind = channel.content_type.split(";", 1)[0].strip().lower()
        if kind not in CONTENT_TYPES:
            yield Problem(
                path=("data", name, "content_type"), message="XGBoost cannot read this",
                found=shown(channel.content_type), allowed=", ".join(CONTENT_TYPES),
                advice=did_you_mean(kind, CONTENT_TYPES),
            )  # fmt: skip


def _collections(spec: ExperimentSpec) -> Iterator[Problem]:
    for name, collection in spec.collect.items():
        if collection.end_step is not None and collection.end_step <= (collection.start_step or 0):
            path = ("collect", name, "end_step")
            allowed = f"more than start_step, which is {collection.start_step or 0}"
            yield Problem(path=path, message="is too small", found=str(collection.end_step), allowed=allowed)
        try:
            re.compile(collection.include_regex or "")
        except re.error as error:
            path = ("collect", name, "include_regex")
            message = f"is not a regular expression: {error}"
            yield Problem(path=path, message=message, found=shown(collection.include_regex))


def _tags(spec: ExperimentSpec) -> Iterator[Problem]:
    people = {"owner": spec.owner, "team": spec.team}
    for key in spec.tags:
        if key.lower().startswith(_OWN_TAGS):
            allowed = f"keys that do not begin with {' or '.join(_OWN_TAGS)}"
            yield Problem(path=("tags", key), message="the key is reserved", allowed=allowed)
        elif people.get(key):
            yield Problem(path=("tags", key), message=f"the field {key} makes this tag", advice="keep one of the two")


def _instances(spec: ExperimentSpec) -> Iterator[Problem]:
    wanted = spec.resources.instance_type
    if wanted not in INSTANCE_TYPES:
        yield Problem(
            path=("resources", "instance_type"), message="SageMaker has no such instance type for training",
            found=shown(wanted), allowed="such as ml.m5.large, ml.c5.xlarge, ml.g5.xlarge",
            advice=did_you_mean(wanted if wanted.startswith("ml.") else f"ml.{wanted}", INSTANCE_TYPES),
        )  # fmt: skip

    if spec.resources.instance_count > 1:
        message = "XGBoost's training script runs on one instance"
        found = str(spec.resources.instance_count)
        yield Problem(path=("resources", "instance_count"), message=message, found=found, allowed="1")


def _hypothesis(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.hypothesis is None or spec.hypothesis.expression is None:
        return
    import cel  # noqa: PLC0415 - only the specs that have an expression pay for the compiler

    try:
        cel.compile(spec.hypothesis.expression)
    except Exception as error:  # noqa: BLE001 - the library has no base class for its errors
        path = ("hypothesis", "expression")
        first = (str(error).splitlines() or [type(error).__name__])[0]
        yield Problem(path=path, message=f"is not a CEL expression: {first}", found=shown(spec.hypothesis.expression))


def _all_names(spec: ExperimentSpec) -> Iterator[tuple[Path, str]]:
    yield from ((("hyperparameters", name), name) for name in spec.hyperparameters)
    yield from ((("grid", name), name) for name in spec.factors)


def _all_values(spec: ExperimentSpec) -> Iterator[tuple[Path, str, Any]]:
    yield from ((("hyperparameters", name), name, value) for name, value in spec.hyperparameters.items())
    for name, values in spec.factors.items():
        yield from ((("grid", name, index), name, value) for index, value in enumerate(values))


def _given(spec: ExperimentSpec, name: str) -> Sequence[Any]:
    return spec.factors.get(name) or [value for key, value in spec.hyperparameters.items() if key == name]
