"""A running job's loss of its machines: ``POST /_localcloud/training-jobs/<name>/interrupt``."""

import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ministack import app

from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.interruption import Interruption, InterruptionError

_PATH = re.compile(r"/_localcloud/training-jobs/(?P<job>[^/]+)/interrupt")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class InterruptingDoor:
    """An ASGI application in front of MiniStack's. ``interrupt`` raises ServiceError when a job cannot be
    interrupted.
    """

    def __init__(self, interrupt: Callable[[str, Interruption], None]) -> None:
        self._interrupt = interrupt
        self._inner = app.app

    def install(self) -> None:
        app.app = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if path is None:
            await self._inner(scope, receive, send)
            return
        status, answer = self._answer(path["job"], await _body(receive))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def _answer(self, job: str, body: bytes) -> tuple[int, dict[str, str]]:
        try:
            document = json.loads(body or b"{}")
            if not isinstance(document, dict):
                raise InterruptionError("an object is needed")
            self._interrupt(job, Interruption.from_document(document))
        except ServiceError as refusal:
            return 404 if refusal.code == "ResourceNotFound" else 409, {"error": refusal.message}
        except ValueError as error:
            return 400, {"error": str(error)}
        return 200, {"interrupted": job}


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)
