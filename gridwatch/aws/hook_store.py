"""The objects by which jobs find the hook, in the artifacts bucket."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.launch.carrier import CONFIG, Carrier
from gridwatch.storage.layout import HOOK_ARCHIVE, split_s3_uri


class S3HookStore:
    """Implements `gridwatch.launch.carrier.HookStore`. An address is made from what lies there, so that objects that
    are there need not be written again.
    """

    def __init__(self, s3: Any = None) -> None:
        self._client = s3

    def put(self, carrier: Carrier) -> None:
        bucket, prefix = split_s3_uri(carrier.uri)
        source = dict(zip(("Bucket", "Key"), split_s3_uri(carrier.source_uri), strict=True))
        archive, config = f"{prefix}{HOOK_ARCHIVE}", f"{prefix}{CONFIG}"
        with translated():
            listed = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
            there = {item["Key"] for item in listed.get("Contents", ())}
            if archive not in there:
                self._s3.copy_object(Bucket=bucket, Key=archive, CopySource=source)
            if config not in there:
                body, kind = carrier.config, "application/json"
                self._s3.put_object(Bucket=bucket, Key=config, Body=body, ContentType=kind)

    @property
    def _s3(self) -> Any:
        return self._client or client("s3")
