"""The analytic tables, declared once: columns, types and what they mean.

A table's types never depend on data: what differs between experiments (hyperparameters, metrics) lies in rows, not in
columns. Glue's tables (infra/constructs/tables.py) and the Parquet files have exactly these columns, in this order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCHEMA_VERSION = 3


class ColumnType(StrEnum):
    """Types by their name in Glue. Timestamps are UTC without a zone, of microseconds."""

    STRING = "string"
    BIGINT = "bigint"
    DOUBLE = "double"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"

    @property
    def duckdb(self) -> str:
        return "VARCHAR" if self is ColumnType.STRING else self.name


@dataclass(frozen=True, slots=True)
class Column:
    """One column; any may be null except `experiment` and the snapshot's own. `former` is its value, as SQL, in files
    of an earlier schema, which lack it; None for a column that every file has.
    """

    name: str
    type: ColumnType
    comment: str
    former: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """One table: `tables/<name>/<experiment>.parquet` holds the rows of one experiment."""

    name: str
    comment: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


_TEXT, _INTEGER, _NUMBER = ColumnType.STRING, ColumnType.BIGINT, ColumnType.DOUBLE
_FLAG, _TIME = ColumnType.BOOLEAN, ColumnType.TIMESTAMP

_EXPERIMENT = Column("experiment", _TEXT, "Name of the experiment")
_TRIAL = (
    _EXPERIMENT,
    Column("trial_id", _TEXT, "Identity of the trial: a hash of all that decides what it trains"),
    Column("job_name", _TEXT, "Training job of the trial's latest attempt"),
)
_PROVENANCE = (
    Column("snapshot_id", _TEXT, "The snapshot that wrote this row; the same in every row of one snapshot"),
    Column("as_of", _TIME, "When that snapshot began to read"),
)

EXPERIMENTS = Table(
    "experiments",
    "One row per experiment: what was asked and how far it is",
    (
        _EXPERIMENT,
        Column("hypothesis", _TEXT, "What the experiment was to find out, in its author's words"),
        Column("owner", _TEXT, "Who answers for the experiment"),
        Column("team", _TEXT, "The owner's team"),
        Column("objective_metric", _TEXT, "Metric by which trials are compared"),
        Column("objective_direction", _TEXT, "minimize or maximize"),
        Column("spec_key", _TEXT, "Key of the spec in the experiments bucket"),
        Column("spec_version", _TEXT, "Version of that object which the trials come from"),
        Column("uploaded_at", _TIME, "When that version was uploaded"),
        Column("trial_count", _INTEGER, "Trials on record"),
        Column("waiting_count", _INTEGER, "Trials not yet handed to SageMaker"),
        Column("active_count", _INTEGER, "Trials whose job starts, runs or stops"),
        Column("completed_count", _INTEGER, "Trials whose job completed"),
        Column("failed_count", _INTEGER, "Trials whose job failed"),
        Column("stopped_count", _INTEGER, "Trials whose job was stopped"),
        Column("unlaunched_count", _INTEGER, "Trials that were cancelled or refused before they had a job"),
        Column("parameter_count", _INTEGER, "Rows of this experiment in parameters"),
        Column("metric_count", _INTEGER, "Rows of this experiment in metrics"),
        Column("rule_evaluation_count", _INTEGER, "Rows of this experiment in rule_evaluations"),
        Column("finding_count", _INTEGER, "Rows of this experiment in findings"),
        Column("artifact_count", _INTEGER, "Rows of this experiment in artifacts"),
        Column("event_count", _INTEGER, "Rows of this experiment in events"),
        Column("search_behind_count", _INTEGER, "Trials with a job that SageMaker Search lacks or has older news of"),
        Column("search_error", _TEXT, "Why SageMaker Search could not be read; null when it could"),
        Column("complete", _FLAG, "True when every trial and its rules are over and all metrics could be read"),
        Column("incomplete_reason", _TEXT, "What is missing, in words; null when complete"),
        Column("schema_version", _INTEGER, "Version of these tables' schema"),
        *_PROVENANCE,
    ),
)

TRIALS = Table(
    "trials",
    "One row per trial: identity, status, times, result",
    (
        *_TRIAL,
        Column("grid_index", _INTEGER, "Place in the grid's order, from 0"),
        Column("parent", _TEXT, "Of a repair: the trial that it repairs"),
        Column("change", _TEXT, "Of a repair: what is other than in its parent, and where it began"),
        Column("proof", _TEXT, "Of a repair: what it brought, beside its parent at equal steps"),
        Column("repair", _TEXT, "Of a trial that a rule stopped: what repairs it, or why nothing does"),
        Column("attempt", _INTEGER, "Attempts so far, from 1: only a retry raises it"),
        Column("state", _TEXT, "waiting, starting, running, stopping, completed, failed, stopped, cancelled, refused"),
        Column("status", _TEXT, "SageMaker's TrainingJobStatus as last seen"),
        Column("secondary_status", _TEXT, "SageMaker's SecondaryStatus as last seen"),
        Column("reason", _TEXT, "Why it failed, was refused or was cancelled"),
        Column("hyperparameters", _TEXT, "The trial's hyperparameters as a JSON object with sorted keys"),
        Column("algorithm", _TEXT, "Of a tuning job with several algorithms: the one that it is of, as in the spec"),
        Column("objective_metric", _TEXT, "Metric by which trials of this experiment are compared"),
        Column("objective_direction", _TEXT, "minimize or maximize"),
        Column(
            "objective_value",
            _NUMBER,
            "Last value of the objective, as SageMaker read it from the job's log; while it has none, of the curve",
        ),
        Column("objective_best", _NUMBER, "Best value of the objective's curve, never worse than objective_value"),
        Column("objective_best_step", _INTEGER, "First step of the curve with that value; null when it has none"),
        Column("objective_source", _TEXT, "Source of the objective's curve in metrics; null without one", "NULL"),
        Column("created_at", _TIME, "When the trial was recorded"),
        Column("started_at", _TIME, "When training began"),
        Column("ended_at", _TIME, "When training ended"),
        Column("training_seconds", _NUMBER, "From started_at to ended_at"),
        Column("billable_seconds", _INTEGER, "SageMaker's BillableTimeInSeconds, of one instance"),
        Column("instance_type", _TEXT, "Instance type of the job"),
        Column("instance_count", _INTEGER, "Instances of the job"),
        Column("cost", _NUMBER, "Estimate: instances times seconds times price; null without a price"),
        Column("cost_currency", _TEXT, "Currency of cost"),
        Column("model_uri", _TEXT, "Address of the model artifact"),
        Column("metric_count", _INTEGER, "Rows of this trial in metrics"),
        Column("metrics_complete", _FLAG, "True when the job is over and its metrics could be read to their end"),
        Column(
            "search_state",
            _TEXT,
            "What SageMaker Search had: current, behind (older news than ours), absent, unread; null without a job",
        ),
        Column(
            "complete", _FLAG, "True when the trial and its rules are over and its metrics could be read to their end"
        ),
        *_PROVENANCE,
    ),
)

PARAMETERS = Table(
    "parameters",
    "One row per trial and hyperparameter",
    (
        *_TRIAL,
        Column("name", _TEXT, "Name of the hyperparameter"),
        Column("value_double", _NUMBER, "Its value when it is a number, else null"),
        Column("value_string", _TEXT, "Its value as SageMaker was told it, numbers too"),
        *_PROVENANCE,
    ),
)

FINAL_METRICS = Table(
    "final_metrics",
    "One row per trial and metric that SageMaker read from the job's log: its last value",
    (
        *_TRIAL,
        Column("name", _TEXT, "Name of the metric"),
        Column("value", _NUMBER, "Its last value"),
        Column("min", _NUMBER, "Its least value, as the trial component tells; null until Search has it"),
        Column("max", _NUMBER, "Its greatest value, of the same source"),
        Column("avg", _NUMBER, "Its mean, of the same source"),
        Column("std_dev", _NUMBER, "Its standard deviation, of the same source"),
        Column("count", _INTEGER, "How many values SageMaker read, of the same source"),
        *_PROVENANCE,
    ),
)

METRICS = Table(
    "metrics",
    "One row per trial, source, metric and step: the curves",
    (
        *_TRIAL,
        Column(
            "source",
            _TEXT,
            "hook (the job saved it), log (found in its log), sagemaker (its last value alone)",
            "'hook'",
        ),
        Column("worker", _TEXT, "Worker of the job that saved it, such as worker_0", "NULL"),
        Column("name", _TEXT, "Name of the metric, such as validation-logloss"),
        Column("mode", _TEXT, "TRAIN, EVAL, PREDICT or GLOBAL"),
        Column("step_axis", _TEXT, "What step counts: step (of the training), line (of the log), end", "'step'"),
        Column("step", _INTEGER, "Step at which it was saved, on the axis of its source"),
        Column("value", _NUMBER, "Its value; may be NaN or infinite"),
        Column("logged_at", _TIME, "When the training job wrote it"),
        Column("objective", _FLAG, "True in the one curve by which the trial is compared", "false"),
        Column("thinned", _FLAG, "True when the curve has more points than are kept (docs/analytics.md)", "false"),
        *_PROVENANCE,
    ),
)

RULE_EVALUATIONS = Table(
    "rule_evaluations",
    "One row per job and rule: its status, also without an issue",
    (
        *_TRIAL,
        Column("rule_name", _TEXT, "Name of the rule in the spec"),
        Column("rule", _TEXT, "The rule's class in the catalogue"),
        Column("parameters", _TEXT, "The rule's parameters as a JSON object with sorted keys"),
        Column("on_issue", _TEXT, "What the spec asks for on an issue: stop, alert or record"),
        Column(
            "status",
            _TEXT,
            "InProgress, NoIssuesFound, IssuesFound, Error, Stopping, Stopped, or SawNothing: the job is over and the "
            "rule never saw what it judges by; null while none was recorded",
        ),
        Column("details", _TEXT, "What the rule says about its status"),
        Column("updated_at", _TIME, "When the status was recorded"),
        *_PROVENANCE,
    ),
)

FINDINGS = Table(
    "findings",
    "One row per issue that a rule found, and what was done about it",
    (
        *_TRIAL,
        Column("rule_name", _TEXT, "Name of the rule in the spec"),
        Column("rule", _TEXT, "The rule's class in the catalogue"),
        Column("step", _INTEGER, "Step at which the rule's condition was met"),
        Column("tensor", _TEXT, "Tensor on which it was met"),
        Column("observed", _NUMBER, "The value that met the condition"),
        Column("threshold", _NUMBER, "The value that it was compared with"),
        Column("details", _TEXT, "The finding in words"),
        Column("finding", _TEXT, "The whole finding as JSON, with the values that caused it"),
        Column("found_at", _TIME, "When the finding was recorded"),
        Column("action", _TEXT, "What was decided: stop, would stop, alert or record; null while undecided"),
        Column("action_reason", _TEXT, "Why that was decided"),
        Column("outcome", _TEXT, "What came of it; null until carried out"),
        Column("alert_id", _TEXT, "The alert that told people"),
        Column("decided_at", _TIME, "When it was decided"),
        Column("carried_out_at", _TIME, "When it was carried out"),
        Column("shadow", _FLAG, "True when a rule in shadow mode would have stopped the job; null while undecided"),
        Column("audited", _FLAG, "True when the trial was let run on to see what the stop would have cost"),
        Column("saved_seconds", _NUMBER, "Estimate: training that the stop spared, or under shadow would have spared"),
        Column("saved_cost", _NUMBER, "Estimate: what that would have cost; null without a price"),
        Column("saved_currency", _TEXT, "Currency of saved_cost"),
        Column("saved_method", _TEXT, "How the remaining time was estimated"),
        Column("saved_bound", _TEXT, "about; at most, where saved_seconds and saved_cost are the most it can be"),
        Column("saved_seconds_low", _NUMBER, "Estimate: the least that it may have been"),
        Column("saved_seconds_high", _NUMBER, "Estimate: the most that it may have been"),
        Column("saved_cost_low", _NUMBER, "Estimate: the least that it may have cost; null without a price"),
        Column("saved_cost_high", _NUMBER, "Estimate: the most that it may have cost; null without a price"),
        Column("saved_certainty", _TEXT, "estimate; corrected when the job was over; measured: it was let run on"),
        Column("job_status", _TEXT, "What became of the job: SageMaker's TrainingJobStatus as last seen"),
        Column("job_seconds_after", _NUMBER, "How long the job trained on after the decision; null while it runs"),
        Column(
            "job_cost_after", _NUMBER, "What that time cost, in saved_currency; null while it runs, or without a price"
        ),
        Column("job_objective", _NUMBER, "Last value of the objective in the job"),
        Column("job_was_best", _FLAG, "Whether no trial of the experiment ended better; null without an objective"),
        *_PROVENANCE,
    ),
)

ARTIFACTS = Table(
    "artifacts",
    "One row per input or output of a trial's job: data, code, image, model, tensors, reports",
    (
        *_TRIAL,
        Column("direction", _TEXT, "input or output"),
        Column("name", _TEXT, "Name of the channel or output, such as train, spec, model, tensors"),
        Column("uri", _TEXT, "Address: s3://, or an image's"),
        Column("version", _TEXT, "Version of the object where one is known"),
        Column("media_type", _TEXT, "Content type where one is known"),
        Column("source", _TEXT, "Who says so: gridwatch (its records) or search (the trial component)"),
        *_PROVENANCE,
    ),
)

EVENTS = Table(
    "events",
    "One row per thing that happened: uploads, jobs, verdicts, decisions",
    (
        *_TRIAL,
        Column("happened_at", _TIME, "When it happened"),
        Column(
            "kind",
            _TEXT,
            "spec_uploaded, trial_recorded, job_started, job_ended, status_seen, rule_status, issue_found, decided, "
            "carried_out",
        ),
        Column("subject", _TEXT, "What it is about: the spec's key, the job's state, the rule"),
        Column("details", _TEXT, "More about it, in words"),
        *_PROVENANCE,
    ),
)

# In the order in which a snapshot writes them: `experiments`, whose row says what is complete, comes last.
TABLES = (
    TRIALS,
    PARAMETERS,
    FINAL_METRICS,
    METRICS,
    RULE_EVALUATIONS,
    FINDINGS,
    ARTIFACTS,
    EVENTS,
    EXPERIMENTS,
)

# Whose rows change as time goes on. The other tables only ever get more rows, and each of those says when.
HISTORY = (TRIALS, FINAL_METRICS, RULE_EVALUATIONS, FINDINGS, EXPERIMENTS)


def table(name: str) -> Table:
    """The table of that name; KeyError when there is none."""
    return {candidate.name: candidate for candidate in TABLES}[name]
