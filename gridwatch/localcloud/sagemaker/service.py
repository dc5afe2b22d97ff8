"""SageMaker as an HTTP service: one set of jobs and entities per account and region."""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker import events
from gridwatch.localcloud.sagemaker.debugger import refuse_debugger
from gridwatch.localcloud.sagemaker.entities import EntityStore
from gridwatch.localcloud.sagemaker.errors import ServiceError, not_found, validation_error
from gridwatch.localcloud.sagemaker.experiments import Experiments
from gridwatch.localcloud.sagemaker.images import ImageMap
from gridwatch.localcloud.sagemaker.interruption import Interruption
from gridwatch.localcloud.sagemaker.limits import Throttle
from gridwatch.localcloud.sagemaker.model_registry import ModelRegistry
from gridwatch.localcloud.sagemaker.platform import Platform
from gridwatch.localcloud.sagemaker.records import TrainingJob, describe
from gridwatch.localcloud.sagemaker.search import search
from gridwatch.localcloud.sagemaker.state import JobStore
from gridwatch.localcloud.sagemaker.tags import Tags, as_list, refuse_reserved
from gridwatch.localcloud.sagemaker.timeseries import TimeSeries
from gridwatch.localcloud.sagemaker.training import Training
from gridwatch.localcloud.sagemaker.tuning import Tuning
from gridwatch.localcloud.sagemaker.unobeyed import refuse_unobeyed
from gridwatch.localcloud.sagemaker.validation import validate

_LOG = logging.getLogger(__name__)
_TARGET = "SageMaker."
_METRICS_PATHS = {"/BatchPutMetrics": "BatchPutMetrics", "/BatchGetMetrics": "BatchGetMetrics"}
_UPDATABLE = ("ProfilerConfig", "ProfilerRuleConfigurations", "RemoteDebugConfig")

Answer = dict[str, Any]
Request = Mapping[str, Any]
Response = tuple[int, dict[str, str], bytes]


class RegionalSageMaker:
    """The operations of one account and region."""

    def __init__(self, images: ImageMap, platform: Platform) -> None:
        self._search_lag = platform.limits.search_lag
        self._debugger = platform.limits.debugger
        self._jobs = JobStore(lambda job: platform.put_event(events.state_change(job)), kept_seconds=self._search_lag)
        self._throttle = Throttle(platform.limits)
        self._experiments = Experiments(self._jobs, platform)
        self.training = Training(self._jobs, self._experiments, images, platform)
        self.tuning = Tuning(self._jobs, self.training, images, platform)
        self._registry = ModelRegistry(platform)
        self._tags = Tags(self._jobs, (*self._experiments.stores, self._registry.groups), self.tuning.tags_of)
        self._series = TimeSeries(self._jobs, self._experiments.components)
        self._operations = self._table()
        self._lock = threading.RLock()

    def _table(self) -> dict[str, Callable[[Request], Answer]]:
        entities = self._experiments
        table: dict[str, Callable[[Request], Answer]] = {
            "CreateTrainingJob": self.training.create,
            "DescribeTrainingJob": self.training.describe,
            "StopTrainingJob": self.training.stop,
            "ListTrainingJobs": self.training.list,
            "CreateHyperParameterTuningJob": self.tuning.create,
            "DescribeHyperParameterTuningJob": self.tuning.describe,
            "StopHyperParameterTuningJob": self.tuning.stop,
            "ListTrainingJobsForHyperParameterTuningJob": self.tuning.list_jobs,
            "UpdateTrainingJob": self._update_training_job,
            "AddTags": self._tags.add,
            "DeleteTags": self._tags.delete,
            "ListTags": self._tags.list,
            "AssociateTrialComponent": entities.associate,
            "DisassociateTrialComponent": entities.disassociate,
            "Search": self._search,
            "BatchPutMetrics": self._series.put,
            "BatchGetMetrics": self._series.get,
            "CreateModelPackageGroup": self._registry.create_group,
            "DescribeModelPackageGroup": self._registry.describe_group,
            "ListModelPackageGroups": self._registry.list_groups,
            "DeleteModelPackageGroup": self._registry.delete_group,
            "CreateModelPackage": self._registry.create,
            "DescribeModelPackage": self._registry.describe,
            "ListModelPackages": self._registry.list,
            "UpdateModelPackage": self._registry.update,
            "DeleteModelPackage": self._registry.delete,
        }
        for store in entities.stores:
            table[f"Create{store.kind}"] = partial(entities.create, store)
            table[f"Describe{store.kind}"] = partial(entities.describe, store)
            table[f"Update{store.kind}"] = partial(entities.update, store)
            table[f"Delete{store.kind}"] = partial(entities.delete, store)
            table[f"List{store.kind}s"] = partial(entities.list, store)
        return table

    def call(self, service: str, operation: str, request: Request) -> Answer:
        """Validate and perform one call. Raises ServiceError."""
        self._throttle.check(operation)
        validate(service, operation, request)
        refuse_unobeyed(operation, request)
        refuse_reserved(request)
        handler = self._operations.get(operation)
        if handler is None:
            raise ServiceError(
                "UnknownOperationException", f"The local cloud does not have the SageMaker operation {operation}"
            )
        with self._lock:
            return handler(request)

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """The tags of any resource here; empty when there is none."""
        with self._lock:
            return self._tags.of(arn)

    def state(self) -> Answer:
        """The whole state, to be kept: plain values and frozen records."""
        with self._lock:
            return {
                "jobs": self._jobs.all(),
                "experiments": self._experiments.state(),
                "registry": self._registry.state(),
                "tunings": self.tuning.state(),
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Load the kept state; jobs that ran then have failed, and that is announced."""
        with self._lock:
            self._jobs.restore(state["jobs"])
            self._experiments.restore(state["experiments"])
            self._registry.restore(state["registry"])
            self.training.go_on()
            self.tuning.restore(state["tunings"])

    def _update_training_job(self, request: Request) -> Answer:
        refuse_debugger(request, available=self._debugger)

        def change(job: TrainingJob) -> TrainingJob:
            if job.status != "InProgress":
                raise validation_error(
                    f"Only a training job in status InProgress can be updated; this one is {job.status}."
                )
            return replace(job, request={**job.request, **{k: request[k] for k in _UPDATABLE if k in request}})

        job = self._jobs.update(request["TrainingJobName"], change, announce=False)
        return {"TrainingJobArn": job.arn}

    def _search(self, request: Request) -> Answer:
        resource = request["Resource"]
        sources: dict[str, Callable[[], Sequence[Request]]] = {
            "TrainingJob": self._job_records,
            "Experiment": partial(self._entity_records, self._experiments.experiments),
            "ExperimentTrial": partial(self._entity_records, self._experiments.trials),
            "ExperimentTrialComponent": partial(self._entity_records, self._experiments.components),
        }
        records = sources.get(resource)
        if records is None:
            raise validation_error(f"The local cloud cannot search for {resource}")
        found, token = search(resource, records(), request)
        member = resource.removeprefix("Experiment") or "Experiment"
        return {"Results": [{member: record} for record in found], **token}

    def _job_records(self) -> Sequence[Request]:
        return [describe(job) | {"Tags": as_list(job.tags)} for job in self._jobs.as_of(self._search_lag)]

    def _entity_records(self, store: EntityStore) -> Sequence[Request]:
        records = []
        known = clock.now() - self._search_lag
        for entity in (each for each in store.all() if each.created <= known):
            record = self._experiments.view(store, entity) | {"Tags": as_list(entity.tags)}
            if store is self._experiments.components:
                record["Parents"] = self._experiments.parents(entity.name)
            records.append(record)
        return records


class SageMaker:
    """SageMaker over HTTP: finds the account and region's part, and speaks JSON 1.1 (and sagemaker-metrics' REST)."""

    def __init__(self, create: Callable[[str, str], RegionalSageMaker]) -> None:
        self._create = create
        self._parts: dict[tuple[str, str], RegionalSageMaker] = {}

    def handle(self, account: str, region: str, headers: Mapping[str, str], path: str, body: bytes) -> Response:
        """Answer one request with (status, headers, body), never with an exception."""
        part = self._part(account, region)
        try:
            service, operation = _operation(headers, path)
            return _json(200, part.call(service, operation, _parsed(body)))
        except ServiceError as refusal:
            return _json(refusal.status, {"__type": refusal.code, "message": refusal.message})
        except Exception:  # noqa: BLE001  (the edge of the service: a bug is an InternalFailure and a traceback in the log)
            _LOG.exception("request %s", headers.get("x-amz-target", path))
            return _json(500, {"__type": "InternalFailure", "message": "The local cloud failed; see its log"})

    def interrupt(self, job: str, interruption: Interruption) -> None:
        """Take the machines of a training job away, in whichever account it is. Raises ServiceError."""
        for part in list(self._parts.values()):
            if part.training.has(job):
                part.training.interrupt(job, interruption)
                return
        raise not_found(f"There is no training job {job}")

    def tags_of(self, account: str, region: str, arn: str) -> Mapping[str, str]:
        """The tags of a resource there; empty when there is none."""
        return self._part(account, region).tags_of(arn)

    def state(self) -> dict[tuple[str, str], Answer]:
        return {where: part.state() for where, part in list(self._parts.items())}

    def restore(self, state: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        for where, kept in state.items():
            self._part(*where).restore(kept)

    def _part(self, account: str, region: str) -> RegionalSageMaker:
        found = self._parts.get((account, region))
        return found or self._parts.setdefault((account, region), self._create(account, region))

    def forget(self) -> None:
        """Kill all jobs and forget everything."""
        parts, self._parts = list(self._parts.values()), {}
        for part in parts:
            part.tuning.forget()
            part.training.forget()


def _operation(headers: Mapping[str, str], path: str) -> tuple[str, str]:
    if path in _METRICS_PATHS:
        return "sagemaker-metrics", _METRICS_PATHS[path]
    target = headers.get("x-amz-target", "")
    if not target.startswith(_TARGET):
        raise not_found(f"No SageMaker operation at {path}")
    return "sagemaker", target.removeprefix(_TARGET)


def _parsed(body: bytes) -> Request:
    try:
        request = json.loads(body or b"{}")
    except ValueError as error:
        raise ServiceError("SerializationException", f"The request is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise ServiceError("SerializationException", "The request is not a JSON object")
    return request


def _json(status: int, answer: Answer) -> Response:
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if status >= 400:
        headers["x-amzn-ErrorType"] = answer["__type"]
    return status, headers, json.dumps(answer).encode()
