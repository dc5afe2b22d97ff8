"""The pages that rules make of jobs, in the artifacts bucket."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.layout import report_key, s3_uri


class ReportBucket:
    """Implements `gridwatch.reports.shelf.ReportShelf`."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, job_name: str, rule_name: str, page: str) -> str:
        key = report_key(job_name, rule_name)
        with translated():
            (self._s3 or client("s3")).put_object(
                Bucket=self._bucket, Key=key, Body=page.encode(), ContentType="text/html; charset=utf-8"
            )
        return s3_uri(self._bucket, key)
