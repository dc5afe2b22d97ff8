"""A training job: whose it is, how its metrics are found, and its objective so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gridwatch.domain.measured import Measured
from gridwatch.domain.rules import RulePolicy
from gridwatch_rules.tensors.metric_definition import LogMetric


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """Which experiment and trial a training job belongs to. It is written before the job is created, so that every
    event about the job finds it.

    Rules look at the tensors at `tensors_uri` (None: where Gridwatch's own jobs write theirs), and at the values of
    `log_metrics`, which are recorded from the job's log into a folder of their own (gridwatch.streams.source).
    """

    job_name: str
    experiment: str
    trial_id: str
    attempt: int
    policies: tuple[RulePolicy, ...]
    hyperparameters: Mapping[str, Any]
    objective_metric: str
    objective_direction: str  # "minimize" | "maximize"
    log_metrics: tuple[LogMetric, ...] = ()
    log_apart: bool = False  # False in records of former versions: values from the log lie among the job's tensors
    log_repeats_hook: bool = False  # its hook saves the metrics that it prints, as Gridwatch's XGBoost script does
    tensors_uri: str | None = None
    watched: bool = False  # not launched by Gridwatch: its owner asked for it by a tag
    managed_rules: bool = False  # rules of SageMaker's own Debugger look at it
    engine: str = "gridwatch"  # or debugger: SageMaker's own, with Gridwatch beside it for what Debugger does not have
    tuning_job: str | None = None  # that launched it: SageMaker then tries again by itself
    fingerprint: str | None = None  # the key of what it was made of (gridwatch.reproduce)
    algorithm: str | None = None  # as of its trial
    components: tuple[str, ...] = ()  # of SageMaker's, that its trial there is to have beside the job's own
    look_seconds: Measured | None = None  # between two looks of which no event tells, as at its log; None: not said
    listed: bool = True  # found under its experiment, with all that is recorded of it (False: by a former version)

    @property
    def own_policies(self) -> tuple[RulePolicy, ...]:
        """The rules that Gridwatch evaluates."""
        return tuple(policy for policy in self.policies if not policy.managed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRecord:
    """The objective of a trial so far, shown while its job runs. The curve's other points are in its stream."""

    experiment: str
    trial_id: str
    job_name: str  # of the attempt whose curve it is
    metric: str
    source: str  # gridwatch_rules.streams.metric_source.MetricSource
    count: int  # values so far
    step: int  # of the last, on the source's axis
    value: float
    best: float | None = None  # of the finite values
    best_step: int | None = None
    logged_at: datetime | None = None  # of the last value, by its container's clock
    substitute: bool = False  # its own source has nothing of it so far
    updated_at: datetime

    @property
    def rank(self) -> str:
        """A text that orders the records of one job: newer ones sort later, and those from the job's own source
        last.
        """
        return f"{'-' if self.substitute else ''}{self.count:010d}"
