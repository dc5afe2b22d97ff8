"""The spec's field types that pydantic lacks: what they accept, and how editors show them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from gridwatch.spec.duration import seconds_of

MAX_RUNTIME_SECONDS = 28 * 24 * 3600  # CreateTrainingJob, MaxRuntimeInSeconds

Scalar = int | float | bool | str


def _scalar(value: Any) -> Any:
    if isinstance(value, (int, float, bool, str)):
        return value
    raise PydanticCustomError("scalar", "must be one value", {"allowed": "a number, a text or true/false"})


_LIST_ADVICE = 'several values go under grid; a list that the training itself reads is a text, such as "[[0, 1], [2]]"'


def _scalar_or_names(value: Any) -> Any:
    """The value as text: several names may be given as a list, and SageMaker's containers take them separated by
    commas.
    """
    if isinstance(value, list) and value and all(isinstance(part, str) and "," not in part for part in value):
        return ",".join(value)
    if isinstance(value, list):
        raise PydanticCustomError(
            "scalar",
            "must be one value, not a list",
            {"allowed": "a number, a text, true/false or a list of names", "advice": _LIST_ADVICE},
        )
    return _scalar(value)


def _parameter(value: Any) -> Any:
    if isinstance(value, list) and value and all(isinstance(part, (int, float, bool, str)) for part in value):
        return value
    if isinstance(value, (int, float, bool, str)):
        return value
    raise PydanticCustomError(
        "scalar", "must be one value or a list", {"allowed": "a number, a text, true/false, a list"}
    )


def _seconds(value: Any) -> Any:
    allowed = {"allowed": 'seconds, or a duration like "90m", "1h30m", "2d", up to 28 days'}
    seconds = seconds_of(value) if isinstance(value, str) else value
    if isinstance(seconds, bool) or not isinstance(seconds, int):
        raise PydanticCustomError("duration", "is not a duration", allowed)
    if not 1 <= seconds <= MAX_RUNTIME_SECONDS:
        raise PydanticCustomError("duration", "is out of range", allowed)
    return seconds


def _moment(value: Any) -> Any:
    allowed = {"allowed": "a date and time with its zone, such as 2026-12-01T08:00:00Z"}
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).isoformat()  # of the first and the last day there may be none in UTC
    except (TypeError, ValueError, OverflowError) as error:
        raise PydanticCustomError("moment", "is not a moment", allowed) from error
    raise PydanticCustomError("moment", "has no time zone", allowed)


_SCALAR_SCHEMA: dict[str, Any] = {"type": ["number", "string", "boolean"]}

GridValue = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema(_SCALAR_SCHEMA)]
StaticValue = Annotated[
    Any,
    BeforeValidator(_scalar_or_names),
    WithJsonSchema({"anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]
RuleParameter = Annotated[
    Any,
    BeforeValidator(_parameter),
    WithJsonSchema({"anyOf": [_SCALAR_SCHEMA, {"type": "array", "items": _SCALAR_SCHEMA, "minItems": 1}]}),
]
Moment = Annotated[str, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


def seconds_schema(most: int) -> WithJsonSchema:
    """The JSON Schema of a number of seconds up to that bound, or of the same as text."""
    number = {"type": "integer", "minimum": 1, "maximum": most}
    text = {"type": "string", "pattern": "^(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?$", "minLength": 2}
    return WithJsonSchema({"anyOf": [number, text]})


Seconds = Annotated[int, BeforeValidator(_seconds), seconds_schema(MAX_RUNTIME_SECONDS)]
