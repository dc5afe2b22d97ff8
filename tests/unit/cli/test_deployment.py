"""A deployment is found by its stack, or the reason is told."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.cli.deployment import Deployment
from gridwatch.cli.errors import CliError

OUTPUTS = {
    "ExperimentsBucket": "e", "ArtifactsBucket": "a", "StateTable": "s", "AlertTopic": "arn:t", "Database": "d",
    "WorkGroup": "w", "NamePrefix": "gridwatch", "SnapshotQueue": "q", "JobRole": "r",
    "XgboostSource": "x", "LaunchTarget": "direct", "StartQueue": "s", "EvaluateQueue": "not asked for",
}  # fmt: skip


class CloudFormation:
    def __init__(self, outputs: dict[str, str] | None, error: Exception | None = None) -> None:
        self._outputs, self._error = outputs, error

    def get_paginator(self, operation_name: str) -> Any:
        raise NotImplementedError(operation_name)

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803  boto3's spelling
        if self._error:
            raise self._error
        if self._outputs is None:
            return {"Stacks": []}
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in self._outputs.items()]}]}


def test_the_outputs_are_the_deployment() -> None:
    found = Deployment.find(CloudFormation(OUTPUTS), "gridwatch")
    assert (found.experiments_bucket, found.snapshot_queue, found.name_prefix) == ("e", "q", "gridwatch")


class Pages(CloudFormation):
    """Two pages of stacks: one that is ours, one that is not, and ours again."""

    def get_paginator(self, operation_name: str) -> Any:
        assert operation_name == "describe_stacks"
        return self

    def paginate(self) -> Any:
        ours = {**self.describe_stacks(StackName="x")["Stacks"][0]}
        yield {"Stacks": [{**ours, "StackName": "Research"}, {"StackName": "Bare"}]}
        yield {"Stacks": [{**ours, "StackName": "Gridwatch"}]}


def test_all_deployments_of_an_account_are_found_among_its_stacks() -> None:
    assert list(Deployment.find_all(Pages(OUTPUTS))) == ["Gridwatch", "Research"]


def test_every_missing_output_is_named() -> None:
    with pytest.raises(CliError, match="no output ArtifactsBucket, WorkGroup"):
        Deployment.find(
            CloudFormation({k: v for k, v in OUTPUTS.items() if k not in ("WorkGroup", "ArtifactsBucket")}), "x"
        )


@pytest.mark.parametrize("cloud", [CloudFormation(None), CloudFormation(None, ValueError("Stack x does not exist"))])
def test_no_stack_is_told_with_what_to_do(cloud: CloudFormation) -> None:
    with pytest.raises(CliError, match=r"no stack 'x' here: .*gridwatch local up"):
        Deployment.find(cloud, "x")


def test_what_else_goes_wrong_is_not_taken_for_a_missing_stack() -> None:
    with pytest.raises(ValueError, match="no credentials"):
        Deployment.find(CloudFormation(None, ValueError("no credentials")), "x")
