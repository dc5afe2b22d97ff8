"""The operations on training jobs."""

import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.debugger import refuse_debugger
from gridwatch.localcloud.sagemaker.errors import validation_error
from gridwatch.localcloud.sagemaker.experiments import Experiments
from gridwatch.localcloud.sagemaker.images import ImageMap
from gridwatch.localcloud.sagemaker.interruption import Interruption
from gridwatch.localcloud.sagemaker.jobs import JobRunner
from gridwatch.localcloud.sagemaker.metrics import LogMetrics
from gridwatch.localcloud.sagemaker.paging import ordered, page
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.records import RuleStatus, TrainingJob, describe, first_transition
from gridwatch.localcloud.sagemaker.refusals import refuse_empty_prefixes, refuse_what_cannot_run
from gridwatch.localcloud.sagemaker.rules import RuleRunner
from gridwatch.localcloud.sagemaker.state import JobStore

Request = Mapping[str, Any]
_LONGEST = 28 * 24 * 3600  # API_StoppingCondition
LOST = "the local cloud ended while the job was running"


class Training:
    """CreateTrainingJob, DescribeTrainingJob, StopTrainingJob and ListTrainingJobs of one account and region."""

    def __init__(self, store: JobStore, experiments: Experiments, images: ImageMap, platform: Platform) -> None:
        self._store = store
        self._experiments = experiments
        self._images = images
        self._platform = platform
        self._runners: dict[str, JobRunner] = {}
        self._lock = threading.Lock()

    def create(self, request: Request) -> dict[str, Any]:
        """Start a job. Raises ServiceError for whatever AWS, or the lack of a local image, refuses."""
        _check(request)
        refuse_debugger(request, available=self._platform.limits.debugger)
        image = self._images.find(request["AlgorithmSpecification"]["TrainingImage"], "training")
        evaluators = [
            (rule, self._images.find(rule["RuleEvaluatorImage"], "evaluator"))
            for rule in request.get("DebugRuleConfigurations", [])
        ]
        self._check_surroundings(request)
        self._store.refuse_used(request["TrainingJobName"])
        self._platform.limits.check_quotas(request, self._store.all())
        job = self._new_job(request)
        self._store.add(job)
        self._experiments.add_job_component(job)
        rules = [RuleRunner(job, rule, evaluator, self._store, self._platform) for rule, evaluator in evaluators]
        runner = JobRunner(job, image, self._store, self._platform, rules)
        with self._lock:
            self._runners[job.name] = runner
        runner.start()
        return {"TrainingJobArn": job.arn}

    def describe(self, request: Request) -> dict[str, Any]:
        return describe(self._store.get(request["TrainingJobName"]))

    def stop(self, request: Request) -> dict[str, Any]:
        """Ask the job to stop; a job that is over refuses, one already stopping does not mind."""

        def change(job: TrainingJob) -> TrainingJob:
            if job.is_terminal:
                raise validation_error(
                    f"The request was rejected because the training job is in status {job.status}. You can only stop "
                    "jobs with status InProgress."
                )
            return job if job.status == "Stopping" else job.entering("Stopping", clock.now())

        job = self._store.update(request["TrainingJobName"], change)
        self._runners[job.name].stop()
        return {}

    def go_on(self) -> None:
        """Mark jobs that ran as failed after the cloud was started again: their processes are gone."""

        def lost(job: TrainingJob) -> TrainingJob:
            failed = replace(job, failure_reason=f"InternalServerError: {LOST}")
            return failed if job.is_terminal else failed.entering("Failed", clock.now())

        for job in self._store.all():
            if not job.is_terminal:
                self._store.update(job.name, lost)

    def has(self, name: str) -> bool:
        return any(job.name == name for job in self._store.all())

    def interrupt(self, name: str, interruption: Interruption) -> None:
        """Take the job's machines away while it trains. Raises ServiceError when that cannot happen to it."""
        job = self._store.get(name)
        if interruption.cause == "spot" and not job.request.get("EnableManagedSpotTraining"):
            raise validation_error(f"{name} does not train on spot capacity (EnableManagedSpotTraining)")
        if job.secondary_status != "Training" or not self._runners[name].interrupt(interruption):
            raise validation_error(f"{name} is {job.secondary_status}; only a job that is Training can be interrupted")

    def list(self, request: Request) -> dict[str, Any]:
        """Summaries, newest first unless asked otherwise."""
        keys = {"Name": "TrainingJobName", "CreationTime": "CreationTime", "Status": "TrainingJobStatus"}
        summaries = [_summary(job) for job in self._store.all() if _listed(job, request)]
        key = keys[request.get("SortBy", "CreationTime")]
        descending = request.get("SortOrder", "Descending") == "Descending"
        found, token = page(ordered(summaries, lambda item: item[key], descending), request, default=10)
        return {"TrainingJobSummaries": found, **token}

    def forget(self) -> None:
        """Kill every job and announce nothing about it. This does not wait: their threads may be waiting for this very
        server.
        """
        self._store.mute()
        with self._lock:
            runners = list(self._runners.values())
        for runner in runners:
            runner.abandon()

    def _check_surroundings(self, request: Request) -> None:
        role = request["RoleArn"]
        if not self._platform.has_role(role):
            raise validation_error(
                f"Could not assume role {role}. Please ensure that the role exists and allows principal "
                "'sagemaker.amazonaws.com' to assume the role."
            )
        config = request.get("ExperimentConfig", {})
        if name := config.get("ExperimentName"):
            self._experiments.experiments.get(name)
        if name := config.get("TrialName"):
            self._experiments.trials.get(name)
        refuse_empty_prefixes(request, self._platform)

    def _new_job(self, request: Request) -> TrainingJob:
        now, name = clock.now(), request["TrainingJobName"]
        rules = tuple(
            RuleStatus(
                rule["RuleConfigurationName"],
                self._rule_arn(name, rule["RuleConfigurationName"]),
                "InProgress",
                "",
                now,
            )
            for rule in request.get("DebugRuleConfigurations", [])
        )
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        arn = self._platform.arn(f"training-job/{name}")
        return TrainingJob(name, arn, _with_defaults(request), now, now, (first_transition(now),), tags, rules=rules)

    def _rule_arn(self, job: str, rule: str) -> str:
        digest = hashlib.sha256(f"{job}/{rule}".encode()).hexdigest()[:8]
        return self._platform.arn(f"processing-job/{job[:26]}-{rule[:26]}-{digest}".lower())


def _with_defaults(request: Request) -> Request:
    """The request with what SageMaker fills in for channels, as Describe and events show it."""
    defaults = {"CompressionType": "None", "RecordWrapperType": "None"}
    channels = [{**defaults, **channel} for channel in request.get("InputDataConfig", [])]
    return {**request, "InputDataConfig": channels} if channels else request


def _check(request: Request) -> None:
    """Check what the service checks beyond its model."""
    for name in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if name not in request:
            raise validation_error(f"{name} is required for a training job that is not serverless")
    algorithm = request["AlgorithmSpecification"]
    if "AlgorithmName" in algorithm and "TrainingImage" in algorithm:
        raise validation_error("AlgorithmSpecification: an AlgorithmName or a TrainingImage, not both")
    if "TrainingImage" not in algorithm:
        raise validation_error(
            "The local cloud runs training images only: AlgorithmSpecification.TrainingImage is missing"
        )
    refuse_what_cannot_run(request)
    channels = request.get("InputDataConfig", [])
    _check_unique("channel names", (channel["ChannelName"] for channel in channels))
    _check_unique(
        "rule configuration names", (r["RuleConfigurationName"] for r in request.get("DebugRuleConfigurations", []))
    )
    _check_unique("tag keys", (tag["Key"] for tag in request.get("Tags", [])))
    if request.get("DebugRuleConfigurations") and "DebugHookConfig" not in request:
        raise validation_error("DebugRuleConfigurations need a DebugHookConfig that says where the tensors are")
    LogMetrics.parse(algorithm.get("MetricDefinitions", []))
    _check_spot(request)


def _check_spot(request: Request) -> None:
    stopping = request["StoppingCondition"]
    if stopping.get("MaxRuntimeInSeconds", 0) > _LONGEST:
        raise validation_error(f"MaxRuntimeInSeconds is at most {_LONGEST}, which is 28 days")
    longest = stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if longest is None or longest < stopping.get("MaxRuntimeInSeconds", 86400):
            raise validation_error(
                "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
            )
    elif longest is not None:
        raise validation_error("MaxWaitTimeInSeconds is only valid with EnableManagedSpotTraining")


def _check_unique(what: str, names: Iterable[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise validation_error(f"Duplicate {what}: {', '.join(twice)}")


def _summary(job: TrainingJob) -> dict[str, Any]:
    full = describe(job)
    names = ("TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
             "TrainingJobStatus", "SecondaryStatus")  # fmt: skip
    return {name: full[name] for name in names if name in full}


def _listed(job: TrainingJob, request: Request) -> bool:
    return (
        request.get("NameContains", "") in job.name
        and request.get("StatusEquals", job.status) == job.status
        and request.get("CreationTimeAfter", 0) <= job.created
        and job.created <= request.get("CreationTimeBefore", job.created)
        and request.get("LastModifiedTimeAfter", 0) <= job.modified
        and job.modified <= request.get("LastModifiedTimeBefore", job.modified)
    )
