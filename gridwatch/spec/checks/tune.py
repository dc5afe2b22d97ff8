"""Checks of a tuning job. Limits: "Resource Limits for Automatic Model Tuning" of the developer guide."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.tune import MAX_PARALLEL_JOBS, Range, Tune
from gridwatch.spec.problems import Path, Problem, shown
from gridwatch.spec.search_space import is_hyperparameter
from gridwatch.spec.variants import variants

MAX_RANGES = 30  # of a tuning job, over all of its algorithms
FRESH_JOBS = 750  # of a tuning job; only random search may have more, after a raised quota
FRESH_PARALLEL_JOBS = 10
MIN_RUNTIME = 120  # ResourceLimits, MaxRuntimeInSeconds
# In which Hyperband finds the most that a job may take.
RESOURCE_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")

# What the definition of a tuning job's jobs has no place for, and whose part SageMaker plays itself.
_NO_PLACE = {
    ("algorithm", "command"): "leave it to the image's own",
    ("algorithm", "arguments"): "use hyperparameters",
    ("algorithm", "registry"): "copy the image into ECR",
    ("resources", "remote_debug"): "debug a job of a grid",
    ("resources", "infra_check"): "leave it out",
    ("resources", "session_tags"): "leave it out",
}
_LAUNCHING = ("deadline", "budget", "max_failures")


def check_tune(spec: ExperimentSpec) -> Iterator[Problem]:
    tune = spec.tune
    if tune is None:
        return
    yield from _alone(spec, tune)
    yield from _sizes(spec, tune)
    yield from _jobs(tune)
    yield from _strategy(spec, tune)
    for variant in variants(spec):
        yield from (variant.placed(problem) for problem in _parameters(variant.spec))
        yield from (variant.placed(problem) for problem in _definition(variant.spec))
        other = variant.name is not None and variant.spec.algorithm != spec.algorithm
        if other and variant.spec.algorithm.has_local_source:
            message, advice = "only the spec's own script is packed with it", "pack it into an archive in S3, name that"
            problem = Problem(path=("algorithm", "source"), message=message, advice=advice)
            yield variant.placed(problem)


def _alone(spec: ExperimentSpec, tune: Tune) -> Iterator[Problem]:
    for field in ("grid", "search"):
        if getattr(spec, field) is not None:
            message = "SageMaker chooses the points of a tuning job"
            yield Problem(path=(field,), message=message, advice=f"keep one of {field} and tune")
    if bool(tune.parameters) is bool(tune.algorithms):
        found = "both" if tune.parameters else "neither"
        allowed = "parameters, or algorithms that each have theirs"
        yield Problem(path=("tune",), message="what is tuned must be said once", found=found, allowed=allowed)
    for field in _LAUNCHING:
        if getattr(spec.limits, field) is not None:
            message = "SageMaker launches the jobs of a tuning job by itself"
            yield Problem(path=("limits", field), message=message, advice="use tune.jobs and tune.max_runtime")
    if spec.repair is not None:
        message = "SageMaker launches the jobs of a tuning job by itself, and repairs none"
        yield Problem(path=("repair",), message=message, advice="leave it out, or use grid or search")
    if spec.doomed_regions is not None:
        message = "no points of a tuning job wait to be spared: SageMaker chooses them"
        yield Problem(path=("doomed_regions",), message=message, advice="leave it out")


def _sizes(spec: ExperimentSpec, tune: Tune) -> Iterator[Problem]:
    ranges = sum(len(variant.spec.tune.parameters) for variant in variants(spec) if variant.spec.tune)
    if ranges > MAX_RANGES:
        allowed = f"{MAX_RANGES} in one tuning job, over all its algorithms"
        yield Problem(path=("tune",), message="too many ranges", found=str(ranges), allowed=allowed)
    if spec.limits.parallel_jobs > MAX_PARALLEL_JOBS:
        found, allowed = str(spec.limits.parallel_jobs), f"at most {MAX_PARALLEL_JOBS}, after a raised quota"
        message = "a tuning job runs no more at one time"
        yield Problem(path=("limits", "parallel_jobs"), message=message, found=found, allowed=allowed)
    if tune.max_runtime is not None and tune.max_runtime < MIN_RUNTIME:
        found = f"{tune.max_runtime} s"
        yield Problem(path=("tune", "max_runtime"), message="is too short", found=found, allowed="from 2m")


def _jobs(tune: Tune) -> Iterator[Problem]:
    path: Path = ("tune", "jobs")
    if tune.strategy == "grid":
        if tune.jobs is not None and tune.jobs != grid_size(tune):
            message = "the strategy grid trains every combination"
            yield Problem(path=path, message=message, found=str(tune.jobs), allowed=f"{grid_size(tune)}, or nothing")
        if grid_size(tune) > FRESH_JOBS:
            found, allowed = f"{grid_size(tune):,} combinations", f"at most {FRESH_JOBS}"
            message, advice = "too many for one tuning job", "use the strategy random, or a grid of Gridwatch's"
            yield Problem(path=("tune", "parameters"), message=message, found=found, allowed=allowed, advice=advice)
        return
    if not tune.autotune and tune.jobs is None and tune.max_runtime is None and tune.completion is None:
        yield Problem(path=path, message="nothing ends the tuning job", advice="say jobs, max_runtime or completion")
    if tune.jobs is not None and tune.jobs > FRESH_JOBS and tune.strategy != "random":
        message, advice = f"is over the limit of the strategy {tune.strategy}", "use random, or several tuning jobs"
        allowed = f"at most {FRESH_JOBS}"
        yield Problem(path=path, message=message, found=str(tune.jobs), allowed=allowed, advice=advice)


def _strategy(spec: ExperimentSpec, tune: Tune) -> Iterator[Problem]:
    if tune.strategy != "hyperband":
        if tune.hyperband is not None:
            yield Problem(path=("tune", "hyperband"), message="is only for the strategy hyperband")
    elif tune.early_stopping:
        message = "the strategy hyperband stops jobs in a way of its own"
        yield Problem(path=("tune", "early_stopping"), message=message, advice="leave it out")
    elif not _most_is_known(spec, tune):
        message = "how much a job may take is not known"
        advice = f"say tune.hyperband.max, or one of the hyperparameters {', '.join(RESOURCE_NAMES)}"
        yield Problem(path=("tune", "strategy"), message=message, advice=advice)
    if tune.hyperband is not None and (tune.hyperband.min or 1) > (tune.hyperband.max or 1_000_000):
        yield Problem(path=("tune", "hyperband"), message="min is greater than max")
    if tune.strategy == "grid" and tune.algorithms:
        message = "the strategy grid walks the categories of one algorithm"
        yield Problem(path=("tune", "algorithms"), message=message, advice="use another strategy, or one algorithm")
    if tune.warm_start is not None and tune.warm_start.type == "identical" and tune.algorithms:
        message = "identical is for one algorithm and its data"
        yield Problem(path=("tune", "warm_start", "type"), message=message, advice="use transfer")


def _most_is_known(spec: ExperimentSpec, tune: Tune) -> bool:
    if tune.hyperband is not None and tune.hyperband.max is not None:
        return True
    return all(set(RESOURCE_NAMES) & variant.spec.hyperparameters.keys() for variant in variants(spec))


def _parameters(spec: ExperimentSpec) -> Iterator[Problem]:
    tune = spec.tune
    for name, given in (tune.parameters if tune else {}).items():
        path: Path = ("tune", "parameters", name)
        if not is_hyperparameter(name):
            message = "only hyperparameters can be tuned"
            yield Problem(path=path, message=message, found=shown(name), advice="use a grid for machines")
        if len(given.kinds) != 1:
            found = " and ".join(given.kinds) or "none"
            yield Problem(path=path, message="it is not clear what it is chosen from", found=found,
                          allowed="one of continuous, integer, categorical, auto")  # fmt: skip
            continue
        yield from _range(path, given)
        if given.auto is not None and tune is not None and not tune.autotune:
            message = "SageMaker chooses ranges only when it is asked to"
            advice = "say tune.autotune, or give the range"
            yield Problem(path=(*path, "auto"), message=message, advice=advice)
        if tune is not None and tune.strategy == "grid" and given.categorical is None:
            message = "the strategy grid walks categories alone"
            yield Problem(path=path, message=message, found=given.kinds[0], advice="write its values as categorical")


def _range(path: Path, given: Range) -> Iterator[Problem]:
    (kind,) = given.kinds
    if kind == "auto":
        if given.scaling is not None:
            message = "SageMaker chooses the scale with the range"
            yield Problem(path=(*path, "scaling"), message=message, advice="leave it out")
        return
    if kind == "categorical":
        if given.scaling is not None:
            yield Problem(path=(*path, "scaling"), message="categories have no order to scale")
        texts = [(isinstance(value, bool), str(value)) for value in given.ends]
        if len(set(texts)) < len(texts):
            yield Problem(path=(*path, kind), message="the same category is there twice", found=shown(given.ends))
        return
    low, high = given.ends
    if low >= high:
        yield Problem(path=(*path, kind), message="the range is empty", found=shown([low, high]), allowed="[low, high]")
    elif given.scaling == "log" and low <= 0:
        message = "a logarithmic scale needs numbers above 0"
        yield Problem(path=(*path, kind), message=message, found=shown([low, high]), advice="begin above 0")
    elif given.scaling == "reverse_log" and (kind == "integer" or low < 0 or high >= 1):
        message = "a reverse logarithmic scale is for continuous numbers from 0 to below 1"
        yield Problem(path=(*path, kind), message=message, found=shown([low, high]))


def _definition(spec: ExperimentSpec) -> Iterator[Problem]:
    for path, advice in _NO_PLACE.items():
        if getattr(getattr(spec, path[0]), path[1]):
            message = "a tuning job cannot say this of its jobs"
            yield Problem(path=path, message=message, advice=advice)
    if spec.checkpoints is not None and spec.checkpoints.uri is None:
        message = "SageMaker gives the jobs of a tuning job one place for all, and Gridwatch cannot give each its own"
        advice = "name one that the script divides by the job's name (TRAINING_JOB_NAME)"
        yield Problem(path=("checkpoints",), message=message, advice=advice)


def grid_size(tune: Tune) -> int:
    """The number of combinations that the strategy grid trains."""
    return prod(len(given.ends) for given in tune.parameters.values())
