"""An experiment: what was uploaded, what holds it, and where SageMaker tracks it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from gridwatch.domain.measured import Measured
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialState


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRecord:
    """An experiment as last uploaded. `document` is the normalized spec; `template` is what all its training requests
    share.

    With the engine `auto` the template asks for Debugger; where the account has none, `own_fields` replace the Debugger
    fields in it, and Gridwatch evaluates every rule (gridwatch.launch.engine).
    """

    name: str
    spec_key: str
    spec_version: str  # the object's version id (or etag), so that the very bytes can be found again
    uploaded_at: datetime  # of the object: the latest upload wins, whatever order events come in
    document: Mapping[str, Any]
    template: Mapping[str, Any]  # CreateTrainingJob without what differs between trials
    policies: tuple[RulePolicy, ...]
    trial_ids: tuple[str, ...]  # the points of the current spec, in grid order
    parallel_jobs: int
    created_at: datetime
    updated_at: datetime
    engine: str = "gridwatch"  # gridwatch, debugger or auto: who evaluates the rules
    own_fields: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str | None = None  # the key of what its trials are made of (gridwatch.reproduce)
    final_states: Mapping[str, int] | None = None  # how many trials ended how; None: it is open, more may come of it


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchHold:
    """The reason why an experiment's waiting trials are not launched, and the failures in a row that may lead to one.

    It belongs to one upload of the spec: the next upload begins without a hold.
    """

    experiment: str
    spec_version: str
    limit: str | None = None  # deadline, budget, max_failures; None: nothing holds
    reason: str | None = None  # for people
    failure_kind: str | None = None  # of the last failures
    failure_cause: str | None = None  # of the last failure, in its own words
    failed_jobs: tuple[str, ...] = ()  # of that kind: in a row, or before a first success
    other_failures: tuple[tuple[str, str], ...] = ()  # before a first success: jobs with the kinds of their failures
    others_before: int = 0  # of them, so many that `other_failures` no longer names
    succeeded: bool = False  # a job of this upload completed, or trained until it was stopped
    updated_at: datetime
    version: int = 0  # of the record, as read


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTurn:
    """The turn to write an experiment's tables: who has it, and how the last one went. Only one writes at a time."""

    experiment: str
    holder: str | None = None  # the invocation that writes them
    until: datetime | None = None  # it is over by then, whatever becomes of it
    as_of: datetime | None = None  # from when on the last whole snapshot read
    ended_at: datetime | None = None  # of the last one
    seconds: Measured = 0.0  # that the last one took
    comes_at: datetime | None = None  # a message for the next one comes then
    version: int = 0  # of the record, as read


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRecord:
    """The SageMaker experiments that hold an experiment's trials, in the order in which they were opened; the last has
    room.

    There is no such record while all trials are in the SageMaker experiment of the same name.
    """

    experiment: str
    entities: tuple[str, ...]
    updated_at: datetime
    version: int = 0  # of the record, as read


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRecord:
    """A tuning job of an experiment whose points SageMaker chooses. Its training jobs are trials like any others.

    `request` is the whole CreateHyperParameterTuningJob; its name is derived from the rest, so it is created once.
    """

    experiment: str
    name: str
    state: TrialState  # waiting until SageMaker has it; refused, cancelled: SageMaker never had it
    request: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime
    arn: str | None = None
    status_at: datetime | None = None  # SageMaker's LastModifiedTime of that state: older news is ignored
    reason: str | None = None  # why it failed, was refused or cancelled
