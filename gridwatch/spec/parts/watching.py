"""The section about how often the jobs of a spec are looked at, which overrides the deployment."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gridwatch.spec.judgement import percent
from gridwatch.spec.parts.section import Section
from gridwatch.spec.values import Seconds, seconds_schema

MAX_SECONDS = 600  # gridwatch.pace.LONGEST

# Bounds of the number alone: behind a validator of the whole field they would be held against null, too, and raise.
_Share = Annotated[float, Field(gt=0, le=1)]
_Interval = Annotated[Seconds, Field(le=MAX_SECONDS), seconds_schema(MAX_SECONDS)]


class Watching(Section):
    """What looking at a job may cost, and how often it is looked at. The share counts before the wish."""

    share: Annotated[
        _Share | None,
        BeforeValidator(percent, json_schema_input_type=_Share | str | None),
        Field(description="of the job's price that looks may cost: `2 %`, or 0.02"),
    ] = None
    every: Annotated[
        _Interval | None,
        Field(description="between two looks, such as 30s; by itself as often as costs least"),
    ] = None


def as_watching(value: Any) -> Any:
    """The full form of a section given as a share alone."""
    return value if isinstance(value, dict) or value is None else {"share": value}


WatchingField = Annotated[
    Watching | None,
    BeforeValidator(as_watching, json_schema_input_type=float | str | Watching | None),
    Field(description="how often the jobs are looked at, and what that may cost; otherwise as the deployment says"),
]
