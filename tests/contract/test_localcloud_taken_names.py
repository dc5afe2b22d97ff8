"""A name that is taken: CloudFormation refuses to create the resource, and what is there stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.localcloud.deploy import DeployError, deploy
from tests.contract.localcloud_world import World, wait_for

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}  # fmt: skip
KEYS = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}  # fmt: skip
CODE = {"Handler": "index.handler", "Runtime": "python3.13", "Role": "arn:aws:iam::000000000000:role/job",
        "Code": {"ZipFile": "def handler(event, context): return 1"}}  # fmt: skip
ALARM = {"MetricName": "m", "Namespace": "n", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1,
         "Threshold": 1, "Period": 60, "Statistic": "Sum"}  # fmt: skip
DENIED = {"Effect": "Deny", "Action": "*", "Resource": "*"}
BATCH = {"CapacityLimits": [{"MaxCapacity": 1, "CapacityUnit": "NUM_INSTANCES"}]}
# The property that names it, and the others.
KINDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "AWS::S3::Bucket": ("BucketName", {}),
    "AWS::DynamoDB::Table": ("TableName", KEYS),
    "AWS::SQS::Queue": ("QueueName", {"VisibilityTimeout": 7}),
    "AWS::SNS::Topic": ("TopicName", {}),
    "AWS::IAM::Role": ("RoleName", {"AssumeRolePolicyDocument": TRUST}),
    "AWS::IAM::ManagedPolicy": ("ManagedPolicyName", {"PolicyDocument": {"Version": "2012-10-17", "Statement": []}}),
    "AWS::Logs::LogGroup": ("LogGroupName", {}),
    "AWS::Lambda::Function": ("FunctionName", CODE),
    "AWS::Events::Rule": ("Name", {"EventPattern": {"source": ["nobody"]}}),
    "AWS::CloudWatch::Alarm": ("AlarmName", ALARM),
    "AWS::CloudWatch::Dashboard": ("DashboardName", {"DashboardBody": '{"widgets": []}'}),
    "AWS::Athena::WorkGroup": ("Name", {}),
    "AWS::SSM::Parameter": ("Name", {"Type": "String", "Value": "v"}),
    "AWS::SecretsManager::Secret": ("Name", {"SecretString": "x"}),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", {
        "RoleArn": "arn:aws:iam::000000000000:role/job",
        "DefinitionString": '{"StartAt": "a", "States": {"a": {"Type": "Pass", "End": true}}}'}),
    "AWS::Scheduler::ScheduleGroup": ("Name", {}),
    "AWS::Batch::ServiceEnvironment": (
        "ServiceEnvironmentName", {**BATCH, "ServiceEnvironmentType": "SAGEMAKER_TRAINING"}
    ),
    "AWS::Batch::SchedulingPolicy": ("Name", {"FairsharePolicy": {}}),
    "AWS::Batch::JobQueue": ("JobQueueName", {
        "JobQueueType": "SAGEMAKER_TRAINING", "Priority": 1,
        "ServiceEnvironmentOrder": [{"Order": 1, "ServiceEnvironment": "e"}]}),
}  # fmt: skip


def stack(world: World, name: str, kind: str, properties: Mapping[str, Any], *, update: bool = False) -> dict[str, Any]:
    """The stack of one retained resource once nothing is done to it any more, with why something failed."""
    cloudformation = world.client("cloudformation")
    resource = {"Type": kind, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": properties}
    request = {
        "StackName": name,
        "TemplateBody": json.dumps({"Resources": {"It": resource}, "Outputs": {"Ref": {"Value": {"Ref": "It"}}}}),
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }
    (cloudformation.update_stack if update else cloudformation.create_stack)(**request)

    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        return None if found["StackStatus"].endswith("IN_PROGRESS") else found

    events = lambda: cloudformation.describe_stack_events(StackName=name)["StackEvents"]  # noqa: E731
    found = wait_for(over)
    failed = [each["ResourceStatusReason"] for each in events() if each["ResourceStatus"].endswith("FAILED")]
    return {**found, "failed": failed, "ref": {o["OutputKey"]: o["OutputValue"] for o in found.get("Outputs", [])}}


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_earlier_stack_has_retained_is_not_created_again(world: World, kind: str) -> None:
    naming, further = KINDS[kind]
    name = ("/" if kind.startswith(("AWS::SSM", "AWS::Logs")) else "") + world.name("taken")
    first = stack(world, world.name("stack"), kind, {naming: name, **further})
    assert first["StackStatus"] == "CREATE_COMPLETE", first["failed"]
    world.client("cloudformation").delete_stack(StackName=first["StackName"])
    second = stack(world, world.name("stack"), kind, {naming: name, **further})
    assert second["StackStatus"] in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED"), "on AWS this is refused"
    assert "exist" in second["failed"][0] or "Validation failed" in second["failed"][0]


def fill_table(world: World, name: str) -> Callable[[], bool]:
    dynamodb = world.client("dynamodb")
    dynamodb.create_table(TableName=name, **KEYS)
    dynamodb.put_item(TableName=name, Item={"pk": {"S": "precious"}})
    return lambda: dynamodb.scan(TableName=name)["Count"] == 1


def fill_log_group(world: World, name: str) -> Callable[[], bool]:
    logs = world.client("logs")
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="precious")
    return lambda: len(logs.describe_log_streams(logGroupName=name)["logStreams"]) == 1


def fill_queue(world: World, name: str) -> Callable[[], bool]:
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="precious")

    def is_there() -> bool:
        told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return (told["ApproximateNumberOfMessages"], told["VisibilityTimeout"]) == ("1", "5")

    return is_there


def fill_role(world: World, name: str) -> Callable[[], bool]:
    iam = world.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.put_role_policy(
        RoleName=name, PolicyName="precious", PolicyDocument=json.dumps({**TRUST, "Statement": [DENIED]})
    )
    return lambda: iam.list_role_policies(RoleName=name)["PolicyNames"] == ["precious"]


def fill_topic(world: World, name: str) -> Callable[[], bool]:
    sns = world.client("sns")
    arn = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:q")
    return lambda: len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1


def fill_rule(world: World, name: str) -> Callable[[], bool]:
    events = world.client("events")
    events.put_rule(Name=name, EventPattern='{"source": ["precious"]}')
    events.put_targets(Rule=name, Targets=[{"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}])
    return lambda: len(events.list_targets_by_rule(Rule=name)["Targets"]) == 1


@pytest.mark.parametrize(
    ("kind", "fill"),
    [
        ("AWS::DynamoDB::Table", fill_table),
        ("AWS::Logs::LogGroup", fill_log_group),
        ("AWS::SQS::Queue", fill_queue),
        ("AWS::IAM::Role", fill_role),
        ("AWS::SNS::Topic", fill_topic),
        ("AWS::Events::Rule", fill_rule),
    ],
)
def test_what_somebody_else_made_keeps_what_is_in_it(
    world: World, kind: str, fill: Callable[[World, str], Callable[[], bool]]
) -> None:
    naming, further = KINDS[kind]
    name = world.name("theirs")
    is_untouched = fill(world, name)
    refused = stack(world, world.name("stack"), kind, {naming: name, **further})
    assert name in refused["failed"][0]
    assert is_untouched(), "the refusal and the rollback leave it alone"
    world.client("cloudformation").delete_stack(StackName=refused["StackName"])
    assert is_untouched()
    # An update that gives a resource the name is refused too.
    mine = stack(world, world.name("stack"), kind, {naming: world.name("mine"), **further})
    moved = stack(world, mine["StackName"], kind, {naming: name, **further}, update=True)
    assert moved["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    assert is_untouched()


@pytest.mark.parametrize("kind", ["AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::SNS::Topic", "AWS::IAM::Role"])
def test_a_stack_made_again_draws_other_names_for_what_its_template_does_not_name(world: World, kind: str) -> None:
    _, further = KINDS[kind]
    name = world.name("stack")
    first = stack(world, name, kind, further)
    world.client("cloudformation").delete_stack(StackName=name)
    wait_for(lambda: True if is_gone(world, name) else None)
    again = stack(world, name, kind, further)
    assert again["StackStatus"] == "CREATE_COMPLETE", again["failed"]
    assert first["ref"]["Ref"] != again["ref"]["Ref"], "what was retained is another resource"
    tagged = stack(world, name, kind, {**further, "Tags": [{"Key": "a", "Value": "b"}]}, update=True)
    assert tagged["ref"]["Ref"] == again["ref"]["Ref"], "an update keeps the name"


def is_gone(world: World, name: str) -> bool:
    try:
        found = world.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return True
    return bool(found["StackStatus"] == "DELETE_COMPLETE")


def test_the_services_own_refusals_are_awss(world: World) -> None:
    name = world.name("api")
    sqs, dynamodb, logs, iam = (world.client(each) for each in ("sqs", "dynamodb", "logs", "iam"))
    sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})
    sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "5"})
    dynamodb.create_table(TableName=name, **KEYS)
    logs.create_log_group(logGroupName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    for call, code in (
        (lambda: sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "6"}), "QueueAlreadyExists"),
        (lambda: dynamodb.create_table(TableName=name, **KEYS), "ResourceInUseException"),
        (lambda: logs.create_log_group(logGroupName=name), "ResourceAlreadyExistsException"),
        (lambda: iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST)), "EntityAlreadyExists"),
    ):
        with pytest.raises(ClientError) as refusal:
            call()
        assert code in str(refusal.value) or code.removesuffix("Exception") in str(refusal.value)


def test_a_deployment_says_which_bucket_is_there_already(world: World, tmp_path: Path) -> None:
    name = world.name("bucket")
    world.client("s3").create_bucket(Bucket=name)
    resource = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": name}}
    (tmp_path / "Test.template.json").write_text(json.dumps({"Resources": {"Store": resource}}))
    told = {"templateFile": "Test.template.json", "stackName": world.name("stack")}
    artifacts = {"Test": {"type": "aws:cloudformation:stack", "properties": told}}
    (tmp_path / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    with pytest.raises(DeployError, match=f"Store: .*{name}.*exist"):
        deploy(tmp_path, world.cloud.endpoint)
