"""Posts JSON to a webhook: paced, obeying Retry-After, and telling refusals that are final from those that may pass."""

from __future__ import annotations

import ipaddress
import json
import math
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from gridwatch.launch.pacing import TokenBucket
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import PermanentError, TransientError

RESERVE = 15.0  # seconds of the invocation that one more request may take
_LONGEST_WAIT = 24 * 3600.0  # seconds; SQS hides a message for less
_SHORTEST_SECRET = 6  # letters of a word that is worth keeping secret
_DEFAULT_WAIT = 30.0  # seconds, when a service says it was too fast but not for how long


_METADATA = ipaddress.IPv6Address("fd00:ec2::254")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class RetryLaterError(TransientError):
    """The service wants no request for that many seconds, which is longer than this invocation lasts."""

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
        """Post a request and return the answer; redirects are answers and are not followed. Raises TransientError
        without an answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address to post to and its secrets. `routing_key` is put into the event as PagerDuty requires."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    routing_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_secret(cls, secret: str) -> Webhook:
        """The webhook in a secret: the address alone, or a JSON object with `url` and perhaps `headers` and
        `routing_key`.
        """
        text = secret.strip()
        try:
            document: dict[str, Any] = json.loads(text) if text.startswith("{") else {"url": text}
            webhook = cls(str(document["url"]), dict(document.get("headers", {})), document.get("routing_key"))
        except (ValueError, KeyError, TypeError, RecursionError):
            # Without the cause, whose message could show the secret in a log.
            raise PermanentError("the secret is neither an address nor a JSON object with a url") from None
        if wrong := _wrong(webhook):
            raise PermanentError(f"the secret {wrong}")
        return webhook

    def without_secrets(self, said: str) -> str:
        """A service's answer without secrets: an error page may repeat the address that was requested."""
        secrets = sorted(self._secrets(), key=len, reverse=True)
        # An answer is cut somewhere, perhaps within a secret.
        cut = max((_overlap(said.lower(), secret.lower()) for secret in secrets), default=0)
        said = said[: len(said) - cut] + "…" if cut else said
        for secret in secrets:
            said = re.sub(re.escape(secret), "…", said, flags=re.IGNORECASE)
        return said

    def _secrets(self) -> set[str]:
        """The secret texts: each whole, and its words, since a service may repeat only one, or with other
        separators.
        """
        beyond_host = self.url.partition("://")[2].partition("/")[2]
        whole = [self.url, beyond_host, unquote(beyond_host), self.routing_key or "", *self.headers.values()]
        words = (word for text in whole[1:] for word in re.findall(rf"[\w-]{{{_SHORTEST_SECRET},}}", text))
        return {*filter(None, whole), *words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """Posts to webhooks. `seconds_left`: how long this invocation may still take. `blocked`, which outlives it, says
    until when a channel must rest.
    """

    http: Http
    clock: Clock
    bucket: TokenBucket
    seconds_left: Callable[[], float]
    blocked: dict[str, datetime] = field(default_factory=dict)

    def post(self, channel: str, webhook: Webhook, payload: str) -> None:
        """Post one message. Raises PermanentError, RetryLaterError or TransientError."""
        body = _body(webhook, payload)
        headers = {"Content-Type": "application/json", **webhook.headers}
        while True:
            self._rest(channel)
            self.bucket.take()
            answer = self.http.post(webhook.url, body, headers)
            if 200 <= answer.status < 300:
                return
            if answer.status != 429 and answer.retry_after is None:
                raise _refusal(answer, webhook)
            now = self.clock.now()
            self.blocked[channel] = now + timedelta(seconds=_seconds(answer.retry_after, now))

    def _rest(self, channel: str) -> None:
        """Wait for as long as the service asked, if the invocation lasts that long."""
        until = self.blocked.get(channel)
        seconds = (until - self.clock.now()).total_seconds() if until else 0.0
        if seconds <= 0:
            return
        if seconds + RESERVE > self.seconds_left():
            raise RetryLaterError(seconds)
        self.clock.sleep(seconds)


def _overlap(said: str, secret: str) -> int:
    """How many of the secret's first letters stand at the end of the text; a few do by chance."""
    return next((n for n in range(len(secret) - 1, _SHORTEST_SECRET - 3, -1) if said.endswith(secret[:n])), 0)


def _body(webhook: Webhook, payload: str) -> bytes:
    if webhook.routing_key is None:
        return payload.encode()
    return json.dumps({"routing_key": webhook.routing_key, **json.loads(payload)}, ensure_ascii=False).encode()


def _seconds(retry_after: str | None, now: datetime) -> float:
    """The seconds in the header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    if retry_after is None:
        return _DEFAULT_WAIT
    try:
        seconds = float(retry_after)
        return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else _DEFAULT_WAIT
    except ValueError:
        pass
    try:
        return min(max((parsedate_to_datetime(retry_after) - now).total_seconds(), 0.0), _LONGEST_WAIT)
    except (ValueError, TypeError, OverflowError):
        return _DEFAULT_WAIT


def _wrong(webhook: Webhook) -> str | None:
    """What is wrong with the webhook, in words that show nothing of it."""
    try:
        parts = urlsplit(webhook.url)
        host, credentials, _ = parts.hostname, parts.username or parts.password, parts.port
    except ValueError:
        return "holds no address"
    if not webhook.url.startswith("https://"):
        return "has an address that does not begin with https://"
    # RFC 3986's own characters: over others, such as a backslash, parsers differ on where the host ends.
    if not host or not re.fullmatch(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+", webhook.url):
        return "holds no address: a host is missing, or there are characters that no address has"
    if credentials:
        return "has a user name in its address: put what the service wants to know into headers"
    if _is_link_local(host):
        return "has an address that only this machine's own services have"
    for name, value in webhook.headers.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", str(name)) or not _is_header(value):
            return "has headers that are none"
    return None if webhook.routing_key is None or _is_header(webhook.routing_key) else "has a routing key that is none"


def _is_link_local(host: str) -> bool:
    """Whether the address is link-local, such as 169.254.169.254, which gives credentials to whoever asks."""
    address = _address(host.rstrip("."))
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address.sixtofour or address
    if isinstance(address, ipaddress.IPv6Address) and address in _NAT64:
        address = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address is not None and (address.is_link_local or address == _METADATA)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address of a host; None for a name. IPv4 also in the forms that C libraries know: `2852039166`,
    `0xa9.254.43518`.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _is_header(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\x20-\x7e]*", value) is not None


def _refusal(answer: Answer, webhook: Webhook) -> Exception:
    said = f"the webhook answered {answer.status}: {webhook.without_secrets(answer.body)[:200]}"
    if answer.status >= 500 or answer.status == 408:
        return TransientError(said, code=str(answer.status))
    return PermanentError(said, code=str(answer.status))
