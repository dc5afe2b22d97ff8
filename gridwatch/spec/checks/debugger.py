"""Checks of what is saved for the rules."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, shown
from gridwatch_rules.patterns import PatternError, SlowPatternError, compile_pattern


def check_collections(spec: ExperimentSpec) -> Iterator[Problem]:
    for name, collection in spec.collect.items():
        if collection.end_step is not None and collection.end_step <= (collection.start_step or 0):
            path = ("collect", name, "end_step")
            allowed = f"more than start_step, which is {collection.start_step or 0}"
            yield Problem(path=path, message="is too small", found=str(collection.end_step), allowed=allowed)
        try:
            compile_pattern(collection.include_regex or "")
        except PatternError as error:
            path = ("collect", name, "include_regex")
            yield Problem(path=path, message=str(error), found=shown(collection.include_regex))
            if isinstance(error, SlowPatternError):
                break  # to try many of them would take long as well
