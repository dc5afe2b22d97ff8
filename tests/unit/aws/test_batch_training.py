"""What Batch and SageMaker say of one job, put together: above all while Batch tries again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.aws.batch_training import BatchTraining, share_identifier
from gridwatch.domain.trials import QUEUED
from gridwatch.events.batch_job import batch_job_change

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/AWSBatchgridwatch-blobs-0a1b2c3d4e-1ff"
NAME = "gridwatch-blobs-0a1b2c3d4e-1"
CREATED = 1_795_252_200_000


class Batch:
    """One service job."""

    def __init__(self, **job: Any) -> None:
        self.job = {
            "jobName": NAME,
            "jobId": "1",
            "jobArn": "arn:aws:batch:::service-job/1",
            "createdAt": CREATED,
            **job,
        }
        self.terminated: list[str] = []

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_service_jobs"
        return self

    def paginate(self, **request: Any) -> Any:
        return [{"jobSummaryList": [self.job]}]

    def describe_service_job(self, **request: str) -> Any:
        return self.job

    def terminate_service_job(self, **request: str) -> None:
        self.terminated.append(request["jobId"])


class SageMaker:
    """One training job; none when its status is None."""

    def __init__(self, status: str | None) -> None:
        self.status = status

    def describe_training_job(self, **request: str) -> Any:
        if self.status is None:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "not found"}}, "Describe")
        return {
            "TrainingJobName": request["TrainingJobName"],
            "TrainingJobArn": ARN,
            "TrainingJobStatus": self.status,
            "SecondaryStatus": self.status,
            "LastModifiedTime": datetime(2026, 11, 21, 9, 12, tzinfo=UTC),
            "FailureReason": "InternalServerError: try again",
        }


ATTEMPT = {"latestAttempt": {"serviceResourceId": {"name": "TrainingJobArn", "value": ARN}}}


@pytest.mark.parametrize("training", ["Failed", None])  # Batch deletes the jobs of former attempts
def test_while_batch_may_try_again_the_job_has_not_failed(training: str | None) -> None:
    service = BatchTraining("q", batch=Batch(status="RUNNABLE", **ATTEMPT), sagemaker=SageMaker(training))
    job = service.describe_job(NAME)
    assert (job.job_name, job.status, job.secondary_status) == (NAME, "InProgress", QUEUED)
    assert job.failure_reason is None


@pytest.mark.parametrize(
    ("status", "training", "expected"),
    [
        ("RUNNABLE", None, "InProgress"),
        ("RUNNING", "InProgress", "InProgress"),
        ("RUNNING", "Completed", "Completed"),
        ("FAILED", "Failed", "Failed"),
        ("FAILED", "Stopped", "Stopped"),
        ("FAILED", None, "Failed"),
        ("SUCCEEDED", "Completed", "Completed"),
    ],
)
def test_the_status_of_both_together(status: str, training: str | None, expected: str) -> None:
    service = BatchTraining("q", batch=Batch(status=status, **ATTEMPT), sagemaker=SageMaker(training))
    assert service.describe_job(NAME).status == expected


def test_what_was_taken_out_of_the_queue_is_stopped_and_once() -> None:
    batch = Batch(status="RUNNABLE")
    service = BatchTraining("q", batch=batch, sagemaker=SageMaker(None))
    assert service.stop_job(NAME)
    batch.job |= {"status": "FAILED", "isTerminated": True, "statusReason": "stopped by Gridwatch"}
    assert service.describe_job(NAME).status == "Stopped"
    assert not service.stop_job(NAME)
    assert batch.terminated == ["1"]


def test_the_end_is_told_by_an_event_with_sagemakers_own_reason() -> None:
    detail = {
        "jobName": NAME, "jobArn": "a", "status": "FAILED", "createdAt": CREATED,
        "statusReason": "Received status from SageMaker: CapacityError: none",
    }  # fmt: skip
    event = {"source": "aws.batch", "detail-type": "Batch Service Job State Change", "detail": detail}
    told = batch_job_change(event)
    assert told is not None
    assert (told.status, told.failure_reason) == ("Failed", "CapacityError: none")
    assert batch_job_change({**event, "detail": {**detail, "status": "RUNNING"}}) is None
    assert batch_job_change({**event, "source": "aws.sagemaker"}) is None


def test_a_team_as_batch_spells_it() -> None:
    assert share_identifier("Vision research") == "Visionresearch"
    assert share_identifier(None) == share_identifier("--") == "none"
    assert len(share_identifier("x" * 300)) == 255
