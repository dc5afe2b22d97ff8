"""Synthesis itself: where it works, what it refuses, and what the settings change."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import DeploymentSettings, DeploymentSettingsError
from tests.template.conftest import OPTIONAL_PARTS, Synthesize
from tests.template.synthesized import Synthesized

ROOT = Path(__file__).resolve().parents[2]


def cfn_lint(template: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", "eu-west-1", "--", str(template)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=template.parent)


def test_cfn_lint_has_nothing_to_say(synthesized: Synthesized) -> None:
    done = cfn_lint(synthesized.folder / "Gridwatch.template.json")
    assert (done.returncode, done.stdout) == (0, "")


def without_network() -> list[str]:
    """The command prefix for a namespace without network; empty where the kernel does not allow one."""
    prefix = ["unshare", "--map-root-user", "--net"]
    allowed = (
        shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    )
    return prefix if allowed else []


def test_synthesizes_with_nothing_but_python(tmp_path: Path, synthesized: Synthesized) -> None:
    """No credentials, network or system Node; with the CDK's own validation on; and the same template again."""
    out = tmp_path / "cdk.out"
    settings = json.dumps(OPTIONAL_PARTS)  # as the CDK's command line hands them over
    bare = {"HOME": str(tmp_path), "PATH": os.defpath, "CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": settings}
    command = [*without_network(), sys.executable, "-m", "infra.app"]
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "Gridwatch.template.json").read_text()) == synthesized.raw


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"name_prefx": "a"}, "name_prefx is not a setting"),
        ({"name_prefix": "dev-a"}, "name_prefix: 'dev-a' must be"),
        ({"name_prefix": "x" * 21}, "must be 2 to 20"),
        ({"architecture": "arm"}, "architecture: 'arm' must be arm64 or x86_64"),
        ({"launch_rate_per_second": "fast"}, "launch_rate_per_second: 'fast' is not a number"),
        ({"launch_rate_per_second": "0"}, "must be over 0"),
        ({"log_retention_days": "8"}, "log_retention_days: 8 must be one of 1, 3, 5"),
        ({"log_retention_days": "a week"}, "'a week' is not a whole number"),
        ({"tensor_retention_days": 0}, "tensor_retention_days: 0 must be at least 1"),
        ({"query_scan_limit_gb": 0}, "query_scan_limit_gb: 0 must be at least 1"),
        ({"removal_policy": "delete"}, "must be retain or destroy"),
        ({"alert_emails": "me@example.org, you"}, "'you' is not an address"),
        ({"alert_emails": 7}, "7 is not a list of texts"),
        ({"create_kms_key": "yes"}, "'yes' is neither true nor false"),
        ({"create_kms_key": True, "kms_key_arn": "arn:aws:kms:eu-west-1:1:key/k"}, "not both"),
        ({"alert_topic_arn": "my-topic"}, "'my-topic' is not the ARN of a resource in sns"),
        ({"data_bucket_arns": ["arn:aws:s3:::lake", "lake"]}, "'lake' is not the ARN of a resource in s3"),
    ],
)
def test_settings_that_cannot_be_deployed_are_refused(context: dict[str, object], told: str) -> None:
    with pytest.raises(DeploymentSettingsError) as refused:
        DeploymentSettings.from_context(context)
    assert told in str(refused.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(DeploymentSettingsError) as refused:
        DeploymentSettings.from_context({"removal_policy": "x", "architecture": "y", "colour": "z"})
    assert str(refused.value).count("\n  ") == 3


def test_the_cdks_own_context_is_left_alone() -> None:
    context = {
        "@aws-cdk/core:enablePartitionLiterals": True,
        "aws:cdk:version-reporting": False,
        "name_prefix": "stage",
    }
    assert DeploymentSettings.from_context(context) == DeploymentSettings(name_prefix="stage")


def test_settings_reach_the_template(synthesize: Synthesize) -> None:
    staging = synthesize(
        name_prefix="staging",
        launch_rate_per_second="0.5",
        log_retention_days="7",
        alert_emails="a@example.org,b@example.org",
    )
    assert staging.functions["start_trials"].environment["LAUNCH_RATE_PER_SECOND"] == "0.5"
    assert {group["RetentionInDays"] for group in staging.of_type("AWS::Logs::LogGroup").values()} == {7}
    mails = {subscription["Endpoint"] for subscription in staging.of_type("AWS::SNS::Subscription").values()}
    assert mails == {"a@example.org", "b@example.org"}
    # Nothing of one stage may be named like another's.
    for kind, key in (
        ("AWS::S3::Bucket", "BucketName"),
        ("AWS::DynamoDB::Table", "TableName"),
        ("AWS::SQS::Queue", "QueueName"),
        ("AWS::Lambda::Function", "FunctionName"),
        ("AWS::Athena::WorkGroup", "Name"),
        ("AWS::SNS::Topic", "TopicName"),
    ):
        names = [resource[key] for resource in staging.of_type(kind).values()]
        assert names
        assert all(name.startswith("staging") for name in names), kind
    assert [database["DatabaseInput"]["Name"] for database in staging.of_type("AWS::Glue::Database").values()] == [
        "staging"
    ]


def test_existing_resources_are_used_instead_of_created(synthesize: Synthesize) -> None:
    given = synthesize(
        experiments_bucket_arn="arn:aws:s3:::specs",
        artifacts_bucket_arn="arn:aws:s3:::results",
        alert_topic_arn="arn:aws:sns:eu-west-1:123456789012:oncall",
        alarm_topic_arn="arn:aws:sns:eu-west-1:123456789012:platform",
        kms_key_arn="arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    )
    for kind in ("AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::KMS::Key"):
        assert given.of_type(kind) == {}
    launch = given.functions["launch_grid"].environment
    assert (launch["EXPERIMENTS_BUCKET"], launch["ARTIFACTS_BUCKET"]) == ("specs", "results")
    assert (
        given.functions["deliver_alert"].environment["ALERT_TOPIC_ARN"] == "arn:aws:sns:eu-west-1:123456789012:oncall"
    )
    assert cfn_lint(given.folder / "Gridwatch.template.json").returncode == 0


def test_one_key_encrypts_everything_that_is_kept(synthesize: Synthesize) -> None:
    encrypted = synthesize(create_kms_key=True)
    (key,) = encrypted.of_type("AWS::KMS::Key")
    arn = f"arn:of:{key}"
    for bucket in encrypted.of_type("AWS::S3::Bucket").values():
        (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    for table in encrypted.of_type("AWS::DynamoDB::Table").values():
        assert table["SSESpecification"]["KMSMasterKeyId"] == arn
    assert {queue["KmsMasterKeyId"] for queue in encrypted.of_type("AWS::SQS::Queue").values()} == {arn}
    assert {topic["KmsMasterKeyId"] for topic in encrypted.of_type("AWS::SNS::Topic").values()} == {arn}
    for role in encrypted.of_type("AWS::IAM::Role"):
        assert any(
            {"kms:Decrypt", "kms:GenerateDataKey"} <= set(statement["Action"]) and statement["Resource"] == [arn]
            for statement in encrypted.statements(role)
        ), role


@pytest.mark.parametrize(("policy", "kept"), [("retain", True), ("destroy", False)])
def test_what_destroying_the_stack_keeps(synthesize: Synthesize, policy: str, kept: bool) -> None:
    resources = synthesize(removal_policy=policy).raw["Resources"].values()
    data = [resource for resource in resources if resource["Type"] in ("AWS::S3::Bucket", "AWS::DynamoDB::Table")]
    assert {resource["DeletionPolicy"] for resource in data} == {"Retain" if kept else "Delete"}


def test_buckets_are_private_versioned_and_send_events(synthesized: Synthesized) -> None:
    for bucket in synthesized.of_type("AWS::S3::Bucket").values():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
        assert "BucketEncryption" in bucket
    denied = {
        json.dumps(statement["Condition"], sort_keys=True)
        for policy in synthesized.of_type("AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    }
    assert json.dumps({"Bool": {"aws:SecureTransport": "false"}}) in denied


def test_tables_recover_and_expire(synthesized: Synthesized) -> None:
    tables = synthesized.of_type("AWS::DynamoDB::Table").values()
    assert len(tables) == 2
    for table in tables:
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        expiry = "expiration" if table["TableName"].endswith("idempotency") else "expires_at"
        assert table["TimeToLiveSpecification"] == {"AttributeName": expiry, "Enabled": True}


def test_no_custom_resource(synthesized: Synthesized) -> None:
    kinds = {resource["Type"] for resource in synthesized.raw["Resources"].values()}
    assert not {kind for kind in kinds if kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"}


def test_outputs_are_those_of_the_architecture(synthesized: Synthesized) -> None:
    line = next(
        text for text in (ROOT / "docs" / "architecture.md").read_text().splitlines() if "**Stack outputs**" in text
    )
    named = {word.strip("`., ") for word in line.split(":", 1)[1].split() if word.startswith("`")}
    assert set(synthesized.raw["Outputs"]) == named
