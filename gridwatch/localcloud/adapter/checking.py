"""Checks requests before MiniStack's services: one that AWS would refuse never reaches them."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from ministack import app
from ministack.services import eventbridge

from gridwatch.localcloud.adapter.standing import check_what_is_there
from gridwatch.localcloud.requests.buses import refused_entry
from gridwatch.localcloud.requests.objects import answer_s3, listed_at_once, refuse_s3
from gridwatch.localcloud.requests.reading import HttpRequest, read_call
from gridwatch.localcloud.requests.refusing import CHECKED, answer, refuse
from gridwatch.localcloud.sagemaker.errors import ServiceError

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, Any], Awaitable[Response]]


def check_requests() -> None:
    """Check every request to the services whose models and limits are known well enough."""
    for service in CHECKED:
        app.SERVICE_HANDLERS[service] = _checked(service, app.SERVICE_HANDLERS[service])
    app.SERVICE_HANDLERS["s3"] = _checked_s3(app.SERVICE_HANDLERS["s3"])
    _refuse_entries()


def _checked(service: str, inner: Handler) -> Handler:
    async def handler(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Response:
        call = read_call(service, HttpRequest(method, path, headers, body, query))
        if call is not None:
            try:
                refuse(call)
                check_what_is_there(call)
            except ServiceError as error:
                return answer(call, error)
        return await inner(method, path, headers, body, query)

    return handler


def _checked_s3(inner: Handler) -> Handler:
    async def handler(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Response:
        request = HttpRequest(method, path, headers, body, query)
        try:
            refuse_s3(request)
        except ServiceError as error:
            return answer_s3(error)
        return await inner(method, path, headers, body, listed_at_once(request).query)

    return handler


def _refuse_entries() -> None:
    """Split a PutEvents request: its valid entries go on, and each of the others gets the reason for its refusal."""
    put = eventbridge._put_events

    def put_good(data: dict[str, Any], allow_aws_source: bool = False) -> Response:
        entries = data.get("Entries", [])
        refused = [refused_entry(entry) for entry in entries]
        if not any(refused):
            answered: Response = put(data, allow_aws_source)
            return answered
        good = [entry for entry, why in zip(entries, refused, strict=True) if why is None]
        status, headers, body = put({**data, "Entries": good}, allow_aws_source)
        told = json.loads(body)
        taken = iter(told.get("Entries", ()))
        answers = [next(taken) if why is None else why for why in refused]
        failed = sum("ErrorCode" in each for each in answers)
        return status, headers, json.dumps({"FailedEntryCount": failed, "Entries": answers}).encode()

    eventbridge._put_events = put_good
