"""Faults in MiniStack's front door and on its bus; they are set and read under ``/_localcloud/faults`` while the cloud
runs.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import responses
from ministack.services import eventbridge

from gridwatch.localcloud.faults import Fault, FaultError, FaultPlan, Faults

PATH = "/_localcloud/faults"
_BY_PATH = ("batch", "lambda")  # REST protocols: the operation is the path's end, such as submitservicejob
_XML = {"content-type": "text/xml"}
_JSON = {"content-type": "application/x-amz-json-1.0"}

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Answer = tuple[int, Mapping[str, str], bytes]


class FaultyDoor:
    """An ASGI application in front of MiniStack's that causes faults. ``kill`` ends the worker that a request came
    from, by name.
    """

    def __init__(self, kill: Callable[[str], None]) -> None:
        self._kill = kill
        self._plan: FaultPlan | None = None
        self._inner = app.app

    def install(self) -> None:
        """Put the faults in front of MiniStack's application, and on its bus."""
        app.app = self
        dispatch = eventbridge._dispatch_event

        def dispatch_faulty(event: dict[str, Any], view: Any = None) -> None:
            if self._plan is None:
                dispatch(event, view)
                return
            account, region = responses.get_account_id(), responses.get_region()
            for delay in self._plan.of_event():
                _later(delay, account, region, lambda: dispatch(event, view))

        eventbridge._dispatch_event = dispatch_faulty

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await _reply(send, self._steer(scope["method"], await _body(receive)))
            return
        worker = worker_of(scope) if self._plan is not None and scope["type"] == "http" else None
        if self._plan is None or worker is None:
            await self._inner(scope, receive, send)
            return
        body = await _body(receive)
        service, operation = operation_of(scope, body)
        fault = self._plan.of_call(f"{service}:{operation}")
        if fault in (Fault.LOST, Fault.KILL_AFTER, Fault.DOUBLE):
            await self._inner(scope, _again(body), _nobody)
        if fault in (Fault.KILL, Fault.KILL_AFTER):
            self._kill(worker)
        if fault in (None, Fault.DOUBLE):
            await self._inner(scope, _again(body), send)
        else:
            await _reply(send, _refusal(service, throttled=fault is Fault.THROTTLE))

    def _steer(self, method: str, body: bytes) -> Answer:
        """Steer the faults: PUT sets them, DELETE ends them, GET returns what was done so far."""
        if method == "PUT":
            try:
                self._plan = FaultPlan(Faults.from_document(json.loads(body)))
            except (FaultError, ValueError, TypeError) as error:
                return 400, _JSON, json.dumps({"error": str(error)}).encode()
        counts = self._plan.injected if self._plan else {}
        if method == "DELETE":
            self._plan = None
        told = [
            {"operation": operation, "fault": fault, "count": count}
            for (operation, fault), count in sorted(counts.items())
        ]
        return 200, _JSON, json.dumps({"injected": told}).encode()


def _later(delay: float, account: str, region: str, deliver: Callable[[], None]) -> None:
    loop: asyncio.AbstractEventLoop = app._MAIN_LOOP

    def in_scope() -> None:
        with responses.request_scope(account, region):
            deliver()

    loop.call_soon_threadsafe(loop.call_later, delay, in_scope)


def worker_of(scope: Scope) -> str | None:
    """The Lambda worker that makes the request: its SDK names it, as AWS's does in a function."""
    agent = _headers(scope).get("user-agent", "")
    if "exec-env/AWS_Lambda" not in agent:
        return None
    return next((part.removeprefix("app/") for part in agent.split() if part.startswith("app/")), None)


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


def operation_of(scope: Scope, body: bytes) -> tuple[str, str]:
    """The service by the signature's scope, and the operation as its protocol names it."""
    headers = _headers(scope)
    # AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …
    scoped = headers.get("authorization", "").partition("Credential=")[2].partition(",")[0].split("/")
    service = scoped[3] if len(scoped) > 3 else "unknown"
    target = headers.get("x-amz-target", "")
    if target:
        return service, target.rpartition(".")[2]
    if service == "s3":
        return service, str(scope["method"])
    if service in _BY_PATH:
        return service, str(scope["path"]).rpartition("/")[2]
    action = parse_qs(body.decode("utf-8", "replace")).get("Action")
    return service, action[0] if action else str(scope["method"])


def _refusal(service: str, *, throttled: bool) -> Answer:
    """A refusal in the form of the service's protocol (Smithy: AWS restXml, query and JSON protocols)."""
    if service == "s3":
        code, status = ("SlowDown", 503) if throttled else ("InternalError", 500)
        return status, _XML, f"<Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
    if service in ("sns", "sts", "cloudformation"):
        code, status = ("Throttling", 400) if throttled else ("InternalFailure", 500)
        error = f"<Error><Type>Receiver</Type><Code>{code}</Code><Message>injected</Message></Error>"
        return status, _XML, f"<ErrorResponse>{error}<RequestId>injected</RequestId></ErrorResponse>".encode()
    busy = "ProvisionedThroughputExceededException" if service == "dynamodb" else "ThrottlingException"
    code, status = (busy, 400) if throttled else ("InternalServerError", 500)
    return status, _JSON, json.dumps({"__type": code, "message": "injected"}).encode()


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] != "http.request" or not message.get("more_body"):
            return b"".join(parts)


def _again(body: bytes) -> Receive:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _nobody(_message: MutableMapping[str, Any]) -> None:
    """The receiver of an answer that is lost."""


async def _reply(send: Send, answer: Answer) -> None:
    status, headers, body = answer
    named = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": named})
    await send({"type": "http.response.body", "body": body})
