"""Checks that depend on what exists in the account, where AWS refuses a request for it; only within a request."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ministack.services import dynamodb, eventbridge, iam, lambda_svc, sns, sqs

from gridwatch.localcloud.requests import buses, functions, roles, topics
from gridwatch.localcloud.requests.reading import Call
from gridwatch.localcloud.sagemaker.errors import ServiceError

Request = Mapping[str, Any]
_TOP_LEVEL = re.compile(r"(?<![\w.:#\]])[#A-Za-z_][\w#]*")  # of document paths, their first names


def check_what_is_there(call: Call) -> None:
    """Check a request against what exists. Raises ServiceError."""
    check = _CHECKS.get(f"{call.service}:{call.operation.name}")
    if check is not None:
        check(call.parameters)


def _role_of_function(request: Request) -> None:
    role = request.get("Role")
    if role is not None and str(role).rsplit("/", 1)[-1] not in iam._roles:
        raise ServiceError(
            "InvalidParameterValueException",
            f"The role defined for the function cannot be assumed by Lambda. There is no role {role}",
        )


def _source(request: Request) -> None:
    source = str(request.get("EventSourceArn", ""))
    if ":sqs:" not in source:
        return
    queue = sqs._queues.get(sqs._queue_name_to_url.get(source.rsplit(":", 1)[-1], ""))
    if queue is None:
        raise ServiceError(
            "InvalidParameterValueException",
            f"Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue: {source}",
        )
    function = lambda_svc._functions.get(str(request["FunctionName"]).rsplit(":", 1)[-1])
    timeout = int(function["config"].get("Timeout", 3)) if function else 0
    visible = int(queue["attributes"].get("VisibilityTimeout", 30))
    if visible < timeout:
        raise ServiceError(
            "InvalidParameterValueException",
            f"Queue visibility timeout: {visible} seconds is less than Function timeout: {timeout} seconds",
        )


def _topic(request: Request) -> None:
    """Check the creation of a topic: an existing one is returned, but never under other attributes or tags than
    it has.
    """
    topic = next((each for arn, each in sns._topics.items() if arn.rsplit(":", 1)[-1] == request["Name"]), None)
    if topic is None:
        return
    known = topic.get("attributes", {})
    if any(str(known.get(name, "")) != str(value) for name, value in (request.get("Attributes") or {}).items()):
        raise _other_topic("attributes")
    asked = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or ()}
    if asked and asked != _tags(topic):
        raise _other_topic("tags")


def _other_topic(what: str) -> ServiceError:
    told = f"Invalid parameter: {what.capitalize()} Reason: Topic already exists with different {what}"
    return ServiceError("InvalidParameter", told)


def _tags(topic: Mapping[str, Any]) -> dict[str, str]:
    tags = topic.get("tags") or {}
    return dict(tags) if isinstance(tags, Mapping) else {tag["Key"]: tag["Value"] for tag in tags}


def _query(request: Request) -> None:
    """Check a query: its filter may only use attributes that are no keys of what is queried; those belong in the key
    condition.
    """
    table = dynamodb._tables.get(str(request["TableName"]).rsplit("/", 1)[-1])
    if table is None or not request.get("FilterExpression"):
        return
    indexes = [*(table.get("GlobalSecondaryIndexes") or ()), *(table.get("LocalSecondaryIndexes") or ())]
    schemas = {each["IndexName"]: each["KeySchema"] for each in indexes} | {None: table["KeySchema"]}
    keys = {each["AttributeName"] for each in schemas.get(request.get("IndexName"), ())}
    names = request.get("ExpressionAttributeNames") or {}
    used = {names.get(word, word) for word in _TOP_LEVEL.findall(str(request["FilterExpression"]))}
    if taken := sorted(keys & used):
        raise ServiceError(
            "ValidationException",
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: " + taken[0],
        )


def _delete_rule(request: Request) -> None:
    bus = str(request.get("EventBusName") or "default").rsplit("/", 1)[-1]
    if eventbridge._targets.get(eventbridge._rule_key(str(request["Name"]), bus)):
        raise ServiceError("ValidationException", "Rule can't be deleted since it has targets.")


def _topic_of_subscription(request: Request) -> None:
    if request.get("TopicArn") not in sns._topics:
        raise ServiceError("NotFound", f"Topic does not exist: {request.get('TopicArn')}")


def _rule_of_stack(properties: Request) -> None:
    pattern = properties.get("EventPattern")
    given = {**properties, "EventPattern": json.dumps(pattern) if isinstance(pattern, Mapping) else pattern}
    buses.CHECKS["events:PutRule"](given)
    why = eventbridge._event_pattern_error(given["EventPattern"])
    if why:
        raise ServiceError("InvalidEventPatternException", f"Event pattern is not valid. Reason: {why}")


def _role_of_stack(properties: Request) -> None:
    trust = properties.get("AssumeRolePolicyDocument")
    document = trust if isinstance(trust, str) else json.dumps(trust)
    roles.CHECKS["iam:CreateRole"]({"AssumeRolePolicyDocument": document})


def _with_numbers(check: Callable[[Request], None]) -> Callable[[Request], None]:
    """Check properties whose numbers a template may write as text."""

    def checked(properties: Request) -> None:
        numbers = {name: int(text) for name, text in properties.items() if str(text).isdigit()}
        check({**properties, **numbers})

    return checked


# What is asked of a stack's resources beside what their schemas hold; by type.
OF_STACKS: Mapping[str, Sequence[Callable[[Request], None]]] = {
    "AWS::Events::Rule": (_rule_of_stack,),
    "AWS::IAM::Role": (_role_of_stack,),
    "AWS::Lambda::EventSourceMapping": (
        _with_numbers(functions.CHECKS["lambda:CreateEventSourceMapping"]),
        _source,
    ),
    "AWS::Lambda::Function": (
        _with_numbers(functions.CHECKS["lambda:UpdateFunctionConfiguration"]),
        _role_of_function,
    ),
    "AWS::SNS::Subscription": (topics.CHECKS["sns:Subscribe"], _topic_of_subscription),
    "AWS::Scheduler::Schedule": (buses.CHECKS["scheduler:CreateSchedule"],),
}
_CHECKS: Mapping[str, Callable[[Request], None]] = {
    "dynamodb:Query": _query,
    "events:DeleteRule": _delete_rule,
    "lambda:CreateEventSourceMapping": _source,
    "lambda:CreateFunction": _role_of_function,
    "lambda:UpdateFunctionConfiguration": _role_of_function,
    "sns:CreateTopic": _topic,
}
