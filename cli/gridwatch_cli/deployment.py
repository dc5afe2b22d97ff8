"""Finds a deployment by its stack: the names that CloudFormation gave its parts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Protocol

from gridwatch_cli.errors import CliError


class DescribesStacks(Protocol):
    """The part of the CloudFormation client that is needed here."""

    def describe_stacks(self, *, StackName: str) -> Any: ...  # noqa: N803  boto3's spelling


@dataclass(frozen=True, slots=True)
class Deployment:
    """The stack's outputs; fields are the outputs' names in snake case."""

    experiments_bucket: str
    artifacts_bucket: str
    state_table: str
    alert_topic: str
    database: str
    work_group: str
    name_prefix: str
    start_queue: str
    snapshot_queue: str
    job_role: str
    xgboost_source: str

    @classmethod
    def find(cls, cloudformation: DescribesStacks, stack: str) -> Deployment:
        """Raises CliError when there is no such stack or it is not one of ours."""
        try:
            found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        except Exception as error:
            # CloudFormation says ValidationError for a stack that does not exist; anything else is told as it is.
            if "does not exist" not in str(error):
                raise
            found = []
        if not found:
            raise CliError(
                f"there is no stack {stack!r} here: deploy it, start `gridwatch local up`, "
                "or name another with --stack or GRIDWATCH_STACK"
            )
        outputs = {output["OutputKey"]: output["OutputValue"] for output in found[0].get("Outputs", [])}
        names = {field.name: _output_key(field.name) for field in fields(cls)}
        missing = [key for key in names.values() if key not in outputs]
        if missing:
            raise CliError(f"stack {stack!r} is no Gridwatch deployment: it has no output {', '.join(missing)}")
        return cls(**{name: outputs[key] for name, key in names.items()})


def _output_key(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))
