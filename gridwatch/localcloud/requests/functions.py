"""What Lambda accepts beyond its model (Developer Guide, "Lambda quotas" and "Using Lambda environment variables")."""

import json
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_NAME = 64
_LONGEST_RUN = 900  # seconds
_ENVIRONMENT = 4096  # bytes of all variables
_PAYLOAD = 6 * 1024 * 1024
_EVENT_PAYLOAD = 1024 * 1024  # of an asynchronous invocation
_LAYERS = 5
_BATCH_OF_QUEUES = 10_000
_WITHOUT_WINDOW = 10
_RESERVED = frozenset({
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
})  # fmt: skip


def _create(request: Mapping[str, Any]) -> None:
    name = str(request["FunctionName"])
    if ":" not in name and len(name) > _NAME:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: Member must "
            f"have length less than or equal to {_NAME}",
        )
    _configuration(request)


def _configuration(request: Mapping[str, Any]) -> None:
    if (request.get("Timeout") or 0) > _LONGEST_RUN:
        raise ServiceError(
            "ValidationException",
            f"1 validation error detected: Value '{request['Timeout']}' at 'timeout' failed to satisfy constraint: "
            f"Member must have value less than or equal to {_LONGEST_RUN}",
        )
    if len(request.get("Layers") or ()) > _LAYERS:
        raise _invalid(f"Layers consume more than the available number of layers: {_LAYERS}")
    variables = (request.get("Environment") or {}).get("Variables") or {}
    if taken := sorted(_RESERVED.intersection(variables)):
        raise _invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided contains reserved keys that are currently not supported for modification. Reserved keys used in "
            f"this request: {', '.join(taken)}"
        )
    # As JSON, which is how they are counted.
    if len(json.dumps(variables, separators=(",", ":"), ensure_ascii=False).encode()) > _ENVIRONMENT:
        raise _invalid(
            "Lambda was unable to configure your environment variables because the environment variables you have "
            f"provided exceeded the 4KB limit. String measured: {json.dumps(variables)[:100]}"
        )


def _invoke(request: Mapping[str, Any]) -> None:
    payload = request.get("Payload") or b""
    most = _EVENT_PAYLOAD if request.get("InvocationType") == "Event" else _PAYLOAD
    if len(payload) > most:
        raise ServiceError(
            "RequestTooLargeException",
            f"{len(payload)} byte payload is too large for the invocation (limit {most} bytes)",
            413,
        )
    try:
        json.loads(payload or b"{}")
    except ValueError as error:
        raise ServiceError(
            "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from None


def _source(request: Mapping[str, Any]) -> None:
    size, window = request.get("BatchSize") or 0, request.get("MaximumBatchingWindowInSeconds") or 0
    source = str(request.get("EventSourceArn", ""))
    if ":sqs:" not in source:
        return
    if source.endswith(".fifo") and size > _WITHOUT_WINDOW:
        raise _invalid(f"BatchSize of a FIFO queue is {_WITHOUT_WINDOW} at most, not {size}")
    if size > _WITHOUT_WINDOW and not window:
        raise _invalid(
            f"Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than "
            f"{_WITHOUT_WINDOW}"
        )
    if size > _BATCH_OF_QUEUES:
        raise _invalid(f"BatchSize is {_BATCH_OF_QUEUES} at most, not {size}")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterValueException", message)


CHECKS = {
    "lambda:CreateFunction": _create,
    "lambda:UpdateFunctionConfiguration": _configuration,
    "lambda:Invoke": _invoke,
    "lambda:CreateEventSourceMapping": _source,
}
