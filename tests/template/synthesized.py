"""A synthesized template as the tests read it: resources by type, references resolved as in one known account."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ACCOUNT = "123456789012"
REGION = "eu-west-1"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}


@dataclass(frozen=True)
class Function:
    """One Lambda function of the template: `name` is its folder's."""

    name: str
    logical_id: str
    properties: Mapping[str, Any]

    @property
    def environment(self) -> Mapping[str, str]:
        return self.properties["Environment"]["Variables"]


@dataclass(frozen=True)
class Synthesized:
    """The cloud assembly in `folder`."""

    folder: Path

    @cached_property
    def raw(self) -> dict[str, Any]:
        return json.loads((self.folder / "Gridwatch.template.json").read_text())

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id to resolved properties of every resource of that type."""
        return {
            name: self.resolve(resource.get("Properties", {}))
            for name, resource in self.raw["Resources"].items()
            if resource["Type"] == kind
        }

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Every function by its folder's name."""
        found = [
            Function(properties["Handler"].split(".")[0], logical_id, properties)
            for logical_id, properties in self.of_type("AWS::Lambda::Function").items()
        ]
        return {function.name: function for function in found}

    def statements(self, role: str) -> list[dict[str, Any]]:
        """The policy statements of the role with that logical id; actions and resources as lists."""
        return [
            {**statement, "Action": _listed(statement["Action"]), "Resource": _listed(statement["Resource"])}
            for policy in self.of_type("AWS::IAM::Policy").values()
            if f"{role}" in policy["Roles"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def role_of(self, function: Function) -> str:
        """Logical id of the function's role."""
        return function.properties["Role"].removeprefix("arn:of:")

    def rules(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """EventBridge rules by the construct's name, such as SpecUploaded."""
        for logical_id, properties in self.of_type("AWS::Events::Rule").items():
            yield re.sub(r"^Routing|[0-9A-F]{8}$", "", logical_id), properties

    def asset(self, function: Function) -> Path:
        """The folder that becomes the function's zip."""
        return self.folder / f"asset.{function.properties['Code']['S3Key'].removesuffix('.zip')}"

    def resolve(self, value: Any) -> Any:
        """`value` without intrinsic functions: names where the template gives them, else `arn:of:<logical id>`."""
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((key, operand),) = value.items()
            if key == "Ref":
                return PSEUDO.get(operand) or self._reference(operand)
            if key == "Fn::GetAtt":
                return self._attribute(*operand)
            if key == "Fn::Join":
                return operand[0].join(str(self.resolve(part)) for part in operand[1])
            if key == "Fn::Sub":
                return re.sub(r"\$\{([^}]+)\}", lambda found: PSEUDO[found[1]], operand)
        return {key: self.resolve(item) for key, item in value.items()}

    def _reference(self, logical_id: str) -> str:
        """What Ref gives: a parameter's default, the bucket's name where there is one, else the logical id."""
        parameter = self.raw.get("Parameters", {}).get(logical_id, {})
        if "Default" in parameter:
            return str(parameter["Default"])
        properties = self.raw["Resources"].get(logical_id, {}).get("Properties", {})
        for key in ("BucketName", "TableName", "TopicName"):
            if key in properties:
                return str(self.resolve(properties[key]))
        return logical_id

    def _attribute(self, logical_id: str, attribute: str) -> str:
        if attribute == "Arn" and "BucketName" in self.raw["Resources"][logical_id].get("Properties", {}):
            return f"arn:aws:s3:::{self._reference(logical_id)}"
        return f"{attribute.lower()}:of:{logical_id}"


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
