"""Batch's operations over HTTP, and the clock that starts waiting jobs and follows running ones."""

import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from gridwatch.localcloud import clock
from gridwatch.localcloud.batch.records import HOLDING, OVER, Attempt, Environment, Policy, Queue, ServiceJob, runnable
from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.platform import Platform, partition
from gridwatch.localcloud.sagemaker.validation import validate

_LOG = logging.getLogger(__name__)


def _alone(act: Callable[[], None]) -> None:
    """A block for one queue or job: an error in it, such as a missing environment, keeps no other waiting."""
    try:
        act()
    except Exception:  # noqa: BLE001  (the edge of the thread: it goes on, and the log tells)
        _LOG.exception("AWS Batch in the local cloud")


_LOOK = 0.2  # seconds
_PAGE = 100
# What is not obeyed is refused, as in gridwatch/localcloud/sagemaker/unobeyed.py.
_UNOBEYED = {"SubmitServiceJob": ("quotaShareName", "preemptionConfiguration", "timeoutConfig")}
_SAGEMAKER_SAYS = {"Starting": "STARTING", "Pending": "SCHEDULED", "Downloading": "STARTING"}
Response = tuple[int, dict[str, str], bytes]


class RegionalBatch:
    """Batch in one account and region."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._environments: dict[str, Environment] = {}
        self._policies: dict[str, Policy] = {}
        self._queues: dict[str, Queue] = {}
        self._jobs: dict[str, ServiceJob] = {}
        self._tokens: dict[str, str] = {}
        self._lock = threading.RLock()
        self._runner: threading.Thread | None = None
        self._operations: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
            "SubmitServiceJob": self._submit,
            "DescribeServiceJob": lambda request: self._job(request["jobId"]).describe(),
            "ListServiceJobs": self._list,
            "TerminateServiceJob": self._terminate,
        }

    def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Perform one call. Raises ServiceError."""
        validate("batch", operation, request)
        handler = self._operations.get(operation)
        if handler is None:
            raise ServiceError("ClientException", f"The local cloud does not have the Batch operation {operation}")
        for member in _UNOBEYED.get(operation, ()):
            if request.get(member):
                raise ServiceError("ClientException", f"The local cloud does not obey {member} of {operation}")
        with self._lock:
            return handler(request)

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {name: dict(kept) for name, kept in self._kept().items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        with self._lock:
            for name, kept in self._kept().items():
                kept.update(state[name])
            if self._jobs:
                self._run()

    def _kept(self) -> dict[str, dict[str, Any]]:
        return {
            "environments": self._environments,
            "policies": self._policies,
            "queues": self._queues,
            "jobs": self._jobs,
            "tokens": self._tokens,
        }

    def tags(self, arn: str) -> dict[str, Any]:
        return {"tags": dict(self._by_arn(arn).tags)}

    def tags_of(self, arn: str) -> Mapping[str, str]:
        """The tags of a job; empty when there is no such job."""
        job = self._jobs.get(arn.rpartition("/")[2])
        return dict(job.tags) if job else {}

    def tag(self, arn: str, tags: Mapping[str, str]) -> dict[str, Any]:
        with self._lock:
            job = self._by_arn(arn)
            self._jobs[job.job_id] = replace(job, tags={**job.tags, **tags})
        return {}

    def put_environment(self, name: str, max_instances: int) -> str:
        arn = self._arn(f"service-environment/{name}")
        self._environments[arn] = Environment(name, arn, max_instances)
        return arn

    def put_policy(self, name: str, weights: Mapping[str, float]) -> str:
        arn = self._arn(f"scheduling-policy/{name}")
        self._policies[arn] = Policy(name, arn, dict(weights))
        return arn

    def put_queue(self, name: str, environments: tuple[str, ...], policy: str | None) -> str:
        arn = self._arn(f"job-queue/{name}")
        self._queues[arn] = Queue(name, arn, environments, policy)
        return arn

    def has(self, kind: str, name: str) -> bool:
        """Whether there is a ServiceEnvironment, SchedulingPolicy or JobQueue of that name."""
        names = {
            "ServiceEnvironment": [each.name for each in self._environments.values()],
            "SchedulingPolicy": [each.name for each in self._policies.values()],
            "JobQueue": [each.name for each in self._queues.values()],
        }
        return name in names[kind]

    def remove(self, arn: str) -> None:
        for kept in (self._environments, self._policies, self._queues):
            kept.pop(arn, None)

    def _submit(self, request: Mapping[str, Any]) -> dict[str, Any]:
        queue = self._queue(request["jobQueue"])
        if queue.policy is not None and not request.get("shareIdentifier"):
            raise ServiceError("ClientException", "shareIdentifier must be specified for a queue with fair share")
        token = request.get("clientToken")
        if token in self._tokens:
            raise ServiceError("ClientException", f"A service job was submitted with the client token {token} before")
        try:
            payload = json.loads(request["serviceRequestPayload"])
        except ValueError as error:
            raise ServiceError("ClientException", f"serviceRequestPayload is no JSON: {error}") from error
        job_id = str(uuid.uuid4())
        job = ServiceJob(
            job_id=job_id,
            arn=self._arn(f"service-job/{job_id}"),
            request={**request, "jobQueue": queue.arn},
            payload=payload,
            created_at=_now(),
            tags=dict(request.get("tags", {})),
        )
        self._jobs[job_id] = job  # of the submission there is no event
        if token:
            self._tokens[token] = job_id
        self._run()
        return {"jobArn": job.arn, "jobName": job.name, "jobId": job_id}

    def _list(self, request: Mapping[str, Any]) -> dict[str, Any]:
        queue = self._queue(request["jobQueue"]).arn
        filters = {each["name"]: each["values"] for each in request.get("filters", ())}
        if unknown := sorted(filters.keys() - {"JOB_NAME"}):
            raise ServiceError("ClientException", f"The local cloud lists by JOB_NAME alone, not by {unknown[0]}")
        found = sorted(
            (job for job in self._jobs.values() if job.request["jobQueue"] == queue), key=lambda job: job.created_at
        )
        if "JOB_NAME" in filters:
            found = [job for job in found if any(_matches(job.name, name) for name in filters["JOB_NAME"])]
        else:
            found = [job for job in found if job.status == request.get("jobStatus", "RUNNING")]
        start = int(request.get("nextToken", "0"))
        size = int(request.get("maxResults", _PAGE))
        more = {"nextToken": str(start + size)} if start + size < len(found) else {}
        return {"jobSummaryList": [job.summary() for job in found[start : start + size]], **more}

    def _terminate(self, request: Mapping[str, Any]) -> dict[str, Any]:
        job = self._job(request["jobId"])
        if job.status in OVER:
            return {}
        if job.status in HOLDING:
            self._change(job, lambda now: replace(now, is_terminated=True, status_reason=request["reason"]))
            threading.Thread(target=self._stop, args=(job.training_job,), daemon=True).start()
        else:
            self._change(job, lambda now: _ended(replace(now, is_terminated=True), "FAILED", request["reason"]))
        return {}

    def _stop(self, training_job: str | None) -> None:
        try:
            self._platform.client("sagemaker").stop_training_job(TrainingJobName=training_job)
        except ClientError as error:
            _LOG.info("%s is not stopped: %s", training_job, error)

    def _run(self) -> None:
        if self._runner is None:
            self._runner = threading.Thread(target=self._turn, daemon=True)
            self._runner.start()

    def _turn(self) -> None:
        while True:
            for queue in list(self._queues.values()):
                _alone(partial(self._start_some, queue))
            for job in [job for job in list(self._jobs.values()) if job.status in HOLDING]:
                _alone(partial(self._look_at, job))
            clock.sleep(_LOOK)

    def _start_some(self, queue: Queue) -> None:
        for job in self._chosen(queue):
            if not self._start(job):
                return

    def _chosen(self, queue: Queue) -> list[ServiceJob]:
        """The job that may start now."""
        with self._lock:
            mine = [job for job in self._jobs.values() if job.request["jobQueue"] == queue.arn]
            room = self._capacity(queue) - sum(job.instances for job in mine if job.status in HOLDING)
            chosen = []
            for job in runnable(mine, self._policies.get(queue.policy or "")):
                if job.instances > room:
                    break  # nobody overtakes: what is large would never start
                chosen.append(job)
                room -= job.instances
            return chosen

    def _capacity(self, queue: Queue) -> int:
        known = {**{each.name: each for each in self._environments.values()}, **self._environments}
        return sum(known[name].max_instances for name in queue.environments)

    def _start(self, job: ServiceJob) -> bool:
        """Start a job; False when SageMaker has no room now. No lock is held: SageMaker is called over HTTP, on this
        very server.
        """
        number = len(job.attempts) + 1
        ending = hashlib.sha256(f"{job.job_id} {number}".encode()).hexdigest()[:10]
        name = f"AWSBatch{job.name}"[: 63 - len(ending)] + ending
        try:
            answer = self._platform.client("sagemaker").create_training_job(**job.payload, TrainingJobName=name)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in ("ResourceLimitExceeded", "ThrottlingException"):
                return False
            reason = f"Received status from SageMaker: {code}: {error.response['Error']['Message']}"
            self._change(job, lambda now: _ended(now, "FAILED", reason))
            return True
        attempt = Attempt(answer["TrainingJobArn"], _now())

        def started(now: ServiceJob) -> ServiceJob:
            return replace(now, status="STARTING", status_reason=None, attempts=(*now.attempts, attempt))

        if self._change(job, started).is_terminated:  # while it was being started
            self._stop(name)
        return True

    def _look_at(self, job: ServiceJob) -> None:
        try:
            found = self._platform.client("sagemaker").describe_training_job(TrainingJobName=job.training_job)
        except ClientError as error:
            _LOG.info("the training job of %s cannot be seen: %s", job.name, error)
            return
        self._change(job, lambda now: _after(now, found))

    def _change(self, job: ServiceJob, change: Callable[[ServiceJob], ServiceJob]) -> ServiceJob:
        """Change the job as it is now, which may not be as it was read; a new status goes to the bus."""
        with self._lock:
            before = self._jobs[job.job_id]
            after = change(before)
            self._jobs[job.job_id] = after
        if after.status != before.status:
            entry = {
                "Source": "aws.batch",
                "DetailType": "Batch Service Job State Change",
                "Detail": json.dumps({**after.summary(), "jobQueue": after.request["jobQueue"]}),
                "Resources": [after.arn],
            }
            self._platform.put_event(entry)
        return after

    def _queue(self, name: str) -> Queue:
        found = [queue for queue in self._queues.values() if name in (queue.name, queue.arn)]
        if not found:
            raise ServiceError("ClientException", f"JobQueue {name} not found.")
        return found[0]

    def _job(self, job_id: str) -> ServiceJob:
        job = self._jobs.get(job_id)
        if job is None:
            raise ServiceError("ClientException", f"ServiceJob {job_id} not found.")
        return job

    def _by_arn(self, arn: str) -> ServiceJob:
        return self._job(arn.rpartition("/")[2])

    def _arn(self, resource: str) -> str:
        region = self._platform.region
        return f"arn:{partition(region)}:batch:{region}:{self._platform.account}:{resource}"


class Batch:
    """Batch over HTTP: it speaks REST with JSON, one path for each operation."""

    def __init__(self, create: Callable[[str, str], RegionalBatch]) -> None:
        self._create = create
        self._parts: dict[tuple[str, str], RegionalBatch] = {}

    def part(self, account: str, region: str) -> RegionalBatch:
        found = self._parts.get((account, region))
        return found or self._parts.setdefault((account, region), self._create(account, region))

    def tags_of(self, account: str, region: str, arn: str) -> Mapping[str, str]:
        """The tags of a service job there; empty when there is none."""
        return self.part(account, region).tags_of(arn)

    def state(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The whole state, to be kept."""
        return {where: part.state() for where, part in self._parts.items()}

    def restore(self, state: Mapping[tuple[str, str], Mapping[str, Any]]) -> None:
        for where, kept in state.items():
            self.part(*where).restore(kept)

    def handle(self, account: str, region: str, method: str, path: str, body: bytes) -> Response:
        """Answer one request with (status, headers, body), never with an exception."""
        part = self.part(account, region)
        try:
            if path.startswith("/v1/tags/"):
                arn = unquote(path.removeprefix("/v1/tags/"))
                return _json(200, part.tags(arn) if method == "GET" else part.tag(arn, json.loads(body)["tags"]))
            return _json(200, part.call(_operation(path), json.loads(body or b"{}")))
        except ServiceError as refusal:
            # Batch refuses in one shape only (API reference, Common errors): ClientException.
            return _json(refusal.status, {"message": refusal.message}, code="ClientException")
        except Exception:  # noqa: BLE001  (the edge of the service: a bug is a ServerException and a traceback in the log)
            _LOG.exception("request %s", path)
            return _json(500, {"message": "The local cloud failed; see its log"}, code="ServerException")


def _after(job: ServiceJob, found: Mapping[str, Any]) -> ServiceJob:
    """The job after a look at its training job."""
    status = found["TrainingJobStatus"]
    if status in ("InProgress", "Stopping"):
        running = _SAGEMAKER_SAYS.get(found["SecondaryStatus"], "RUNNING")
        return replace(job, status=running, started_at=job.started_at or _now())
    reason = f"Received status from SageMaker: {found.get('FailureReason') or status}"
    last = replace(job.attempts[-1], stopped_at=_now(), status_reason=reason)
    job = replace(job, attempts=(*job.attempts[:-1], last))
    if status == "Completed":
        return _ended(job, "SUCCEEDED", reason)
    if job.may_retry(reason):
        return replace(job, status="RUNNABLE", status_reason=reason)
    return _ended(job, "FAILED", job.status_reason if job.is_terminated else reason)


def _ended(job: ServiceJob, status: str, reason: str | None) -> ServiceJob:
    return replace(job, status=status, status_reason=reason, stopped_at=_now())


def _operation(path: str) -> str:
    lowered = {
        name.lower(): name
        for name in ("SubmitServiceJob", "DescribeServiceJob", "ListServiceJobs", "TerminateServiceJob")
    }
    name = path.removeprefix("/v1/")
    if name not in lowered:
        raise ServiceError("ClientException", f"The local cloud does not have the Batch operation {name}")
    return lowered[name]


def _matches(name: str, wanted: str) -> bool:
    """Whether a filter matches; its value ends in ``*`` for all names that begin with it."""
    return name.lower().startswith(wanted[:-1].lower()) if wanted.endswith("*") else name.lower() == wanted.lower()


def _now() -> int:
    return round(clock.now() * 1000)


def _json(status: int, document: Mapping[str, Any], code: str | None = None) -> Response:
    headers = {"Content-Type": "application/json"}
    if code:
        headers["x-amzn-errortype"] = code
    return status, headers, json.dumps(document).encode()
