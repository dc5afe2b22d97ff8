"""The attributes of a message, the same in SQS and SNS (SQS Developer Guide, "Amazon SQS message metadata")."""

import re
from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_NAME = re.compile(r"(?!\.)(?!.*\.\.)(?!(?i:aws\.|amazon\.))[A-Za-z0-9_.-]{1,256}(?<!\.)")
_TYPES = ("String", "Number", "Binary")


def check_attributes(attributes: Mapping[str, Any], code: str) -> None:
    """Check a message's attributes. Raises ServiceError with the given code for an attribute that no message
    may have.
    """
    for name, value in attributes.items():
        if not _NAME.fullmatch(name):
            raise ServiceError(code, f"The message attribute name '{name}' is invalid.")
        kind = str(value.get("DataType", ""))
        if kind.partition(".")[0] not in _TYPES:
            raise ServiceError(
                code,
                f"The message attribute '{name}' has an invalid message attribute type, the set of supported type "
                "prefixes is Binary, Number, and String.",
            )
        given = value.get("BinaryValue") if kind.startswith("Binary") else value.get("StringValue")
        if not given:
            raise ServiceError(
                code, f"The message attribute '{name}' must contain a non-empty value of its type '{kind}'."
            )
        if kind.startswith("Number") and not _is_number(given):
            raise ServiceError(code, f"Could not cast message attribute '{name}' value to number.")


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True
