"""Reads an HTTP request as the call of an operation, in the three protocols whose bodies say all of it."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from gridwatch.localcloud.sagemaker.validation import service_model

# botocore's names of services that MiniStack has under the names of their endpoints.
_MODELS = {"monitoring": "cloudwatch", "states": "stepfunctions"}
# Parameters of the query protocol that are no members of any request.
_ENVELOPE = frozenset({"Action", "Version"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an operation: ``parameters`` by the model's names, as far as they could be read."""

    service: str
    operation: OperationModel
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as MiniStack hands it to its services."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, Sequence[str]]


def read_call(service: str, request: HttpRequest) -> Call | None:
    """The call in a request; None where it uses another protocol or an unknown operation, which its service answers."""
    model = service_model(_MODELS.get(service, service))
    if request.headers.get("x-amz-target"):
        return _of_json(service, request)
    if "query" in model.metadata.get("protocols", [model.metadata["protocol"]]):
        return _of_form(service, request)
    return _of_rest(service, request) if model.metadata["protocol"] == "rest-json" else None


def _of_json(service: str, request: HttpRequest) -> Call | None:
    model = service_model(_MODELS.get(service, service))
    prefix, _, name = request.headers["x-amz-target"].rpartition(".")
    if prefix != model.metadata.get("targetPrefix") or name not in model.operation_names:
        return None
    document = _document(request.body)
    return None if document is None else Call(service, model.operation_model(name), document)


def _document(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _of_form(service: str, request: HttpRequest) -> Call | None:
    model = service_model(_MODELS.get(service, service))
    form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
    form |= {name: values[0] for name, values in request.query.items() if values and not name.startswith("X-Amz-")}
    name = form.get("Action", "")
    if name not in model.operation_names:
        return None
    operation = model.operation_model(name)
    shape = operation.input_shape
    if shape is None:
        return Call(service, operation, {})
    parameters = _structure(shape, form, "")
    known = {member.serialization.get("name", each) for each, member in shape.members.items()}
    unknown = {each.partition(".")[0] for each in form} - known - _ENVELOPE
    return Call(service, operation, {**parameters, **{each: form.get(each, "…") for each in unknown}})


def _structure(shape: StructureShape, form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    found = {}
    for name, member in shape.members.items():
        value = _value(member, form, f"{prefix}{member.serialization.get('name', name)}")
        if value is not None:
            found[name] = value
    return found


def _value(shape: Shape, form: Mapping[str, str], prefix: str) -> Any:
    if isinstance(shape, StructureShape):
        return _structure(shape, form, f"{prefix}.") or None
    if isinstance(shape, ListShape):
        middle = "" if shape.serialization.get("flattened") else f".{shape.member.serialization.get('name', 'member')}"
        return _numbered(form, prefix, middle, lambda place: _value(shape.member, form, place))
    if isinstance(shape, MapShape):
        middle = "" if shape.serialization.get("flattened") else ".entry"
        key, value = shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value")

        def pair(place: str) -> tuple[str | None, Any]:
            return form.get(f"{place}.{key}"), _value(shape.value, form, f"{place}.{value}")

        pairs = _numbered(form, prefix, middle, pair)
        return None if pairs is None else {str(name): each for name, each in pairs if name is not None}
    return _scalar(shape, form.get(prefix))


def _numbered(form: Mapping[str, str], prefix: str, middle: str, read: Callable[[str], Any]) -> list[Any] | None:
    """The elements at `prefix` + `middle` + .1, .2, …; None where there are none."""
    found: list[Any] = []
    while any(each == (place := f"{prefix}{middle}.{len(found) + 1}") or each.startswith(f"{place}.") for each in form):
        found.append(read(place))
    return found or ([] if prefix in form else None)


def _scalar(shape: Shape, text: str | None) -> Any:
    """The text as a value of its type; text that is not valid for the type stays text, which the model then refuses."""
    if text is None:
        return None
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
    except ValueError:
        return text
    return {"true": True, "false": False}.get(text.lower(), text) if shape.type_name == "boolean" else text


def _of_rest(service: str, request: HttpRequest) -> Call | None:
    for method, pattern, operation in _routes(_MODELS.get(service, service)):
        matched = pattern.fullmatch(request.path.rstrip("/") or "/") if method == request.method else None
        if matched is not None:
            parameters = _rest_parameters(operation, request, matched.groupdict())
            return None if parameters is None else Call(service, operation, parameters)
    return None


@cache
def _routes(model_name: str) -> Sequence[tuple[str, re.Pattern[str], OperationModel]]:
    """The operations by method and path; a path with fewer places to fill comes first."""

    def all_routes() -> Iterator[tuple[str, re.Pattern[str], OperationModel]]:
        model = service_model(model_name)
        for name in model.operation_names:
            operation = model.operation_model(name)
            path = re.escape(operation.http["requestUri"].partition("?")[0].rstrip("/") or "/")
            path = re.sub(r"\\{(\w+)\\\+\\}", r"(?P<\1>.+)", path)
            path = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", path)
            yield operation.http["method"], re.compile(path), operation

    return sorted(all_routes(), key=lambda route: route[1].groups)


def _rest_parameters(
    operation: OperationModel, request: HttpRequest, places: Mapping[str, str]
) -> dict[str, Any] | None:
    shape = operation.input_shape
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    whole = payload is None or isinstance(shape.members[payload], StructureShape)
    document = _document(request.body) if whole else {}
    if document is None:
        return None
    parameters = {} if payload is None else {payload: document if whole else request.body}
    rest = dict(document) if payload is None else {}
    for name, member in shape.members.items():
        value = _placed(member, member.serialization.get("name", name), request, places)
        if value is None and payload is None and "location" not in member.serialization:
            value = rest.pop(member.serialization.get("name", name), None)
        if value is not None:
            parameters[name] = value
    return {**parameters, **rest}


def _placed(member: Shape, name: str, request: HttpRequest, places: Mapping[str, str]) -> Any:
    """The value of a member that is in the path, in the query or in a header."""
    where = member.serialization.get("location")
    if where == "uri":
        return _scalar(member, unquote(places[name])) if name in places else None
    if where == "querystring":
        values = request.query.get(name)
        return (list(values) if isinstance(member, ListShape) else _scalar(member, values[0])) if values else None
    return _scalar(member, request.headers.get(name.lower())) if where == "header" else None
