"""Rule states that are too large for the table, in S3."""

from __future__ import annotations

import hashlib
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.layout import rule_state_key


class RuleStateBucket:
    """Rule states in S3. Each is written once, under a name made from its content, so no writer replaces another's.

    Raises gridwatch_rules.failures errors.
    """

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, job_name: str, version: int, document: str) -> str:
        """Save the state and return the key under which it is found again."""
        body = document.encode()
        key = rule_state_key(job_name, version, hashlib.sha256(body).hexdigest()[:16])
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")
        return key

    def get(self, key: str) -> str:
        with translated():
            return str(self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read().decode())

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")
