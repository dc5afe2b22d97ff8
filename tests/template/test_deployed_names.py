"""What a deployment keeps stays what it is: another logical id or name would replace it, with all that is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.template.synthesized import Synthesized

# Recorded from the template that was deployed first, with every part that is optional: by logical id type and name.
RECORDED: dict[str, tuple[str, object]] = {
    logical_id: (kind, name)
    for logical_id, (kind, name) in json.loads(Path(__file__).with_name("deployed_names.json").read_text()).items()
}
NAMED_BY = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::SQS::Queue": "QueueName",
}


def test_every_kind_is_recorded() -> None:
    assert {kind for kind, _ in RECORDED.values()} == set(NAMED_BY)


@pytest.mark.parametrize("logical_id", RECORDED)
def test_what_was_deployed_is_there_under_its_name(synthesized: Synthesized, logical_id: str) -> None:
    kind, name = RECORDED[logical_id]
    found = synthesized.raw["Resources"].get(logical_id, {})
    assert found.get("Type") == kind, f"it would be deleted: {kind} {name}"
    assert found["Properties"].get(NAMED_BY[kind]) == name
