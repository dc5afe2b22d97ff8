"""The pages about jobs and experiments, in the artifacts bucket."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.failures import NotFoundError, PermanentError
from gridwatch.storage.layout import experiment_report_key, report_key, s3_uri


class ReportBucket:
    """Implements `gridwatch.reports.shelf.ReportShelf`."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, job_name: str, rule_name: str, page: str) -> str:
        return self._put(report_key(job_name, rule_name), page)

    def put_experiment(self, experiment: str, page: str) -> str:
        """Keep the page about an experiment, replacing a former one, and return its address."""
        return self._put(experiment_report_key(experiment), page)

    def has_experiment(self, experiment: str) -> bool:
        """Whether a page about the experiment is there."""
        try:
            with translated():
                self._client.head_object(Bucket=self._bucket, Key=experiment_report_key(experiment))
        except NotFoundError:
            return False
        except PermanentError as error:
            # Without the right to list, S3 answers 403 for a key that is not there.
            if error.code in ("403", "AccessDenied"):
                return False
            raise
        return True

    def _put(self, key: str, page: str) -> str:
        with translated():
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=page.encode(), ContentType="text/html; charset=utf-8"
            )
        return s3_uri(self._bucket, key)

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")
