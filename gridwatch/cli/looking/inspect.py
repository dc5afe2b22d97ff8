"""`gridwatch inspect`: everything about one trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.curves import JobCurve, read_curves
from gridwatch.cli.looking.lineage import lineage_of
from gridwatch.cli.looking.options import JsonOption, TrialArgument
from gridwatch.cli.looking.spending import cost_of, usage_of
from gridwatch.cli.looking.trials import Found, find_trial
from gridwatch.cli.output import cell, console, print_json, print_table
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialState
from gridwatch.failure_cause import cause_of
from gridwatch.savings.words import saved_fields
from gridwatch.state.store import StateStore

_VALUES = 12  # of what led to a finding


def inspect(context: typer.Context, trial: TrialArgument, as_json: JsonOption = False) -> None:
    """Show all about one trial: lineage, hyperparameters, curves, findings with what caused them, artifacts."""
    cloud = cloud_of(context)
    document = describe(cloud, find_trial(cloud.store, trial))
    if as_json:
        print_json(document)
    else:
        _print(document)


def describe(cloud: Cloud, found: Found) -> Mapping[str, Any]:
    """The trial as one document. Curves are as the last snapshot has them, everything else as of now."""
    trial = found.trial
    curves, missing = _curves(cloud, found.job_name)
    return {
        "trial": {
            "experiment": trial.experiment,
            "trial": trial.trial_id,
            "index": trial.index,
            "attempt": trial.attempt,
            "job_name": found.job_name,
            "algorithm": trial.algorithm,
            "state": trial.state.value,
            "status": " / ".join(filter(None, [trial.status, trial.secondary_status])) or None,
            "cause": cause_of(trial.reason) if trial.state is TrialState.FAILED else None,
            "reason": trial.reason,
            "instances": trial.machines,
            "started_at": trial.started_at,
            "ended_at": trial.ended_at,
            "billable_seconds": trial.billable_seconds,
            "cost": cost_of(cloud, trial),
            "usage": usage_of(cloud, found.job_name),
        },
        "hyperparameters": trial.hyperparameters,
        "final_metrics": trial.final_metrics,
        "curves": [
            {"name": curve.name, "line": curve.words(), "steps": curve.steps, "values": curve.values}
            for curve in curves
        ],
        "curves_missing": missing,
        "rules": list(_rules(cloud.store, found.job_name)),
        "lineage": lineage_of(cloud, found),
    }


def _curves(cloud: Cloud, job_name: str) -> tuple[Sequence[JobCurve], str | None]:
    """The curves and, when there are none, the reason: no snapshot yet, or no metric in it."""
    try:
        found = read_curves(cloud, [job_name])[job_name]
    except CliError as error:
        return (), str(error)
    return found, None if found else "the last snapshot has none"


def _rules(store: StateStore, job_name: str) -> Iterator[Mapping[str, Any]]:
    reactions = {reaction.rule_name: reaction for reaction in store.list_reactions(job_name)}
    evaluations = {each.rule_name: each for each in store.list_rule_evaluations(job_name)}
    job = store.get_job(job_name)
    policies = {policy.name: policy for policy in job.policies} if job else {}
    for name in sorted(policies.keys() | evaluations.keys() | reactions.keys()):
        managed = name in policies and policies[name].managed
        evaluated_by = "debugger" if managed else "gridwatch"
        yield {**_rule(name, evaluations.get(name), reactions.get(name)), "evaluated_by": evaluated_by}


def _rule(name: str, found: RuleEvaluationRecord | None, reaction: ReactionRecord | None) -> Mapping[str, Any]:
    finding = (found and found.finding) or (reaction and reaction.finding) or None
    return {
        "rule": name,
        "status": found.status if found else "NotStarted",
        "details": found.details if found else None,
        "finding": finding,
        "action": reaction.action if reaction else None,
        "action_reason": reaction.reason if reaction else None,
        "outcome": reaction.outcome if reaction else None,
        **saved_fields(reaction.savings if reaction else None),
    }


def _print(document: Mapping[str, Any]) -> None:
    out = console()

    def pairs(heading: str, values: Mapping[str, Any]) -> None:
        shown = [(name, value) for name, value in values.items() if value is not None]
        out.print(heading, style="bold")
        for name, value in shown:
            lines = value.splitlines() if isinstance(value, str) else [cell(value)]
            # Not folded: a name or an address stays whole for whoever copies it.
            for text in (f"  {name}  {lines[0]}" if lines else f"  {name}", *(f"    {line}" for line in lines[1:])):
                out.print(text, markup=False, soft_wrap=True)

    pairs("trial", document["trial"])
    pairs("hyperparameters", document["hyperparameters"])
    pairs("final metrics", document["final_metrics"])
    pairs("curves, as of the last snapshot", {curve["name"]: curve["line"] for curve in document["curves"]})
    if document["curves_missing"]:
        out.print(f"  {document['curves_missing']}", markup=False)
    out.print("rules", style="bold")
    for line in [line for rule in document["rules"] for line in _rule_lines(rule)] or ["none watches it"]:
        out.print(f"  {line}", markup=False, soft_wrap=True)
    out.print("lineage and artifacts", style="bold")
    rows = [[row["what"], row["name"], row["address"]] for row in document["lineage"]]
    print_table(out, ("what", "name", "address"), rows)


def _rule_lines(rule: Mapping[str, Any]) -> Iterator[str]:
    by = " (by SageMaker's Debugger)" if rule["evaluated_by"] == "debugger" else ""
    yield f"{rule['rule']}: {rule['status']}{by}"
    finding = rule["finding"] or {}
    if sentence := finding.get("sentence") or rule["details"]:
        yield f"  {sentence}"
    told = ("step", "tensor", "observed", "threshold")
    place = [f"{name} {cell(finding[name])}" for name in told if finding.get(name) is not None]
    if place:
        yield f"  {', '.join(place)}"
    yield from _evidence(finding)
    if rule["action"]:
        yield f"  {rule['action']} ({rule['action_reason']}): {rule['outcome'] or 'not carried out yet'}"
    if rule["saved"] is not None:
        yield f"  {'saved' if rule['action'] == 'stop' else 'would have saved'} {rule['saved']}"


def _evidence(finding: Mapping[str, Any]) -> Iterator[str]:
    """The values that led to the finding, as far as it keeps them."""
    for name, value in finding.items():
        if isinstance(value, Sequence) and not isinstance(value, str) and value:
            last = value[-_VALUES:]
            more = "… " if len(value) > len(last) else ""
            yield f"  {name}: {more}{', '.join(map(cell, last))}"
        elif isinstance(value, Mapping) and value:
            yield f"  {name}: {', '.join(f'{key} {_listed(each)}' for key, each in list(value.items())[:_VALUES])}"


def _listed(value: object) -> str:
    """A value, and a list as its values without quotes: those that are no numbers are kept as texts."""
    return f"[{', '.join(map(cell, value))}]" if isinstance(value, list | tuple) else cell(value)
