"""MiniStack's front door: adds our service, gives access to its event bus and IAM, and serves it all."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack import app
from ministack.core import responses, router
from ministack.services import cloudformation, eventbridge, iam, s3, sqs

Response = tuple[int, dict[str, str], bytes]
Handle = Callable[[str, str, Mapping[str, str], str, bytes], Response]
_OBJECT_VERSION: ContextVar[str | None] = ContextVar("_OBJECT_VERSION", default=None)


def add_sagemaker(handle: Handle) -> None:
    """Route SageMaker's requests (and sagemaker-metrics', which signs as SageMaker too) to ``handle``."""

    async def handler(_method: str, path: str, headers: dict[str, str], body: bytes, _query: object) -> Response:
        return handle(responses.get_account_id(), responses.get_region(), headers, path, body)

    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}
    app.SERVICE_HANDLERS["sagemaker"] = handler


def on_reset(callback: Callable[[], None]) -> None:
    """Call ``callback`` when all state is to be forgotten (``POST /_ministack/reset``)."""
    forget = app._reset_all_state

    def reset_all() -> None:
        callback()
        forget()

    app._reset_all_state = reset_all


def put_event(account: str, region: str, entry: Mapping[str, Any]) -> None:
    """Put an event of an AWS service on the default bus. It may be called from any thread; events are delivered in the
    order of the calls.
    """

    def deliver() -> None:
        with responses.request_scope(account, region):
            eventbridge._put_events({"Entries": [dict(entry)]}, allow_aws_source=True)

    loop = app._MAIN_LOOP
    if loop is not None and not loop.is_closed():
        loop.call_soon_threadsafe(deliver)


def complete_s3_events() -> None:
    """Put the object's version into S3's events: MiniStack has it in classic notifications, not for EventBridge."""
    fire, dispatch = s3._fire_s3_event, eventbridge._dispatch_event

    def fire_with_version(*arguments: Any, **options: Any) -> None:
        token = _OBJECT_VERSION.set(options.get("version_id"))
        try:
            fire(*arguments, **options)
        finally:
            _OBJECT_VERSION.reset(token)

    def dispatch_complete(event: dict[str, Any], view: Any = None) -> None:
        version = _OBJECT_VERSION.get()
        if version and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, view)

    s3._fire_s3_event = fire_with_version
    eventbridge._dispatch_event = dispatch_complete


def readdress_queues() -> None:
    """Give kept queues the addresses of this cloud: the former cloud's port was part of theirs, and functions' event
    sources look for a queue by its address. A request may still name a queue by the old one.
    """
    renamed: dict[str, str] = {}
    for (account, region, old), queue in list(sqs._queues._data.items()):
        url = sqs._queue_url_for_account(account, queue["name"])
        queue["url"] = renamed[old] = url
        sqs._queue_name_to_url._data[account, region, queue["name"]] = url
        sqs._queues._data[account, region, url] = sqs._queues._data.pop((account, region, old))
    for stack in cloudformation._stacks._data.values():
        for resource in stack.get("_resources", {}).values():
            known = str(resource.get("PhysicalResourceId"))
            if known in renamed:
                resource["PhysicalResourceId"] = resource["Attributes"]["QueueUrl"] = renamed[known]


def role_trusts(role_arn: str, service: str) -> bool:
    """Whether IAM has the role and its trust policy lets ``service`` assume it. Only within a request."""
    role = iam._roles.get(role_arn.rsplit("/", 1)[-1])
    if role is None:
        return False
    document = role.get("AssumeRolePolicyDocument") or "{}"
    statements = (json.loads(document) if isinstance(document, str) else document).get("Statement", [])
    return any(_trusts(item, service) for item in (statements if isinstance(statements, list) else [statements]))


def has_objects(bucket: str, prefix: str) -> bool:
    """Whether the bucket holds an object whose key begins so. Only within a request, which S3 must not be sent another
    one from.
    """
    known = s3._buckets.get(bucket)
    return known is not None and any(key.startswith(prefix) for key in known["objects"])


def _trusts(statement: Mapping[str, Any], service: str) -> bool:
    principal = statement.get("Principal", {})
    named = principal.get("Service", []) if isinstance(principal, dict) else []
    return statement.get("Effect") == "Allow" and service in ([named] if isinstance(named, str) else named)


def session_credentials(account: str) -> dict[str, str]:
    """Credentials of a process that acts in ``account``: MiniStack takes a twelve-digit key as the account."""
    return {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "local"}


async def serve(sockets_fd: int, ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Serve MiniStack on a listening socket; ``ready`` is called when it answers, ``stop`` ends it."""
    config = Config()
    config.bind = [f"fd://{sockets_fd}"]
    config.keep_alive_timeout = 75
    config.graceful_timeout = 0.5
    config.shutdown_timeout = 2
    config.accesslog = None
    config.errorlog = None

    async def until_stopped() -> None:
        # Hypercorn starts this once the application has started and the socket is being served.
        ready()
        await stop.wait()

    await hypercorn_serve(app.app, config, shutdown_trigger=until_stopped)
