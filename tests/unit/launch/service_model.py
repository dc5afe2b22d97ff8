"""Checks a request against botocore's service model: types, members, lengths, patterns, enums."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.validate import ParamValidator

SAGEMAKER = botocore.session.get_session().get_service_model("sagemaker")


def faults(operation: str, request: dict[str, Any]) -> list[str]:
    """Everything that the model forbids; botocore checks types and required members, and the rest is checked here."""
    shape = SAGEMAKER.operation_model(operation).input_shape
    report = ParamValidator().validate(request, shape)
    return [report.generate_report()] if report.has_errors() else list(_walk(request, shape, operation))


def _walk(value: Any, shape: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from _walk(inner, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        yield from _size(len(value), shape, path)
        for index, inner in enumerate(value):
            yield from _walk(inner, shape.member, f"{path}[{index}]")
    elif shape.type_name == "map":
        yield from _size(len(value), shape, path)
        for key, inner in value.items():
            yield from _walk(key, shape.key, f"{path} key {key!r}")
            yield from _walk(inner, shape.value, f"{path}[{key!r}]")
    elif shape.type_name == "string":
        yield from _size(len(value), shape, path)
        yield from _text(value, shape, path)
    elif shape.type_name in ("integer", "long"):
        yield from _size(value, shape, path)


def _size(size: float, shape: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    if not limits.get("min", size) <= size <= limits.get("max", size):
        yield f"{path}: {size} is not within {limits}"


def _text(value: str, shape: Any, path: str) -> Iterator[str]:
    pattern = shape.metadata.get("pattern")
    if pattern:
        # Java's classes for letters, separators and digits, in Python's terms.
        pattern = pattern.replace(r"\p{L}\p{Z}\p{N}_", r"\w\s").replace(r"\p{Alnum}", "a-zA-Z0-9")
        if not re.fullmatch(pattern, value):
            yield f"{path}: {value!r} does not match {pattern}"
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{path}: {value!r} is none of {shape.enum[:5]}…"
