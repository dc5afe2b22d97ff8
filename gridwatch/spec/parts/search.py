"""The section about points beside the grid's: lists, values that go together, random draws, and what is left out."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StringConstraints

from gridwatch.spec.parts.section import HyperparameterName, Section
from gridwatch.spec.values import GridValue

MAX_SAMPLES = 10_000
MAX_SEED = 2**31 - 1

Expression = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Bounds = Annotated[list[float], Field(min_length=2, max_length=2)]
IntegerBounds = Annotated[list[int], Field(min_length=2, max_length=2)]


class Distribution(Section):
    """What one hyperparameter is drawn from: exactly one of these."""

    uniform: Annotated[Bounds | None, Field(description="between the two, every number equally likely")] = None
    log_uniform: Annotated[Bounds | None, Field(description="between the two, every order of magnitude alike")] = None
    integer: Annotated[IntegerBounds | None, Field(description="a whole number, both ends included")] = None
    choice: Annotated[list[GridValue] | None, Field(min_length=1, description="one of these")] = None


class RandomDraws(Section):
    """Points drawn at random. The same seed draws the same points, and more samples keep the first ones."""

    samples: Annotated[int, Field(ge=1, le=MAX_SAMPLES, description="how many points")]
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)]
    parameters: Annotated[dict[HyperparameterName, Distribution], Field(min_length=1)]


class Repeats(Section):
    """Every point trained several times."""

    count: Annotated[int, Field(ge=1, le=1_000, description="how often each point is trained")]
    seed: Annotated[
        HyperparameterName | None, Field(description="the hyperparameter that tells the script its seed")
    ] = None
    first_seed: Annotated[int, Field(ge=0, le=MAX_SEED, description="of the first repeat; the next is one more")] = 0


def _as_repeats(value: Any) -> Any:
    return {"count": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Search(Section):
    """Points beside the grid's. All parts are combined: list, then zip, then the grid, then random, then repeats."""

    list_: Annotated[
        list[Annotated[dict[HyperparameterName, GridValue], Field(min_length=1)]] | None,
        Field(alias="list", min_length=1, max_length=10_000, description="points written out, all of the same keys"),
    ] = None
    zip_: Annotated[
        list[Annotated[dict[HyperparameterName, list[GridValue]], Field(min_length=2)]] | None,
        Field(alias="zip", min_length=1, max_length=20, description="groups whose lists advance together"),
    ] = None
    random: Annotated[RandomDraws | None, Field(description="points drawn from distributions")] = None
    when: Annotated[
        dict[HyperparameterName, Expression],
        Field(max_length=100, description="a CEL expression; where it is false the trial goes without the parameter"),
    ] = Field(default_factory=dict)
    constraints: Annotated[
        list[Expression], Field(max_length=20, description="CEL expressions; a point must make all of them true")
    ] = Field(default_factory=list)
    repeats: Annotated[
        Repeats | None,
        BeforeValidator(_as_repeats, json_schema_input_type=int | Repeats | None),
        Field(description="how often each point is trained"),
    ] = None
