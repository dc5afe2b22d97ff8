"""What SQS accepts beyond its model (API reference; Developer Guide, "Amazon SQS quotas")."""

import re
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.requests.message_attributes import check_attributes
from gridwatch.localcloud.sagemaker.errors import ServiceError

_OF_MESSAGES = frozenset({
    "All", "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount", "AWSTraceHeader", "DeadLetterQueueSourceArn",
    "MessageDeduplicationId", "MessageGroupId", "SenderId", "SentTimestamp", "SequenceNumber",
})  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")
_MOST_ATTRIBUTES = 10
# Bytes and seconds.
_RANGES = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
    "WaitTimeSeconds": (0, 20),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
}
# Of the attributes that a queue has, those that nobody sets.
_COUNTED = frozenset({
    "All", "QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed",
})  # fmt: skip
_SETTABLE = frozenset({
    "DeduplicationScope", "FifoThroughputLimit", "FifoQueue", "ContentBasedDeduplication", "KmsMasterKeyId",
    "Policy", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled", *_RANGES,
}) - {"WaitTimeSeconds"}  # fmt: skip


def _create(request: Mapping[str, Any]) -> None:
    name, attributes = str(request["QueueName"]), request.get("Attributes") or {}
    stem = name.removesuffix(".fifo")
    if not _NAME.fullmatch(stem) or len(name) > 80:
        raise _invalid(
            f"The name '{name}' of a queue can only include alphanumeric characters, hyphens, or underscores. "
            "1 to 80 in length"
        )
    is_fifo = str(attributes.get("FifoQueue", "false")).lower() == "true"
    if is_fifo is not name.endswith(".fifo"):
        raise _invalid(f"The name of a FIFO queue ends in .fifo, and FifoQueue is true of such a queue alone: '{name}'")
    _attributes(request)


def _attributes(request: Mapping[str, Any]) -> None:
    for name, value in (request.get("Attributes") or {}).items():
        if name not in _SETTABLE:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")
        _check_range(name, value)


def _asked(request: Mapping[str, Any]) -> None:
    for name in request.get("AttributeNames") or ():
        if name not in _SETTABLE | _COUNTED:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def _message(request: Mapping[str, Any]) -> None:
    _ranges(request)
    attributes = request.get("MessageAttributes") or {}
    if len(attributes) > _MOST_ATTRIBUTES:
        raise _invalid(f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [10].")
    check_attributes(attributes, "InvalidParameterValue")


def _batch(request: Mapping[str, Any]) -> None:
    for entry in request["Entries"]:
        _message(entry)


def _receive(request: Mapping[str, Any]) -> None:
    _ranges(request)
    for name in request.get("AttributeNames") or ():
        if name not in _SETTABLE | _COUNTED | _OF_MESSAGES:
            raise ServiceError("InvalidAttributeName", f"Unknown Attribute {name}.")


def _ranges(request: Mapping[str, Any]) -> None:
    for name in _RANGES:
        if request.get(name) is not None:
            _check_range(name, request[name])


def _check_range(name: str, value: Any) -> None:
    least, most = _RANGES.get(name, (None, None))
    if least is None or most is None:
        return
    text = str(value)
    if not text.lstrip("-").isdigit() or not least <= int(text) <= most:
        raise _invalid(f"Value {value} for parameter {name} is invalid. Reason: Must be between {least} and {most}.")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValue", message)


CHECKS = {
    "sqs:CreateQueue": _create,
    "sqs:SetQueueAttributes": _attributes,
    "sqs:GetQueueAttributes": _asked,
    "sqs:SendMessage": _message,
    "sqs:SendMessageBatch": _batch,
    "sqs:ReceiveMessage": _receive,
    "sqs:ChangeMessageVisibility": _ranges,
}
