"""Puts our Batch in the place of MiniStack's: its requests, and the resources that CloudFormation creates."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack import app
from ministack.core import responses
from ministack.services.cloudformation import provisioners

from gridwatch.localcloud.adapter.taken_names import Create, NameTakenError
from gridwatch.localcloud.batch.service import Batch, RegionalBatch

_NAMES = ("ServiceEnvironmentName", "JobQueueName", "Name")


def add_batch(batch: Batch) -> None:
    """Route Batch's requests to ``batch``, and have stacks create its resources."""

    async def handler(
        method: str, path: str, _headers: dict[str, str], body: bytes, _query: object
    ) -> tuple[int, dict[str, str], bytes]:
        return batch.handle(responses.get_account_id(), responses.get_region(), method, path, body)

    app.SERVICE_HANDLERS["batch"] = handler

    _create_resources_of(batch)


def _create_resources_of(batch: Batch) -> None:
    def here() -> RegionalBatch:
        return batch.part(responses.get_account_id(), responses.get_region())

    def environment(logical_id: str, props: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        limits = props["CapacityLimits"]
        name = props.get("ServiceEnvironmentName", f"{stack}-{logical_id}")
        arn = here().put_environment(name, sum(int(limit["MaxCapacity"]) for limit in limits))
        return arn, {"ServiceEnvironmentArn": arn}

    def policy(logical_id: str, props: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        shares = (props.get("FairsharePolicy") or {}).get("ShareDistribution") or []
        weights = {share["ShareIdentifier"]: float(share.get("WeightFactor", 1.0)) for share in shares}
        arn = here().put_policy(props.get("Name", f"{stack}-{logical_id}"), weights)
        return arn, {"Arn": arn}

    def queue(logical_id: str, props: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        order = sorted(props["ServiceEnvironmentOrder"], key=lambda each: int(each["Order"]))
        names = tuple(each["ServiceEnvironment"] for each in order)
        arn = here().put_queue(
            props.get("JobQueueName", f"{stack}-{logical_id}"), names, props.get("SchedulingPolicyArn")
        )
        return arn, {"JobQueueArn": arn}

    def remove(physical_id: str, _props: Mapping[str, Any]) -> None:
        here().remove(physical_id)

    for kind, create in {
        "AWS::Batch::ServiceEnvironment": environment,
        "AWS::Batch::SchedulingPolicy": policy,
        "AWS::Batch::JobQueue": queue,
    }.items():
        provisioners._RESOURCE_HANDLERS[kind] = {
            "create": _once(kind, create, here),
            "update": _again(create),
            "update_with_logical_id": True,
            "delete": remove,
        }


def _once(kind: str, create: Create, here: Callable[[], RegionalBatch]) -> Create:
    def refuse_or_create(logical_id: str, props: Mapping[str, Any], stack: str) -> tuple[str, dict[str, Any]]:
        name = next((props[key] for key in _NAMES if key in props), f"{stack}-{logical_id}")
        if here().has(kind.rpartition(":")[2], name):
            raise NameTakenError(kind, name)
        return create(logical_id, props, stack)

    return refuse_or_create


def _again(create: Create) -> Callable[..., tuple[str, dict[str, Any]]]:
    def update(
        _physical_id: str, _old: Mapping[str, Any], props: Mapping[str, Any], stack: str, logical_id: str
    ) -> tuple[str, dict[str, Any]]:
        return create(logical_id, props, stack)

    return update
