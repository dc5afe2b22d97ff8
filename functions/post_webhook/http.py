"""Requests by urllib3, which comes with botocore."""

from __future__ import annotations

from collections.abc import Mapping

import urllib3

from gridwatch.failures import TransientError
from post_webhook.posting import Answer

# Slack and PagerDuty answer within a second; a slow one must not hold up an invocation that has others to post.
_TIMEOUT = urllib3.Timeout(connect=3.0, read=8.0)
_LONGEST_ANSWER = 2000


class Requests:
    """Implements `post_webhook.posting.Http`."""

    def __init__(self, timeout: urllib3.Timeout = _TIMEOUT) -> None:
        self._pool = urllib3.PoolManager(timeout=timeout, retries=False)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            response = self._pool.request("POST", url, body=body, headers=dict(headers), redirect=False)
        except urllib3.exceptions.HTTPError as error:
            # Only the kind of error: the message holds the address, which is the secret.
            raise TransientError(f"no answer: {type(error).__name__}") from None
        text = response.data[:_LONGEST_ANSWER].decode(errors="replace")
        return Answer(response.status, text, response.headers.get("Retry-After"))
