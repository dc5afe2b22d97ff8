"""Checks of what a training continues from: checkpoints and earlier models."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.grid.search import Search
from gridwatch.spec.addresses import is_object
from gridwatch.spec.builtin_algorithms import BUILT_IN
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, enumerated, shown
from gridwatch.spec.search_space import search_of


def check_incremental(spec: ExperimentSpec) -> Iterator[Problem]:
    yield from _checkpoints(spec)
    yield from _start(spec)


def _checkpoints(spec: ExperimentSpec) -> Iterator[Problem]:
    checkpoints = spec.checkpoints
    if checkpoints is None:
        return
    if spec.algorithm.name in BUILT_IN:
        message = f"{spec.algorithm.name} writes no checkpoints that it could go on from"
        yield Problem(path=("checkpoints",), message=message, advice="leave it out")
    if checkpoints.uri is None:
        return
    path = ("checkpoints", "uri")
    if not is_object(checkpoints.uri):
        message, allowed = "is no address of a checkpoint", "s3://bucket/prefix"
        yield Problem(path=path, message=message, found=shown(checkpoints.uri), allowed=allowed)
    search: Search = search_of(spec)
    if search.candidates > 1:
        message = "one checkpoint cannot be gone on from by several trials: each would write over the others'"
        advice = "leave uri out, so that each trial has its own, or give the model with start_from"
        yield Problem(path=path, message=message, found=f"{search.candidates} trials", advice=advice)


def _start(spec: ExperimentSpec) -> Iterator[Problem]:
    start = spec.start_from
    if start is None:
        return
    path = ("start_from",)
    if (start.model is None) is (start.experiment is None):
        found = "both" if start.model else "neither"
        message = "it is not clear which model is meant"
        yield Problem(path=path, message=message, found=found, allowed="model or experiment")
    if start.model is not None and not is_object(start.model):
        message, allowed = "is no address of a model", "s3://bucket/path/model.tar.gz"
        yield Problem(path=(*path, "model"), message=message, found=shown(start.model), allowed=allowed)
    if start.experiment == spec.name:
        advice = "give this one another name"
        yield Problem(path=(*path, "experiment"), message="is this experiment itself", advice=advice)
    if start.channel in spec.data:
        message = "there is a channel of this name"
        yield Problem(path=(*path, "channel"), message=message, found=start.channel, advice="name it otherwise")
    if spec.algorithm.is_own_xgboost or (spec.algorithm.name and not _goes_on(spec.algorithm.name)):
        able = [name for name, built_in in BUILT_IN.items() if built_in.incremental]
        message = f"{spec.algorithm.name} cannot go on from an earlier model"
        yield Problem(path=path, message=message, allowed=f"{enumerated(able)}, or a script of your own")


def _goes_on(name: str) -> bool:
    return name in BUILT_IN and BUILT_IN[name].incremental
