"""Refusals of correct requests: too fast, over a quota, no capacity. There are none unless asked for; but an
experiment's trials and a trial's components have the quotas that every account has.
"""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.layout import hosts_of
from gridwatch.localcloud.sagemaker.records import TrainingJob

EACH = "*"  # every operation that is not named itself
ALL_TRAINING = "training"
ALL_PROCESSING = "processing"
TRIALS = "trials"
COMPONENTS = "components"
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)
_ADVICE = (
    "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
    "contact AWS support to request an increase for this quota."
)
_USUAL = {TRIALS: 300, COMPONENTS: 50}
_PARTS = {TRIALS: ("Trials", "single experiment"), COMPONENTS: ("Trial Components", "single trial")}
_NAMES = {
    ALL_TRAINING: "Number of instances across all training jobs",
    ALL_PROCESSING: "Number of instances across all processing jobs",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """The account's limits. ``rates``: calls a second by operation. ``quotas``: instances by type, over all training
    jobs and over all processing jobs (a rule's evaluator is one); trials of an experiment, components of a trial.
    ``throttled`` and ``capacity_failures``: shares from 0 to 1, of all calls and of the jobs. ``search_lag``: seconds
    until Search knows of a change. ``debugger``: the account has SageMaker Debugger.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    burst: int = 1
    throttled: float = 0.0
    quotas: Mapping[str, int] = field(default_factory=dict)
    capacity_failures: float = 0.0
    search_lag: float = 0.0
    debugger: bool = False

    def check_quotas(self, request: Mapping[str, Any], jobs: Iterable[TrainingJob]) -> None:
        """Check the quotas. Raises ResourceLimitExceeded when the request does not fit beside the jobs that are not
        over.
        """
        if not self.quotas:
            return
        taken: Counter[str] = Counter()
        for job in jobs:
            if not job.is_terminal:
                taken.update(_instances(job.request))
        for what, asked in _instances(request).items():
            limit = self.quotas.get(what)
            if limit is not None and asked and taken[what] + asked > limit:
                raise ServiceError("ResourceLimitExceeded", _over(what, limit, taken[what], asked))

    def check_room(self, what: str, count: int) -> None:
        """Check the room. Raises ResourceLimitExceeded when an experiment with `count` trials, or a trial with as many
        components, is full.

        The message is the one that AWS was seen to use, which counts what exists as part of what is asked for.
        """
        limit = self.quotas.get(what, _USUAL[what])
        if count < limit:
            return
        things, whole = _PARTS[what]
        name = (
            f"Total number of {things.lower()} allowed in a {whole}, excluding those automatically created by SageMaker"
        )
        raise ServiceError(
            "ResourceLimitExceeded",
            f"The account-level service limit '{name}' is {limit} {things}, with current utilization of 0 {things} and "
            f"a request delta of {count + 1} {things}. {_ADVICE}",
        )

    def lacks_capacity(self, job_name: str) -> bool:
        """Whether a job finds no capacity: always the same for the same name, so that a story can be repeated."""
        drawn = int.from_bytes(hashlib.sha256(job_name.encode()).digest()[:4]) / 2**32
        return drawn < self.capacity_failures


class Throttle:
    """Token buckets of one account and region, one for each operation."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buckets: dict[str, tuple[float, float]] = {}  # operation -> tokens, and when there were so many
        self._chance = random.Random(0)  # noqa: S311  a story, no secret
        self._lock = threading.Lock()

    def check(self, operation: str) -> None:
        """Count a call. Raises ThrottlingException when it comes too fast, or by chance."""
        with self._lock:
            if self._is_over(operation) or self._chance.random() < self._limits.throttled:
                raise ServiceError("ThrottlingException", "Rate exceeded")

    def _is_over(self, operation: str) -> bool:
        rate = self._limits.rates.get(operation, self._limits.rates.get(EACH))
        if rate is None:
            return False
        now, full = clock.monotonic(), float(self._limits.burst)
        tokens, at = self._buckets.get(operation, (full, now))
        tokens = min(full, tokens + (now - at) * rate)
        allowed = tokens >= 1.0
        self._buckets[operation] = (tokens - 1.0 if allowed else tokens, now)
        return not allowed


def _instances(request: Mapping[str, Any]) -> Counter[str]:
    counted = Counter(host.instance_type for host in hosts_of(request["ResourceConfig"]))
    counted[ALL_TRAINING] = counted.total()
    counted[ALL_PROCESSING] = len(request.get("DebugRuleConfigurations", []))
    return counted


def _over(what: str, limit: int, taken: int, asked: int) -> str:
    name = _NAMES.get(what, f"{what} for training job usage")
    return (
        f"The account-level service limit '{name}' is {limit} Instances, with current utilization of {taken} Instances "
        f"and a request delta of {asked} Instances. {_ADVICE}"
    )
