"""The topic through which people are told."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.settings import DeploymentSettings


def alert_topic(scope: Construct, settings: DeploymentSettings, key: kms.IKey | None) -> sns.ITopic:
    """The deployment's own topic, or the one that it names."""
    if settings.alert_topic_arn:
        topic = sns.Topic.from_topic_arn(scope, "AlertTopic", settings.alert_topic_arn)
    else:
        topic = sns.Topic(
            scope,
            "AlertTopic",
            topic_name=f"{settings.name_prefix}-alerts",
            display_name=f"Gridwatch ({settings.name_prefix})",
            master_key=key or kms.Alias.from_alias_name(scope, "SnsKey", "alias/aws/sns"),
            enforce_ssl=True,
        )
    for mail in settings.alert_emails:
        topic.add_subscription(subscriptions.EmailSubscription(mail))
    return topic
