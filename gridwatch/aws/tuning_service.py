"""Tuning jobs on SageMaker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch.aws.training_service import as_not_found
from gridwatch.domain.descriptions import TuningDescription
from gridwatch.events.tuning_job import tuning_description
from gridwatch.launch.tuning_ports import TunedJob
from gridwatch_rules.failures import PermanentError

_YOUNGEST_FIRST = {"SortBy": "CreationTime", "SortOrder": "Descending"}


class SageMakerTuning:
    """Implements `gridwatch.launch.tuning_ports.TuningService`."""

    def __init__(self, sagemaker: Any = None) -> None:
        self._client = sagemaker

    def create_tuning(self, request: Mapping[str, Any]) -> str:
        with translated():
            return str(self._sagemaker.create_hyper_parameter_tuning_job(**request)["HyperParameterTuningJobArn"])

    def describe_tuning(self, name: str) -> TuningDescription:
        try:
            with translated():
                answer = self._sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
        except PermanentError as error:
            raise as_not_found(error) from error
        return tuning_description(answer)

    def tuning_tags(self, arn: str) -> Mapping[str, str]:
        tags: dict[str, str] = {}
        with translated():
            for page in self._sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn):
                tags.update((tag["Key"], tag["Value"]) for tag in page["Tags"])
        return tags

    def tuned_jobs(self, name: str) -> Iterator[TunedJob]:
        request: dict[str, Any] = {"HyperParameterTuningJobName": name, "MaxResults": 100, **_YOUNGEST_FIRST}
        while True:
            with translated():
                page = self._sagemaker.list_training_jobs_for_hyper_parameter_tuning_job(**request)
            for job in page["TrainingJobSummaries"]:
                yield TunedJob(name=job["TrainingJobName"], definition=job.get("TrainingJobDefinitionName"))
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

    @property
    def _sagemaker(self) -> Any:
        return self._client or client("sagemaker")
