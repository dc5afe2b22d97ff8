"""Training jobs on SageMaker through a queue of AWS Batch.

This is the only module that knows both names of a job: Gridwatch's, which the service job and the tensor folder have,
and the one that Batch gives the training job of each attempt. All other code uses the first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.aws.training_service import SageMakerTraining
from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.trials import QUEUED
from gridwatch.events.batch_job import is_over, service_job, training_job_arn
from gridwatch.events.training_job import JOB_TAG
from gridwatch.launch.ports import Share
from gridwatch_rules.failures import NameTakenError, NotFoundError, PermanentError

# SageMaker's own failures are worth another attempt. What a rule or a person stopped, what the script did wrong and
# what was refused is not: the last line ends everything that no line before it speaks of.
_RETRIES = (
    {"action": "RETRY", "onStatusReason": "Received status from SageMaker: InternalServerError*"},
    {"action": "RETRY", "onStatusReason": "Received status from SageMaker: CapacityError*"},
    {"action": "EXIT", "onStatusReason": "*"},
)
_WAITING = ("SUBMITTED", "PENDING", "RUNNABLE", "SCHEDULED", "STARTING", "RUNNING")
_LOWEST_PRIORITY = 100  # Batch knows none below 0
NO_TEAM = "none"


class BatchTraining:
    """Implements `gridwatch.launch.ports.TrainingService` and `JobListing`.

    `job_queue` is the queue's name or ARN. Jobs that were started without Batch, before the deployment used it, are
    found as well. Calls are not paced here: Batch calls SageMaker as fast as that allows.
    """

    def __init__(self, job_queue: str, *, attempts: int = 1, batch: Any = None, sagemaker: Any = None) -> None:
        self._queue = job_queue
        self._attempts = attempts
        self._client = batch
        self._sagemaker = SageMakerTraining(sagemaker)

    def create_job(self, request: Mapping[str, Any], share: Share) -> str:
        """Hand the request to the queue and return the service job's ARN."""
        name = request["TrainingJobName"]
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())} | {JOB_TAG: name}
        payload = {key: value for key, value in request.items() if key != "TrainingJobName"}
        payload["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        try:
            with translated():
                answer = self._batch.submit_service_job(
                    jobName=name,
                    jobQueue=self._queue,
                    serviceJobType="SAGEMAKER_TRAINING",
                    serviceRequestPayload=json.dumps(payload),
                    retryStrategy={"attempts": self._attempts, "evaluateOnExit": list(_RETRIES)},
                    shareIdentifier=share_identifier(share.team),
                    schedulingPriority=share.priority + _LOWEST_PRIORITY,
                    tags=tags,
                    clientToken=name,
                )
        except PermanentError as error:
            # A token is taken once: what was submitted under it is this very request.
            if self._find(name) is not None:
                raise NameTakenError(str(error), code=error.code) from error
            raise
        return str(answer["jobArn"])

    def describe_job(self, job_name: str) -> JobDescription:
        found = self._find(job_name)
        if found is None:
            return self._sagemaker.describe_job(job_name)
        by_batch = service_job(found)
        training = self._training_job(found, job_name)
        if training is None:
            return by_batch
        # What Batch says of an end is no older than what SageMaker says of it.
        told = replace(training, modified_at=max(training.modified_at, by_batch.modified_at))
        if training.status == "Failed" and not is_over(found):
            # Batch has not said yet whether it tries again.
            return replace(told, status="InProgress", secondary_status=QUEUED, failure_reason=None, ended_at=None)
        return told

    def job_tags(self, arn: str) -> Mapping[str, str]:
        if ":service-job/" not in arn:
            return self._sagemaker.job_tags(arn)
        with translated():
            return dict(self._batch.list_tags_for_resource(resourceArn=arn)["tags"])

    def tag_job(self, arn: str, tags: Mapping[str, str]) -> None:
        if ":service-job/" not in arn:
            self._sagemaker.tag_job(arn, tags)
            return
        with translated():
            self._batch.tag_resource(resourceArn=arn, tags=dict(tags))

    def stop_job(self, job_name: str) -> bool:
        """Stop a job: Batch takes it out of the queue or has SageMaker stop it, and makes no further attempt."""
        found = self._find(job_name)
        if found is None:
            return self._sagemaker.stop_job(job_name)
        if is_over(found):
            return False
        training = self._training_job(found, job_name)
        if training is not None and training.status in ("Stopping", "Stopped", "Completed"):
            return False
        with translated():
            self._batch.terminate_service_job(jobId=found["jobId"], reason="stopped by Gridwatch")
        return True

    def active_jobs(self, name_prefix: str) -> Mapping[str, str]:
        found = dict(self._sagemaker.active_jobs(name_prefix))
        for status in _WAITING:
            for job in self._list(jobStatus=status):
                if job["jobName"].startswith(name_prefix):
                    found[job["jobName"]] = "InProgress"
        return found

    def jobs_with_tag(self, key: str) -> Mapping[str, str]:
        return self._sagemaker.jobs_with_tag(key)

    def ensure_experiment(self, name: str) -> None:
        self._sagemaker.ensure_experiment(name)

    def ensure_trial(self, experiment: str, trial: str) -> str:
        return self._sagemaker.ensure_trial(experiment, trial)

    def ensure_component(self, name: str, content: Mapping[str, Any]) -> None:
        self._sagemaker.ensure_component(name, content)

    def add_component(self, trial: str, component: str) -> None:
        self._sagemaker.add_component(trial, component)

    def _find(self, job_name: str) -> Mapping[str, Any] | None:
        """Batch's description of the job; None when Batch never had it."""
        named = [{"name": "JOB_NAME", "values": [job_name]}]
        summaries = [job for job in self._list(filters=named) if job["jobName"] == job_name]
        if not summaries:
            return None
        with translated():
            answer: Mapping[str, Any] = self._batch.describe_service_job(jobId=summaries[0]["jobId"])
        return answer

    def _training_job(self, found: Mapping[str, Any], job_name: str) -> JobDescription | None:
        """SageMaker's own description of the latest attempt; None before there is one, and once it is gone."""
        arn = training_job_arn(found)
        if arn is None:
            return None
        try:
            return replace(self._sagemaker.describe_job(arn.rpartition("/")[2]), job_name=job_name)
        except NotFoundError:
            return None

    def _list(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        with translated():
            for page in self._batch.get_paginator("list_service_jobs").paginate(jobQueue=self._queue, **request):
                yield from page["jobSummaryList"]

    @property
    def _batch(self) -> Any:
        return self._client or client("batch")


def share_identifier(team: str | None) -> str:
    """A team's name in the form that Batch accepts: letters and digits, at most 255."""
    return re.sub(r"[^A-Za-z0-9]", "", team or "")[:255] or NO_TEAM


def training_service(
    job_queue: str, *, attempts: int = 1, batch: Any = None, sagemaker: Any = None
) -> SageMakerTraining | BatchTraining:
    """The service that a deployment launches on: its Batch queue, or SageMaker itself where the queue's name is
    empty.
    """
    if not job_queue:
        return SageMakerTraining(sagemaker)
    return BatchTraining(job_queue, attempts=attempts, batch=batch, sagemaker=sagemaker)
