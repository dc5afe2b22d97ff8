"""cdk-nag's AwsSolutions and Serverless packs: every finding is explained, and every explanation still explains one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.app import create_app
from tests.template.conftest import OPTIONAL_PARTS
from tests.template.test_placement import NETWORK

EXPLAINED = {
    r"AwsSolutions-S1": "Access logs are the account's choice: CloudTrail data events need no third bucket.",
    r"AwsSolutions-SQS3": "These two are dead-letter queues, of rules and of functions.",
    r"AwsSolutions-L1|Serverless-LambdaLatestVersion": "python3.13 has every pinned wheel and support to 2029-06-30.",
    r"AwsSolutions-IAM5\[Resource::<Storage\w+\.Arn>/(checkpoints|code|code/sources|data|data/windows|experiments|rule-sets"
    r"|settings|status|fingerprints|hook"
    r"|tensors|models|tables|history|components|rule-state|reports|reports/experiments)/\*(/training_job_end\.ts)?\]": (
        "Keys are named by users and jobs: a prefix is as narrow as a statement about them can be."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:.*:sagemaker:.*:(training-job|experiment|experiment-trial)/.*\]": (
        "Jobs and experiments are named by the deployment's prefix; their full names are not known before."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:.*:experiment-trial-component/(gridwatch-\*|\*-aws-processing-job)\]": (
        "Components have the deployment's prefix; those of processing jobs, the names of whoever ran them."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:<AWS::Partition>:ecr:.*\]": (
        "AWS's images lie in accounts that differ by region; users' own images have names of theirs."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:<AWS::Partition>:logs:.*:log-group:/aws/sagemaker/\w+Jobs:\*\]": (
        "Log streams are named by job and host."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:.*:hyper-parameter-tuning-job/gridwatch-\*\]": "Their names have the prefix.",
    r"AwsSolutions-IAM5\[Resource::arn:aws:s3:::(lake|watched)/\*\]": "Buckets that the settings name.",
    r"AwsSolutions-IAM5\[Resource::arn:.*:s3:::reviewed-code/rules/\*\]": "A prefix that the settings name.",
    r"AwsSolutions-IAM5\[Resource::arn:.*:batch:.*:service-job/\*\]": "Service jobs get ids when submitted.",
    r"AwsSolutions-IAM5\[Resource::arn:.*:ec2:.*:(network-interface|security-group|subnet)/\*\]": (
        "SageMaker makes interfaces without names in the networks that specs may name."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:.*:kms:.*:key/\*\]": "Its condition: what is in the webhooks' secrets.",
    r"AwsSolutions-IAM5\[Action::kms:(GenerateDataKey|ReEncrypt)\*\]": "The CDK's grant to send into a queue.",
    r"Serverless-LambdaTracing": "Users' code has no permission that it does not need, tracing neither.",
    r"Serverless-SNSRedrivePolicy": "Mails: SNS tries again by itself, and what bounces stays undelivered.",
    r"AwsSolutions-IAM5\[Resource::\*\]": ("Actions that know no resources; test_permissions.py lists them."),
    r"Serverless-SQSRedrivePolicy": "The queues without one are dead-letter queues themselves.",
    r"Serverless-LambdaDLQ": "Two have an on-failure destination, the others read queues (test_delivery.py).",
    r"Serverless-LambdaEventSourceMappingDestination": "For streams; an SQS source gives up into the queue's own.",
}


ACCOUNT = "123456789012"
WHOLE = {
    **OPTIONAL_PARTS,
    **NETWORK,
    "create_kms_key": True,
    "launch_target": "batch",
    "alert_emails": "a@example.org",
    "alarm_emails": "b@example.org",
    "data_bucket_arns": "arn:aws:s3:::lake",
    "tensor_bucket_arns": "arn:aws:s3:::watched",
    "allowed_in_specs": "subnet-0a1b2c3d,sg-0a1b2c3d,"
    f"arn:aws:iam::{ACCOUNT}:role/training,arn:aws:kms:eu-west-1:{ACCOUNT}:key/k",
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The ids of all findings, on the template with default settings and on that with every part there is."""
    return {
        finding
        for settings in ({}, WHOLE)
        for finding in nag({**settings, "aws:cdk:disable-asset-staging": True}, tmp_path_factory.mktemp("nag"))
    }


def nag(settings: dict[str, object], folder: Path) -> set[str]:
    app = create_app(settings, outdir=str(folder))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    cdk.Validations.of(app).add_plugins(ServerlessChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):  # explained below rather than to cdk-nag
        app.synth()
    plugins = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    return {violation["ruleName"] for plugin in plugins for violation in plugin["violations"]}


def test_every_finding_is_explained(findings: set[str]) -> None:
    assert {finding for finding in findings if not any(re.fullmatch(known, finding) for known in EXPLAINED)} == set()


def test_every_explanation_explains_a_finding(findings: set[str]) -> None:
    assert [known for known in EXPLAINED if not any(re.fullmatch(known, finding) for finding in findings)] == []
