"""Checks of what a spec says about its preprocessing."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.addresses import is_object
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, shown


def check_preprocessing(spec: ExperimentSpec) -> Iterator[Problem]:
    said = spec.preprocessing
    if said is None:
        return
    path = ("preprocessing",)
    if said.script is None and not said.jobs:
        yield Problem(path=path, message="says nothing", allowed="script, jobs or both", advice="leave it out")
    if said.script is not None and not is_object(said.script):
        message, allowed = "is no address of a script", "s3://bucket/path/file.py"
        yield Problem(path=(*path, "script"), message=message, found=shown(said.script), allowed=allowed)
    lower = [name.lower() for name in said.jobs]  # SageMaker's components are told apart by that
    for index, name in enumerate(said.jobs):
        if name.lower() in lower[:index]:
            yield Problem(path=(*path, "jobs", index), message="is named twice", found=name, advice="leave one out")
