"""The template as it is deployed with default settings, synthesized once per test process."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

# The CDK's validation of each template takes seconds; test_synthesis.py has it on, once. Node reads this when it
# starts, at the first import of the CDK, which is why it is set here and why the app is imported below.
os.environ["CDK_VALIDATION"] = "false"

from infra.app import create_app
from tests.template.synthesized import Synthesized

OPTIONAL_PARTS = {
    "custom_rule_sources": "code/,s3://reviewed-code/rules/",
    "slack_workspace_id": "T0123ABCD",
    "slack_channel_id": "C0123ABCD",
    "teams_tenant_id": "11111111-2222-3333-4444-555555555555",
    "teams_team_id": "66666666-7777-8888-9999-000000000000",
    "teams_channel_id": "19%3aabc%40thread.tacv2",
    "slack_webhook_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-AbCdEf",
    "incident_webhook_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:incident-AbCdEf",
}
Synthesize = Callable[..., Synthesized]


@pytest.fixture(scope="session")
def synthesize(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Synthesize the app with the given settings over the default ones; the assets stay where they are."""

    def _synthesize(**settings: object) -> Synthesized:
        folder = tmp_path_factory.mktemp("cdk.out")
        create_app({**settings, "aws:cdk:disable-asset-staging": True}, outdir=str(folder)).synth()
        return Synthesized(folder)

    return _synthesize


@pytest.fixture(scope="session")
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The app with its assets beside the template: default settings, and every part that is optional."""
    folder = tmp_path_factory.mktemp("cdk.out")
    create_app(OPTIONAL_PARTS, outdir=str(folder)).synth()
    return Synthesized(folder)
