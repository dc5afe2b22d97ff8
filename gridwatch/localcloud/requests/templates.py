"""What CloudFormation refuses in a template before it creates anything: references to nothing, and properties that a
type does not have or lacks, by the types' published schemas (cfn-lint's files; its code is not imported).
"""

import importlib.util
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

_PSEUDO = frozenset({
    "AWS::AccountId", "AWS::NoValue", "AWS::NotificationARNs", "AWS::Partition", "AWS::Region", "AWS::StackId",
    "AWS::StackName", "AWS::URLSuffix",
})  # fmt: skip
_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")
_ALTERNATIVES = frozenset({"oneOf", "anyOf", "allOf"})
_FUNCTIONS = re.compile(r"Ref|Condition|Fn::\w+")
Template = Mapping[str, Any]


class TemplateError(ValueError):
    """CloudFormation's error about a template."""


def check_template(template: Template) -> None:
    """Check a template. Raises TemplateError. A template that a macro changes is checked after the change."""
    resources = template.get("Resources")
    if not isinstance(resources, Mapping) or not resources:
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    if template.get("Transform"):
        return
    known = {*resources, *(template.get("Parameters") or {}), *_PSEUDO}
    for block in ("Resources", "Outputs"):
        missing = sorted({name for name in _named(template.get(block) or {}) if name not in known})
        if missing:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] in the {block} block "
                "of the template"
            )
    for name, resource in resources.items():
        _check_resource(name, resource, resources)


def check_parameters(template: Template, given: Sequence[Mapping[str, Any]]) -> None:
    """Check the parameters. Raises TemplateError for one that the template does not have."""
    known = template.get("Parameters") or {}
    unknown = [str(each["Key"]) for each in given if "Key" in each and each["Key"] not in known]
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")


def _named(value: Any) -> Iterator[str]:
    """The names that Ref, Fn::GetAtt and Fn::Sub refer to within a value."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "Ref" and isinstance(inner, str) and len(value) == 1:
                yield inner
            elif key == "Fn::GetAtt" and len(value) == 1:
                yield str(inner[0] if isinstance(inner, list) and inner else inner).partition(".")[0]
            elif key == "Fn::Sub" and len(value) == 1:
                yield from _substituted(inner)
            else:
                yield from _named(inner)


def _substituted(value: Any) -> Iterator[str]:
    text, own = (value[0], value[1]) if isinstance(value, list) and len(value) > 1 else (value, {})
    for name in _SUBSTITUTED.findall(str(text)):
        if name not in own:
            yield name.partition(".")[0] if "::" not in name else name
    yield from _named(own)


def _check_resource(name: str, resource: Mapping[str, Any], resources: Collection[str]) -> None:
    waits_for = resource.get("DependsOn") or []
    missing = [each for each in ([waits_for] if isinstance(waits_for, str) else waits_for) if each not in resources]
    if missing:
        raise TemplateError(
            f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] in the Resources block of "
            "the template"
        )
    schema = _schema(str(resource.get("Type", "")))
    if schema is not None:
        problems = list(_problems(schema, schema, resource.get("Properties") or {}, "#"))
        if problems:
            told = ", ".join(problems)
            raise TemplateError(f"Properties validation failed for resource {name} with message: {told}")


def _problems(schema: Template, root: Template, value: Any, place: str) -> Iterator[str]:
    """The problems with the names in an object and inside it; what a function makes is not known here."""
    schema = _resolved(schema, root)
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _problems(schema.get("items") or {}, root, each, f"{place}/{number}")
    properties = schema.get("properties") or {}
    if not properties or not isinstance(value, Mapping) or any(_FUNCTIONS.fullmatch(key) for key in value):
        return
    if place == "#" or not _ALTERNATIVES.intersection(schema):
        yield from _problems_with_names(schema, value, place)
    for key, each in value.items():
        if key in properties:
            yield from _problems(properties[key], root, each, f"{place}/{key}")


def _problems_with_names(schema: Template, value: Template, place: str) -> Iterator[str]:
    is_closed = schema.get("additionalProperties") is False and not schema.get("patternProperties")
    for key in value:
        if is_closed and key not in schema["properties"]:
            yield f"{place}: extraneous key [{key}] is not permitted"
    for key in schema.get("required") or ():
        if key not in value:
            yield f"{place}: required key [{key}] not found"


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    while isinstance(reference, str):
        found: Any = root
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part, {}) if isinstance(found, Mapping) else {}
        schema, reference = found, found.get("$ref")
    return schema


@cache
def _schema(kind: str) -> Mapping[str, Any] | None:
    folder, names = _schemas()
    file = names.get(kind)
    if folder is None or file is None:
        return None
    found: Mapping[str, Any] = json.loads((folder / "resources" / f"{file}.json").read_text())
    return found


@cache
def _schemas() -> tuple[Path | None, Mapping[str, str]]:
    """The folder of schemas, and the file of each type."""
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or not spec.submodule_search_locations:
        return None, {}
    folder = Path(spec.submodule_search_locations[0]) / "data" / "schemas"
    index = folder / "providers" / "us-east-1.json"
    return (folder, json.loads(index.read_text())) if index.exists() else (None, {})
