"""Every resource that the template names is of a type whose taken names the embedded cloud refuses, as AWS does."""

from __future__ import annotations

from tests.contract.test_localcloud_taken_names import KINDS
from tests.template.synthesized import Synthesized

# Names that need not be the only ones of their kind, and parts of what another resource is.
_SHARED = {"AWS::IAM::Policy", "AWS::Athena::NamedQuery", "AWS::Glue::Table", "AWS::Glue::Database"}
_NAMING = ("Name", "BucketName", "TableName", "QueueName", "TopicName", "LogGroupName", "FunctionName", "AlarmName",
           "DashboardName", "RoleName", "AliasName")  # fmt: skip
_OF_A_FUNCTION = {"AWS::Lambda::Permission", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::EventInvokeConfig"}


def test_a_name_of_the_template_that_is_taken_is_refused(synthesized: Synthesized) -> None:
    named = {
        resource["Type"]
        for resource in synthesized.raw["Resources"].values()
        if any(name in resource.get("Properties", {}) for name in _NAMING)
    }
    assert named - _SHARED - _OF_A_FUNCTION <= set(KINDS), "make it refuse taken names, and prove it"
