"""Post JSON to a webhook: paced, obeying Retry-After, and telling what is refused for good from what may pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from gridwatch.clock import Clock
from gridwatch.failures import PermanentError, TransientError
from gridwatch.launch.pacing import TokenBucket

RESERVE = 15.0  # seconds of the invocation that one more request may take
_DEFAULT_WAIT = 30.0  # seconds, when a service says it was too fast but not for how long


class RetryLaterError(TransientError):
    """The service wants no request for so many seconds, which is longer than this invocation lasts."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wants no request for {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str
    retry_after: str | None = None


class Http(Protocol):
    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Redirects are answers, not followed. Raises TransientError when there is no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post, and what is secret about it. `routing_key` is put into the event as PagerDuty wants it."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    routing_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_secret(cls, secret: str) -> Webhook:
        """The address alone, or a JSON object with `url` and perhaps `headers` and `routing_key`."""
        text = secret.strip()
        try:
            document: dict[str, Any] = json.loads(text) if text.startswith("{") else {"url": text}
            webhook = cls(str(document["url"]), dict(document.get("headers", {})), document.get("routing_key"))
        except (ValueError, KeyError, TypeError):
            # Without the cause, whose message could show the secret in a log.
            raise PermanentError("the secret is neither an address nor a JSON object with a url") from None
        if not webhook.url.startswith("https://"):
            raise PermanentError("the secret's address does not begin with https://")
        return webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """`seconds_left`: how long this invocation may still take. `blocked` outlives it: until when a channel rests."""

    http: Http
    clock: Clock
    bucket: TokenBucket
    seconds_left: Callable[[], float]
    blocked: dict[str, datetime] = field(default_factory=dict)

    def post(self, channel: str, webhook: Webhook, payload: str) -> None:
        """Raises PermanentError, RetryLaterError or TransientError."""
        body = _body(webhook, payload)
        headers = {"Content-Type": "application/json", **webhook.headers}
        while True:
            self._rest(channel)
            self.bucket.take()
            answer = self.http.post(webhook.url, body, headers)
            if 200 <= answer.status < 300:
                return
            if answer.status != 429 and answer.retry_after is None:
                raise _refusal(answer)
            now = self.clock.now()
            self.blocked[channel] = now + timedelta(seconds=_seconds(answer.retry_after, now))

    def _rest(self, channel: str) -> None:
        """Wait for as long as the service has asked for, if the invocation lasts so long."""
        until = self.blocked.get(channel)
        seconds = (until - self.clock.now()).total_seconds() if until else 0.0
        if seconds <= 0:
            return
        if seconds + RESERVE > self.seconds_left():
            raise RetryLaterError(seconds)
        self.clock.sleep(seconds)


def _body(webhook: Webhook, payload: str) -> bytes:
    if webhook.routing_key is None:
        return payload.encode()
    return json.dumps({"routing_key": webhook.routing_key, **json.loads(payload)}, ensure_ascii=False).encode()


def _seconds(retry_after: str | None, now: datetime) -> float:
    """Of the header: seconds, or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return _DEFAULT_WAIT
    try:
        return max(float(retry_after), 0.0)
    except ValueError:
        pass
    try:
        return max((parsedate_to_datetime(retry_after) - now).total_seconds(), 0.0)
    except (ValueError, TypeError):
        return _DEFAULT_WAIT


def _refusal(answer: Answer) -> Exception:
    said = f"the webhook answered {answer.status}: {answer.body[:200]}"
    if answer.status >= 500 or answer.status == 408:
        return TransientError(said, code=str(answer.status))
    return PermanentError(said, code=str(answer.status))
