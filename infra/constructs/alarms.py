"""CloudWatch alarms for what a person must look at. docs/operations.md says of each what it means and what to do."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.queues import Queues
from infra.settings import DeploymentSettings

_FIVE_MINUTES = cdk.Duration.minutes(5)
# A message that is older than this is stuck. Webhooks are tried for two hours.
_OLDEST = {"webhooks": cdk.Duration.hours(3)}
_OLDEST_ELSEWHERE = cdk.Duration.minutes(30)


class Alarms(Construct):
    """All alarms of the deployment. Each notifies `topic` when it begins and when it ends."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: DeploymentSettings,
        queues: Queues,
        functions: Mapping[str, lambda_.Function],
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, name)
        self._prefix = settings.name_prefix
        self._action = actions.SnsAction(self._topic(settings, key))
        for queue_name, queue in queues.dead_letters.items():
            self._dead_letters(queue_name, queue)
        for queue_name, queue in queues.by_name.items():
            self._stuck(queue_name, queue)
        for function_name, function in functions.items():
            self._failing(function_name, function)
        self._unreadable()

    def _topic(self, settings: DeploymentSettings, key: kms.IKey | None) -> sns.ITopic:
        """The alarms' own topic, because CloudWatch's messages are JSON, and because CloudWatch may not use the key
        that AWS manages for SNS.
        """
        if settings.alarm_topic_arn:
            return sns.Topic.from_topic_arn(self, "Topic", settings.alarm_topic_arn)
        topic = sns.Topic(
            self,
            "Topic",
            topic_name=f"{settings.name_prefix}-alarms",
            display_name=f"Gridwatch alarms ({settings.name_prefix})",
            master_key=key,
            enforce_ssl=True,
        )
        for mail in settings.alarm_emails:
            topic.add_subscription(subscriptions.EmailSubscription(mail))
        return topic

    def _dead_letters(self, name: str, queue: sqs.Queue) -> None:
        self._alarm(
            f"{name}-not-empty",
            f"Something could not be done and waits in {name} for a person.",
            queue.metric_approximate_number_of_messages_visible(period=_FIVE_MINUTES, statistic="Maximum"),
            threshold=0,
            periods=1,
        )

    def _stuck(self, name: str, queue: sqs.Queue) -> None:
        age = _OLDEST.get(name, _OLDEST_ELSEWHERE)
        self._alarm(
            f"{name}-late",
            f"The oldest message of the queue {name} has waited for over {age.to_minutes():.0f} minutes.",
            queue.metric_approximate_age_of_oldest_message(period=_FIVE_MINUTES, statistic="Maximum"),
            threshold=age.to_seconds(),
            periods=1,
        )

    def _failing(self, name: str, function: lambda_.Function) -> None:
        """Alarm when a function fails, or is throttled, in three successive periods of five minutes."""
        self._alarm(
            f"{name}-failing",
            f"Invocations of {name} fail for a quarter of an hour.",
            function.metric_errors(period=_FIVE_MINUTES),
            threshold=0,
            periods=3,
        )
        self._alarm(
            f"{name}-throttled",
            f"Lambda throttles {name} for a quarter of an hour: the account's concurrency is used up.",
            function.metric_throttles(period=_FIVE_MINUTES),
            threshold=0,
            periods=3,
        )

    def _unreadable(self) -> None:
        """Alarm when a record cannot be read. One alarm serves all functions, because one of them keeps meeting the
        record.
        """
        self._alarm(
            "records-unreadable",
            "A record of the state table is damaged or of a newer version, and is left out.",
            cloudwatch.Metric(
                namespace="Gridwatch",
                metric_name="RecordUnreadable",
                dimensions_map={"service": "records"},
                statistic="Sum",
                period=_FIVE_MINUTES,
            ),
            threshold=0,
            periods=1,
        )

    def _alarm(self, name: str, meaning: str, metric: cloudwatch.Metric, *, threshold: float, periods: int) -> None:
        alarm = cloudwatch.Alarm(
            self,
            "".join(word.capitalize() for word in name.replace("_", "-").split("-")),
            alarm_name=f"{self._prefix}-{name.replace('_', '-')}",
            alarm_description=f"{meaning} See docs/operations.md.",
            metric=metric,
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
            evaluation_periods=periods,
            # No data means that nothing went wrong.
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
