"""Finds a deployment by its stack, and the names that CloudFormation gave its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Protocol

from gridwatch.cli.errors import CliError


class DescribesStacks(Protocol):
    """The part of the CloudFormation client that is needed here."""

    def describe_stacks(self, *, StackName: str) -> Any: ...  # noqa: N803  boto3's spelling

    def get_paginator(self, operation_name: str) -> Any: ...


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
    launch_target: str  # "direct", or the ARN of the AWS Batch queue through which jobs go
    evaluate_queue: str = ""  # for `gridwatch look`
    hook_source: str = ""  # of deployments since the hook comes by itself
    hook_version: str = ""

    @property
    def batch_job_queue(self) -> str:
        """The queue of AWS Batch; empty where training jobs are created on SageMaker directly."""
        return "" if self.launch_target == "direct" else self.launch_target

    @classmethod
    def find(cls, cloudformation: DescribesStacks, stack: str) -> Deployment:
        """The deployment of that stack. Raises CliError when there is no such stack or it is not a deployment of
        Gridwatch.
        """
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
        outputs = _outputs(found[0])
        if missing := _missing(outputs):
            raise CliError(f"stack {stack!r} is no Gridwatch deployment: it has no output {', '.join(missing)}")
        return cls._of(outputs)

    @classmethod
    def find_all(cls, cloudformation: DescribesStacks) -> Mapping[str, Deployment]:
        """Every deployment of the account in this region, by its stack's name."""
        pages = cloudformation.get_paginator("describe_stacks").paginate()
        stacks = {stack["StackName"]: _outputs(stack) for page in pages for stack in page["Stacks"]}
        return {name: cls._of(outputs) for name, outputs in sorted(stacks.items()) if not _missing(outputs)}

    @classmethod
    def _of(cls, outputs: Mapping[str, str]) -> Deployment:
        known = {field.name: _output_key(field.name) for field in fields(cls)}
        return cls(**{name: outputs[key] for name, key in known.items() if key in outputs})


def _outputs(stack: Mapping[str, Any]) -> Mapping[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _missing(outputs: Mapping[str, str]) -> list[str]:
    needed = [_output_key(field.name) for field in fields(Deployment) if field.default is MISSING]
    return [key for key in needed if key not in outputs]


def _output_key(field: str) -> str:
    return "".join(part.capitalize() for part in field.split("_"))
