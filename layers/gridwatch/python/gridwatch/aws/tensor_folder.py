"""Where metrics from a job's log are recorded, in the artifacts bucket."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.failures import NotFoundError, PermanentError
from gridwatch.state.codec import from_json, to_json
from gridwatch.state.records import JobRecord
from gridwatch.storage.layout import log_metric_prefix, log_position_key, tensor_prefix
from gridwatch.streams.source import reads_log_apart
from gridwatch.tensors.log_metrics import LogPosition


class S3MetricRecord:
    """Implements `evaluate_rules.recording.MetricRecord`. Raises gridwatch.failures errors."""

    def __init__(self, bucket: str, s3: Any = None) -> None:
        self._bucket = bucket
        self._s3 = s3

    def position(self, job_name: str) -> LogPosition:
        try:
            with translated():
                answer = self._client.get_object(Bucket=self._bucket, Key=log_position_key(job_name))
                return from_json(LogPosition, answer["Body"].read().decode())
        except (NotFoundError, ValueError):  # a damaged one too: read again, the log leads to the same steps
            return LogPosition()
        except PermanentError as error:
            # Who may list a part of the bucket only is told 403 for a key that is not there.
            if error.code in ("403", "AccessDenied"):
                return LogPosition()
            raise

    def write(self, job: JobRecord, key: str, content: bytes) -> None:
        with translated():
            self._client.put_object(Bucket=self._bucket, Key=_folder(job) + key, Body=content)

    def move(self, job_name: str, position: LogPosition) -> None:
        with translated():
            self._client.put_object(
                Bucket=self._bucket, Key=log_position_key(job_name), Body=to_json(position).encode()
            )

    @property
    def _client(self) -> Any:
        return self._s3 or client("s3")


def _folder(job: JobRecord) -> str:
    return log_metric_prefix(job.job_name) if reads_log_apart(job) else tensor_prefix(job.job_name)
