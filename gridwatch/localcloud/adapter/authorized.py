"""The IAM actions of requests: those of our own services, and those that MiniStack leaves undetermined for the
others.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import unquote

from ministack import app
from ministack.core import iam_actions, iam_evaluator, responses

from gridwatch.localcloud.authorization.needs import Need, batch_needs, sagemaker_needs
from gridwatch.localcloud.sagemaker.platform import partition

OURS = ("batch", "sagemaker")
_BATCH_PATHS = {
    name.lower(): name for name in ("DescribeServiceJob", "ListServiceJobs", "SubmitServiceJob", "TerminateServiceJob")
}
_TAG_METHODS = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, Any], Awaitable[Response]]


def name_every_action() -> None:
    """Name the action of each request after its own operation where MiniStack finds none and would let it through."""
    extract = iam_actions.extract_iam_action

    def extract_always(service: str, method: str, path: str, headers: Mapping[str, str], *request: Any) -> str | None:
        if service in OURS:
            return None  # their own handlers ask, who know what a request needs
        action: str | None = extract(service, method, path, headers, *request)
        named = headers.get("x-amz-target", "").rpartition(".")[2]  # as of services that MiniStack does not have
        return action or f"{service}:{named or 'AnOperationUnknownToTheLocalCloud'}"

    iam_actions.extract_iam_action = extract_always


def tell_event_sources() -> None:
    """Set the condition key events:source of PutEvents (EventBridge user guide, "Using IAM policy conditions")."""
    tag_context = iam_actions.request_tag_context

    def with_source(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        context: dict[str, Any] = tag_context(service, action, body, params)
        if action == "events:PutEvents":
            sources = sorted({str(entry.get("Source")) for entry in json.loads(body).get("Entries", [])})
            context["events:source"] = sources[0] if len(sources) == 1 else sources
        return context

    iam_actions.request_tag_context = with_source


def name_log_streams() -> None:
    """Treat calls on a log group as calls on its streams, named or not: `log-group:<name>:log-stream:<stream>`.

    Source: CloudWatch Logs API reference, LogGroup (`arn`, with `:*`, is for policies; `logGroupArn` for tags alone).
    """
    extract = iam_actions.extract_resource_arn

    def extract_stream(
        service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, *rest: Any
    ) -> str:
        resource: str = extract(service, method, path, headers, body, *rest)
        if service != "logs" or ":log-group:" not in resource or "Tag" in headers.get("x-amz-target", ""):
            return resource
        return f"{resource}:log-stream:{json.loads(body).get('logStreamName', '')}"

    iam_actions.extract_resource_arn = extract_stream


def authorized(service: str, inner: Handler, tags: Callable[[str, str, str], Mapping[str, str]]) -> Handler:
    """One of our services behind the same evaluation; a refusal is worded as AWS words it for JSON protocols."""

    async def handler(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Response:
        account, region = responses.get_account_id(), responses.get_region()

        def arn(resource: str) -> str:
            return f"arn:{partition(region)}:{service}:{region}:{account}:{resource}"

        def carried(resource: str) -> Mapping[str, str]:
            return tags(account, region, resource)

        try:
            request = json.loads(body or b"{}")
            if service == "batch":
                operation, named = _batch_operation(method, path)
                needs = batch_needs(operation, request, arn, carried, named)
            else:
                needs = sagemaker_needs(_sagemaker_operation(headers, path), request, arn, carried)
        except (KeyError, TypeError, ValueError, AttributeError):
            needs = []  # no request at all: the service itself says what is wrong with it
        key = app.extract_access_key_id(headers, query)
        for need in needs:
            context = dict(need.context)
            denied = iam_evaluator.enforce(key, need.action, service, region, need.resource, context)
            if denied is not None:
                return _refusal(need, denied, 403 if service == "batch" else 400)
        return await inner(method, path, headers, body, query)

    return handler


def _batch_operation(method: str, path: str) -> tuple[str, str]:
    """The operation, and the ARN in the path of operations on tags."""
    if path.startswith("/v1/tags/"):
        return _TAG_METHODS[method], unquote(path.removeprefix("/v1/tags/"))
    name = path.removeprefix("/v1/")
    return _BATCH_PATHS.get(name, name), ""


def _sagemaker_operation(headers: Mapping[str, str], path: str) -> str:
    """The operation; sagemaker-metrics has its operations in the path."""
    return headers.get("x-amz-target", "").rpartition(".")[2] or path.strip("/")


def _refusal(need: Need, denied: Any, status: int) -> Response:
    if isinstance(denied, iam_evaluator.AuthError):
        code, message = denied.code, denied.message
    else:
        explicit = denied.decision == "Deny"
        code = "AccessDeniedException"
        message = iam_actions.identity_denial_message(need.action, denied.principal_arn, need.resource, explicit)
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"__type": code, "message": message, "Message": message}).encode()
