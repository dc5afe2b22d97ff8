"""Sorting and pages, as the List and Search operations give them."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error

DEFAULT_PAGE = 100


def page(
    items: Sequence[Any], request: Mapping[str, Any], default: int = DEFAULT_PAGE
) -> tuple[list[Any], dict[str, str]]:
    """The items of this page, and ``{"NextToken": ...}`` when there are more. Refuses a foreign token."""
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", default)
    return list(items[start:end]), ({"NextToken": _token(end)} if end < len(items) else {})


def ordered(items: Sequence[Any], key: Callable[[Any], Any], descending: bool) -> list[Any]:
    """Sorted by ``key``; what has no value comes last, whichever way."""
    known = [item for item in items if key(item) is not None]
    unknown = [item for item in items if key(item) is None]
    return sorted(known, key=lambda item: _comparable(key(item)), reverse=descending) + unknown


def _comparable(value: Any) -> tuple[int, Any]:
    return (0, value) if isinstance(value, (int, float)) and not isinstance(value, bool) else (1, str(value))


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"offset:{offset}".encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        kind, number = base64.urlsafe_b64decode(token).decode().split(":")
        if kind == "offset":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise validation_error("Invalid pagination token")
