"""Encryption at rest: one customer-managed key for everything, or each service's own."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.settings import DeploymentSettings


def encryption_key(scope: Construct, settings: DeploymentSettings) -> kms.IKey | None:
    """The key that the deployment names or creates; None when the services use their own."""
    if settings.kms_key_arn:
        return kms.Key.from_key_arn(scope, "Key", settings.kms_key_arn)
    if not settings.create_kms_key:
        return None
    key = kms.Key(
        scope,
        "Key",
        alias=f"alias/{settings.name_prefix}",
        description=f"Gridwatch ({settings.name_prefix}): specs, tensors, tables, messages",
        enable_key_rotation=True,
        removal_policy=cdk.RemovalPolicy.RETAIN if settings.keeps_data else cdk.RemovalPolicy.DESTROY,
    )
    # The event bus encrypts what it puts into queues, and alarms encrypt what they publish.
    key.add_to_resource_policy(
        iam.PolicyStatement(
            sid="ServicesThatSendMessages",
            principals=[iam.ServicePrincipal("events.amazonaws.com"), iam.ServicePrincipal("cloudwatch.amazonaws.com")],
            actions=["kms:Decrypt", "kms:GenerateDataKey"],
            resources=["*"],  # in a key's policy, "*" is this key
            conditions={"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}},
        )
    )
    key.add_to_resource_policy(_logs(settings.name_prefix))
    return key


def _logs(name_prefix: str) -> iam.PolicyStatement:
    """Allow CloudWatch Logs to encrypt logs with the key, but only those of this deployment's functions.

    Source: CloudWatch Logs user guide, "Encrypt log data in CloudWatch Logs using AWS Key Management Service".
    """
    groups = f"arn:{cdk.Aws.PARTITION}:logs:{cdk.Aws.REGION}:{cdk.Aws.ACCOUNT_ID}:log-group:/aws/lambda/{name_prefix}-*"
    return iam.PolicyStatement(
        sid="LogsOfTheFunctions",
        principals=[iam.ServicePrincipal(f"logs.{cdk.Aws.REGION}.{cdk.Aws.URL_SUFFIX}")],
        actions=["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        resources=["*"],  # in a key's policy, "*" is this key
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )
