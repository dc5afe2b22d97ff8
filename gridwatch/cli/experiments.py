"""`gridwatch experiments` and `gridwatch status`: Gridwatch's records, as of now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.current import last_value
from gridwatch.cli.errors import CliError
from gridwatch.cli.every_trial import trials_of
from gridwatch.cli.output import console, print_json, print_rows, print_table, told
from gridwatch.cli.progress import prices_of, watch
from gridwatch.cli.queries import JsonOption
from gridwatch.cli.refusals import refusal_of
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.domain.rules import Action, RuleEvaluationRecord
from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.failure_cause import cause_of
from gridwatch.savings.words import amount, span, together
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.codec import from_document, to_document
from gridwatch.state.counting import counted as counted_trials
from gridwatch.state.job_records import JobRecords, records_of_trials
from gridwatch.state.open_experiments import is_open
from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import Isolation, UnreadableRecordError, if_readable
from gridwatch.verdicts.decision import NOT_STOPPED
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.wording import counted

_HOUR = 3_600
_MILLISECONDS = 3_600_000  # of an hour
_MILLIONTHS = 1_000_000
WAITING_FOR_RULE = "NotStarted"  # a rule that the job runs under, of which nothing is recorded yet


def experiments(context: typer.Context, as_json: JsonOption = False) -> None:
    """List all experiments, newest first."""
    cloud = cloud_of(context)
    rows = [*summaries(cloud.store), *_unreadable_experiments(cloud)]
    columns = (
        "experiment", "owner", "trials", "finished", "failed", "stopped", "objective", "best", "machine_hours",
        "saved_hours", "uploaded_at",
    )  # fmt: skip
    owned = as_json or any(row.get("owner") for row in rows)
    shown = [column for column in columns if column != "owner" or owned]
    print_rows(shown, rows, as_json=as_json, empty="no experiments yet: upload a spec with `gridwatch submit`")


def status(
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")],
    as_json: JsonOption = False,
    follow: Annotated[bool, typer.Option("--watch", help="Show the progress until all is over.")] = False,
) -> None:
    """Show every job of an experiment, and the state of every rule of every job."""
    cloud = cloud_of(context)
    if follow:
        watch(cloud, experiment, console(), prices_of(cloud))
    document = read_status(cloud, experiment)
    if as_json:
        print_json(document)
        return
    out = console()
    all_trials = [*document["trials"], *document["unreadable"]]
    out.print(f"{document['experiment']}: {_counted(each['state'] for each in all_trials)}")
    if document["counts"]:
        out.print(counts_line(document["counts"]), markup=False)
    if document["held"]:
        out.print(f"nothing more is launched: {document['held']}", markup=False)
    print_table(out, *told(*trial_lines(document)))
    rules = [rule for trial in document["trials"] for rule in trial["rules"]]
    if rules:
        print_table(out, *told(*rule_lines(document["trials"])))
    else:
        out.print("no rules watch this experiment")
    trials = document["trials"]
    for line in [*unmatched_lines(trials), *blind_lines(trials), *savings_lines(trials)]:
        out.print(line, markup=False)


def read_status(cloud: Cloud, experiment: str) -> Mapping[str, Any]:
    """The experiment with its trials, each with its rules. Raises CliError when it is not on record, saying why."""
    record = cloud.store.get_experiment(experiment)
    if record is None:
        refusal = refusal_of(cloud.session.s3, cloud.deployment.experiments_bucket, experiment)
        why = f": its spec was refused: {refusal}" if refusal else " (`gridwatch experiments` lists them)"
        raise CliError(f"there is no experiment {experiment!r}{why}")
    current = {each.job_name: each for each in cloud.store.list_current(record.name)}
    trials = cloud.store.list_trials(record.name)
    records, objective = records_of_trials(cloud.store, trials), spec_of(record).objective
    return {
        "experiment": record.name,
        "spec_key": record.spec_key,
        "uploaded_at": record.uploaded_at,
        "objective": asdict(objective) if objective else None,
        "held": held_by(cloud.store, record),
        "counts": _counts_of(cloud.store, record.name),
        "trials": [
            trial_status(cloud.store, record, trial, current.get(trial.job_name), records[trial.job_name])
            for trial in trials
        ],
        "unreadable": list(_unreadable_trials(cloud, record.name)),
    }


def _counts_of(store: StateStore, experiment: str) -> Mapping[str, Any] | None:
    """The counts that are kept of an experiment; None while they are not known to be whole."""
    counts = if_readable(partial(store.get_counts, experiment))
    if counts is None or not counts.is_whole:
        return None
    return {
        "states": counts.states,
        "best": counts.best,
        "best_trial": counts.best_trial,
        "machine_hours": round(sum(counts.took.values()) / _MILLISECONDS, 6),
        "saved_hours": round(counts.saved / _MILLISECONDS, 6),
        "saved_cost": {currency: cost / _MILLIONTHS for currency, cost in counts.saved_cost.items()},
    }


def counts_line(counts: Mapping[str, Any]) -> str:
    """The best final value of a completed trial and what the finished jobs took, in words. `savings_lines` says what
    stops saved, and where that is the most that it can be.
    """
    best = f"best completed {counts['best']:g} ({counts['best_trial']}), " if counts["best"] is not None else ""
    return f"{best}finished jobs took {span(counts['machine_hours'] * _HOUR)} of machine time"


UNREADABLE = "unreadable"


def _unreadable_trials(cloud: Cloud, experiment: str) -> Iterator[Mapping[str, Any]]:
    """Trials that are recorded but left out, because this version cannot read their records."""
    for place, reason in cloud.unreadable.items():
        name, _, trial = place.partition(" trial#")
        if name == f"experiment#{experiment}" and trial:
            yield {"trial_id": trial, "state": UNREADABLE, "reason": reason}


def _unreadable_experiments(cloud: Cloud) -> Iterator[Mapping[str, Any]]:
    for place in cloud.unreadable:
        name, _, kind = place.removeprefix("experiment#").rpartition(" ")
        if kind == "experiment":
            yield {"experiment": name, "owner": UNREADABLE}


def held_by(store: StateStore, record: ExperimentRecord) -> str | None:
    """The reason why nothing more of an experiment is launched; None when nothing holds it."""
    try:
        hold = store.get_hold(record.name)
    except UnreadableRecordError:
        return "what holds it cannot be read"
    return hold.reason if hold and hold.limit and hold.spec_version == record.spec_version else None


def summaries(store: StateStore) -> Sequence[Mapping[str, Any]]:
    """One row for each experiment, newest first."""
    records = store.list_experiments()
    counts = {counts.experiment: counts for counts in store.list_counts() if counts.is_whole}
    # Of a former version there are no counts, but of a closed experiment its record says how its trials ended.
    unknown = [record.name for record in records if is_open(record) and record.name not in counts]
    trials = trials_of(store, unknown)
    return [_summary(record, counts.get(record.name), trials.get(record.name, ())) for record in records]


def _summary(
    record: ExperimentRecord, known: ExperimentCounts | None, trials: Sequence[TrialRecord]
) -> Mapping[str, Any]:
    owner, compared = _described(record)
    counts = known or counted_trials(record, trials, ())
    states = counts.states if known or trials else record.final_states or {}
    return {
        "experiment": record.name,
        "owner": owner,
        "trials": sum(states.values()),
        "finished": sum(states.get(state.value, 0) for state in TrialState if state.is_finished),
        "failed": states.get("failed", 0),
        "stopped": states.get("stopped", 0),
        "objective": compared,
        "best": counts.best,
        "machine_hours": round(sum(counts.took.values()) / _MILLISECONDS, 3) if known or trials else None,
        "saved_hours": round(counts.saved / _MILLISECONDS, 3) if known else None,
        "uploaded_at": record.uploaded_at,
    }


def _described(record: ExperimentRecord) -> tuple[str | None, str]:
    """The owner and the objective, as far as they can be read: one damaged spec leaves the others in the list."""
    owner, compared = None, UNREADABLE
    with Isolation().each(record.name):
        spec = spec_of(record)
        compared = f"{spec.objective.direction} {spec.objective.metric}" if spec.objective else "none"
        owner = spec.labels.owner
    return owner, compared


def trial_status(
    store: StateStore,
    record: ExperimentRecord,
    trial: TrialRecord,
    current: CurrentRecord | None = None,
    records: JobRecords | None = None,
) -> Mapping[str, Any]:
    """One trial with every rule of its job. `current`: the objective so far; then SageMaker's final value.

    `records`: the records of its job, if they were read already, as for all trials together.
    """
    records = records or records_of_trials(store, [trial])[trial.job_name]
    job = records.job
    metric = spec_of(record).metric
    return {
        "index": trial.index,
        "trial_id": trial.trial_id,
        "job_name": trial.job_name,
        "state": trial.state.value,
        "status": trial.status,
        "secondary_status": trial.secondary_status,
        "reason": trial.reason,
        "engine": job.engine if job else None,
        "algorithm": trial.algorithm,
        "hyperparameters": trial.hyperparameters,
        "objective_value": last_value(trial, metric, current),
        "objective_best": current.best if current else None,
        "objective_step": current.step if current else None,
        "objective_source": current.source if current else None,
        "objective_at": current.logged_at if current else None,
        "final_metrics": trial.final_metrics,
        "unmatched_metrics": unmatched(job, trial, current),
        "started_at": trial.started_at,
        "ended_at": trial.ended_at,
        "billable_seconds": trial.billable_seconds,
        "rules": list(_rules(records)),
    }


def _rules(records: JobRecords) -> Iterable[Mapping[str, Any]]:
    """Every rule that the job runs under and every rule with a record, so that none is left out unnoticed."""
    recorded = {evaluation.rule_name: evaluation for evaluation in records.evaluations}
    reactions = {reaction.rule_name: reaction for reaction in records.reactions}
    policies = {policy.name: policy for policy in records.job.policies} if records.job else {}
    for name in sorted(policies.keys() | recorded.keys()):
        evaluation, policy, reaction = recorded.get(name), policies.get(name), reactions.get(name)
        yield {
            "rule": name,
            "on_issue": policy.on_issue.value if policy else None,
            "evaluated_by": "debugger" if policy and policy.managed else "gridwatch",
            "status": evaluation.status if evaluation else WAITING_FOR_RULE,
            "step": _step(evaluation),
            "details": evaluation.details if evaluation else None,
            "finding": evaluation.finding.get("sentence") if evaluation and evaluation.finding else None,
            "action": reaction.action if reaction else None,
            "action_reason": reaction.reason if reaction else None,
            "outcome": reaction.outcome if reaction else None,
            "audited": reaction.audited if reaction else False,
            "savings": to_document(reaction.savings) if reaction and reaction.savings else None,
            "updated_at": evaluation.updated_at if evaluation else None,
        }


def _step(evaluation: RuleEvaluationRecord | None) -> object:
    return evaluation.finding.get("step") if evaluation and evaluation.finding else None


def trial_lines(document: Mapping[str, Any]) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """A line for each trial: the hyperparameters that differ, its state, and why it failed."""
    trials = document["trials"]
    metric = (document["objective"] or {}).get("metric") or "objective"
    varied = _varied(trials)
    columns = ("index", "trial", *varied, "state", metric, "seconds", "cause")
    return columns, [
        [
            trial["index"],
            trial["trial_id"],
            *(trial["hyperparameters"].get(name) for name in varied),
            _state(trial),
            trial["objective_value"],
            trial["billable_seconds"],
            cause_of(trial["reason"]) if trial["state"] == TrialState.FAILED else trial["reason"],
        ]
        for trial in trials
    ] + [
        [None, each["trial_id"], *(None for _ in varied), UNREADABLE, None, None, each["reason"]]
        for each in document.get("unreadable", ())
    ]


def _varied(trials: Sequence[Mapping[str, Any]]) -> list[str]:
    """The hyperparameters that differ between the trials; for a single trial, all of them."""
    names = dict.fromkeys(name for trial in trials for name in trial["hyperparameters"])
    values = {name: {str(trial["hyperparameters"].get(name)) for trial in trials} for name in names}
    return [name for name in names if len(trials) == 1 or len(values[name]) > 1]


def _state(trial: Mapping[str, Any]) -> str:
    """The trial's state and, while its job runs, SageMaker's secondary status."""
    state, phase = str(trial["state"]), trial["secondary_status"]
    return f"{state} ({phase.lower()})" if state == TrialState.RUNNING and phase else state


def rule_lines(trials: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], Sequence[Sequence[object]]]:
    """Columns and lines of a table of all rules of these trials; `says` is the finding, or else the rule's message."""
    columns = ["rule", "on_issue", "status", "step", "done"]
    if any(rule["evaluated_by"] == "debugger" for trial in trials for rule in trial["rules"]):
        columns.insert(1, "evaluated_by")
    shown = [(trial["trial_id"], {**rule, "done": _done(rule)}) for trial in trials for rule in trial["rules"]]
    return ("trial", *columns, "says"), [
        [trial_id, *(rule[column] for column in columns), rule["finding"] or rule["details"]]
        for trial_id, rule in shown
    ]


def _done(rule: Mapping[str, Any]) -> str | None:
    """What was done about the rule's status, and what came of it; where a stop was asked for, why there was none."""
    action, outcome = rule["action"], rule["outcome"]
    if outcome == NOT_STOPPED and rule["on_issue"] == Action.STOP:
        return f"{outcome}: {rule['action_reason']}"
    if action is None or outcome is None or outcome.startswith(action):
        return str(outcome or action) if outcome or action else None
    return f"{action}: {outcome}"


def blind_lines(trials: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """The rules that saw nothing to judge by, so that nothing is known of their jobs."""
    rules = [rule for trial in trials for rule in trial["rules"]]
    blind = Counter(rule["rule"] for rule in rules if rule["status"] == RuleStatus.SAW_NOTHING)
    jobs = Counter(rule["rule"] for rule in rules)
    return [
        f"{rule} saw nothing to judge by in {count} of {counted(jobs[rule], 'job')}: it says nothing about them"
        for rule, count in blind.items()
    ]


_TRAINED = {TrialState.COMPLETED, TrialState.STOPPED}


def unmatched(job: JobRecord | None, trial: TrialRecord, current: CurrentRecord | None) -> Mapping[str, str]:
    """The metrics for which a finished job printed no value, with the expressions that were to find them in its log.
    Jobs that failed are left out: their reason says what is wrong.
    """
    if job is None or trial.state not in _TRAINED or trial.started_at is None:
        return {}
    seen = {*trial.final_metrics, *({current.metric} if current and current.source == MetricSource.LOG else ())}
    return {each.name: each.regex for each in job.log_metrics if each.name not in seen}


def unmatched_lines(trials: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """The expressions that found nothing in the logs of finished jobs, and in how many."""
    over = sum(trial["state"] in _TRAINED for trial in trials)
    found = Counter(each for trial in trials for each in trial["unmatched_metrics"].items())
    return [
        f"{name}: no value of it in the log of {count} of {counted(over, 'job')} that came to an end, where "
        f"algorithm.metrics looks for {regex}"
        for (name, regex), count in found.items()
    ]


def savings_lines(trials: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """What the stops of these trials saved, and what the stops that shadow mode held back would have saved."""
    lines = []
    for action, audited, words in (
        ("stop", False, "saved"),
        ("would stop", False, "would have saved, were it not for shadow mode,"),
        ("would stop", True, "audited trials, which are let run on, would have saved"),
    ):
        found = [
            from_document(SavingsRecord, rule["savings"])
            for trial in trials
            for rule in trial["rules"]
            if rule["savings"] and rule["action"] == action and rule["audited"] is audited
        ]
        if not found:
            continue
        stops = "one stop" if len(found) == 1 else f"{len(found)} stops"
        lines.append(f"{words} {amount(together(found))} of training by {stops}: an estimate{_measured(found)}")
    return lines


def _measured(found: Sequence[SavingsRecord]) -> str:
    """What the remaining training of the audited jobs really took, for those that are over."""
    over = [each for each in found if each.measured_seconds is not None]
    if not over:
        return ""
    took = sum(each.measured_seconds or 0.0 for each in over)
    return f"; measured: {span(took)} of {len(over)} of them"


def _counted(states: Iterable[str]) -> str:
    counts = Counter(states)
    return ", ".join(f"{count} {state}" for state, count in counts.most_common()) or "no trials"
