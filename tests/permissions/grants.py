"""Reads who is allowed what from a synthesized template, in names that stay the same from one synthesis to the next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HASH = re.compile(r"[0-9A-F]{8}$")
_TEMPLATE = "Gridwatch.template.json"


@dataclass(frozen=True, order=True)
class Grant:
    """A grant. `resource`: the template's construct, or the part of an ARN after its account."""

    role: str
    action: str
    resource: str

    @property
    def words(self) -> list[str]:
        return [self.role, self.action, self.resource]


@dataclass(frozen=True)
class Statement:
    actions: tuple[str, ...]
    labels: tuple[str, ...]
    """Of its resources, in their order."""
    effect: str


@dataclass(frozen=True)
class Policy:
    """An inline policy of one role."""

    name: str
    role: str
    role_id: str
    statements: tuple[Statement, ...]


def template_of(assembly: Path) -> dict[str, Any]:
    return dict(json.loads((assembly / _TEMPLATE).read_text()))


def policies(template: Mapping[str, Any]) -> Iterator[Policy]:
    for resource in template["Resources"].values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        properties = resource["Properties"]
        statements = tuple(_statement(each) for each in properties["PolicyDocument"]["Statement"])
        for reference in properties["Roles"]:
            role = reference["Ref"]
            yield Policy(properties["PolicyName"], _construct(role), role, statements)


def granted(template: Mapping[str, Any]) -> set[Grant]:
    """Everything that roles are allowed."""
    return {
        Grant(policy.role, action, label)
        for policy in policies(template)
        for statement in policy.statements
        if statement.effect == "Allow"
        for action in statement.actions
        for label in statement.labels
    }


def without(template: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    """The template without one grant and otherwise unchanged. Raises ValueError when the grant is not in it."""
    changed: dict[str, Any] = json.loads(json.dumps(template))
    found = False
    for resource in changed["Resources"].values():
        if resource["Type"] != "AWS::IAM::Policy":
            continue
        roles = [_construct(reference["Ref"]) for reference in resource["Properties"]["Roles"]]
        if grant.role not in roles:
            continue
        document = resource["Properties"]["PolicyDocument"]
        kept = [part for statement in document["Statement"] for part in _parted(statement, grant)]
        found = found or kept != document["Statement"]
        document["Statement"] = kept
    if not found:
        raise ValueError(f"the template does not allow {' '.join(grant.words)}")
    return changed


def _parted(statement: Mapping[str, Any], grant: Grant) -> list[Mapping[str, Any]]:
    """The statement without the grant, split into at most two."""
    actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
    others = [resource for resource in resources if _label(resource) != grant.resource]
    if statement["Effect"] != "Allow" or grant.action not in actions or others == resources:
        return [statement]
    rest = [action for action in actions if action != grant.action]
    parts = []
    if rest:
        parts.append({**statement, "Action": rest})
    if others:
        parts.append({**statement, "Action": grant.action, "Resource": others})
    return parts


def _statement(raw: Mapping[str, Any]) -> Statement:
    labels = tuple(_label(resource) for resource in _listed(raw["Resource"]))
    return Statement(tuple(_listed(raw["Action"])), labels, raw["Effect"])


def _label(resource: Any) -> str:
    text = re.sub(r"[0-9a-f]{64}", "ASSET", _text(resource))
    return re.sub(r"^arn:[^:]*:([a-z0-9-]+):[^:]*:[^:]*:", r"\1 ", text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    ((kind, operand),) = value.items()
    if kind == "Fn::Join":
        return str(operand[0]).join(_text(part) for part in operand[1])
    if kind == "Fn::Sub":
        return re.sub(r"\$\{[^}]+\}", "", str(operand))
    name = operand if kind == "Ref" else operand[0]
    return "" if name.startswith("AWS::") else _construct(name)


def _construct(logical_id: str) -> str:
    return _HASH.sub("", logical_id)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
