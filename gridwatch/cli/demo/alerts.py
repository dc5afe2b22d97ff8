"""A mailbox on the alert topic, so that the demo shows alerts as people get them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch.cli.context import Cloud

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True, slots=True)
class Mail:
    """One message of the topic."""

    subject: str
    text: str
    kind: str  # of the alert, as subscriptions can filter by it

    @property
    def is_digest(self) -> bool:
        """Whether the mail is an experiment's digest, and not an alert that something is wrong."""
        return self.kind == "experiment_ended"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A queue that is subscribed to the topic. It keeps messages until they are read."""

    sqs: SQSClient
    queue_url: str

    def read(self, *, wait_seconds: int = 0) -> list[Mail]:
        """The messages since the last reading; waits at most that long for the first one."""
        mails: list[Mail] = []
        while messages := self._receive(wait_seconds if not mails else 0):
            mails += messages
        return mails

    def _receive(self, wait_seconds: int) -> list[Mail]:
        answer = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_seconds)
        mails = []
        for message in answer.get("Messages", []):
            envelope = json.loads(message["Body"])
            kind = envelope.get("MessageAttributes", {}).get("kind", {}).get("Value", "")
            mails.append(Mail(envelope.get("Subject", ""), envelope["Message"], kind))
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return mails


def open_mailbox(cloud: Cloud, name: str) -> Mailbox:
    """A new mailbox of that name. Nothing deletes it: in a lasting account whoever opened it deletes the queue."""
    sqs = cloud.session.sqs
    queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    topic = cloud.deployment.alert_topic
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": json.dumps(_let_in(topic, arn))})
    cloud.session.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return Mailbox(sqs, queue_url)


def _let_in(topic: str, queue: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": queue,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
