"""The operations on tuning jobs, each driven by a thread that launches real training jobs.

Here every strategy but Grid is random search with a seed: a Bayesian or Hyperband search is not imitated, parents of a
warm start only have to exist, and convergence is never detected.
"""

import hashlib
import logging
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.errors import ServiceError, in_use, not_found, validation_error
from gridwatch.localcloud.sagemaker.images import ImageMap
from gridwatch.localcloud.sagemaker.paging import ordered, page
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.records import TrainingJob
from gridwatch.localcloud.sagemaker.state import JobStore
from gridwatch.localcloud.sagemaker.training import LOST, Training
from gridwatch.localcloud.sagemaker.tuning_judging import Judging
from gridwatch.localcloud.sagemaker.tuning_points import check_ranges, points
from gridwatch.localcloud.sagemaker.tuning_records import OBJECTIVE, Child, TuningJob, describe, state_change, summary

_LOG = logging.getLogger(__name__)
_TICK = 0.2
# What a definition has as a CreateTrainingJob request has it.
_SHARED = (
    "AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
    "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
    "CheckpointConfig", "RetryStrategy", "Environment",
)  # fmt: skip
Request = Mapping[str, Any]


class Tuning:
    """CreateHyperParameterTuningJob, Describe…, Stop… and ListTrainingJobsForHyperParameterTuningJob."""

    def __init__(self, jobs: JobStore, training: Training, images: ImageMap, platform: Platform) -> None:
        self._jobs = jobs
        self._training = training
        self._images = images
        self._platform = platform
        self._tunings: dict[str, TuningJob] = {}
        self._lock = threading.RLock()
        self._forgotten = threading.Event()

    def create(self, request: Request) -> dict[str, Any]:
        """Start a tuning job. Raises ServiceError for whatever AWS, or the lack of a local image, refuses."""
        name, now = request["HyperParameterTuningJobName"], clock.now()
        arn = self._platform.arn(f"hyper-parameter-tuning-job/{name}")
        tags = {tag["Key"]: tag["Value"] for tag in request.get("Tags", [])}
        tuning = TuningJob(name, arn, request, now, now, tags=tags)
        with self._lock:
            if any(known.lower() == name.lower() for known in self._tunings):
                raise in_use(f"Tuning job names must be unique, and one with this name already exists ({arn})")
            self._check(tuning)
            self._tunings[name] = tuning
        self._announce(tuning)
        threading.Thread(target=self._drive, args=(name,), name=f"tuning-{name}", daemon=True).start()
        return {"HyperParameterTuningJobArn": arn}

    def describe(self, request: Request) -> dict[str, Any]:
        return describe(self._get(request["HyperParameterTuningJobName"]), self._known())

    def stop(self, request: Request) -> dict[str, Any]:
        """Ask it and its training jobs to stop; one that is over refuses, one already stopping does not mind."""
        tuning = self._get(request["HyperParameterTuningJobName"])
        if tuning.is_terminal:
            raise validation_error(f"The request was rejected because the tuning job is in status {tuning.status}.")
        if tuning.status == "InProgress":
            self._change(tuning.name, lambda each: each.entering("Stopping", clock.now()))
        return {}

    def list_jobs(self, request: Request) -> dict[str, Any]:
        """Summaries of its training jobs, newest first unless asked otherwise."""
        tuning, jobs = self._get(request["HyperParameterTuningJobName"]), self._known()
        keys: dict[str, Callable[[dict[str, Any]], Any]] = {
            "Name": lambda each: each["TrainingJobName"],
            "CreationTime": lambda each: each["CreationTime"],
            "Status": lambda each: each["TrainingJobStatus"],
            "FinalObjectiveMetricValue": lambda each: each.get(
                "FinalHyperParameterTuningJobObjectiveMetric", {}
            ).get("Value"),
        }  # fmt: skip
        found = [summary(tuning, child, jobs[child.name]) for child in tuning.children]
        found = [each for each in found if request.get("StatusEquals") in (None, each["TrainingJobStatus"])]
        descending = request.get("SortOrder", "Descending") == "Descending"
        listed = ordered(found, keys[request.get("SortBy", "CreationTime")], descending)
        shown, token = page(listed, request, default=10)
        return {"TrainingJobSummaries": shown, **token}

    def tags_of(self, arn: str) -> Mapping[str, str] | None:
        """The tags of a tuning job; None when there is no such tuning job."""
        with self._lock:
            return next((tuning.tags for tuning in self._tunings.values() if tuning.arn == arn), None)

    def state(self) -> dict[str, TuningJob]:
        with self._lock:
            return dict(self._tunings)

    def restore(self, tunings: Mapping[str, TuningJob]) -> None:
        """Load the kept state. A tuning job that ran launches nothing any more: it has failed, as its jobs have."""
        with self._lock:
            self._tunings.update(tunings)
        for name, tuning in tunings.items():
            if not tuning.is_terminal:
                self._end(name, "Failed", f"InternalServerError: {LOST}")

    def forget(self) -> None:
        """Launch nothing any more."""
        self._forgotten.set()

    def _check(self, tuning: TuningJob) -> None:
        single, several = "TrainingJobDefinition" in tuning.request, "TrainingJobDefinitions" in tuning.request
        if single is several:
            raise validation_error("Exactly one of TrainingJobDefinition and TrainingJobDefinitions must be given")
        if single and "HyperParameterTuningJobObjective" not in tuning.config:
            raise validation_error("HyperParameterTuningJobObjective is required with TrainingJobDefinition")
        if "Autotune" in tuning.request:
            raise validation_error(
                "The local cloud cannot choose ranges and limits (Autotune): give ranges and the number of jobs"
            )
        for parent in tuning.request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
            self._get(parent["HyperParameterTuningJobName"])
        for definition in tuning.definitions:
            if several and not {"DefinitionName", "TuningObjective", "HyperParameterRanges"} <= definition.keys():
                raise validation_error("Each of several definitions needs a name, an objective and ranges")
            check_ranges(tuning.ranges(definition), tuning.config["Strategy"])
            self._images.find(definition["AlgorithmSpecification"].get("TrainingImage", ""), "training")
            if not self._platform.has_role(definition["RoleArn"]):
                raise validation_error(f"Could not assume role {definition['RoleArn']}. Please ensure that it exists.")

    def _drive(self, name: str) -> None:
        try:
            self._search(name)
        except Exception:  # noqa: BLE001  (the edge of the thread: whatever it is, the tuning job must end)
            _LOG.exception("tuning job %s", name)
            self._end(name, "Failed", "InternalServerError: We encountered an internal error. Please try again.")

    def _search(self, name: str) -> None:
        tuning = self._get(name)
        judging = Judging(tuning, clock.now())
        limits, walks = tuning.config["ResourceLimits"], list(self._walks(tuning))
        most = limits.get("MaxNumberOfTrainingJobs")
        refused: str | None = None
        while not self._forgotten.wait(_TICK):
            tuning, jobs = self._get(name), self._known()
            running = [jobs[child.name] for child in tuning.children if not jobs[child.name].is_terminal]
            verdict = judging.look(tuning, jobs, clock.now())
            self._note(name, verdict.not_improving)
            closing = verdict.over or refused is not None or tuning.status == "Stopping"
            for job in running if closing else verdict.hopeless:
                self._stop(job)
            launched = len(tuning.children)
            if not closing and walks and (most is None or launched < most):
                if len(running) < limits["MaxParallelTrainingJobs"]:
                    refused = self._launch(tuning, walks)
            elif not running:
                self._close(tuning, jobs, refused)
                return

    def _walks(self, tuning: TuningJob) -> Iterator[tuple[Mapping[str, Any], Iterator[dict[str, str]]]]:
        """Each definition with its points."""
        seed = tuning.config.get("RandomSeed", int(hashlib.sha256(tuning.name.encode()).hexdigest()[:8], 16))
        for index, definition in enumerate(tuning.definitions):
            yield definition, points(tuning.config["Strategy"], tuning.ranges(definition), seed + index)

    def _launch(self, tuning: TuningJob, walks: list[tuple[Mapping[str, Any], Iterator[dict[str, str]]]]) -> str | None:
        """Launch jobs, with the definitions taking turns until their points run out. Returns the reason when such jobs
        are refused for good.
        """
        definition, walk = walks.pop(0)
        point = next(walk, None)
        if point is None:
            return None
        walks.append((definition, walk))
        number = len(tuning.children) + 1
        child = Child(f"{tuning.name}-{number:03d}-{uuid.uuid4().hex[:8]}", definition, point)
        try:
            with self._lock:
                self._training.create(self._request(tuning, child))
                arn = {"TuningJobArn": tuning.arn}
                self._jobs.update(
                    child.name, lambda job: replace(job, request={**job.request, **arn}), announce=False
                )  # fmt: skip
                known = self._tunings[tuning.name]
                self._tunings[tuning.name] = replace(known, children=(*known.children, child))
        except ServiceError as refusal:
            return None if refusal.code == "ResourceLimitExceeded" else str(refusal)
        return None

    def _request(self, tuning: TuningJob, child: Child) -> dict[str, Any]:
        definition = child.definition
        metric = tuning.objective(definition)["MetricName"]
        return {
            "TrainingJobName": child.name,
            **{name: definition[name] for name in _SHARED if name in definition},
            "HyperParameters": {**definition.get("StaticHyperParameters", {}), **child.tuned, OBJECTIVE: metric},
            "Tags": tuning.request.get("Tags", []),
        }

    def _stop(self, job: TrainingJob) -> None:
        try:
            self._training.stop({"TrainingJobName": job.name})
        except ServiceError:
            return  # it is over meanwhile

    def _close(self, tuning: TuningJob, jobs: Mapping[str, TrainingJob], refused: str | None) -> None:
        failed = [child for child in tuning.children if jobs[child.name].status == "Failed"]
        if tuning.status == "Stopping":
            self._end(tuning.name, "Stopped")
        elif refused is not None:
            self._end(tuning.name, "Failed", refused)
        elif failed and len(failed) == len(tuning.children):
            self._end(tuning.name, "Failed", "All training jobs failed. Their failure reasons say why.")
        else:
            self._end(tuning.name, "Completed")

    def _end(self, name: str, status: str, reason: str | None = None) -> None:
        self._change(name, lambda each: each.entering(status, clock.now(), reason))

    def _get(self, name: str) -> TuningJob:
        with self._lock:
            if name not in self._tunings:
                raise not_found("Requested resource not found.")
            return self._tunings[name]

    def _known(self) -> dict[str, TrainingJob]:
        return {job.name: job for job in self._jobs.all()}

    def _note(self, name: str, not_improving: int) -> None:
        with self._lock:
            self._tunings[name] = replace(self._tunings[name], not_improving=not_improving)

    def _change(self, name: str, change: Callable[[TuningJob], TuningJob]) -> None:
        with self._lock:
            self._tunings[name] = change(self._tunings[name])
            changed = self._tunings[name]
        self._announce(changed)

    def _announce(self, tuning: TuningJob) -> None:
        if not self._forgotten.is_set():
            self._platform.put_event(state_change(tuning, self._known()))
