"""Serves documents that the cloud shows beside AWS's services: ``GET`` of one path each."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ministack import app

TROUBLES = "/_localcloud/troubles"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class ShowingDoor:
    """An ASGI application in front of MiniStack's. ``show`` makes the JSON document at the path from the
    query's text.
    """

    def __init__(self, path: str, show: Callable[[str], bytes]) -> None:
        self._path = path
        self._show = show
        self._inner = app.app

    def install(self) -> None:
        app.app = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._inner(scope, receive, send)
            return
        body = self._show(scope["query_string"].decode())
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
