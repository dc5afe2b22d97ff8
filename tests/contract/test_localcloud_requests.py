"""Requests that AWS refuses are refused, in every service that MiniStack stands in for; others are taken."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.contract.localcloud_world import World, wait_for

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}  # fmt: skip
KEYS = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}  # fmt: skip
QUEUE = "arn:aws:sqs:us-east-1:000000000000:limits"
PATTERN = '{"source": ["x"]}'
MACHINE = '{"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}'
Requests = Mapping[str, Any]


class Services:
    """Clients that send what they are given, and the resources that the requests below name."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._session = boto3.session.Session("000000000000", "local", region_name="us-east-1")
        self.queue = world.client("sqs").create_queue(QueueName="limits")["QueueUrl"]
        self.topic = world.client("sns").create_topic(Name="limits", Attributes={"DisplayName": "x"})["TopicArn"]
        world.client("dynamodb").create_table(TableName="limits", **KEYS)
        world.client("logs").create_log_group(logGroupName="limits")
        world.client("logs").create_log_stream(logGroupName="limits", logStreamName="s")
        world.client("events").put_rule(Name="limits", EventPattern=PATTERN)
        world.client("events").put_targets(Rule="limits", Targets=[{"Id": "q", "Arn": QUEUE}])
        world.client("s3").create_bucket(Bucket="limits")
        world.client("s3").put_object(Bucket="limits", Key="x", Body=b"x")
        self.function = {"Runtime": "python3.13", "Role": world.role, "Handler": "a.b", "Code": {"ZipFile": code()}}
        world.client("lambda").create_function(FunctionName="limits", Timeout=60, **self.function)

    def call(self, service: str, operation: str, request: Requests) -> Any:
        unchecked = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        client = self._session.client(service, endpoint_url=self._world.cloud.endpoint, config=unchecked)
        named = {"QUEUE": self.queue, "TOPIC": self.topic, **self.function}
        filled = {key: named.get(value, value) if isinstance(value, str) else value for key, value in request.items()}
        return getattr(client, operation)(**filled)


def code() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("a.py", "def b(event, context): return event")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def services(world: World) -> Services:
    return Services(world)


def attributes(count: int) -> dict[str, Any]:
    return {f"a{number}": {"DataType": "String", "StringValue": "x"} for number in range(count)}


def policy(**changes: Any) -> str:
    statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **changes}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refused_messages() -> Iterator[tuple[str, str, Requests, str]]:
    to_queue, to_topic = {"QueueUrl": "QUEUE", "MessageBody": "x"}, {"TopicArn": "TOPIC", "Message": "x"}
    for name in ("a b", "a" * 81, "a.fifo", "a/b"):
        yield "sqs", "create_queue", {"QueueName": name}, "InvalidParameterValue"
    yield "sqs", "create_queue", {"QueueName": "n", "Attributes": {"Colour": "red"}}, "InvalidAttributeName"
    for name, value in (("VisibilityTimeout", "43201"), ("DelaySeconds", "901"), ("MessageRetentionPeriod", "59")):
        given = {"QueueUrl": "QUEUE", "Attributes": {name: value}}
        yield "sqs", "set_queue_attributes", given, "InvalidParameterValue"
    yield "sqs", "get_queue_attributes", {"QueueUrl": "QUEUE", "AttributeNames": ["Colour"]}, "InvalidAttributeName"
    yield "sqs", "send_message", {**to_queue, "DelaySeconds": 901}, "InvalidParameterValue"
    yield "sqs", "send_message", {**to_queue, "MessageAttributes": attributes(11)}, "InvalidParameterValue"
    odd = {"a": {"DataType": "Colour", "StringValue": "x"}}
    yield "sqs", "send_message", {**to_queue, "MessageAttributes": odd}, "InvalidParameterValue"
    yield "sqs", "receive_message", {"QueueUrl": "QUEUE", "WaitTimeSeconds": 21}, "InvalidParameterValue"
    yield "sqs", "receive_message", {"QueueUrl": "QUEUE", "VisibilityTimeout": 43201}, "InvalidParameterValue"
    yield "sqs", "receive_message", {"QueueUrl": "QUEUE", "AttributeNames": ["Colour"]}, "InvalidAttributeName"
    for name in ("a b", "a" * 257, "a.fifo"):
        yield "sns", "create_topic", {"Name": name}, "InvalidParameter"
    yield "sns", "create_topic", {"Name": "limits", "Attributes": {"DisplayName": "y"}}, "InvalidParameter"
    yield "sns", "create_topic", {"Name": "limits", "Tags": [{"Key": "a", "Value": "b"}]}, "InvalidParameter"
    for subject in ("s" * 101, "two\nlines", "Zürich", " blank", ""):
        yield "sns", "publish", {**to_topic, "Subject": subject}, "InvalidParameter"
    yield "sns", "publish", {**to_topic, "Message": ""}, "InvalidParameter"
    yield "sns", "publish", {**to_topic, "Message": "ä" * 131_073}, "InvalidParameter"
    yield "sns", "publish", {**to_topic, "Message": '{"email": "x"}', "MessageStructure": "json"}, "InvalidParameter"
    yield "sns", "publish", {**to_topic, "MessageStructure": "xml"}, "InvalidParameter"
    for protocol, endpoint in (("pigeon", "x"), ("email", "nobody"), ("sqs", "limits"), ("https", "http://x")):
        given = {"TopicArn": "TOPIC", "Protocol": protocol, "Endpoint": endpoint}
        yield "sns", "subscribe", given, "InvalidParameter"
    for text in ("no json", '{"a": "x"}', '{"a": []}', '{"a": [{"like": "x"}]}', "[]"):
        given = {"TopicArn": "TOPIC", "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": {"FilterPolicy": text}}
        yield "sns", "subscribe", given, "InvalidParameter"


def refused_events() -> Iterator[tuple[str, str, Requests, str]]:
    for name in ("a b", "a" * 65):
        yield "events", "put_rule", {"Name": name, "EventPattern": PATTERN}, "ValidationException"
    yield "events", "put_rule", {"Name": "n"}, "ValidationException"
    yield "events", "put_rule", {"Name": "n", "EventPattern": PATTERN, "State": "PAUSED"}, "ValidationException"
    for text in ("rate(1 minutes)", "rate(5 minute)", "rate(0 days)", "cron(0 0 * * *)", "cron(0 0 1 * 1 *)", "daily"):
        yield "events", "put_rule", {"Name": "n", "ScheduleExpression": text}, "ValidationException"
    targets = [{"Id": str(number), "Arn": QUEUE} for number in range(6)]
    yield "events", "put_targets", {"Rule": "limits", "Targets": targets}, "LimitExceededException"
    yield "events", "delete_rule", {"Name": "limits"}, "ValidationException"
    large = {"Source": "x", "DetailType": "x", "Detail": json.dumps({"a": "x" * 1_048_576})}
    yield "events", "put_events", {"Entries": [large]}, "ValidationException"
    schedule = {"FlexibleTimeWindow": {"Mode": "OFF"}, "Target": {"Arn": QUEUE, "RoleArn": "Role"}}
    yield "scheduler", "create_schedule", {"Name": "n", "ScheduleExpression": "soon", **schedule}, "ValidationException"
    yield "scheduler", "create_schedule", {"Name": "a b", "ScheduleExpression": "rate(1 day)", **schedule}, "Validation"
    machine = {"definition": MACHINE, "roleArn": "arn:aws:iam::000000000000:role/job"}
    yield "stepfunctions", "create_state_machine", {"name": "a b", **machine}, "InvalidName"
    yield "stepfunctions", "create_state_machine", {"name": "n", **machine, "definition": "{}"}, "InvalidDefinition"


def refused_stores() -> Iterator[tuple[str, str, Requests, str]]:
    yield "dynamodb", "create_table", {"TableName": "ab", **KEYS}, "ValidationException"
    yield (
        "dynamodb",
        "put_item",
        {"TableName": "limits", "Item": {"pk": {"S": "a"}}, "ReturnValues": "NEW"},
        "Validation",
    )
    values = {":a": {"S": "x"}}
    twice = {"UpdateExpression": "SET #v = :a, v.w = :a", "ExpressionAttributeNames": {"#v": "v"}}
    update = {"TableName": "limits", "Key": {"pk": {"S": "a"}}, "ExpressionAttributeValues": values}
    yield "dynamodb", "update_item", {**update, **twice}, "ValidationException"
    query = {"TableName": "limits", "KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": values}
    yield "dynamodb", "query", {**query, "FilterExpression": "contains(pk, :a)"}, "ValidationException"
    yield "s3", "put_object", {"Bucket": "limits", "Key": "ä" * 513, "Body": b""}, "KeyTooLongError"
    long = {"Metadata": {"a": "x" * 2048}}
    yield "s3", "put_object", {"Bucket": "limits", "Key": "y", "Body": b"", **long}, "MetadataTooLarge"
    many = {"Objects": [{"Key": str(number)} for number in range(1001)]}
    yield "s3", "delete_objects", {"Bucket": "limits", "Delete": many}, "MalformedXML"
    yield "s3", "list_objects_v2", {"Bucket": "limits", "ContinuationToken": "next!"}, "InvalidArgument"
    yield "s3", "put_bucket_policy", {"Bucket": "limits", "Policy": "none"}, "MalformedPolicy"
    copied = {"Bucket": "limits", "Key": "x", "CopySource": {"Bucket": "limits", "Key": "x"}}
    yield "s3", "copy_object", copied, "InvalidRequest"
    yield "logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException"
    yield "logs", "put_retention_policy", {"logGroupName": "limits", "retentionInDays": 2}, "InvalidParameterException"
    for events in (
        [],
        [(2000, "x"), (1000, "x")],
        [(1000, "")],
        [(1000, "x" * 1_048_576)],
        [(0, "x"), (90_000_000, "x")],
    ):
        given = [{"timestamp": 1_796_000_000_000 + at, "message": text} for at, text in events]
        named = {"logGroupName": "limits", "logStreamName": "s", "logEvents": given}
        yield "logs", "put_log_events", named, "InvalidParameterException"
    both = {"logGroupName": "limits", "logStreamNames": ["s"], "logStreamNamePrefix": "s"}
    yield "logs", "filter_log_events", both, "InvalidParameterException"
    yield "glue", "create_database", {"DatabaseInput": {}}, "InvalidInputException"
    yield "ssm", "put_parameter", {"Name": "n", "Value": "x" * 4097, "Type": "String"}, "ValidationException"
    yield "ssm", "put_parameter", {"Name": "n", "Value": "x", "Type": "Text"}, "ValidationException"
    yield "secretsmanager", "create_secret", {"Name": "n", "SecretString": "x" * 65_537}, "ValidationException"
    yield "cloudwatch", "put_metric_alarm", {"AlarmName": "n"}, "ValidationError"
    yield "cloudwatch", "put_metric_data", {"Namespace": "AWS/x", "MetricData": []}, "InvalidParameter"


def refused_functions() -> Iterator[tuple[str, str, Requests, str]]:
    given = {"Runtime": "Runtime", "Role": "Role", "Handler": "Handler", "Code": "Code"}
    for change in (
        {"FunctionName": "a b"}, {"FunctionName": "a" * 65}, {"Runtime": "python9"}, {"Timeout": 901},
        {"MemorySize": 100}, {"Architectures": ["m68k"]}, {"Role": "nobody"},
        {"Environment": {"Variables": {"1A": "x"}}},
    ):  # fmt: skip
        yield "lambda", "create_function", {"FunctionName": "n", **given, **change}, "ValidationException"
    layers = [f"arn:aws:lambda:us-east-1:000000000000:layer:none:{number}" for number in range(1, 7)]
    for wrong in (
        {"Role": "arn:aws:iam::000000000000:role/nobody"}, {"Layers": layers},
        {"Environment": {"Variables": {"AB": "x" * 4096}}}, {"Environment": {"Variables": {"AWS_REGION": "x"}}},
    ):  # fmt: skip
        yield "lambda", "create_function", {"FunctionName": "n", **given, **wrong}, "InvalidParameterValueException"
    invoke = {"FunctionName": "limits", "Payload": "no json"}
    yield "lambda", "invoke", invoke, "InvalidRequestContentException"
    yield "lambda", "invoke", {**invoke, "Payload": json.dumps("x" * 6_291_456)}, "RequestTooLargeException"
    large = {"Payload": json.dumps("x" * 1_048_576), "InvocationType": "Event"}
    yield "lambda", "invoke", {**invoke, **large}, "RequestTooLargeException"
    yield "lambda", "invoke", {**invoke, "Payload": "{}", "InvocationType": "Later"}, "ValidationException"
    source = {"FunctionName": "limits", "EventSourceArn": QUEUE}
    for change in ({"BatchSize": 11}, {"EventSourceArn": f"{QUEUE}-none"}, {}):
        yield "lambda", "create_event_source_mapping", {**source, **change}, "InvalidParameterValueException"


def refused_policies_and_stacks() -> Iterator[tuple[str, str, Requests, str]]:
    for document in ("none", "{}", policy(Principal="*", Effect="Maybe"), policy()):
        given = {"RoleName": "n", "AssumeRolePolicyDocument": document}
        yield "iam", "create_role", given, "MalformedPolicyDocument"
    yield "iam", "create_role", {"RoleName": "a" * 65, "AssumeRolePolicyDocument": json.dumps(TRUST)}, "ValidationError"
    long = policy(Resource=[f"arn:aws:s3:::bucket-{number}" for number in range(500)])
    yield "iam", "put_role_policy", {"RoleName": "job", "PolicyName": "p", "PolicyDocument": long}, "LimitExceeded"
    yield (
        "iam",
        "create_policy",
        {"PolicyName": "n", "PolicyDocument": policy(Effect="allow")},
        "MalformedPolicyDocument",
    )
    queue = {"Type": "AWS::SQS::Queue"}
    for resources in (
        {}, {"Q": {**queue, "DependsOn": "Nobody"}}, {"Q": {**queue, "Properties": {"QueueName": {"Ref": "Nobody"}}}},
        {"Q": {**queue, "Properties": {"QueueName": {"Fn::Sub": "${Nobody}-x"}}}},
        {"Q": {**queue, "Properties": {"Colour": "red"}}}, {"T": {"Type": "AWS::DynamoDB::Table", "Properties": {}}},
        {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Role": "x", "Code": {"Colour": "red"}}}},
    ):  # fmt: skip
        given = {"StackName": "refused", "TemplateBody": json.dumps({"Resources": resources})}
        yield "cloudformation", "create_stack", given, "ValidationError"
    body = json.dumps({"Resources": {"Q": queue}})
    unknown = [{"ParameterKey": "Nobody", "ParameterValue": "x"}]
    asked: Requests = {"StackName": "refused", "TemplateBody": body, "Parameters": unknown}
    yield "cloudformation", "create_stack", asked, "ValidationError"
    yield "cloudformation", "create_stack", {"StackName": "1 a", "TemplateBody": body}, "ValidationError"
    role = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
    given = {"StackName": "refused", "TemplateBody": json.dumps({"Resources": {"R": role}})}
    yield "cloudformation", "create_stack", given, "InsufficientCapabilities"


REFUSED = [
    *refused_messages(),
    *refused_events(),
    *refused_stores(),
    *refused_functions(),
    *refused_policies_and_stacks(),
]


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda number: f"{number}-{REFUSED[number][1]}")
def test_what_aws_refuses_is_refused(services: Services, number: int) -> None:
    service, operation, request, error = REFUSED[number]
    with pytest.raises(ClientError) as refusal:
        services.call(service, operation, request)
    assert refusal.value.response["Error"]["Code"].startswith(error)
    assert refusal.value.response["Error"]["Message"]


def taken() -> Iterator[tuple[str, str, Requests]]:
    yield "sqs", "create_queue", {"QueueName": "a" * 75 + ".fifo", "Attributes": {"FifoQueue": "true"}}
    yield "sqs", "send_message", {"QueueUrl": "QUEUE", "MessageBody": "x", "MessageAttributes": attributes(10)}
    yield "sqs", "send_message", {"QueueUrl": "QUEUE", "MessageBody": "x" * 300_000, "DelaySeconds": 900}
    names = ["All", "MessageGroupId", "SentTimestamp"]
    yield "sqs", "receive_message", {"QueueUrl": "QUEUE", "AttributeNames": names, "MaxNumberOfMessages": 10}
    yield "sns", "create_topic", {"Name": "limits", "Attributes": {"DisplayName": "x"}}
    yield "sns", "publish", {"TopicArn": "TOPIC", "Message": "x" * 262_144, "Subject": "s" * 100}
    text = '{"email": "x", "default": "y"}'
    yield "sns", "publish", {"TopicArn": "TOPIC", "Message": text, "MessageStructure": "json"}
    rules = '{"a": ["x", {"prefix": "y"}, {"numeric": [">", 1]}], "b": {"c": [{"exists": true}]}}'
    attribute = {"FilterPolicy": rules, "FilterPolicyScope": "MessageBody"}
    yield "sns", "subscribe", {"TopicArn": "TOPIC", "Protocol": "sqs", "Endpoint": QUEUE, "Attributes": attribute}
    for text in ("rate(1 minute)", "rate(5 minutes)", "cron(0 10 * * ? *)", "cron(0/15 8-17 ? * MON-FRI *)"):
        yield "events", "put_rule", {"Name": "n", "ScheduleExpression": text}
    yield (
        "dynamodb",
        "put_item",
        {"TableName": "limits", "Item": {"pk": {"S": "a"}, "v": {"M": {}}, "n": {"NULL": True}}},
    )
    changes = "SET v.w = if_not_exists(v.w, :a), #x = :a REMOVE y, z[0] ADD k :n"
    update = {"TableName": "limits", "Key": {"pk": {"S": "a"}}, "ExpressionAttributeNames": {"#x": "status"}}
    values = {"ExpressionAttributeValues": {":a": {"S": "x"}, ":n": {"N": "1"}}, "UpdateExpression": changes}
    yield "dynamodb", "update_item", {**update, **values}
    query = {"KeyConditionExpression": "pk = :a", "FilterExpression": "v.pk = :a OR #s = :a"}
    more = {"ExpressionAttributeValues": {":a": {"S": "a"}}, "ExpressionAttributeNames": {"#s": "status"}}
    yield "dynamodb", "query", {"TableName": "limits", **query, **more}
    yield "s3", "put_object", {"Bucket": "limits", "Key": "x" * 1024, "Body": b"", "Metadata": {"a": "x" * 2047}}
    copied = {"CopySource": {"Bucket": "limits", "Key": "x"}, "MetadataDirective": "REPLACE"}
    yield "s3", "copy_object", {"Bucket": "limits", "Key": "x", **copied}
    yield "logs", "put_retention_policy", {"logGroupName": "limits", "retentionInDays": 731}
    yield "ssm", "put_parameter", {"Name": "whole", "Value": "x" * 4096, "Type": "String"}
    given = {"FunctionName": "a" * 64, "Runtime": "Runtime", "Role": "Role", "Handler": "Handler", "Code": "Code"}
    yield "lambda", "create_function", {**given, "Timeout": 900, "Environment": {"Variables": {"AB": "x" * 4000}}}
    yield "lambda", "invoke", {"FunctionName": "arn:aws:lambda:us-east-1:000000000000:function:limits", "Payload": "{}"}
    yield "iam", "create_role", {"RoleName": "a" * 64, "AssumeRolePolicyDocument": json.dumps(TRUST)}
    alarm = {"MetricName": "m", "Namespace": "n", "Period": 60, "EvaluationPeriods": 1, "Statistic": "Sum"}
    over = {"Threshold": 1.5, "ComparisonOperator": "GreaterThanThreshold"}
    yield "cloudwatch", "put_metric_alarm", {"AlarmName": "whole", **alarm, **over}
    metric = {"MetricName": "m", "Value": 1.5, "Unit": "Seconds", "Dimensions": [{"Name": "a", "Value": "b"}]}
    yield "cloudwatch", "put_metric_data", {"Namespace": "x", "MetricData": [metric]}


TAKEN = list(taken())


@pytest.mark.parametrize("number", range(len(TAKEN)), ids=lambda number: f"{number}-{TAKEN[number][1]}")
def test_what_is_within_the_limits_is_taken(services: Services, number: int) -> None:
    assert services.call(*TAKEN[number])["ResponseMetadata"]["HTTPStatusCode"] < 300


def test_a_bad_event_spoils_none_of_the_others(services: Services) -> None:
    good = {"Source": "x", "DetailType": "x", "Detail": "{}"}
    entries = [{**good, "Detail": "none"}, good, {**good, "Source": ""}, {**good, "Source": "aws.s3"}]
    answer = services.call("events", "put_events", {"Entries": entries})
    assert answer["FailedEntryCount"] == 3
    assert [each.get("ErrorCode") for each in answer["Entries"]] == [
        "MalformedDetail", None, "InvalidArgument", "NotAuthorizedForSourceException",
    ]  # fmt: skip


def test_s3_lists_a_thousand_keys_at_once(services: Services, world: World) -> None:
    for number in range(1001):
        world.client("s3").put_object(Bucket="limits", Key=f"many/{number:04}", Body=b"")
    listed = world.client("s3").list_objects_v2(Bucket="limits", Prefix="many/", MaxKeys=5000)
    assert (listed["KeyCount"], listed["IsTruncated"]) == (1000, True)


@pytest.mark.parametrize(
    ("kind", "properties", "words"),
    [
        ("AWS::Events::Rule", {"EventPattern": {"source": "x"}}, "Event pattern is not valid"),
        ("AWS::Events::Rule", {"ScheduleExpression": "rate(1 minutes)"}, "ScheduleExpression is not valid"),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Statement": []}}, "Statement"),
        ("AWS::SNS::Subscription", {"TopicArn": "arn:aws:sns:us-east-1:000000000000:nobody", "Protocol": "sqs",
                                    "Endpoint": QUEUE}, "Topic does not exist"),
        ("AWS::Lambda::Function", {"Role": "arn:aws:iam::000000000000:role/nobody", "Handler": "a.b",
                                   "Runtime": "python3.13", "Code": {"ZipFile": "x"}}, "cannot be assumed"),
        ("AWS::Lambda::Function", {"Role": "arn:aws:iam::000000000000:role/job", "Handler": "a.b", "Timeout": "901",
                                   "Runtime": "python3.13", "Code": {"ZipFile": "x"}}, "less than or equal to 900"),
        ("AWS::Lambda::EventSourceMapping", {"FunctionName": "limits", "EventSourceArn": QUEUE}, "visibility timeout"),
    ],
)  # fmt: skip
def test_a_stack_is_told_what_its_services_refuse(
    services: Services, world: World, kind: str, properties: Mapping[str, Any], words: str
) -> None:
    cloudformation, name = world.client("cloudformation"), world.name("refused")
    body = json.dumps({"Resources": {"It": {"Type": kind, "Properties": properties}}})
    cloudformation.create_stack(StackName=name, TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])

    def status() -> str | None:
        told = str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])
        return None if told.endswith("IN_PROGRESS") else told

    assert wait_for(status) == "ROLLBACK_COMPLETE"
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    assert any(words in event.get("ResourceStatusReason", "") for event in events)
