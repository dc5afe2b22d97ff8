"""The section about repairs of what a rule stopped; off when the spec has none."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gridwatch.spec.parts.section import GivenName, HyperparameterName, Section
from gridwatch.spec.values import StaticValue


class Repair(Section):
    """A trial that one of `rules` stopped is trained once more, with one change; docs/repair.md."""

    rules: Annotated[list[GivenName], Field(min_length=1, max_length=20, description="names of rules that stop")]
    hyperparameter: Annotated[HyperparameterName, Field(description="the one that is changed")]
    times: Annotated[float | None, Field(gt=0, le=1_000, description="its value times this, such as eta by 0.1")] = None
    becomes: Annotated[
        StaticValue | None, Field(description="its new value, such as 1 for max_delta_step, which clips steps")
    ] = None
    resume: Annotated[
        bool, Field(description="go on from the last good checkpoint; the jobs keep checkpoints because of it")
    ] = False
