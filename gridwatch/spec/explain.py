"""Turns pydantic's errors into problems that name what is allowed. Paths are the file's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown

# What is a text to YAML although its author meant something else has its own advice.
_PATTERNS = {
    "name": "letters, digits and hyphens, beginning and ending with a letter or digit",
    "rules": "letters, digits and hyphens, beginning and ending with a letter or digit",
    "data": "letters, digits and . _ -",
    "tags": "letters, digits, spaces and _ . : / = + - @",
    "owner": "letters, digits, spaces and _ . : / = + - @",
    "team": "letters, digits, spaces and _ . : / = + - @",
}
# Of fields of one form alone, by the field's name, wherever it stands.
_FORMS = {
    "role": "a role's ARN, such as arn:aws:iam::123456789012:role/training",
    "training_plan": "its ARN, such as arn:aws:sagemaker:eu-west-1:123456789012:training-plan/name",
    "credentials": "a function's ARN, such as arn:aws:lambda:eu-west-1:123456789012:function:name",
    "volume_key": "a KMS key's id, its ARN, or an alias such as alias/training",
    "output_key": "a KMS key's id, its ARN, or an alias such as alias/training",
    "subnets": "ids such as subnet-0a1b2c3d",
    "security_groups": "ids such as sg-0a1b2c3d",
    "id": "fs- and hexadecimal digits, such as fs-0123456789abcdef0",
    "path": "an absolute path, such as /opt/ml/checkpoints",
    "from": "names of letters, digits and hyphens",
    "until": "a day, YYYY-MM-DD",
    "environment": "letters, digits and _, not beginning with a digit",
}
_KINDS = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
}


def problems_of(error: ValidationError) -> list[Problem]:
    return [_problem(details) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails) -> Problem:
    kind, context, given = details["type"], details.get("ctx", {}), details["input"]
    path: Path = tuple(step for step in details["loc"] if step != "[key]")
    if kind == "extra_forbidden":
        return _unknown_field(path)
    if kind == "missing":
        return Problem(path=path, message="is required and missing", allowed=_description(path))
    if kind in _KINDS:
        advice = "one value is a list of one: [value]" if path[0] == "grid" and kind == "list_type" else None
        if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
            advice = "put it into quotes: as a number, 2.10 is 2.1"
        return Problem(
            path=path, message="is of the wrong type", found=shown(given), allowed=_KINDS[kind], advice=advice
        )
    return Problem(path=path, found=shown(given), **_told(kind, context, path, details["msg"], given))


def _told(kind: str, context: Mapping[str, Any], path: Path, message: str, given: object) -> dict[str, Any]:
    match kind:
        case "string_pattern_mismatch":
            return _misnamed(path, given)
        case "literal_error":
            choices = context["expected"]
            advice = did_you_mean(str(given), choices.replace("'", "").replace(" or ", ", ").split(", "))
            return {"message": "is not one of the choices", "allowed": choices, "advice": advice}
        case "greater_than_equal":
            return {"message": "is too small", "allowed": f"at least {context['ge']}"}
        case "less_than_equal":
            return {"message": "is too large", "allowed": f"at most {context['le']:,}"}
        case "string_too_long":
            return {"message": "is too long", "allowed": f"at most {context['max_length']:,} characters"}
        case "too_long":
            return {"message": f"has {context['actual_length']} entries", "allowed": f"at most {context['max_length']}"}
        case "string_too_short" | "too_short":
            return _too_short("characters" if kind == "string_too_short" else "entries", context["min_length"])
        case _:
            return {"message": context.get("reason", message), **_chosen(context, "allowed", "advice")}


def _too_short(things: str, least: int) -> dict[str, Any]:
    if least > 1:
        return {"message": "is too short", "allowed": f"at least {least} {things}"}
    return {"message": "is empty", "allowed": "at least one value", "advice": "fill it or leave it out"}


def _misnamed(path: Path, given: object) -> dict[str, Any]:
    allowed = _PATTERNS.get(str(path[0]), "a word without spaces")
    if path == ("name",):
        better = "-".join("".join(c if c.isascii() and c.isalnum() else " " for c in str(given)).split())
        advice = f"did you mean {better}?" if better else None
        return {"message": "SageMaker would refuse this name", "allowed": allowed, "advice": advice}
    form = next((_FORMS[str(step)] for step in reversed(path) if step in _FORMS), None)
    if form is not None:
        return {"message": "is not of the right form", "allowed": form}
    return {"message": "has characters that SageMaker refuses", "allowed": allowed}


def _chosen(context: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: context[key] for key in keys if key in context}


def _unknown_field(path: Path) -> Problem:
    fields = _fields_at(path[:-1])
    return Problem(
        path=path,
        message="is not a field of the spec" if len(path) == 1 else f"is not a field of {path[-2]}",
        allowed=enumerated(fields),
        advice=did_you_mean(str(path[-1]), fields),
    )


def _description(path: Path) -> str | None:
    model = _model_at(path[:-1])
    field = _fields_of(model).get(str(path[-1])) if model else None
    return field.description if field else None


def _fields_at(path: Path) -> list[str]:
    model = _model_at(path)
    return list(_fields_of(model)) if model else []


def _fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields by the names that they have in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _model_at(path: Path) -> type[BaseModel] | None:
    """The section of the spec that a path leads to; keys of mappings and places in lists are skipped."""
    model: type[BaseModel] = ExperimentSpec
    for step in path:
        fields = _fields_of(model)
        if step in fields:
            found = _section_in(fields[str(step)].annotation)
            if found is None:
                return None
            model = found
    return model


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner: Iterable[Any] = get_args(annotation)
    return next((found for found in map(_section_in, inner) if found), None)
