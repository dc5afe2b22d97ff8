"""Counts requests to the cloud, to work out what they would cost on AWS: ``GET /_localcloud/usage``.

``requests`` are counted by caller (the function, or ``other``: jobs, command lines, tests) and operation:
``service:name``, for S3 the HTTP method or LIST, for REST protocols the end of the path. ``invocations`` are counted by
function: how many and for how many seconds. ``DELETE`` begins anew.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from ministack import app

from gridwatch.localcloud.adapter.faults import Receive, Scope, Send, operation_of, worker_of

PATH = "/_localcloud/usage"
OTHER = "other"


class Usage:
    """Counters that several threads add to."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._requests: Counter[tuple[str, str]] = Counter()
            self._invocations: Counter[str] = Counter()
            self._seconds: dict[str, float] = {}

    def request(self, caller: str, operation: str) -> None:
        with self._lock:
            self._requests[caller, operation] += 1

    def invocation(self, function: str, seconds: float) -> None:
        with self._lock:
            self._invocations[function] += 1
            self._seconds[function] = self._seconds.get(function, 0.0) + seconds

    def as_document(self) -> dict[str, Any]:
        with self._lock:
            return {
                "requests": [
                    {"caller": caller, "operation": operation, "count": count}
                    for (caller, operation), count in sorted(self._requests.items())
                ],
                "invocations": {
                    name: {"count": count, "seconds": self._seconds[name]}
                    for name, count in sorted(self._invocations.items())
                },
            }


class CountingDoor:
    """An ASGI application in front of MiniStack's. ``function_of`` returns a function's name by its worker's."""

    def __init__(self, usage: Usage, function_of: Callable[[str], str | None]) -> None:
        self._usage = usage
        self._function_of = function_of
        self._inner = app.app

    def install(self) -> None:
        app.app = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        if scope["path"] == PATH:
            await _reply(send, self._answer(scope["method"]))
            return
        messages = [await receive()]
        while messages[-1].get("more_body"):
            messages.append(await receive())
        body = b"".join(message.get("body", b"") for message in messages)
        if not scope["path"].startswith("/_"):
            worker = worker_of(scope)
            caller = (self._function_of(worker) if worker else None) or OTHER
            service, operation = operation_of(scope, body)
            is_list = service == "s3" and operation == "GET" and b"list-type=" in scope["query_string"]
            self._usage.request(caller, f"{service}:{'LIST' if is_list else operation}")

        async def again() -> Any:
            return messages.pop(0) if messages else await receive()

        await self._inner(scope, again, send)

    def _answer(self, method: str) -> Mapping[str, Any]:
        document = self._usage.as_document()
        if method == "DELETE":
            self._usage.clear()
        return document


async def _reply(send: Send, document: Mapping[str, Any]) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})
