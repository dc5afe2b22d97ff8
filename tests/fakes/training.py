"""SageMaker in memory: a name can be used only once, and calls can be made to fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gridwatch.domain.descriptions import JobDescription
from gridwatch.launch.observation import is_terminal
from gridwatch.launch.ports import Share
from gridwatch_rules.clock import Clock
from gridwatch_rules.failures import GridwatchError, NameTakenError, NotFoundError, NotYetError

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/"
COMPONENT_LIMIT = 50
TRIAL_ARN = "arn:aws:sagemaker:eu-west-1:123456789012:experiment-trial/"


class FakeTraining:
    """Implements `gridwatch.launch.ports.TrainingService` and `JobListing`.

    `failures` are raised by the next calls of create_job, one each (None: the call goes through); `lost` too, but after
    the job was created. `stop_failures` are raised by the next calls of stop_job. `quota`: jobs that may run at one
    time. `debugger_refusal`: raised for every request that asks for Debugger. `stopped` are the stops that were
    accepted, `described` the calls of describe_job. `trial_failures` are raised by the next calls of ensure_trial,
    `trial_calls` are all of them; `component_failures` by ensure_component, `link_failures` by add_component.
    """

    def __init__(self, clock: Clock, *, quota: int | None = None) -> None:
        self.clock = clock
        self.quota = quota
        self.requests: list[Mapping[str, Any]] = []
        self.shares: list[Share] = []
        self.created_at: list[datetime] = []
        self.jobs: dict[str, JobDescription] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.failures: list[GridwatchError | None] = []
        self.debugger_refusal: GridwatchError | None = None
        self.names_first = False  # of two reasons to refuse, a name that is taken is told
        self.lost: list[GridwatchError | None] = []
        self.experiments: set[str] = set()
        self.trials: dict[str, str] = {}  # experiments by trial
        self.trial_limit = 300
        self.trial_calls: list[tuple[str, str]] = []
        self.trial_failures: list[GridwatchError | None] = []
        self.components: dict[str, Mapping[str, Any]] = {}
        self.component_failures: list[GridwatchError | None] = []
        self.links: dict[tuple[str, str], None] = {}  # which components are in which trial
        self.link_failures: list[GridwatchError | None] = []
        self.stopped: list[str] = []
        self.stop_failures: list[GridwatchError] = []
        self.described: list[str] = []

    def create_job(self, request: Mapping[str, Any], share: Share) -> str:
        self.shares.append(share)
        closed = self.debugger_refusal if "DebugHookConfig" in request else None
        if closed is not None and not (self.names_first and request["TrainingJobName"] in self.jobs):
            raise closed
        if self.failures and (failure := self.failures.pop(0)) is not None:
            raise failure
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise NameTakenError(f"{name} exists", code="ResourceInUse")
        running = sum(not is_terminal(job.status) for job in self.jobs.values())
        if self.quota is not None and running >= self.quota:
            raise NotYetError("the account-level service limit is reached", code="ResourceLimitExceeded")
        self.requests.append(request)
        self.created_at.append(self.clock.now())
        self.put(name, {tag["Key"]: tag["Value"] for tag in request["Tags"]})
        self.jobs[name] = replace(self.jobs[name], debugger="DebugHookConfig" in request)
        if self.lost and (failure := self.lost.pop(0)) is not None:
            raise failure
        return self.jobs[name].arn

    def put(self, name: str, tags: dict[str, str]) -> None:
        """Add a job as it is right after its creation."""
        now = self.clock.now()
        self.jobs[name] = JobDescription(
            job_name=name, arn=ARN + name, status="InProgress", secondary_status="Starting", modified_at=now
        )
        self.tags[ARN + name] = tags

    def finish(self, name: str, status: str = "Completed", **known: Any) -> JobDescription:
        """End the job; returns what an event would say, which lacks what only DescribeTrainingJob knows."""
        event = replace(
            self.jobs[name],
            status=status,
            secondary_status=status,
            modified_at=self.clock.now(),
            ended_at=self.clock.now(),
        )
        self.jobs[name] = replace(event, **known)
        return event

    def describe_job(self, job_name: str) -> JobDescription:
        self.described.append(job_name)
        if job_name not in self.jobs:
            raise NotFoundError("Requested resource not found.", code="ValidationException")
        return self.jobs[job_name]

    def job_tags(self, arn: str) -> Mapping[str, str]:
        return self.tags[arn]

    def active_jobs(self, name_prefix: str) -> Mapping[str, str]:
        jobs = (job for name, job in self.jobs.items() if name.startswith(name_prefix))
        return {job.job_name: job.status for job in jobs if not is_terminal(job.status)}

    def jobs_with_tag(self, key: str) -> Mapping[str, str]:
        jobs = (job for job in self.jobs.values() if key in self.tags[job.arn])
        return {job.job_name: job.status for job in jobs if job.status == "InProgress"}

    def tag_job(self, arn: str, tags: Mapping[str, str]) -> None:
        if arn not in self.tags:
            raise NotFoundError(f"Resource {arn} does not exist.", code="ResourceNotFound")
        self.tags[arn].update(tags)

    def stop_job(self, job_name: str) -> bool:
        if self.stop_failures:
            raise self.stop_failures.pop(0)
        if job_name not in self.jobs:
            raise NotFoundError("Requested resource not found.", code="ValidationException")
        job = self.jobs[job_name]
        if job.status != "InProgress":
            return False
        self.stopped.append(job_name)
        self.jobs[job_name] = replace(job, status="Stopping", secondary_status="Stopping", modified_at=self.clock.now())
        return True

    def ensure_experiment(self, name: str) -> None:
        self.experiments.add(name)

    def ensure_trial(self, experiment: str, trial: str) -> str:
        self.trial_calls.append((experiment, trial))
        if self.trial_failures and (failure := self.trial_failures.pop(0)) is not None:
            raise failure
        if trial in self.trials:
            return self.trials[trial]
        if experiment not in self.experiments:
            raise NotFoundError(f"Experiment {experiment} does not exist.", code="ResourceNotFound")
        if list(self.trials.values()).count(experiment) >= self.trial_limit:
            raise NotYetError(f"{self.trial_limit} trials per experiment", code="ResourceLimitExceeded")
        self.trials[trial] = experiment
        self.tags.setdefault(TRIAL_ARN + trial, {})
        return experiment

    def ensure_component(self, name: str, content: Mapping[str, Any]) -> None:
        if self.component_failures and (failure := self.component_failures.pop(0)) is not None:
            raise failure
        self.components.setdefault(name, content)

    def add_component(self, trial: str, component: str) -> None:
        if self.link_failures and (failure := self.link_failures.pop(0)) is not None:
            raise failure
        if trial not in self.trials or component not in self.components:
            raise NotFoundError(f"{trial} or {component} does not exist.", code="ResourceNotFound")
        own = [name for owner, name in self.links if owner == trial and "-aws-" not in name]
        if (trial, component) not in self.links and "-aws-" not in component and len(own) >= COMPONENT_LIMIT:
            raise NotYetError(f"{COMPONENT_LIMIT} components per trial", code="ResourceLimitExceeded")
        self.links[trial, component] = None
