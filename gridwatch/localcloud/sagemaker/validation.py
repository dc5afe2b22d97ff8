"""Requests checked against botocore's own service model, in the words that AWS uses for its refusals."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape

from gridwatch.localcloud.sagemaker.errors import ServiceError, validation_error

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float, str),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


@cache
def service_model(service: str) -> ServiceModel:
    """The model that botocore has of ``service`` (``sagemaker``, ``sagemaker-metrics``)."""
    return botocore.session.get_session().get_service_model(service)


def operation_model(service: str, name: str) -> OperationModel:
    """The operation's model; an unknown name is AWS's UnknownOperationException."""
    model = service_model(service)
    if name not in model.operation_names:
        raise ServiceError("UnknownOperationException", f"{service} has no operation {name}")
    return model.operation_model(name)


def validate(service: str, operation: str, request: Mapping[str, Any]) -> None:
    """Raise ValidationException naming every member that violates the model: required, type, size, pattern, enum."""
    problems = problems_of(operation_model(service, operation).input_shape, request)
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise validation_error(count + "; ".join(problems))


def problems_of(shape: Shape | None, request: Mapping[str, Any]) -> list[str]:
    """The violations of an operation's input model, one text each; none for an operation without input."""
    return [] if shape is None else list(_problems(shape, request, ""))


def _problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    wanted = _TYPES.get(shape.type_name)
    wrong_bool = isinstance(value, bool) and shape.type_name != "boolean"
    if wanted and (wrong_bool or not isinstance(value, wanted)):
        yield f"{_found(value, path)}: Member must be of type {shape.type_name}"
    elif isinstance(shape, StructureShape):
        yield from _structure_problems(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _size_problems(shape, len(value), value, path)
        for number, item in enumerate(value, 1):
            yield from _problems(shape.member, item, f"{path}.{number}.member")
    elif isinstance(shape, MapShape):
        yield from _size_problems(shape, len(value), value, path)
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{path}.key")
            yield from _problems(shape.value, item, f"{path}.{key}.member")
    else:
        yield from _scalar_problems(shape, value, path)


def _structure_problems(shape: StructureShape, value: Mapping[str, Any], path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{_found(None, _join(path, name))}: Member must not be null"
    for name, item in value.items():
        if name not in shape.members:
            allowed = ", ".join(shape.members)
            yield f"{_found(item, _join(path, name))}: Member is not known; known members: [{allowed}]"
        elif item is not None:
            yield from _problems(shape.members[name], item, _join(path, name))
    if shape.is_tagged_union and len(value) != 1:
        yield f"{_found(value, path)}: Exactly one member must be set"


def _scalar_problems(shape: Shape, value: Any, path: str) -> Iterator[str]:
    rules = shape.metadata
    if shape.type_name == "string":
        yield from _size_problems(shape, len(value), value, path)
        if "pattern" in rules and not _pattern(rules["pattern"]).fullmatch(value):
            yield f"{_found(value, path)}: Member must satisfy regular expression pattern: {rules['pattern']}"
        if rules.get("enum") and value not in rules["enum"]:
            yield f"{_found(value, path)}: Member must satisfy enum value set: [{', '.join(rules['enum'])}]"
    elif isinstance(value, (int, float)):
        if "min" in rules and value < rules["min"]:
            yield f"{_found(value, path)}: Member must have value greater than or equal to {rules['min']}"
        if "max" in rules and value > rules["max"]:
            yield f"{_found(value, path)}: Member must have value less than or equal to {rules['max']}"


def _size_problems(shape: Shape, size: int, value: Any, path: str) -> Iterator[str]:
    if size < shape.metadata.get("min", 0):
        yield f"{_found(value, path)}: Member must have length greater than or equal to {shape.metadata['min']}"
    if size > shape.metadata.get("max", size):
        yield f"{_found(value, path)}: Member must have length less than or equal to {shape.metadata['max']}"


_SYMBOLS = r"!-/:-@\[-`{-~\u00a1-\u00bf\u2010-\u2bff"  # of ASCII, Latin 1 and the blocks of punctuation and symbols
_JAVA_CLASSES = {
    r"\p{Alnum}": "a-zA-Z0-9", r"\p{L}": r"\w", r"\p{M}": "", r"\p{Z}": r"\s", r"\p{N}": r"\d",
    r"\p{S}": _SYMBOLS, r"\p{P}": _SYMBOLS,
}  # fmt: skip
# Of customer metadata: an end that is repeated, which Java takes and Python does not.
_REPEATED_END = re.compile(r"\$\{\d+,\d+\}$")

_ANYTHING = re.compile(".*", re.DOTALL)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """The model's pattern (Java's dialect) as Python's; only Unicode classes differ in what SageMaker uses."""
    for java, python in _JAVA_CLASSES.items():
        text = text.replace(java, python)
    try:
        return re.compile(_REPEATED_END.sub("$", text))
    except re.error:
        return _ANYTHING  # what Python cannot read holds nothing against anybody


def _join(path: str, name: str) -> str:
    camel = name[:1].lower() + name[1:]
    return f"{path}.{camel}" if path else camel


def _found(value: Any, path: str) -> str:
    shown = "null" if value is None else f"'{str(value)[:256]}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint"
