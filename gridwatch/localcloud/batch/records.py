"""The records of Batch: service environments, scheduling policies, job queues and service jobs."""

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

WAITING = ("SUBMITTED", "PENDING", "RUNNABLE")
HOLDING = ("SCHEDULED", "STARTING", "RUNNING")  # these take their instances
OVER = ("SUCCEEDED", "FAILED")
DEFAULT_WEIGHT = 1.0


@dataclass(frozen=True, slots=True)
class Environment:
    name: str
    arn: str
    max_instances: int


@dataclass(frozen=True, slots=True)
class Policy:
    """A fair-share policy: the smaller a share's weight factor, the more it gets."""

    name: str
    arn: str
    weights: Mapping[str, float] = field(default_factory=dict)

    def weight(self, share: str) -> float:
        """The weight of a share identifier, which may be listed by its beginning and ``*``."""
        listed = [weight for name, weight in self.weights.items() if fnmatch.fnmatchcase(share, name)]
        return listed[0] if listed else DEFAULT_WEIGHT


@dataclass(frozen=True, slots=True)
class Queue:
    name: str
    arn: str
    environments: tuple[str, ...]  # ARNs or names
    policy: str | None = None  # ARN


@dataclass(frozen=True, slots=True)
class Attempt:
    """One training job of a service job. Times are in epoch milliseconds."""

    training_job_arn: str
    started_at: int
    stopped_at: int | None = None
    status_reason: str | None = None


@dataclass(frozen=True, slots=True)
class ServiceJob:
    """One service job; ``request`` is the SubmitServiceJob request, ``payload`` its parsed training request."""

    job_id: str
    arn: str
    request: Mapping[str, Any]
    payload: Mapping[str, Any]
    created_at: int
    status: str = "RUNNABLE"
    status_reason: str | None = None
    attempts: tuple[Attempt, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    started_at: int | None = None
    stopped_at: int | None = None
    is_terminated: bool = False

    @property
    def name(self) -> str:
        return str(self.request["jobName"])

    @property
    def share(self) -> str:
        return str(self.request.get("shareIdentifier", ""))

    @property
    def instances(self) -> int:
        return int(self.payload.get("ResourceConfig", {}).get("InstanceCount", 1))

    @property
    def training_job(self) -> str | None:
        return self.attempts[-1].training_job_arn.rpartition("/")[2] if self.attempts else None

    def may_retry(self, reason: str) -> bool:
        """Whether the job may be tried again: by the first entry of evaluateOnExit that fits or, without any, while
        attempts are left.
        """
        strategy = self.request.get("retryStrategy") or {}
        if self.is_terminated or len(self.attempts) >= int(strategy.get("attempts", 1)):
            return False
        for line in strategy.get("evaluateOnExit", ()):
            if fnmatch.fnmatchcase(reason, line["onStatusReason"]):
                return bool(line["action"] == "RETRY")
        return True

    def summary(self) -> dict[str, Any]:
        """The job as ListServiceJobs and the event have it."""
        known = {
            "jobArn": self.arn,
            "jobId": self.job_id,
            "jobName": self.name,
            "serviceJobType": self.request["serviceJobType"],
            "shareIdentifier": self.request.get("shareIdentifier"),
            "status": self.status,
            "statusReason": self.status_reason,
            "createdAt": self.created_at,
            "startedAt": self.started_at,
            "stoppedAt": self.stopped_at,
            "latestAttempt": _resource(self.attempts[-1]) if self.attempts else None,
            "isTerminated": self.is_terminated or None,
        }
        return {key: value for key, value in known.items() if value is not None}

    def describe(self) -> dict[str, Any]:
        """The job as DescribeServiceJob has it."""
        return {
            **self.summary(),
            "startedAt": self.started_at or 0,
            "isTerminated": self.is_terminated,
            "jobQueue": self.request["jobQueue"],
            "attempts": [_attempt(each) for each in self.attempts],
            "retryStrategy": self.request.get("retryStrategy", {"attempts": 1}),
            "schedulingPriority": self.request.get("schedulingPriority", 0),
            "serviceRequestPayload": self.request["serviceRequestPayload"],
            "tags": dict(self.tags),
        }


def runnable(jobs: Sequence[ServiceJob], policy: Policy | None) -> list[ServiceJob]:
    """The waiting jobs, in the order in which they may start: the share that uses least by its weight, then priority,
    then age.

    Without a policy it is first come, first served.
    """
    waiting = [job for job in jobs if job.status == "RUNNABLE"]
    if policy is None:
        return sorted(waiting, key=lambda job: job.created_at)
    used: dict[str, float] = {}
    for job in jobs:
        if job.status in HOLDING:
            used[job.share] = used.get(job.share, 0.0) + job.instances * policy.weight(job.share)
    order = []
    while waiting:
        chosen = min(waiting, key=lambda job: (used.get(job.share, 0.0), -_priority(job), job.created_at))
        waiting.remove(chosen)
        order.append(chosen)
        used[chosen.share] = used.get(chosen.share, 0.0) + chosen.instances * policy.weight(chosen.share)
    return order


def _priority(job: ServiceJob) -> int:
    return int(job.request.get("schedulingPriority", 0))


def _resource(attempt: Attempt) -> dict[str, Any]:
    return {"serviceResourceId": {"name": "TrainingJobArn", "value": attempt.training_job_arn}}


def _attempt(attempt: Attempt) -> dict[str, Any]:
    known = {
        "startedAt": attempt.started_at,
        "stoppedAt": attempt.stopped_at,
        "statusReason": attempt.status_reason,
    }
    return _resource(attempt) | {key: value for key, value in known.items() if value is not None}
