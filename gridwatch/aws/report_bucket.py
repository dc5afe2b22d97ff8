"""The pages about jobs and experiments, in the artifacts bucket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.storage.layout import experiment_report_key, report_key, s3_uri
from gridwatch.storage.report_store import ReportPlace
from gridwatch_rules.failures import NotFoundError, PermanentError


class ReportBucket:
    """Implements `gridwatch.storage.report_store.ReportStore`."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def put(self, job_name: str, rule_name: str, page: str) -> str:
        return self._put(report_key(job_name, rule_name), page)

    def put_experiment(self, experiment: str, page: str, replayed: str | None) -> str:
        """Keep the page about an experiment, replacing a former one, and return its address. `replayed` is a line of
        ASCII that says what the rules would have saved.
        """
        return self._put(experiment_report_key(experiment), page, {"replayed": replayed} if replayed else {})

    def find_experiment(self, experiment: str) -> ReportPlace | None:
        """The address of the page about the experiment; None when there is none."""
        key = experiment_report_key(experiment)
        try:
            with translated():
                found = self._client.head_object(Bucket=self._bucket, Key=key)
        except NotFoundError:
            return None
        except PermanentError as error:
            # Without the right to list, S3 answers 403 for a key that is not there.
            if error.code in ("403", "AccessDenied"):
                return None
            raise
        return ReportPlace(self._bucket, key, found.get("Metadata", {}).get("replayed"))

    def _put(self, key: str, page: str, metadata: Mapping[str, str] | None = None) -> str:
        with translated():
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=page.encode(), ContentType="text/html; charset=utf-8",
                Metadata=dict(metadata or {}),
            )  # fmt: skip
        return s3_uri(self._bucket, key)

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")
