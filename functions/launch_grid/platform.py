"""The services that accepting a spec works with, and the result of accepting one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.events.queue import MessageQueue
from gridwatch.launch.carrier import HookStore
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.ports import ExperimentBucket, Quota
from gridwatch.reproduce.fingerprint import ImageVersion
from gridwatch.savings.prices import PriceTable
from gridwatch.state.store import StateStore
from gridwatch_rules.clock import Clock
from launch_grid.answers import SUPERSEDED


class UploadOutcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SUPERSEDED = SUPERSEDED  # a later upload of the same experiment, or of the same key, is there


@dataclass(frozen=True, slots=True)
class Accepted:
    """The result for an upload. Counts are of this call: a repeated one finds its trials recorded already."""

    outcome: UploadOutcome
    experiment: str | None = None
    trials: int = 0
    recorded: int = 0
    cancelled: int = 0
    problems: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The services that accepting a spec works with."""

    deployment: Deployment
    bucket: ExperimentBucket
    store: StateStore
    start_queue: MessageQueue
    snapshot_queue: MessageQueue
    alerts: AlertOutbox
    clock: Clock
    prices: Callable[[], PriceTable]
    processing_instances: Quota  # asked for only where jobs have rules of SageMaker's own
    image: Callable[[str], ImageVersion]  # what the registry says of an image's address
    hooks: HookStore  # where jobs find the hook that is brought into them
