"""AWS Batch's state of a service job, which runs a training job: the event and the answer of DescribeServiceJob.

Batch names the training job itself, `AWSBatch`, the service job's name and a hash, anew for each attempt. The service
job's name is the job's name as Gridwatch knows it. Source: AWS Batch user guide, "Service jobs".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.trials import QUEUED

DETAIL_TYPE = "Batch Service Job State Change"
_SAID = "Received status from SageMaker: "  # how Batch hands a failure reason on
_OVER = {"SUCCEEDED": "Completed", "FAILED": "Failed"}


def batch_job_change(event: Mapping[str, Any]) -> JobDescription | None:
    """The end of a service job; None for another event or while the job is not over: SageMaker's events then tell more.

    Raises ValueError when it lacks the essentials.
    """
    if event.get("source") != "aws.batch" or event.get("detail-type") != DETAIL_TYPE:
        return None
    try:
        return service_job(event["detail"]) if is_over(event["detail"]) else None
    except KeyError as error:
        raise ValueError(f"a service job's state without {error}") from error


def service_job(detail: Mapping[str, Any]) -> JobDescription:
    """What only Batch says of a job: whether it waits, runs or is over. Times in Batch are epoch milliseconds.

    `modified_at` is the last time that Batch gives, so the same answer again does not count as news.
    """
    status = str(detail["status"])
    stopped = status == "FAILED" and bool(detail.get("isTerminated"))
    return JobDescription(
        job_name=detail["jobName"],
        arn=training_job_arn(detail) or detail.get("jobArn", ""),
        status="Stopped" if stopped else _OVER.get(status, "InProgress"),
        secondary_status="Stopped" if stopped else _OVER.get(status, QUEUED),
        modified_at=said_at(detail),
        created_at=_moment(detail.get("createdAt")),
        failure_reason=detail.get("statusReason", "").removeprefix(_SAID) or None if status == "FAILED" else None,
    )


def said_at(detail: Mapping[str, Any]) -> datetime:
    """The time of the answer. Raises KeyError when it has none."""
    moments = [detail[key] for key in ("createdAt", "scheduledAt", "startedAt", "stoppedAt") if detail.get(key)]
    if not moments:
        raise KeyError("createdAt")
    return datetime.fromtimestamp(max(moments) / 1000, UTC)


def is_over(detail: Mapping[str, Any]) -> bool:
    """Whether Batch has finished with the job and makes no further attempt."""
    return detail["status"] in _OVER


def training_job_arn(detail: Mapping[str, Any]) -> str | None:
    """The ARN of the latest attempt; None before there is one."""
    return ((detail.get("latestAttempt") or {}).get("serviceResourceId") or {}).get("value")


def _moment(milliseconds: object) -> datetime | None:
    return datetime.fromtimestamp(float(milliseconds) / 1000, UTC) if isinstance(milliseconds, (int, float)) else None
