"""HTTP requests by urllib3, which comes with botocore."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import urllib3

from gridwatch_rules.clock import Clock, SystemClock
from gridwatch_rules.failures import TransientError
from post_webhook.posting import Answer

# Slack and PagerDuty answer within a second; a slow one must not hold up an invocation that has others to post.
_TIMEOUT = urllib3.Timeout(connect=3.0, read=8.0)
_LONGEST_ANSWER = 2000  # bytes
_LONGEST_ANSWERING = 8.0  # seconds; the timeout above begins again with each byte


class Requests:
    """Implements `post_webhook.posting.Http`."""

    def __init__(self, timeout: urllib3.Timeout = _TIMEOUT, clock: Clock | None = None) -> None:
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)
        self._clock = clock or SystemClock()

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            response = self._pool.request(
                "POST", url, body=body, headers=dict(headers), redirect=False, preload_content=False
            )
            text = self._beginning(response).decode(errors="replace")
        except urllib3.exceptions.HTTPError as error:
            # Only the kind of error: the message holds the address, which is the secret.
            raise TransientError(f"no answer: {type(error).__name__}") from None
        return Answer(response.status, text, response.headers.get("Retry-After"))

    def _beginning(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """The beginning of the answer's body, which is enough: a service may never end, or compress much into little.

        What was not read would be taken for the next answer, so the connection is then not used again.
        """
        until = self._clock.now() + timedelta(seconds=_LONGEST_ANSWERING)
        said = b""
        while len(said) < _LONGEST_ANSWER and self._clock.now() < until:
            more = response.read1(_LONGEST_ANSWER - len(said), decode_content=False)
            if not more:
                response.release_conn()
                return said
            said += more
        response.close()
        return said
