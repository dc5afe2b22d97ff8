"""What CloudWatch Logs accepts beyond its model (API reference of PutLogEvents, FilterLogEvents,
DescribeLogStreams).
"""

from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_LONGEST = 1_048_576  # bytes of an event, and of a request, each event with 26 more
_OVERHEAD = 26
_SPAN = 24 * 3600 * 1000  # milliseconds that the events of one request may span


def _put(request: Mapping[str, Any]) -> None:
    events = request["logEvents"]
    times = [event.get("timestamp", 0) for event in events]
    if times != sorted(times):
        raise _invalid("Log events in a single PutLogEvents request must be in chronological order.")
    if times and times[-1] - times[0] > _SPAN:
        raise _invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    sizes = [len(str(event.get("message", "")).encode()) + _OVERHEAD for event in events]
    if any(size > _LONGEST for size in sizes):
        raise _invalid(f"Log event too large: {max(sizes)} bytes exceeds limit of {_LONGEST}")
    if sum(sizes) > _LONGEST:
        raise _invalid(f"Upload too large: {sum(sizes)} bytes exceeds limit of {_LONGEST}")


def _filter(request: Mapping[str, Any]) -> None:
    if request.get("logStreamNames") and request.get("logStreamNamePrefix"):
        raise _invalid("logStreamNamePrefix and logStreamNames cannot be used together")


def _streams(request: Mapping[str, Any]) -> None:
    if request.get("logStreamNamePrefix") and request.get("orderBy") == "LastEventTime":
        raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")


def _retention(request: Mapping[str, Any]) -> None:
    allowed = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
    if request["retentionInDays"] not in allowed:
        raise _invalid(f"retentionInDays is one of {', '.join(map(str, allowed))}, not {request['retentionInDays']}")


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


CHECKS = {
    "logs:PutLogEvents": _put,
    "logs:FilterLogEvents": _filter,
    "logs:DescribeLogStreams": _streams,
    "logs:PutRetentionPolicy": _retention,
}
