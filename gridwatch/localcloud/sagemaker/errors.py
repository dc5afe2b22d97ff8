"""SageMaker's errors for calls that it refuses."""

from dataclasses import dataclass


@dataclass
class ServiceError(Exception):
    """A refusal in AWS's shape: ``code`` is the ``__type``, the HTTP status is 400 unless said otherwise."""

    code: str
    message: str
    status: int = 400

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def validation_error(message: str) -> ServiceError:
    return ServiceError("ValidationException", message)


def not_found(message: str) -> ServiceError:
    return ServiceError("ResourceNotFound", message)


def in_use(message: str) -> ServiceError:
    return ServiceError("ResourceInUse", message)
