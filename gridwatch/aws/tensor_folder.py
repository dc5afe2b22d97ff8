"""The folder in the artifacts bucket where metrics from a job's log are recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import WRITTEN_MEANWHILE, translated
from gridwatch.domain.jobs import JobRecord
from gridwatch.state.codec import from_json, to_json
from gridwatch.state.store import ConflictError
from gridwatch.storage.layout import log_metric_prefix, log_position_key, tensor_prefix
from gridwatch.streams.source import reads_log_apart
from gridwatch_rules.failures import NotFoundError, PermanentError
from gridwatch_rules.tensors.log_metrics import LogPosition
from gridwatch_rules.tensors.seal import require_unbroken, sealed


class S3MetricRecord:
    """Implements `evaluate_rules.recording.MetricRecord`. Raises gridwatch_rules.failures errors."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def position(self, job_name: str) -> LogPosition:
        try:
            with translated():
                answer = self._client.get_object(Bucket=self._bucket, Key=log_position_key(job_name))
                content, version = answer["Body"].read(), answer["ETag"]
        except NotFoundError:
            return LogPosition()
        except PermanentError as error:
            # Who may list a part of the bucket only is told 403 for a key that is not there.
            if error.code in ("403", "AccessDenied"):
                return LogPosition()
            raise
        try:
            require_unbroken(content)
            found = from_json(LogPosition, content.decode())
        except ValueError:
            found = None
        # What is damaged is read again from the log's beginning, which leads to the same steps.
        return replace(found, version=version) if found and found.is_possible else LogPosition(version=version)

    def write(self, job: JobRecord, key: str, content: bytes) -> None:
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=_folder(job) + key, Body=content)

    def move(self, job_name: str, position: LogPosition) -> None:
        body = sealed(to_json(replace(position, version="")).encode())
        unchanged = {"IfMatch": position.version} if position.version else {"IfNoneMatch": "*"}
        try:
            with translated():
                self._client.put_object(Bucket=self._bucket, Key=log_position_key(job_name), Body=body, **unchanged)
        except PermanentError as error:
            if error.code not in WRITTEN_MEANWHILE:
                raise
            raise ConflictError(f"another look has moved the position in the log of {job_name}") from error

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")


def _folder(job: JobRecord) -> str:
    return log_metric_prefix(job.job_name) if reads_log_apart(job) else tensor_prefix(job.job_name)
