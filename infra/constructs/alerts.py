"""The topics that carry alerts to people, and the chats that read one of them."""

from __future__ import annotations

from aws_cdk import aws_chatbot as chatbot
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.settings import DeploymentSettings


def alert_topic(scope: Construct, settings: DeploymentSettings, key: kms.IKey | None) -> sns.ITopic:
    """The topic for alerts: the deployment's own, or the one that the settings name."""
    if settings.alert_topic_arn:
        topic = sns.Topic.from_topic_arn(scope, "AlertTopic", settings.alert_topic_arn)
    else:
        topic = _topic(scope, "AlertTopic", settings, "alerts", key)
    for mail in settings.alert_emails:
        topic.add_subscription(subscriptions.EmailSubscription(mail))
    return topic


def chat_topic(scope: Construct, settings: DeploymentSettings, key: kms.IKey | None) -> sns.ITopic | None:
    """Create the topic with notifications for Amazon Q Developer, and the chats that get them. None without a chat.

    It is a topic of its own, so that people who subscribe to the other one never see the notifications' JSON.
    """
    if not (settings.slack_channel_id or settings.teams_channel_id):
        return None
    topic = _topic(scope, "ChatTopic", settings, "alerts-chat", key)
    # Notifications need no permission. Without any, nobody can run a command in the account from the chat.
    role = iam.Role(scope, "ChatRole", assumed_by=iam.ServicePrincipal("chatbot.amazonaws.com"))
    if settings.slack_channel_id:
        chatbot.CfnSlackChannelConfiguration(
            scope,
            "Slack",
            configuration_name=f"{settings.name_prefix}-slack",
            iam_role_arn=role.role_arn,
            slack_workspace_id=settings.slack_workspace_id,
            slack_channel_id=settings.slack_channel_id,
            sns_topic_arns=[topic.topic_arn],
        )
    if settings.teams_channel_id:
        chatbot.CfnMicrosoftTeamsChannelConfiguration(
            scope,
            "Teams",
            configuration_name=f"{settings.name_prefix}-teams",
            iam_role_arn=role.role_arn,
            teams_tenant_id=settings.teams_tenant_id,
            team_id=settings.teams_team_id,
            teams_channel_id=settings.teams_channel_id,
            sns_topic_arns=[topic.topic_arn],
        )
    return topic


def _topic(scope: Construct, name: str, settings: DeploymentSettings, suffix: str, key: kms.IKey | None) -> sns.Topic:
    return sns.Topic(
        scope,
        name,
        topic_name=f"{settings.name_prefix}-{suffix}",
        display_name=f"Gridwatch ({settings.name_prefix})",
        master_key=key or kms.Alias.from_alias_name(scope, f"{name}Key", "alias/aws/sns"),
        enforce_ssl=True,
    )
