"""SageMaker in memory: jobs that go through their states in simulated time, write tensors, and tell of themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.errors import refused
from tests.simulation.stage import Stage

OVER = ("Completed", "Failed", "Stopped")
_ARN = "arn:aws:sagemaker:eu-west-1:123456789012:"
SEARCH_LAG = 20.0  # seconds at most until Search knows a change


@dataclass(frozen=True, slots=True)
class Course:
    """The course of a job that is not stopped: the metric's value at each step, and how the job ends."""

    values: tuple[float, ...]
    failure: str | None = None
    step_seconds: float = 20.0


@dataclass(slots=True)
class Job:
    request: Mapping[str, Any]
    tags: dict[str, str]
    course: Course
    created: float
    modified: float
    status: str = "InProgress"
    secondary: str = "Starting"
    started: float | None = None
    ended: float | None = None
    failure: str | None = None
    written: list[float] = field(default_factory=list)
    stop_requests: int = 0

    @property
    def name(self) -> str:
        return str(self.request["TrainingJobName"])

    @property
    def arn(self) -> str:
        return f"{_ARN}training-job/{self.name}"


class SageMaker:
    """SageMaker in memory. `course_of` says what a request's job will do; `write` puts a step's tensors; `announce`
    hears of each change.

    `quota`: jobs that may run at one time. `running` is how many ever did at the most.
    """

    def __init__(
        self,
        stage: Stage,
        course_of: Callable[[Mapping[str, Any]], Course],
        write: Callable[[str, int, float | None], None],
        announce: Callable[[Mapping[str, Any]], None],
        *,
        quota: int,
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.experiments: set[str] = set()
        self.trials: dict[str, str] = {}  # experiments by trial
        self.components: set[str] = set()
        self.links: set[tuple[str, str]] = set()  # which of them are in which trial
        self.created: list[str] = []  # every job that was ever created
        self.running = 0
        self._stage, self._course_of, self._write, self._announce = stage, course_of, write, announce
        self._quota = quota

    # What clients ask for -------------------------------------------------------------------------------------------

    def create_training_job(self, **request: Any) -> dict[str, Any]:
        name = request["TrainingJobName"]
        if name in self.jobs:
            raise refused("ResourceInUse", f"Training job names must be unique within an account: {name}")
        active = sum(job.status not in OVER for job in self.jobs.values())
        if active >= self._quota:
            raise refused("ResourceLimitExceeded", "The account-level service limit is reached")
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
        now = self._stage.now
        job = self.jobs[name] = Job(request, tags, self._course_of(request), now, now)
        self.created.append(name)
        self.running = max(self.running, active + 1)
        self._stage.tell(f"job {name} created")
        self._tell(job)
        self._stage.after(self._stage.chance.uniform(5, 40), lambda: self._train(job))
        return {"TrainingJobArn": job.arn}

    def describe_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        return dict(self._described(self._job(TrainingJobName)))

    def stop_training_job(self, *, TrainingJobName: str) -> dict[str, Any]:
        job = self._job(TrainingJobName)
        if job.status != "InProgress":
            message = f"The request was rejected because the training job is in status {job.status}."
            raise refused("ValidationException", message)
        job.stop_requests += 1
        self._change(job, "Stopping", "Stopping")
        self._stage.after(self._stage.chance.uniform(2, 30), lambda: self._end(job, "Stopped"))
        return {}

    def list_tags(self, *, ResourceArn: str) -> dict[str, Any]:
        tags = self._of_arn(ResourceArn)
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def add_tags(self, *, ResourceArn: str, Tags: list[dict[str, str]]) -> dict[str, Any]:
        self._of_arn(ResourceArn).update({tag["Key"]: tag["Value"] for tag in Tags})
        return {}

    def list_training_jobs(self, *, StatusEquals: str, NameContains: str, MaxResults: int) -> dict[str, Any]:
        del MaxResults
        found = [job for job in self.jobs.values() if job.status == StatusEquals and NameContains in job.name]
        return {"TrainingJobSummaries": [{"TrainingJobName": job.name} for job in found]}

    def search(self, *, Resource: str, SearchExpression: Mapping[str, Any], **request: Any) -> dict[str, Any]:
        filters = {each["Name"]: each.get("Value") for each in SearchExpression["Filters"]}
        if Resource == "TrainingJob":
            tag = next(name for name in filters if name.startswith("Tags.")).removeprefix("Tags.")
            jobs = [job for job in self.jobs.values() if tag in job.tags and job.status == "InProgress"]
            return {"Results": [{"TrainingJob": self._described(job)} for job in jobs]}
        name = filters["Parents.ExperimentName"]
        known = [
            job for job in self.jobs.values()
            if job.request.get("ExperimentConfig", {}).get("ExperimentName") == name
            and job.modified + SEARCH_LAG < self._stage.now
        ]  # fmt: skip
        found = [_component(job) for job in known]
        found.sort(key=lambda each: each["CreationTime"], reverse=request["SortOrder"] == "Descending")
        return {"Results": [{"TrialComponent": each} for each in found]}

    def create_experiment(self, *, ExperimentName: str) -> dict[str, Any]:
        return self._once(self.experiments, ExperimentName)

    def create_trial(self, *, ExperimentName: str, TrialName: str) -> dict[str, Any]:
        assert ExperimentName in self.experiments
        if TrialName in self.trials:
            raise refused("ValidationException", f"{TrialName} already exists")
        self.trials[TrialName] = ExperimentName
        return {}

    def create_trial_component(self, *, TrialComponentName: str, **content: Any) -> dict[str, Any]:
        del content
        return self._once(self.components, TrialComponentName)

    def associate_trial_component(self, *, TrialName: str, TrialComponentName: str) -> dict[str, Any]:
        if TrialName not in self.trials or TrialComponentName not in self.components:
            raise refused("ResourceNotFound", f"{TrialName} or {TrialComponentName} does not exist")
        self.links.add((TrialName, TrialComponentName))
        return {}

    def describe_trial(self, *, TrialName: str) -> dict[str, Any]:
        return {"TrialName": TrialName, "ExperimentName": self.trials[TrialName]}

    # What jobs do ---------------------------------------------------------------------------------------------------

    def _train(self, job: Job) -> None:
        if job.status != "InProgress":
            return
        if (job.course.failure or "").startswith("CapacityError"):
            self._end(job, "Failed")
            return
        job.started = self._stage.now
        self._change(job, "InProgress", "Training")
        self._write(job.name, -1, None)
        self._stage.after(job.course.step_seconds, lambda: self._step(job, 0))

    def _step(self, job: Job, step: int) -> None:
        """Take one step more, even while the job stops, until the container is gone."""
        if job.status in OVER:
            return
        job.written.append(job.course.values[step])
        self._write(job.name, step, job.course.values[step])
        if step + 1 < len(job.course.values):
            self._stage.after(job.course.step_seconds, lambda: self._step(job, step + 1))
        elif job.status == "InProgress":
            self._stage.after(5.0, lambda: self._end(job, "Failed" if job.course.failure else "Completed"))

    def _end(self, job: Job, status: str) -> None:
        if job.status in OVER or (job.status == "Stopping" and status != "Stopped"):
            return
        job.ended = self._stage.now
        job.failure = job.course.failure if status == "Failed" else None
        self._change(job, status, status)

    def _change(self, job: Job, status: str, secondary: str) -> None:
        job.status, job.secondary, job.modified = status, secondary, self._stage.now
        self._stage.tell(f"job {job.name} is {status}, {secondary}")
        self._tell(job)

    def _tell(self, job: Job) -> None:
        self._announce(self._described(job, as_event=True))

    def _described(self, job: Job, *, as_event: bool = False) -> Mapping[str, Any]:
        def time(seconds: float | None) -> Any:
            return seconds if seconds is None else round(seconds * 1000)

        times = {
            "CreationTime": time(job.created),
            "LastModifiedTime": time(job.modified),
            "TrainingStartTime": time(job.started),
            "TrainingEndTime": time(job.ended),
        }
        told = {
            "TrainingJobName": job.name,
            "TrainingJobArn": job.arn,
            "TrainingJobStatus": job.status,
            "SecondaryStatus": job.secondary,
            "ResourceConfig": job.request["ResourceConfig"],
            "StoppingCondition": job.request["StoppingCondition"],
            "HyperParameters": job.request["HyperParameters"],
            "Environment": job.request.get("Environment", {}),
            "FailureReason": job.failure,
            **times,
            **({"Tags": dict(job.tags)} if as_event else {}),
        }
        if not as_event and job.status in OVER:
            told["FinalMetricDataList"] = final_metrics(job)
            if job.started is not None and job.ended is not None:
                told["BillableTimeInSeconds"] = round(job.ended - job.started)
            if job.status == "Completed":
                told["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://models/{job.name}/model.tar.gz"}
        return {key: value for key, value in told.items() if value is not None}

    def _job(self, name: str) -> Job:
        if name not in self.jobs:
            raise refused("ValidationException", "Requested resource not found.")
        return self.jobs[name]

    def _of_arn(self, arn: str) -> dict[str, str]:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        return self._job(name).tags if kind == "training-job" else {}

    def _once(self, kept: set[str], name: str) -> dict[str, Any]:
        if name in kept:
            raise refused("ValidationException", f"{name} already exists")
        kept.add(name)
        return {}


def final_metrics(job: Job) -> list[dict[str, Any]]:
    """SageMaker's final value of the objective: the last one, if JSON has such a number."""
    finite = [value for value in job.written if math.isfinite(value)]
    return [{"MetricName": "validation-error", "Value": finite[-1]}] if finite else []


def _component(job: Job) -> dict[str, Any]:
    from datetime import UTC, datetime

    return {
        "TrialComponentName": f"{job.name}-aws-training-job",
        "Status": {"PrimaryStatus": job.status},
        "CreationTime": datetime.fromtimestamp(job.created, UTC),
        "LastModifiedTime": datetime.fromtimestamp(job.modified, UTC),
        "Metrics": [
            {"MetricName": each["MetricName"], "Last": each["Value"], "Count": len(job.written)}
            for each in final_metrics(job)
        ],
        "OutputArtifacts": {},
    }
