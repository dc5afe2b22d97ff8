"""Training jobs' logs in CloudWatch Logs."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch_rules.failures import NotFoundError, PermanentError
from gridwatch_rules.tensors.log_metrics import LogLine, LogPage, PositionExpiredError

GROUP = "/aws/sagemaker/TrainingJobs"


class CloudWatchLog:
    """Implements `gridwatch_rules.tensors.log_metrics.TrainingLog`.

    For a job on several instances only the first one's log is read, as Debugger's rules look at the first worker: each
    instance prints the same metrics. A job that SageMaker started again has a further stream, read after the first.
    """

    def __init__(self, logs: Any = None) -> None:
        self._logs = logs

    def page(self, job_name: str, stream: str, token: str) -> LogPage:
        current = stream or next(iter(self._streams(job_name)), "")
        if not current:
            return LogPage((), stream, token, more=False)
        place = {"nextToken": token} if token else {}
        answer = self._events(current, place, known=bool(stream))
        lines = [
            LogLine(event["timestamp"] / 1000, text)
            for event in answer["events"]
            for text in event["message"].splitlines()
        ]
        after = str(answer["nextForwardToken"])
        if after != token:  # the same token twice is the end; a page before it may be empty
            return LogPage(lines, current, after, more=True)
        later = [name for name in self._streams(job_name) if name > current]
        # The end of a stream is known only once the next one has begun.
        return LogPage((), later[0], "", more=True) if later else LogPage((), current, after, more=False)

    def _events(self, stream: str, place: dict[str, str], *, known: bool) -> Any:
        """The events after `known`, from a position rather than from the list of streams."""
        try:
            with translated():
                return self._client.get_log_events(
                    logGroupName=GROUP, logStreamName=stream, startFromHead=True, **place
                )
        except PermanentError as error:
            # A token lives for a day, a stream as long as its group keeps it.
            if known and (isinstance(error, NotFoundError) or error.code == "InvalidParameterException"):
                raise PositionExpiredError(str(error), code=error.code) from error
            raise

    def _streams(self, job_name: str) -> list[str]:
        """The log's streams by name; a name ends with the time at which its stream began."""
        request = {"logGroupName": GROUP, "logStreamNamePrefix": f"{job_name}/algo-1-"}
        try:
            with translated():
                found = self._client.describe_log_streams(**request)["logStreams"]
        except NotFoundError:
            return []
        return sorted(each["logStreamName"] for each in found)

    @property
    def _client(self) -> Any:
        return self._logs or client("logs")
