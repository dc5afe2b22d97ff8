"""cdk-nag's AwsSolutions and Serverless packs: every finding is explained, and every explanation still explains one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks, ServerlessChecks

from infra.app import create_app

EXPLAINED = {
    r"AwsSolutions-S1": "Access logs are the account's choice: CloudTrail data events need no third bucket.",
    r"AwsSolutions-SQS3": "These two are dead-letter queues, of rules and of functions.",
    r"AwsSolutions-L1|Serverless-LambdaLatestVersion": "python3.13 has every pinned wheel and support to 2029-06-30.",
    r"AwsSolutions-IAM5\[Resource::<Storage\w+\.Arn>/(checkpoints|code/sources|data|experiments|rule-sets|settings|status"
    r"|tensors|models|tables|history|components|rule-state|reports|reports/experiments)/\*\]": (
        "Keys are named by users and jobs: a prefix is as narrow as a statement about them can be."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:.*:sagemaker:.*:(training-job|experiment|experiment-trial)/.*\]": (
        "Jobs and experiments are named by the deployment's prefix; their full names are not known before."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:<AWS::Partition>:ecr:.*\]": (
        "AWS's images lie in accounts that differ by region; users' own images have names of theirs."
    ),
    r"AwsSolutions-IAM5\[Resource::arn:<AWS::Partition>:logs:.*:log-group:/aws/sagemaker/TrainingJobs:\*\]": (
        "Log streams are named by job and host."
    ),
    r"AwsSolutions-IAM5\[Resource::\*\]": ("Actions that know no resources; test_permissions.py lists them."),
    r"Serverless-SQSRedrivePolicy": "The queues without one are dead-letter queues themselves.",
    r"Serverless-LambdaDLQ": "Two have an on-failure destination, the others read queues (test_delivery.py).",
    r"Serverless-LambdaEventSourceMappingDestination": "For streams; an SQS source gives up into the queue's own.",
}


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The ids of all findings on the default template."""
    folder = tmp_path_factory.mktemp("nag")
    app = create_app({"aws:cdk:disable-asset-staging": True}, outdir=str(folder))
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    cdk.Validations.of(app).add_plugins(ServerlessChecks(app))
    with pytest.raises(RuntimeError, match="ValidationFailed"):  # explained below rather than to cdk-nag
        app.synth()
    return reported(folder / "validation-report.json")


def reported(report: Path) -> set[str]:
    plugins = json.loads(report.read_text())["pluginReports"]
    return {violation["ruleName"] for plugin in plugins for violation in plugin["violations"]}


def test_every_finding_is_explained(findings: set[str]) -> None:
    assert {finding for finding in findings if not any(re.fullmatch(known, finding) for known in EXPLAINED)} == set()


def test_every_explanation_explains_a_finding(findings: set[str]) -> None:
    assert [known for known in EXPLAINED if not any(re.fullmatch(known, finding) for finding in findings)] == []
