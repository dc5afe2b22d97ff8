"""Warnings about things in tuning jobs that are allowed but that AWS advises against.

Source: "Best Practices for Hyperparameter Tuning" of the SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.checks.tune import FRESH_PARALLEL_JOBS
from gridwatch.spec.instance_types import gpus, one_in_place_of
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.tune import Tune
from gridwatch.spec.problems import Path, Problem, shown
from gridwatch.spec.search_space import varied
from gridwatch.spec.variants import variants

MANY_RANGES = 20
MAGNITUDES = 100.0  # from here on a range spans orders of magnitude
FEW_ROUNDS = 5  # of jobs at one time, one after the other: fewer and Bayesian search learns little
SMALL_BATCH = 8  # for one GPU
BATCH_NAMES = frozenset({"batch_size", "batch-size", "mini_batch_size", "mini-batch-size", "train_batch_size",
                         "train-batch-size", "per_device_train_batch_size"})  # fmt: skip
_PER_GPU = frozenset({"per_device_train_batch_size"})


def advise(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.tune is None:
        return
    for variant in variants(spec):
        found = [*_batch(variant.spec), *_hosts(variant.spec), *_ranges(variant.spec)]
        yield from (variant.placed(problem) for problem in found)
    yield from _parallel(spec, spec.tune)
    if spec.tune.autotune and spec.tune.jobs is None and spec.tune.strategy != "grid":
        message = "with autotune SageMaker chooses how many jobs there are"
        yield Problem(path=("tune", "autotune"), message=message, advice="say jobs, so that the cost is bounded")


def _ranges(spec: ExperimentSpec) -> Iterator[Problem]:
    tune = spec.tune or Tune()
    if len(tune.parameters) > MANY_RANGES:
        found = f"{len(tune.parameters)} hyperparameters"
        message = "a tuning job finds less the more it searches"
        advice = f"tune those that matter, at most {MANY_RANGES}, and fix the others"
        yield Problem(path=("tune", "parameters"), message=message, found=found, advice=advice)
    for name, given in tune.parameters.items():
        if given.scaling != "linear" or "categorical" in given.kinds:
            continue
        low, high = given.ends
        if low > 0 and high / low >= MAGNITUDES:
            path: Path = ("tune", "parameters", name, "scaling")
            message = "on a linear scale nearly all points lie in the largest order of magnitude"
            yield Problem(path=path, message=message, found=shown([low, high]), advice="use log, or leave it out")


def _parallel(spec: ExperimentSpec, tune: Tune) -> Iterator[Problem]:
    path: Path = ("limits", "parallel_jobs")
    together = spec.limits.parallel_jobs
    if tune.strategy == "bayesian" and tune.jobs is not None and together > 1 and tune.jobs / together < FEW_ROUNDS:
        message = "Bayesian search learns from finished jobs, and most of these begin before many are"
        found = f"{together} at one time of {tune.jobs}"
        advice = f"at most {max(1, tune.jobs // FEW_ROUNDS)} here, or the strategy random or hyperband"
        yield Problem(path=path, message=message, found=found, advice=advice)
    if together > FRESH_PARALLEL_JOBS:
        message = "is more than a fresh account's quota for one tuning job"
        allowed = f"{FRESH_PARALLEL_JOBS}, else a raised quota"
        yield Problem(path=path, message=message, found=str(together), allowed=allowed)


def _hosts(spec: ExperimentSpec) -> Iterator[Problem]:
    resources = spec.resources
    if resources.groups or resources.instance_count < 2:
        return
    one = one_in_place_of(resources.instance_type, resources.instance_count)
    if one is not None:
        message = "one larger instance trains without the network between them"
        found = f"{resources.instance_count} x {resources.instance_type}"
        path: Path = ("resources", "instance_count")
        yield Problem(path=path, message=message, found=found, advice=f"use one {one}")


def _batch(spec: ExperimentSpec) -> Iterator[Problem]:
    resources = spec.resources
    if resources.groups:
        return
    together = gpus(resources.instance_type) * resources.instance_count
    static = ((("hyperparameters", name), name, value) for name, value in spec.hyperparameters.items())
    for path, name, value in (*static, *varied(spec)):
        if name not in BATCH_NAMES or isinstance(value, bool) or not isinstance(value, (int, float)) or together < 1:
            continue
        share = float(value) if name in _PER_GPU else value / together
        if share < SMALL_BATCH:
            found = f"{value:g} over {together} GPUs" if together > 1 and name not in _PER_GPU else f"{value:g}"
            message = "the batch is too small to keep each GPU busy"
            advice = f"at least {SMALL_BATCH} for each, or fewer GPUs"
            yield Problem(path=path, message=message, found=found, advice=advice)
