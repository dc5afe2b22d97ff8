"""Writes a job's log to CloudWatch Logs in batches."""

import threading
from contextlib import suppress
from typing import Any

from gridwatch.localcloud import clock

GROUP = "/aws/sagemaker/TrainingJobs"
_BATCH = 1000
_MESSAGE_LIMIT = 200_000


class LogStream:
    """Collects lines; ``flush`` puts them into the stream. Lines come from one thread, flushes from another."""

    def __init__(self, client: Any, group: str, stream: str) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        self._waiting: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @classmethod
    def create(cls, client: Any, group: str, stream: str) -> "LogStream":
        """Create group and stream where they do not exist yet."""
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_group(logGroupName=group)
        with suppress(client.exceptions.ResourceAlreadyExistsException):
            client.create_log_stream(logGroupName=group, logStreamName=stream)
        return cls(client, group, stream)

    def write(self, line: str) -> None:
        event = {"timestamp": round(clock.now() * 1000), "message": line[:_MESSAGE_LIMIT] or " "}
        with self._lock:
            self._waiting.append(event)

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), _BATCH):
            self._client.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=waiting[start : start + _BATCH]
            )
