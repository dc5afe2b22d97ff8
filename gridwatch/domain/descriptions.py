"""SageMaker's descriptions of a training job and of a tuning job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.tensors.metric_definition import LogMetric


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDescription:
    """SageMaker's description of a training job. Times are aware and in UTC; None means not yet known."""

    job_name: str
    arn: str
    status: str
    secondary_status: str
    modified_at: datetime
    instance_type: str | None = None
    instance_count: int | None = None
    further_machines: Mapping[str, int] = field(default_factory=dict)  # of groups: the other types, with their counts
    started_at: datetime | None = None
    ended_at: datetime | None = None
    billable_seconds: int | None = None
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    model_uri: str | None = None
    failure_reason: str | None = None
    created_at: datetime | None = None
    max_runtime_seconds: int | None = None
    hyperparameters: Mapping[str, str] = field(default_factory=dict)
    log_metrics: tuple[LogMetric, ...] = ()
    tensors_uri: str | None = None  # where a hook writes: Gridwatch's or SageMaker's own
    tags: Mapping[str, str] = field(default_factory=dict)  # in events only
    rule_statuses: tuple[StatusChange, ...] = ()  # what the rules of SageMaker's own Debugger have come to
    debugger: bool = False  # SageMaker's own Debugger was asked for when it was created
    spot: bool = False  # on spare capacity: an hour costs less than its price, and the job may begin anew
    began_again_at: datetime | None = None  # the last time that it began to train, if not the first
    keeps_checkpoints: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningDescription:
    """SageMaker's description of a tuning job."""

    name: str
    arn: str
    status: str
    modified_at: datetime  # aware, in UTC
    failure_reason: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)  # in events only
