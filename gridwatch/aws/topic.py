"""The alert topic on SNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated


class SnsTopic:
    """Implements `gridwatch.alerts.outbox.AlertTopic`. Raises gridwatch_rules.failures errors."""

    def __init__(self, arn: str, sns: Any = None) -> None:
        self._arn = arn
        self._sns = sns

    def publish(self, subject: str, body: str, attributes: Mapping[str, str]) -> str:
        with translated():
            answer = (self._sns or client("sns")).publish(
                TopicArn=self._arn,
                Subject=subject,
                Message=body,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
        return str(answer["MessageId"])
