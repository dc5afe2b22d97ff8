"""Makes CloudFormation refuse to create what already exists, as AWS does; MiniStack does so for some types only, and
for the others replaces what was there by a new, empty resource: a table that an earlier stack retained, a log group, a
role.

A resource whose name the template leaves to CloudFormation gets another one when an earlier stack's still exists: on
AWS such names are drawn anew for each stack, in MiniStack they are made from the stack's and the resource's.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.services import (
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    ecr,
    eventbridge,
    iam,
    kinesis,
    kms,
    lambda_svc,
    scheduler,
    secretsmanager,
    sns,
    sqs,
    stepfunctions,
)
from ministack.services.cloudformation import provisioners

Properties = Mapping[str, Any]
Create = Callable[[str, Properties, str], tuple[str, dict[str, Any]]]


class NameTakenError(ValueError):
    """CloudFormation's error that a resource already exists."""

    def __init__(self, kind: str, name: str) -> None:
        told = f"Resource of type '{kind}' with identifier '{name}' already exists."
        super().__init__(f'Resource handler returned message: "{told}" (HandlerErrorCode: AlreadyExists)')


@dataclass(frozen=True, slots=True)
class Named:
    """The names of one resource type: which property names a resource, which names exist, and how one is made up."""

    name: str
    is_taken: Callable[[str, Properties], bool]
    made_up: Mapping[str, Any] = field(default_factory=dict)  # for MiniStack's _physical_name


def _has(store: Callable[[], Any]) -> Callable[[str, Properties], bool]:
    """Whether a name exists. Stores are looked up each time: they answer for the account and region of the request."""
    return lambda name, _: name in store()


def _ends(store: Callable[[], Any], ending: str) -> Callable[[str, Properties], bool]:
    """The names in a store by ARN."""
    return lambda name, _: any(str(arn).endswith(f"{ending}{name}") for arn in store())


def _has_policy(name: str, _: Properties) -> bool:
    return any(policy.get("PolicyName") == name for policy in iam._policies.values())


def _has_rule(name: str, properties: Properties) -> bool:
    return eventbridge._rule_key(name, provisioners._eb_rule_bus_name(properties)) in eventbridge._rules


def _has_schedule(name: str, properties: Properties) -> bool:
    return f"{properties.get('GroupName', 'default')}/{name}" in scheduler._schedules


KINDS: Mapping[str, Named] = {
    "AWS::DynamoDB::Table": Named("TableName", _has(lambda: dynamodb._tables), {"max_len": 255}),
    "AWS::DynamoDB::GlobalTable": Named("TableName", _has(lambda: dynamodb._tables), {"max_len": 255}),
    "AWS::SQS::Queue": Named("QueueName", _has(lambda: sqs._queue_name_to_url)),
    "AWS::SNS::Topic": Named("TopicName", _ends(lambda: sns._topics, ":"), {"max_len": 256}),
    "AWS::IAM::Role": Named("RoleName", _has(lambda: iam._roles), {"max_len": 64}),
    "AWS::IAM::ManagedPolicy": Named("ManagedPolicyName", _has_policy, {"max_len": 128}),
    "AWS::Logs::LogGroup": Named("LogGroupName", _has(lambda: cloudwatch_logs._log_groups)),
    "AWS::Lambda::Function": Named("FunctionName", _has(lambda: lambda_svc._functions), {"max_len": 64}),
    "AWS::Events::Rule": Named("Name", _has_rule, {"max_len": 64}),
    "AWS::CloudWatch::Alarm": Named("AlarmName", _has(lambda: cloudwatch._alarms), {"max_len": 255}),
    "AWS::CloudWatch::Dashboard": Named("DashboardName", _has(lambda: cloudwatch._dashboards), {"max_len": 255}),
    "AWS::SecretsManager::Secret": Named("Name", _has(lambda: secretsmanager._secrets), {"max_len": 128}),
    "AWS::KMS::Alias": Named("AliasName", _ends(lambda: kms._aliases, ":")),
    "AWS::StepFunctions::StateMachine": Named(
        "StateMachineName", _ends(lambda: stepfunctions._state_machines, ":stateMachine:"), {"max_len": 80}
    ),
    "AWS::Scheduler::Schedule": Named("Name", _has_schedule, {"max_len": 64}),
    "AWS::Scheduler::ScheduleGroup": Named("Name", _has(lambda: scheduler._schedule_groups), {"max_len": 64}),
    "AWS::Kinesis::Stream": Named("Name", _has(lambda: kinesis._streams), {"lowercase": True, "max_len": 128}),
    "AWS::ECR::Repository": Named(
        "RepositoryName", _has(lambda: ecr._repositories), {"lowercase": True, "max_len": 256}
    ),
}


def refuse_taken_names() -> None:
    """Have MiniStack's stacks refuse names that are taken."""
    for kind, named in KINDS.items():
        handlers = provisioners._RESOURCE_HANDLERS[kind]
        create = handlers["create"]
        refusing = _refusing(kind, named, create)
        handlers["create"] = refusing
        # An update that gives the resource another name calls the function by its own name.
        setattr(provisioners, create.__name__, refusing)


def _refusing(kind: str, named: Named, create: Create) -> Create:
    def refuse_or_create(logical_id: str, properties: Properties, stack: str) -> tuple[str, dict[str, Any]]:
        name = properties.get(named.name) or _made_up(kind, named, logical_id, properties, stack)
        if name and named.is_taken(name, properties):
            raise NameTakenError(kind, name)
        return create(logical_id, properties, stack)

    return refuse_or_create


def _made_up(kind: str, named: Named, logical_id: str, properties: Properties, stack: str) -> str:
    """The name that MiniStack is about to give; if an earlier stack's resource has it, another one from now on."""
    if kind == "AWS::Logs::LogGroup":
        return f"/aws/cloudformation/{stack}/{logical_id}"

    def drawn() -> str:
        if kind == "AWS::SQS::Queue":
            return str(provisioners._sqs_queue_name(properties, stack, logical_id)[0])
        if kind == "AWS::KMS::Alias":
            return str(provisioners._kms_alias_name(properties, stack, logical_id))
        return str(provisioners._physical_name(stack, logical_id, **named.made_up))

    name = drawn()
    if named.is_taken(name, properties):
        # It goes with the resource's record, so that updates of the stack make the same name.
        provisioners._NAME_SEED.set(uuid.uuid4().hex[:8])
        name = drawn()
    return name
