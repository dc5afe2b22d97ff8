"""The one table from AWS's error codes to what should happen next (gridwatch_rules.failures)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from gridwatch_rules.failures import (
    GridwatchError,
    NameTakenError,
    NotFoundError,
    NotYetError,
    PermanentError,
    ThrottledError,
    TransientError,
)

# What S3 says of a conditional write when somebody else has written the object since it was read.
WRITTEN_MEANWHILE = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")

# Codes that AWS services use for one and the same thing; what is not listed is judged by its HTTP status.
KINDS: dict[str, type[GridwatchError]] = {
    # too fast
    "Throttling": ThrottledError,
    "ThrottlingException": ThrottledError,
    "ThrottledException": ThrottledError,
    "TooManyRequestsException": ThrottledError,
    "RequestLimitExceeded": ThrottledError,
    "RequestThrottled": ThrottledError,
    "ProvisionedThroughputExceededException": ThrottledError,
    "SlowDown": ThrottledError,
    # quotas and capacity (SageMaker API reference, CreateTrainingJob)
    "ResourceLimitExceeded": NotYetError,
    "CapacityError": NotYetError,
    "InsufficientCapacityException": NotYetError,
    # names
    "ResourceInUse": NameTakenError,
    "ResourceNotFound": NotFoundError,
    "ResourceNotFoundException": NotFoundError,
    "NoSuchKey": NotFoundError,
    "NoSuchResourceException": NotFoundError,  # Service Quotas: the account has no value of its own
    "NoSuchVersion": NotFoundError,
    "NoSuchBucket": NotFoundError,
    "404": NotFoundError,
    # unwell, although some come with a status below 500
    "InternalFailure": TransientError,
    "InternalError": TransientError,
    "InternalServerError": TransientError,
    "ServiceUnavailable": TransientError,
    "RequestTimeout": TransientError,
    "RequestTimeoutException": TransientError,
    "TransactionInProgressException": TransientError,
    "TransactionConflictException": TransientError,
    # the role's session is renewed by the platform
    "ExpiredToken": TransientError,
    "ExpiredTokenException": TransientError,
    # the request itself
    "ValidationException": PermanentError,
    "ValidationError": PermanentError,
    "AccessDenied": PermanentError,
    "AccessDeniedException": PermanentError,
}


def translate(error: ClientError | BotoCoreError) -> GridwatchError:
    """The error as one of ours: same message, the service's code kept."""
    if isinstance(error, ParamValidationError):
        return PermanentError(str(error), code="ParamValidation")
    if not isinstance(error, ClientError):
        return TransientError(str(error), code=type(error).__name__)
    response = error.response
    code = response.get("Error", {}).get("Code", "")
    message = response.get("Error", {}).get("Message", "") or str(error)
    kind = KINDS.get(code)
    if kind is None:
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        kind = TransientError if status >= 500 or status == 0 else PermanentError
    return kind(message, code=code)


@contextmanager
def translated() -> Iterator[None]:
    """Everything that botocore raises inside the block leaves it as a gridwatch_rules.failures error."""
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise translate(error) from error
