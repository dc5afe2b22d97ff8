"""Tuning jobs in memory, beside the training jobs of `tests.fakes.training`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from gridwatch.domain.descriptions import TuningDescription
from gridwatch.launch.tuning_ports import TunedJob
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import GridwatchError, NameTakenError, NotFoundError
from tests.fakes.training import FakeTraining

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/"


class FakeTuning:
    """Implements `gridwatch.launch.tuning_ports.TuningService`. `failures` are raised by the next calls of
    create_tuning, one each; `lost` after the tuning job was created.
    """

    def __init__(self, clock: Clock, training: FakeTraining) -> None:
        self.clock = clock
        self.training = training
        self.requests: list[Mapping[str, Any]] = []
        self.tunings: dict[str, TuningDescription] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.failures: list[GridwatchError] = []
        self.lost: list[GridwatchError] = []
        self.definitions: dict[str, str] = {}
        self.unlisted: set[str] = set()  # jobs that a list does not have yet
        self.listed = 0

    def create_tuning(self, request: Mapping[str, Any]) -> str:
        if self.failures:
            raise self.failures.pop(0)
        name = request["HyperParameterTuningJobName"]
        if name in self.tunings:
            raise NameTakenError(f"{name} exists", code="ResourceInUse")
        self.requests.append(request)
        self.tunings[name] = TuningDescription(
            name=name, arn=ARN + name, status="InProgress", modified_at=self.clock.now()
        )
        self.tags[name] = {tag["Key"]: tag["Value"] for tag in request["Tags"]}
        if self.lost:
            raise self.lost.pop(0)
        return ARN + name

    def launch(self, name: str, number: int, hyperparameters: Mapping[str, str], definition: str | None = None) -> str:
        """Launch a training job of the tuning job as SageMaker does: its name and its tags are as documented."""
        job = f"{name}-{number:03d}-{number:08x}"
        self.training.put(job, dict(self.tags[name]))
        if definition is not None:
            self.definitions[job] = definition
        self.training.jobs[job] = replace(self.training.jobs[job], hyperparameters=dict(hyperparameters))
        return job

    def finish(self, name: str, status: str = "Completed", reason: str | None = None) -> TuningDescription:
        """End the tuning job; returns what the event would say."""
        ended = replace(self.tunings[name], status=status, modified_at=self.clock.now(), failure_reason=reason)
        self.tunings[name] = ended
        return replace(ended, tags=self.tags[name])

    def describe_tuning(self, name: str) -> TuningDescription:
        if name not in self.tunings:
            raise NotFoundError("Requested resource not found.", code="ResourceNotFound")
        return self.tunings[name]

    def tuning_tags(self, arn: str) -> Mapping[str, str]:
        return self.tags[arn.removeprefix(ARN)]

    def tuned_jobs(self, name: str) -> Iterator[TunedJob]:
        self.listed += 1
        jobs = [job for job in self.training.jobs if job.startswith(f"{name}-") and job not in self.unlisted]
        for job in reversed(jobs):
            yield TunedJob(name=job, definition=self.definitions.get(job))
