"""Errors as botocore raises them."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

_THROTTLING = {"dynamodb": "ProvisionedThroughputExceededException", "s3": "SlowDown", "sqs": "RequestThrottled"}
_INTERNAL = {"s3": "InternalError", "sns": "InternalFailure", "sagemaker": "InternalFailure"}


def refused(code: str, message: str, *, status: int = 400, **more: Any) -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}
    return ClientError(response, "simulated")  # type: ignore[arg-type]


def throttled(service: str) -> ClientError:
    return refused(_THROTTLING.get(service, "ThrottlingException"), "injected: rate exceeded")


def internal(service: str) -> ClientError:
    return refused(_INTERNAL.get(service, "InternalServerError"), "injected: internal error", status=500)
