"""Training jobs on SageMaker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.domain.descriptions import JobDescription
from gridwatch.events.training_job import job_description
from gridwatch.launch.ports import Share
from gridwatch_rules.failures import NotFoundError, NotYetError, PermanentError

# SageMaker says by words alone, under ValidationException, that something is (not) there or is over.
_NOT_THERE = ("not found", "does not exist", "could not find")
_ALREADY = "already exist"
_OVER = (
    "terminal",
    "status transition",
    "already stopped",
    "is in status",
    "cannot be stopped",
    "unable to transition",
)


class SageMakerTraining:
    """Implements `gridwatch.launch.ports.TrainingService` and `JobListing`."""

    def __init__(self, sagemaker: Any = None) -> None:
        self._client = sagemaker

    def create_job(self, request: Mapping[str, Any], share: Share) -> str:
        del share  # SageMaker has no queue
        with translated():
            return str(self._sagemaker.create_training_job(**request)["TrainingJobArn"])

    def describe_job(self, job_name: str) -> JobDescription:
        try:
            with translated():
                answer = self._sagemaker.describe_training_job(TrainingJobName=job_name)
        except PermanentError as error:
            raise as_not_found(error) from error
        return job_description(answer)

    def job_tags(self, arn: str) -> Mapping[str, str]:
        tags: dict[str, str] = {}
        with translated():
            for page in self._sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn):
                tags.update((tag["Key"], tag["Value"]) for tag in page["Tags"])
        return tags

    def active_jobs(self, name_prefix: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        paginator = self._sagemaker.get_paginator("list_training_jobs")
        for status in ("InProgress", "Stopping"):
            with translated():
                for page in paginator.paginate(StatusEquals=status, NameContains=name_prefix, MaxResults=100):
                    jobs = (job["TrainingJobName"] for job in page["TrainingJobSummaries"])
                    found.update((name, status) for name in jobs if name.startswith(name_prefix))
        return found

    def jobs_with_tag(self, key: str) -> Mapping[str, str]:
        running = {"Name": "TrainingJobStatus", "Operator": "Equals", "Value": "InProgress"}
        tagged = {"Name": f"Tags.{key}", "Operator": "Exists"}
        found: dict[str, str] = {}
        search = self._sagemaker.get_paginator("search")
        expression = {"Filters": [running, tagged]}
        with translated():
            for page in search.paginate(Resource="TrainingJob", SearchExpression=expression, MaxResults=100):
                jobs = (result["TrainingJob"] for result in page["Results"])
                found.update((job["TrainingJobName"], job["TrainingJobStatus"]) for job in jobs)
        return found

    def tag_job(self, arn: str, tags: Mapping[str, str]) -> None:
        with translated():
            self._sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": key, "Value": tags[key]} for key in tags])

    def stop_job(self, job_name: str) -> bool:
        try:
            with translated():
                self._sagemaker.stop_training_job(TrainingJobName=job_name)
        except PermanentError as error:
            if is_over_already(error):
                return False
            raise as_not_found(error) from error
        return True

    def ensure_experiment(self, name: str) -> None:
        with _once():
            self._sagemaker.create_experiment(ExperimentName=name)

    def ensure_trial(self, experiment: str, trial: str) -> str:
        try:
            with translated():
                self._sagemaker.create_trial(ExperimentName=experiment, TrialName=trial)
        except NotYetError:
            # Which of two reasons SageMaker gives for a name that is taken in a full experiment is not documented.
            try:
                return self._experiment_of(trial)
            except NotFoundError:
                pass
            raise
        except PermanentError as error:
            if not _is_there_already(error):
                raise
            return self._experiment_of(trial)
        return experiment

    def ensure_component(self, name: str, content: Mapping[str, Any]) -> None:
        with _once():
            self._sagemaker.create_trial_component(TrialComponentName=name, **content)

    def add_component(self, trial: str, component: str) -> None:
        with _once():
            self._sagemaker.associate_trial_component(TrialName=trial, TrialComponentName=component)

    def _experiment_of(self, trial: str) -> str:
        with translated():
            return str(self._sagemaker.describe_trial(TrialName=trial)["ExperimentName"])

    @property
    def _sagemaker(self) -> Any:
        return self._client or client("sagemaker")


def _says(error: PermanentError, *phrases: str) -> bool:
    message = str(error).lower()
    return any(phrase in message for phrase in phrases)


@contextmanager
def _once() -> Iterator[None]:
    """Create something; that it exists already counts as created."""
    try:
        with translated():
            yield
    except PermanentError as error:
        if not _is_there_already(error):
            raise


def _is_there_already(error: PermanentError) -> bool:
    """Whether a call was refused because the thing exists or the change was made already."""
    return error.code == "ResourceInUse" or _says(error, _ALREADY)


def is_over_already(error: PermanentError) -> bool:
    """Whether a stop was refused because the job no longer runs."""
    return error.code == "ValidationException" and _says(error, *_OVER)


def as_not_found(error: PermanentError) -> PermanentError:
    """The error, as NotFoundError where SageMaker says that there is no such thing."""
    if error.code == "ValidationException" and _says(error, *_NOT_THERE):
        return NotFoundError(str(error), code=error.code)
    return error
