"""The records that Gridwatch keeps, as frozen values. Times are aware and in UTC; JSON documents are mappings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

QUEUED = "Queued"  # the secondary status of a job that waits in a queue of AWS Batch; SageMaker has none of that name


class TrialState(StrEnum):
    """Where a trial stands. Only `retry` makes a finished trial wait again, as a new attempt."""

    WAITING = "waiting"  # recorded, not yet handed to SageMaker
    STARTING = "starting"  # claimed by a launcher; the job may or may not exist yet
    RUNNING = "running"  # SageMaker has the job and it is not over
    STOPPING = "stopping"  # still takes its instances
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"
    CANCELLED = "cancelled"  # never launched: its point was removed, or a person cancelled it
    REFUSED = "refused"  # never launched: SageMaker refused the request for good

    @property
    def is_finished(self) -> bool:
        return self in _FINISHED

    @property
    def takes_slot(self) -> bool:
        """True while instances are (or may be) taken: until the job is terminal, also while Stopping."""
        return self in (TrialState.STARTING, TrialState.RUNNING, TrialState.STOPPING)


_FINISHED = frozenset(
    {TrialState.COMPLETED, TrialState.FAILED, TrialState.STOPPED, TrialState.CANCELLED, TrialState.REFUSED}
)


class Action(StrEnum):
    """What a spec's rule asks for when it finds an issue; each includes the ones after it."""

    STOP = "stop"
    ALERT = "alert"
    RECORD = "record"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulePolicy:
    """One rule of an experiment: how it is configured and what to do when it finds an issue."""

    name: str  # unique within the experiment
    rule: str  # the class in the catalogue; of a custom rule, the class in its file
    parameters: Mapping[str, Any] = field(default_factory=dict)
    on_issue: Action = Action.ALERT
    source: str | None = None  # of a custom rule: the S3 address of its file
    protect: bool = False  # never stops a job, whatever it finds
    shadow: bool = False  # says what it would have stopped, and stops nothing
    audit_share: float = 0.0  # of the trials: they are let run on although the rule would stop them
    audit_seed: int = 0
    managed: bool = False  # SageMaker's own Debugger evaluates it, not Gridwatch
    every: int = 1  # of the steps that a hook saves of metrics it looks at each so many-th


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRecord:
    """An experiment as last uploaded. `document` is the normalized spec; `template` what all its requests share.

    With the engine `auto` the template asks for Debugger; where the account has none, `own_fields` take the place of
    all that is Debugger's in it, and Gridwatch evaluates every rule (gridwatch.launch.engine).
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
    """What keeps an experiment's waiting trials from being launched, and the failures in a row that may lead to it.

    It is of one upload of the spec: the next one begins with none.
    """

    experiment: str
    spec_version: str
    limit: str | None = None  # deadline, budget, max_failures; None: nothing holds
    reason: str | None = None  # for people
    failure_kind: str | None = None  # of the last failures
    failure_cause: str | None = None  # of the last failure, in its own words
    failed_jobs: tuple[str, ...] = ()  # of that kind: in a row, or before a first success
    other_failures: tuple[tuple[str, str], ...] = ()  # before a first success: jobs with the kinds of their failures
    succeeded: bool = False  # a job of this upload completed, or trained until it was stopped
    updated_at: datetime
    version: int = 0  # of the record, as read


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTurn:
    """Whose turn it is to write an experiment's tables, and how the last one went: only one writes at a time."""

    experiment: str
    holder: str | None = None  # the invocation that writes them
    until: datetime | None = None  # it is over by then, whatever becomes of it
    as_of: datetime | None = None  # from when on the last whole snapshot read
    ended_at: datetime | None = None  # of the last one
    seconds: float = 0.0  # that the last one took
    comes_at: datetime | None = None  # a message for the next one comes then
    version: int = 0  # of the record, as read


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingRecord:
    """In which of SageMaker's experiments an experiment's trials are, as they were opened: the last one has room.

    There is none as long as they are all in the one that is named after the experiment.
    """

    experiment: str
    entities: tuple[str, ...]
    updated_at: datetime
    version: int = 0  # of the record, as read


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One point of the grid. `trial_id` is its identity; a job's name adds the attempt."""

    experiment: str
    trial_id: str
    index: int  # place in the grid's order, from 0
    attempt: int
    state: TrialState
    job_name: str
    hyperparameters: Mapping[str, Any]  # typed as in the spec
    priority: int = 0
    created_at: datetime
    updated_at: datetime
    job_arn: str | None = None
    status: str | None = None  # SageMaker's TrainingJobStatus, as last seen
    secondary_status: str | None = None
    status_at: datetime | None = None  # SageMaker's LastModifiedTime of that status: older news is ignored
    instance_type: str | None = None
    instance_count: int | None = None
    further_machines: Mapping[str, int] = field(default_factory=dict)  # of groups: the other types, with their counts
    started_at: datetime | None = None  # training start
    ended_at: datetime | None = None  # training end
    billable_seconds: int | None = None
    final_metrics: Mapping[str, float] = field(default_factory=dict)
    model_uri: str | None = None
    reason: str | None = None  # why it failed, was refused or cancelled
    waits_until: datetime | None = None  # it is not handed to SageMaker before

    @property
    def training_job(self) -> str:
        """The name by which SageMaker knows its job: for logs, metrics and Search. AWS Batch gives one of its own."""
        known = (self.job_arn or "").rpartition(":training-job/")
        return known[2] if known[1] else self.job_name

    @property
    def machines(self) -> str | None:
        """Its job's instances, in words."""
        if self.instance_type is None:
            return None
        counts = {self.instance_type: self.instance_count, **self.further_machines}
        return " + ".join(f"{count} x {kind}" for kind, count in counts.items())

    @property
    def shown_state(self) -> str:
        """The state as people see it."""
        return "queued" if self.state is TrialState.RUNNING and self.secondary_status == QUEUED else self.state.value

    @property
    def may_have_job(self) -> bool:
        """Whether something may be recorded of a job of its last attempt."""
        return self.state not in (TrialState.WAITING, TrialState.CANCELLED)

    @property
    def is_training(self) -> bool:
        """Whether SageMaker has told of its job; one in a queue of AWS Batch has no job yet, or none any more."""
        return self.status is not None and self.secondary_status != QUEUED

    settings: Mapping[str, Any] = field(default_factory=dict)  # fields of the spec that differ between its trials
    parent: str | None = None  # the trial that this one repairs
    change: str | None = None  # of a repair, in words: what is other than in its parent, and where it began
    proof: str | None = None  # of a repair that is over, in words: what it brought, beside its parent at equal steps
    repair: str | None = None  # of a trial that a rule stopped, in words: what repairs it, or why nothing does
    repeat: int = 0  # of the same point
    former_seconds: float = 0.0  # that the jobs of its former attempts are billed
    rerun_of: str | None = None  # <experiment>/<trial> that this one is once more
    algorithm: str | None = None  # of a tuning job with several, the one whose job this is, by its name in the spec
    components: tuple[str, ...] = ()  # of SageMaker's, that its trial there has beside those of its jobs
    former_jobs: tuple[str, ...] = ()  # names of the jobs of its former attempts, by which their artifacts are kept
    check_seconds: float = 60.0  # between two looks at its job without news (gridwatch.pace)

    @property
    def job_names(self) -> tuple[str, ...]:
        """Every recorded name of a job of this trial. AWS Batch gives a training job a name of its own beside ours.

        What was never launched has none: its job's name may be that of somebody else's job, and refused for that.
        """
        never = self.state in (TrialState.CANCELLED, TrialState.REFUSED)
        latest = () if never else (self.job_name, self.training_job)
        return tuple(dict.fromkeys((*self.former_jobs, *latest)))


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRecord:
    """A tuning job of an experiment whose points SageMaker chooses. Its training jobs are trials as others are.

    `request` is the whole CreateHyperParameterTuningJob; the name in it is made of the rest, so it is created once.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LogMetric:
    """One of a job's MetricDefinitions: the expression's first group is the metric's value in a line of the log."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """Whose training job this is: written before the job is created, so that any event about it can be placed.

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
    look_seconds: float | None = None  # between two looks of which no event tells, as at its log; None: nobody has said
    listed: bool = True  # found under its experiment, with all that is recorded of it (False: by a former version)

    @property
    def own_policies(self) -> tuple[RulePolicy, ...]:
        """The rules that Gridwatch evaluates."""
        return tuple(policy for policy in self.policies if not policy.managed)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentRecord:
    """The objective of a trial so far: what people see while its job runs. A curve's other points are in its stream."""

    experiment: str
    trial_id: str
    job_name: str  # of the attempt whose curve it is
    metric: str
    source: str  # gridwatch.streams.source.MetricSource
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
        """A text by which the records of one job are in order: the newer later, those of its own source last."""
        return f"{'-' if self.substitute else ''}{self.count:010d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleEvaluationRecord:
    """The status of one rule of one job. `finding` is the finding as a document when there is one."""

    job_name: str
    rule_name: str
    status: str  # gridwatch.verdicts.status.RuleStatus
    details: str | None
    finding: Mapping[str, Any] | None
    updated_at: datetime
    experiment: str | None = None  # that the job is of; None in records of former versions

    @property
    def needs_reaction(self) -> bool:
        """Whether somebody must decide what to do about it."""
        return self.status in ("IssuesFound", "Error", "SawNothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportsRecord:
    """One entry of the log of what an experiment's trials reported of a metric: entries are numbered from 1, are never
    changed, and their order is the order in which the reports became known.
    """

    log: str
    number: int
    trial: str
    reports: tuple[tuple[float, ...], ...] = ()  # step, resource, value as the trial reported it
    planned: float | None = None  # the resource of the whole training, when it is known
    ending: str | None = None  # gridwatch.judgement.history.Ending, when the trial is over
    # Of the first entry alone, which is of no trial: the log of the experiment that this one starts from, and how many
    # entries of it were known before all of this log.
    earlier_log: str | None = None
    earlier_number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionConditionRecord:
    """A factor compared (=, <=, >=) with a value."""

    factor: str
    relation: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class DoomedRegionRecord:
    """A part of the search space where trials fail, with the evidence as it was then (gridwatch.judgement.regions)."""

    name: str
    conditions: tuple[RegionConditionRecord, ...]
    spec_version: str  # of the upload whose points it spares
    failures: int
    known: int
    confidence: float
    failures_elsewhere: int
    known_elsewhere: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionsRecord:
    """The doomed regions of an experiment, and those that a person has released, which are never doomed again."""

    experiment: str
    doomed: tuple[DoomedRegionRecord, ...] = ()
    released: tuple[DoomedRegionRecord, ...] = ()
    updated_at: datetime
    version: int = 0  # of the record, as read


class Certainty(StrEnum):
    """How a saving is known."""

    ESTIMATE = "estimate"  # as it was when the stop was decided
    CORRECTED = "corrected"  # an estimate still, by how far the job had really come when it was over
    MEASURED = "measured"  # the job was let run on: what its rest really took stands beside the estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class SavingsRecord:
    """What a stop spares (gridwatch.savings). `cost` and the other amounts are None without a price.

    The true figure is expected between the low and the high one. Under `at_most` `seconds` and `cost` are the most
    that it can be.
    """

    seconds: float  # of training, on each instance
    cost: float | None  # of all instances
    currency: str
    method: str  # how the remaining time was estimated, in words
    price_per_hour: float | None  # of one instance of the first type
    price_source: str
    seconds_low: float | None = None
    seconds_high: float | None = None
    cost_low: float | None = None
    cost_high: float | None = None
    bound: str | None = None  # "about" or "at most"; None: written before this was kept
    hourly: float | None = None  # of all instances together
    hourly_low: float | None = None  # the least that it may be: of spot capacity nobody knows it beforehand
    longest_seconds: int | None = None  # that the job may take in all: its MaxRuntimeInSeconds
    certainty: Certainty = Certainty.ESTIMATE
    decided_seconds: float | None = None  # of a corrected one: the estimate as it was when the stop was decided
    measured_seconds: float | None = None  # of a job that was let run on: what its rest took
    measured_cost: float | None = None

    @property
    def at_most(self) -> bool:
        return self.bound == "at most" if self.bound is not None else self.method.startswith("limit")

    @property
    def seconds_range(self) -> tuple[float, float]:
        """The low and the high figure; of an old record that has none, what it says."""
        low = self.seconds_low if self.seconds_low is not None else 0.0 if self.at_most else self.seconds
        return low, self.seconds if self.seconds_high is None else self.seconds_high

    @property
    def cost_range(self) -> tuple[float, float] | None:
        """Likewise of money; None without a price."""
        if self.cost is None:
            return None
        low = self.cost_low if self.cost_low is not None else 0.0 if self.at_most else self.cost
        return low, self.cost if self.cost_high is None else self.cost_high


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRecord:
    """The switch that pauses all stopping in a deployment: how it stands, and who set it so and why."""

    paused: bool
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DebuggerRefusal:
    """SageMaker's word that this account has no Debugger here: it took a job only without what is Debugger's.

    `forgotten`: a person wants it to be tried again.
    """

    account: str
    region: str
    at: datetime
    words: str  # SageMaker's
    code: str
    job_name: str  # that was launched under Gridwatch's own rules
    experiment: str
    forgotten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactionRecord:
    """What was done about one rule's issue in one job: at most one of these per (job, rule)."""

    job_name: str
    rule_name: str
    experiment: str
    trial_id: str
    action: str  # what was decided: stop, would stop, alert, record
    reason: str
    outcome: str | None  # what came of it: "stop requested", "already over", …; None until carried out
    alert_id: str | None
    finding: Mapping[str, Any] | None
    decided_at: datetime
    carried_out_at: datetime | None = None
    savings: SavingsRecord | None = None  # of a stop; under shadow or audit, of the stop that was not made
    audited: bool = False  # the trial is let run on to see what the stop would have cost


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRecord:
    """Something people must be told, once. `content` is the alert as data (gridwatch.alerts)."""

    alert_id: str
    experiment: str | None  # None when the spec could not be read at all
    kind: str
    content: Mapping[str, Any]
    created_at: datetime
    sent_at: datetime | None = None
    message_id: str | None = None
    trial_id: str | None = None
    cause: str | None = None  # alerts of one cause are told together; None: on its own
    told_in: str | None = None  # it was held back, and is told in the alert of this id
    cleared: bool = False  # nothing holds it back: it may have been sent already
    sent_to: Mapping[str, str] = field(default_factory=dict)  # message ids by channel, while it is being sent

    @property
    def is_settled(self) -> bool:
        """Whether nothing remains to be done: it is sent, or told in another alert."""
        return self.sent_at is not None or self.told_in is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertGate:
    """Which alerts were let through since it opened and which were held back (gridwatch.alerts.gates); by alert id.

    Every alert that came to a gate that is `listed` has a place of its own beside it (`AlertStore.admitted`): then
    `collected` has the first alone, and `held` counts the others.
    """

    gate_id: str
    opened_at: datetime
    closes_at: datetime
    passed: tuple[str, ...] = ()
    collected: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()  # of former openings
    closed: bool = False  # nobody joins any more: what was collected is being told
    told: bool = False
    listed: bool = False  # False in records of former versions
    held: int = 0
    version: int = 0  # of the record, as read
