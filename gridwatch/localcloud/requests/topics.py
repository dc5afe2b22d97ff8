"""What SNS accepts beyond its model (API reference of CreateTopic, Publish, Subscribe, SetTopicAttributes)."""

import json
import re
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.requests.message_attributes import check_attributes
from gridwatch.localcloud.sagemaker.errors import ServiceError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SUBJECT = re.compile(r"[!-~][ -~]{0,99}")  # ASCII, no control characters, no blank at the beginning
_LONGEST = 262_144  # bytes
_ENDPOINTS = {
    "http": r"http://.+",
    "https": r"https://.+",
    "email": r"[^@\s]+@[^@\s]+",
    "email-json": r"[^@\s]+@[^@\s]+",
    "sms": r"\+?[0-9() .-]+",
    "sqs": r"arn:[^:]+:sqs:[^:]*:[^:]*:.+",
    "lambda": r"arn:[^:]+:lambda:[^:]*:[^:]*:function:.+",
    "application": r"arn:[^:]+:sns:[^:]*:[^:]*:endpoint/.+",
    "firehose": r"arn:[^:]+:firehose:[^:]*:[^:]*:deliverystream/.+",
}
_TOPIC_ATTRIBUTES = frozenset({
    "ArchivePolicy", "BeginningArchiveTime", "ContentBasedDeduplication", "DataProtectionPolicy", "DeliveryPolicy",
    "DisplayName", "FifoThroughputScope", "FifoTopic", "KmsMasterKeyId", "Policy", "SignatureVersion", "TracingConfig",
})  # fmt: skip
_FEEDBACK = re.compile(
    r"(Application|HTTP|Lambda|Firehose|SQS)(SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)"
)
_SUBSCRIPTION_ATTRIBUTES = frozenset({
    "DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "ReplayPolicy",
    "SubscriptionRoleArn",
})  # fmt: skip


def _create(request: Mapping[str, Any]) -> None:
    name, attributes = str(request["Name"]), request.get("Attributes") or {}
    is_fifo = str(attributes.get("FifoTopic", "false")).lower() == "true"
    if not _NAME.fullmatch(name.removesuffix(".fifo") if is_fifo else name) or len(name) > 256:
        raise _invalid("Topic Name")
    if is_fifo and not name.endswith(".fifo"):
        raise _invalid("Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII")
    for attribute in attributes:
        _check_topic_attribute(attribute)


def _set(request: Mapping[str, Any]) -> None:
    _check_topic_attribute(str(request["AttributeName"]))


def _check_topic_attribute(name: str) -> None:
    if name not in _TOPIC_ATTRIBUTES and not _FEEDBACK.fullmatch(name):
        raise _invalid("AttributeName")


def _publish(request: Mapping[str, Any]) -> None:
    message, subject = str(request["Message"]), request.get("Subject")
    if not message:
        raise _invalid("Empty message")
    if subject is not None and not _SUBJECT.fullmatch(str(subject)):
        raise _invalid("Subject")
    if len(message.encode()) > _LONGEST:
        raise _invalid("Message too long")
    if request.get("MessageStructure") not in (None, "json"):
        raise _invalid("MessageStructure")
    if request.get("MessageStructure") == "json":
        _check_structured(message)
    check_attributes(request.get("MessageAttributes") or {}, "ParameterValueInvalid")


def _check_structured(message: str) -> None:
    try:
        document = json.loads(message)
    except ValueError:
        raise _invalid("Message Structure - JSON message body failed to parse") from None
    if not isinstance(document, dict) or "default" not in document:
        raise _invalid("Message Structure - No default entry in JSON message body")


def _publish_batch(request: Mapping[str, Any]) -> None:
    for entry in request["PublishBatchRequestEntries"]:
        _publish(entry)


def _subscribe(request: Mapping[str, Any]) -> None:
    protocol, endpoint = str(request["Protocol"]), str(request.get("Endpoint") or "")
    wanted = _ENDPOINTS.get(protocol)
    if wanted is None:
        raise _invalid(f"Amazon SNS does not support this protocol string: {protocol}")
    if not re.fullmatch(wanted, endpoint):
        raise _invalid(f"Endpoint: '{endpoint}' is none of the protocol {protocol}")
    for name, value in (request.get("Attributes") or {}).items():
        _check_subscription(name, value)


def _set_subscription(request: Mapping[str, Any]) -> None:
    _check_subscription(str(request["AttributeName"]), request.get("AttributeValue"))


def _check_subscription(name: str, value: Any) -> None:
    if name not in _SUBSCRIPTION_ATTRIBUTES:
        raise _invalid("AttributeName")
    if name == "FilterPolicyScope" and value not in ("MessageAttributes", "MessageBody"):
        raise _invalid("FilterPolicyScope: Invalid value. Please use either MessageBody or MessageAttributes")
    if name == "FilterPolicy" and value:
        try:
            document = json.loads(value)
        except ValueError:
            raise _invalid("FilterPolicy: failed to parse JSON") from None
        check_filter(document)


# How a condition of a filter policy may look (Developer Guide, "Amazon SNS subscription filter policies").
_CONDITIONS = frozenset({
    "anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard",
})  # fmt: skip


def check_filter(document: Any) -> None:
    """Check a filter policy. Raises InvalidParameter for one that SNS would refuse."""
    if not isinstance(document, dict):
        raise _invalid("FilterPolicy: Filter policy must be a JSON object")
    for name, conditions in document.items():
        if isinstance(conditions, dict):
            check_filter(conditions)
        elif not isinstance(conditions, list) or not conditions:
            raise _invalid(f"FilterPolicy: '{name}' must be an object or a non-empty array")
        elif name == "$or":
            for each in conditions:
                check_filter(each)
        else:
            for each in conditions:
                _check_condition(name, each)


def _check_condition(name: str, condition: Any) -> None:
    if isinstance(condition, list) or (
        isinstance(condition, dict) and (len(condition) != 1 or not _CONDITIONS.issuperset(condition))
    ):
        known = ", ".join(sorted(_CONDITIONS))
        raise _invalid(f"FilterPolicy: Unrecognized match type of '{name}'; there are values and {known}")


def _invalid(what: str) -> ServiceError:
    return ServiceError("InvalidParameter", f"Invalid parameter: {what}")


CHECKS = {
    "sns:CreateTopic": _create,
    "sns:SetTopicAttributes": _set,
    "sns:Publish": _publish,
    "sns:PublishBatch": _publish_batch,
    "sns:Subscribe": _subscribe,
    "sns:SetSubscriptionAttributes": _set_subscription,
}
