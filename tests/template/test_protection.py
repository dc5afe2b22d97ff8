"""What protects data, over every resource there is; which types take a key or tags is read from AWS's schemas."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from tests.template.conftest import OPTIONAL_PARTS, Synthesize
from tests.template.synthesized import REGION, Synthesized
from tests.template.test_placement import NETWORK

# Properties of a resource that can hold a key, and why these do not hold the deployment's.
WITHOUT_OUR_KEY = {
    ("AWS::Lambda::Function", "KmsKeyArn"): "the environment holds no secret (test below); Lambda encrypts it",
    ("AWS::Lambda::EventSourceMapping", "KmsKeyArn"): "encrypts filter criteria, and there are none",
}


@pytest.fixture(scope="module")
def everything(synthesize: Synthesize) -> Synthesized:
    """Every part that a deployment can have, with a key of its own."""
    mails = {"alert_emails": "a@example.org", "alarm_emails": "b@example.org"}
    return synthesize(**OPTIONAL_PARTS, **NETWORK, **mails, create_kms_key=True, launch_target="batch")


def schema(kind: str) -> Mapping[str, Any]:
    return PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema


def resources(found: Synthesized) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Logical id, type and resolved properties of each."""
    for kind in sorted({resource["Type"] for resource in found.raw["Resources"].values()}):
        for name, properties in found.of_type(kind).items():
            yield name, kind, properties


def test_every_resource_that_can_be_tagged_is_tagged(everything: Synthesized) -> None:
    untagged, tagged = [], 0
    for name, kind, properties in resources(everything):
        described = schema(kind)
        if not described.get("tagging", {}).get("taggable", "Tags" in described["properties"]):
            continue
        tags = properties.get(described.get("tagging", {}).get("tagProperty", "/properties/Tags").rpartition("/")[2])
        pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag["Value"]) for tag in tags or []]
        tagged += 1
        if ("gridwatch:prefix", "gridwatch") not in pairs:
            untagged.append(name)
    assert untagged == []
    assert tagged > 100


def test_every_resource_that_takes_a_key_has_ours(everything: Synthesized) -> None:
    (key,) = everything.of_type("AWS::KMS::Key")
    without = {
        (kind, own)
        for _, kind, properties in resources(everything)
        if kind != "AWS::KMS::Key"
        if (own := own_key(kind)) and f"arn:of:{key}" not in str(properties)
    }
    assert without == set(WITHOUT_OUR_KEY)


def own_key(kind: str) -> str | None:
    """The property that encrypts what the resource keeps: at its top, or in one that is for encryption."""
    described = schema(kind)
    named = [name for name in described["properties"] if re.search("kms|encrypt|sse", name, re.IGNORECASE)]
    own = [name for name in named if re.fullmatch("(?i)kms.*(key|keyid|keyarn)|.*encryption.*|ssespecification", name)]
    if kind == "AWS::Athena::WorkGroup":  # deep in the configuration of its results
        return "KmsKey"
    return own[0] if own else None


def test_the_types_that_keep_data_are_seen_as_such() -> None:
    kept = ("S3::Bucket", "DynamoDB::Table", "SQS::Queue", "SNS::Topic", "Logs::LogGroup", "Athena::WorkGroup")
    assert all(own_key(f"AWS::{kind}") for kind in kept)
    assert own_key("AWS::Events::Rule") is None


def test_without_a_key_of_the_deployments_what_is_kept_is_encrypted_all_the_same(synthesized: Synthesized) -> None:
    for bucket in synthesized.of_type("AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    for table in synthesized.of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"] == {"SSEEnabled": True}
    assert {queue["SqsManagedSseEnabled"] for queue in synthesized.of_type("AWS::SQS::Queue").values()} == {True}


def test_the_key_lets_in_the_services_that_need_it_for_this_account_alone(everything: Synthesized) -> None:
    (key,) = everything.of_type("AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    by_service = {
        service: statement.get("Condition")
        for statement in key["KeyPolicy"]["Statement"]
        for service in listed(statement["Principal"].get("Service", []))
    }
    assert set(by_service) == {"events.amazonaws.com", "cloudwatch.amazonaws.com", f"logs.{REGION}.amazonaws.com"}
    assert all("123456789012" in str(condition) for condition in by_service.values())
    groups = everything.of_type("AWS::Logs::LogGroup").values()
    pattern = by_service[f"logs.{REGION}.amazonaws.com"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    arns = {f"arn:aws:logs:{REGION}:123456789012:log-group:{group['LogGroupName']}" for group in groups}
    assert len(arns) == len(everything.functions)
    assert all(re.fullmatch(pattern.replace("*", ".*"), arn) for arn in arns)


@pytest.mark.parametrize(
    ("kind", "policy", "subject"),
    [
        ("AWS::S3::Bucket", "AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics"),
    ],
)
def test_every_bucket_queue_and_topic_refuses_what_does_not_come_by_tls(
    everything: Synthesized, kind: str, policy: str, subject: str
) -> None:
    refusing = set()
    for properties in everything.raw["Resources"].values():
        if properties["Type"] != policy:
            continue
        resolved = properties["Properties"]
        for statement in resolved["PolicyDocument"]["Statement"]:
            if statement.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}:
                assert statement["Effect"] == "Deny"
                assert statement["Principal"] in ("*", {"AWS": "*"})
                refusing |= {reference["Ref"] for reference in listed(resolved[subject])}
    assert refusing == set(everything.of_type(kind))


def test_every_bucket_is_private_versioned_and_its_owners(everything: Synthesized) -> None:
    buckets = everything.of_type("AWS::S3::Bucket")
    assert buckets
    for bucket in buckets.values():
        block = bucket["PublicAccessBlockConfiguration"]
        assert set(block) == set(
            schema("AWS::S3::Bucket")["definitions"]["PublicAccessBlockConfiguration"]["properties"]
        )
        assert set(block.values()) == {True}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_no_policy_of_a_resource_lets_in_everybody(everything: Synthesized) -> None:
    for name, kind, properties in resources(everything):
        for statement in properties.get("PolicyDocument", {}).get("Statement", []):
            if kind != "AWS::IAM::Policy" and statement["Effect"] == "Allow":
                assert statement["Principal"] not in ("*", {"AWS": "*"}), name
                assert statement.get("Condition") or "AWS" not in statement["Principal"], name


def test_every_function_has_a_log_group_and_every_log_group_an_end(everything: Synthesized) -> None:
    groups = everything.of_type("AWS::Logs::LogGroup")
    assert {function.properties["LoggingConfig"]["LogGroup"] for function in everything.functions.values()} == set(
        groups
    )
    assert {group["RetentionInDays"] for group in groups.values()} == {90}


def test_every_table_can_be_put_back_to_any_moment(everything: Synthesized) -> None:
    tables = everything.of_type("AWS::DynamoDB::Table").values()
    assert tables
    for table in tables:
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is True


def test_secrets_are_in_secrets_manager_alone(everything: Synthesized) -> None:
    """The template makes none, holds no value of one, and names those given to it to their reader alone."""
    assert "AWS::SecretsManager::Secret" not in {kind for _, kind, _ in resources(everything)}
    named = re.compile("secret|password|token|credential", re.IGNORECASE)
    holders = {
        function.name: {key for key in function.environment if named.search(key)}
        for function in everything.functions.values()
    }
    assert {name for name, keys in holders.items() if keys} == {"post_webhook"}
    environment = everything.functions["post_webhook"].environment
    assert all(environment[key].startswith("arn:aws:secretsmanager:") for key in holders["post_webhook"])


def test_no_function_has_an_address_of_its_own(everything: Synthesized) -> None:
    kinds = {kind for _, kind, _ in resources(everything)}
    assert not {
        kind for kind in kinds if re.match("AWS::(Lambda::Url|ApiGateway|ElasticLoad|CloudFront|IAM::User)", kind)
    }
    invokers = {properties["Principal"] for properties in everything.of_type("AWS::Lambda::Permission").values()}
    assert invokers == {"events.amazonaws.com"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
