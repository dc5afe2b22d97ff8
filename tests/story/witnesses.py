"""Collects what the deployment says when something does not come: its queues' messages and its functions' last log
lines.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

LAST_LINES = 40
_EVERY_TIME = ("START ", "END ", "REPORT ", '{"_aws":')
_TOLD = ("level", "timestamp", "message", "job", "rule", "outcome", "ended", "exception")
_COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")


def testimony(client: Callable[[str], Any]) -> str:
    """Waiting messages, and the last lines of every function; why there are none where they cannot be read."""
    try:
        return "\n".join([*_queues(client("sqs")), *_logs(client("logs"))])
    except (BotoCoreError, ClientError) as error:
        return f"(neither queues nor logs could be read: {error})"


def _queues(sqs: Any) -> Iterator[str]:
    for page in sqs.get_paginator("list_queues").paginate():
        for url in page.get("QueueUrls", []):
            found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(_COUNTS))["Attributes"]
            waiting, hidden, delayed = (int(found.get(name, 0)) for name in _COUNTS)
            if waiting or hidden or delayed:
                yield f"queue {url.rpartition('/')[2]}: {waiting} waiting, {hidden} in flight, {delayed} delayed"


def _logs(logs: Any) -> Iterator[str]:
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/"):
        for group in page["logGroups"]:
            name = group["logGroupName"]
            pages = logs.get_paginator("filter_log_events").paginate(logGroupName=name)
            lines = [event["message"].rstrip() for each in pages for event in each["events"]]
            yield f"--- {name}"
            yield from [_short(line) for line in lines if not line.startswith(_EVERY_TIME)][-LAST_LINES:]


def _short(line: str) -> str:
    """A line of a log without the part that is the same in all of them."""
    if not line.startswith("{"):
        return line
    said = json.loads(line)
    return " ".join(f"{key}={said[key]}" for key in _TOLD if key in said)
