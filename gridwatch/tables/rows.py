"""Turns what is known about an experiment into rows of its tables: mappings by column name, complete and typed."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.savings import SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState, used_seconds
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.words import saved_fields
from gridwatch.state.accepted_spec import spec_of
from gridwatch.tables.components import MetricSummary
from gridwatch.tables.facts import CurveCount, ExperimentFacts, Point, SearchState, Stamp
from gridwatch.tables.schemas import ARTIFACTS, EVENTS, FINDINGS, METRICS, PARAMETERS, RULE_EVALUATIONS, SCHEMA_VERSION
from gridwatch.verdicts.decision import Response
from gridwatch_rules.status import RuleStatus

Row = Mapping[str, Any]

_ACTIVE = (TrialState.STARTING, TrialState.RUNNING, TrialState.STOPPING)
_UNLAUNCHED = (TrialState.CANCELLED, TrialState.REFUSED)
_COUNTED = (PARAMETERS, METRICS, RULE_EVALUATIONS, FINDINGS, ARTIFACTS, EVENTS)
_ROUNDED = 1e-4  # relative: what a printed value may be off by
_NOTHING_READ = CurveCount(points=0, complete=False)


def experiment_row(facts: ExperimentFacts, stamp: Stamp, counts: Mapping[str, int]) -> Row:
    """The row of the experiment. `counts` are the rows of its other tables, by table."""
    record, spec = facts.record, spec_of(facts.record)
    states = Counter(each.trial.state for each in facts.trials)
    metric, direction = _objective(facts)
    return {
        "experiment": record.name,
        "hypothesis": spec.hypothesis.text,
        "owner": spec.labels.owner,
        "team": spec.labels.team,
        "objective_metric": metric,
        "objective_direction": direction,
        "spec_key": record.spec_key,
        "spec_version": record.spec_version,
        "uploaded_at": record.uploaded_at,
        "trial_count": len(facts.trials),
        "waiting_count": states[TrialState.WAITING],
        "active_count": sum(states[state] for state in _ACTIVE),
        "completed_count": states[TrialState.COMPLETED],
        "failed_count": states[TrialState.FAILED],
        "stopped_count": states[TrialState.STOPPED],
        "unlaunched_count": sum(states[state] for state in _UNLAUNCHED),
        **{f"{table.name.removesuffix('s')}_count": counts[table.name] for table in _COUNTED},
        "search_behind_count": sum(
            facts.search_state(each) in (SearchState.BEHIND, SearchState.ABSENT) for each in facts.trials
        ),
        "search_error": facts.search_error,
        "complete": facts.complete,
        "incomplete_reason": "; ".join(facts.incomplete_reasons) or None,
        "schema_version": SCHEMA_VERSION,
        **provenance(stamp),
    }


def trial_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    metric, direction = _objective(facts)
    for each in facts.trials:
        trial = each.trial
        curves = facts.curves.get(trial.trial_id, _NOTHING_READ)
        cost = _cost(trial, facts.prices, stamp.as_of)
        yield {
            **identity(trial),
            "grid_index": trial.index,
            "parent": trial.parent,
            "change": trial.change,
            "proof": trial.proof,
            "repair": trial.repair,
            "attempt": trial.attempt,
            "state": trial.state.value,
            "status": trial.status,
            "secondary_status": trial.secondary_status,
            "reason": trial.reason,
            "hyperparameters": _json(trial.hyperparameters),
            "algorithm": trial.algorithm,
            "objective_metric": metric,
            "objective_direction": direction,
            **objective_figures(trial.final_metrics.get(metric) if metric else None, direction, curves),
            "created_at": trial.created_at,
            "started_at": trial.started_at,
            "ended_at": trial.ended_at,
            "training_seconds": _seconds(trial.started_at, trial.ended_at),
            "billable_seconds": trial.billable_seconds,
            "instance_type": trial.instance_type,
            "instance_count": trial.instance_count,
            "cost": cost,
            "cost_currency": facts.prices.currency if cost is not None else None,
            "model_uri": trial.model_uri,
            "metric_count": curves.points,
            "metrics_complete": curves.complete,
            "search_state": facts.search_state(each),
            "complete": facts.trial_complete(each),
            **provenance(stamp),
        }


def objective_figures(final: float | None, direction: str | None, curve: CurveCount) -> Row:
    """The last value and the best. A log prints fewer digits than a hook saves, and a job may end between two values
    that are saved: the best is never worse than the last.
    """
    value = final if final is not None else curve.last
    best, step = curve.best, curve.best_step
    if best is not None and value is not None and math.isfinite(value):
        better = value > best if direction == "maximize" else value < best
        if better and not math.isclose(value, best, rel_tol=_ROUNDED):
            step = curve.last_step
        best = value if better else best
    return {
        "objective_value": value,
        "objective_best": best,
        "objective_best_step": step,
        "objective_source": curve.source,
    }


def parameter_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    for each in facts.trials:
        for name, value in sorted(each.trial.hyperparameters.items()):
            yield {
                **identity(each.trial),
                "name": name,
                "value_double": _number(value),
                "value_string": value if isinstance(value, str) else _json(value),
                **provenance(stamp),
            }


def final_metric_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    """Every metric that the job ended with, from our records, from its component, or both."""
    for each in facts.trials:
        summaries = {summary.name: summary for summary in each.component.metrics} if each.component else {}
        final = each.trial.final_metrics
        for name in sorted(final.keys() | summaries.keys()):
            summary = summaries.get(name)
            value = final.get(name, summary.last if summary else None)
            yield {
                **identity(each.trial),
                "name": name,
                "value": None if value is None else float(value),
                **_figures(summary),
                **provenance(stamp),
            }


def _figures(summary: MetricSummary | None) -> Row:
    return {name: getattr(summary, name, None) for name in ("min", "max", "avg", "std_dev", "count")}


def metric_rows(trial: TrialRecord, points: Iterable[Point], stamp: Stamp) -> Iterator[Row]:
    first, last = identity(trial), provenance(stamp)
    for point in points:
        yield {
            **first,
            "source": point.source.value,
            "worker": point.worker,
            "name": point.name,
            "mode": point.mode,
            "step_axis": point.source.step_axis,
            "step": point.step,
            "value": point.value,
            "logged_at": point.logged_at,
            "objective": False,
            "thinned": False,
            **last,
        }


def rule_evaluation_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    """Every rule that a job was launched under, even while nothing is recorded of it, and every recorded rule."""
    for each in facts.trials:
        recorded = {evaluation.rule_name: evaluation for evaluation in each.evaluations}
        policies = {policy.name: policy for policy in each.policies}
        for name in sorted(recorded.keys() | policies.keys()):
            evaluation, policy = recorded.get(name), policies.get(name)
            yield {
                **identity(each.trial),
                "rule_name": name,
                "rule": policy.rule if policy else None,
                "parameters": _json(policy.parameters) if policy else None,
                "on_issue": policy.on_issue.value if policy else None,
                "status": evaluation.status if evaluation else None,
                "details": evaluation.details if evaluation else None,
                "updated_at": evaluation.updated_at if evaluation else None,
                **provenance(stamp),
            }


def finding_rows(facts: ExperimentFacts, stamp: Stamp) -> Iterator[Row]:
    """Every recorded issue, with the reaction to it once there is one, and with what became of the job after all."""
    best = _best_objective(facts)
    for each in facts.trials:
        reactions = {reaction.rule_name: reaction for reaction in each.reactions}
        evaluations = {evaluation.rule_name: evaluation for evaluation in each.evaluations if evaluation.finding}
        rules = {policy.name: policy.rule for policy in each.policies}
        blind = {found.rule_name for found in each.evaluations if found.status == RuleStatus.SAW_NOTHING}
        for name in sorted((evaluations.keys() | reactions.keys()) - blind):
            yield {
                **identity(each.trial),
                "rule_name": name,
                "rule": rules.get(name),
                **_finding(evaluations.get(name), reactions.get(name)),
                **_reaction(reactions.get(name)),
                **_afterwards(each.trial, reactions.get(name), facts, best),
                **provenance(stamp),
            }


def _finding(evaluation: RuleEvaluationRecord | None, reaction: ReactionRecord | None) -> Row:
    # A managed rule's status comes without a finding of ours; what was done about it is still worth its row.
    document = (evaluation and evaluation.finding) or (reaction and reaction.finding) or {}
    return {
        "step": _whole(document.get("step")),
        "tensor": _text(document.get("tensor")),
        "observed": _measured(document.get("observed")),
        "threshold": _measured(document.get("threshold")),
        "details": _text(document.get("sentence")) or (evaluation.details if evaluation else None),
        "finding": _json(document) if document else None,
        "found_at": evaluation.updated_at if evaluation else None,
    }


def _reaction(reaction: ReactionRecord | None) -> Row:
    return {
        "action": reaction.action if reaction else None,
        "action_reason": reaction.reason if reaction else None,
        "outcome": reaction.outcome if reaction else None,
        "alert_id": reaction.alert_id if reaction else None,
        "decided_at": reaction.decided_at if reaction else None,
        "carried_out_at": reaction.carried_out_at if reaction else None,
        "shadow": reaction.action == Response.WOULD_STOP and not reaction.audited if reaction else None,
        "audited": reaction.audited if reaction else None,
        **_savings(reaction.savings if reaction else None),
    }


def _savings(savings: SavingsRecord | None) -> Row:
    told = saved_fields(savings)
    return {
        "saved_seconds": told["saved_seconds"],
        "saved_cost": told["saved_cost"],
        "saved_currency": told["saved_currency"],
        "saved_method": savings.method if savings else None,
        "saved_bound": told["saved_bound"],
        "saved_seconds_low": told["saved_seconds_low"],
        "saved_seconds_high": told["saved_seconds_high"],
        "saved_cost_low": told["saved_cost_low"],
        "saved_cost_high": told["saved_cost_high"],
        "saved_certainty": told["saved_certainty"],
    }


def _afterwards(trial: TrialRecord, reaction: ReactionRecord | None, facts: ExperimentFacts, best: float | None) -> Row:
    """What really happened afterwards: when shadow mode let the job go on, it shows whether a stop would have been
    right.
    """
    metric, _ = _objective(facts)
    value = trial.final_metrics.get(metric) if metric else None
    after = _seconds(reaction.decided_at if reaction else None, trial.ended_at)
    return {
        "job_status": trial.status,
        "job_seconds_after": max(after, 0.0) if after is not None else None,
        "job_cost_after": _cost_after(trial, reaction, after),
        "job_objective": value,
        "job_was_best": value == best if value is not None and trial.state.is_finished else None,
    }


def _cost_after(trial: TrialRecord, reaction: ReactionRecord | None, after: float | None) -> float | None:
    savings = reaction.savings if reaction else None
    if savings is None or after is None:
        return None
    hourly, price = savings.hourly, savings.price_per_hour
    if hourly is None and price is not None:  # written before what all instances cost was kept
        hourly = (trial.instance_count or 1) * price
    return None if hourly is None else max(after, 0.0) / 3600 * hourly


def _cost(trial: TrialRecord, prices: PriceTable, now: datetime) -> float | None:
    hourly = prices.hourly(trial)
    return None if hourly is None or trial.status is None else hourly * used_seconds(trial, now) / 3600


def _best_objective(facts: ExperimentFacts) -> float | None:
    metric, direction = _objective(facts)
    finished = (each.trial.final_metrics for each in facts.trials if each.trial.state.is_finished)
    values = (metrics.get(metric, math.nan) for metrics in finished) if metric else ()
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return None
    return max(finite) if direction == "maximize" else min(finite)


def identity(trial: TrialRecord) -> Row:
    """The columns that say which trial a row is of."""
    return {"experiment": trial.experiment, "trial_id": trial.trial_id, "job_name": trial.job_name}


def provenance(stamp: Stamp) -> Row:
    """The columns that say which snapshot wrote a row."""
    return {"snapshot_id": stamp.snapshot_id, "as_of": stamp.as_of}


def _objective(facts: ExperimentFacts) -> tuple[str | None, str | None]:
    objective = spec_of(facts.record).objective
    return (objective.metric, objective.direction or None) if objective else (None, None)


def _number(value: object) -> float | None:
    # True is an int to Python, not to a reader of a column of numbers.
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if isinstance(value, float) or abs(value) < 2**1023 else None


def _measured(value: float | str | None) -> float | None:
    # A finding's JSON holds what is not finite as text: "nan", "inf".
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _whole(value: object) -> int | None:
    """A whole number of 64 bits; any other value has no place in its column, and the finding's JSON keeps it."""
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() if start and end else None


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
