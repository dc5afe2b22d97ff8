"""SageMaker's descriptions of a tuning job: DescribeHyperParameterTuningJob's answer, and the event with nearly the
same content.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.domain.descriptions import TuningDescription
from gridwatch.events.training_job import moment

DETAIL_TYPE = "SageMaker HyperParameter Tuning Job State Change"


def tuning_job_change(event: Mapping[str, Any]) -> TuningDescription | None:
    """The tuning job's state in the event; None for another event. Raises ValueError when essential fields are
    missing.
    """
    if event.get("source") != "aws.sagemaker" or event.get("detail-type") != DETAIL_TYPE:
        return None
    return tuning_description(event["detail"], fallback_time=event.get("time"))


def tuning_description(detail: Mapping[str, Any], *, fallback_time: object = None) -> TuningDescription:
    """The tuning job's description, from an event's detail or from an answer of DescribeHyperParameterTuningJob."""
    try:
        name, arn = detail["HyperParameterTuningJobName"], detail["HyperParameterTuningJobArn"]
        status = detail["HyperParameterTuningJobStatus"]
    except KeyError as error:
        raise ValueError(f"a tuning job's state without {error}") from error
    modified = moment(detail.get("LastModifiedTime")) or moment(fallback_time) or moment(detail.get("CreationTime"))
    if modified is None:
        raise ValueError(f"the state of {name} has no time")
    return TuningDescription(
        name=name,
        arn=arn,
        status=status,
        modified_at=modified,
        failure_reason=detail.get("FailureReason"),
        tags=dict(detail.get("Tags") or {}),
    )
