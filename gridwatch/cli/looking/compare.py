"""`gridwatch compare`: trials, or experiments, beside each other."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.curves import JobCurve, read_curves
from gridwatch.cli.looking.options import CsvOption, JsonOption
from gridwatch.cli.looking.spending import cost_of, prices_of, usage_of
from gridwatch.cli.looking.trials import Found, find_trial
from gridwatch.cli.output import print_rows
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.reports.experiment.importance import varied
from gridwatch.savings.money import money
from gridwatch.savings.prices import PriceTable
from gridwatch.state.accepted_spec import spec_of

_MOST = 12
_UNKNOWING = {"Error": "failed", "SawNothing": "saw nothing to judge by"}  # statuses that say nothing of the training
Row = dict[str, Any]


def compare(
    context: typer.Context,
    subjects: Annotated[list[str], typer.Argument(help="Two or more trials, or two or more experiments.")],
    everything: Annotated[bool, typer.Option("--all", help="Also what they have in common.")] = False,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Put trials or experiments beside each other: what differs, curves, time, use of machines, cost."""
    if not 2 <= len(set(subjects)) <= _MOST:
        raise CliError(f"name two to {_MOST} different trials, or experiments")
    cloud = cloud_of(context)
    experiments = [cloud.store.get_experiment(name) for name in subjects]
    known = [each for each in experiments if each is not None]
    if known and len(known) < len(subjects):
        others = ", ".join(name for name, each in zip(subjects, experiments, strict=True) if each is None)
        raise CliError(f"{known[0].name} is an experiment and {others} is not: name trials only, or experiments only")
    if known:
        names, rows = subjects, _experiments(cloud, known)
    else:
        found = [find_trial(cloud.store, name) for name in subjects]
        names, rows = _headings(found), _trials(cloud, found)
    rows = [row for row in rows if everything or any(row[name] is not None for name in names)]
    shown = [row for row in rows if everything or not row.pop("same", False)]
    for row in shown:
        row.pop("same", None)
    print_rows(["", *names], shown, as_json=as_json, as_csv=as_csv, empty="nothing differs")


def _headings(found: Sequence[Found]) -> list[str]:
    ids = [each.trial.trial_id for each in found]
    within = len({each.trial.experiment for each in found}) == 1
    names = ids if within else [f"{each.trial.experiment}/{each.trial.trial_id}" for each in found]
    if len(set(names)) < len(names):
        raise CliError("two of them are the same trial")
    return names


def _trials(cloud: Cloud, found: Sequence[Found]) -> list[Row]:
    names = _headings(found)
    trials = [each.trial for each in found]
    prices = prices_of(cloud)
    curves = read_curves(cloud, [each.job_name for each in found])
    rows: list[Row] = []
    differing = set(varied([trial.hyperparameters for trial in trials]))
    for name in sorted({name for trial in trials for name in trial.hyperparameters}):
        values = [trial.hyperparameters.get(name) for trial in trials]
        rows.append({**_row(name, names, values), "same": name not in differing})
    facts: Sequence[tuple[str, Callable[[TrialRecord], Any]]] = (
        ("state", lambda trial: trial.state.value),
        ("instances", lambda trial: trial.machines),
        ("training_seconds", _seconds),
        ("billable_seconds", lambda trial: trial.billable_seconds),
        ("cost", lambda trial: cost_of(cloud, trial, prices)),
    )
    rows += [_row(name, names, [of(trial) for trial in trials]) for name, of in facts]
    rows.append(_row("use of machine", names, [usage_of(cloud, each.job_name) for each in found]))
    rows.append(_row("findings", names, [_findings(cloud, each) for each in found]))
    metrics = sorted({name for trial in trials for name in trial.final_metrics})
    rows += [_row(name, names, [trial.final_metrics.get(name) for trial in trials]) for name in metrics]
    rows += _curve_rows(names, [curves[each.job_name] for each in found])
    return rows


def _experiments(cloud: Cloud, records: Sequence[ExperimentRecord]) -> list[Row]:
    names = [record.name for record in records]
    documents = [flat_document(record.document) for record in records]
    rows: list[Row] = []
    differing = set(varied(documents))
    for name in sorted({name for document in documents for name in document} - {"name"}):
        values = [document.get(name) for document in documents]
        rows.append({**_row(name, names, values), "same": name not in differing})
    trials = [cloud.store.list_trials(record.name) for record in records]
    best = [_best(record, its) for record, its in zip(records, trials, strict=True)]
    prices = prices_of(cloud)
    rows.append(_row("trials", names, [_states(its) for its in trials]))
    rows.append(_row("training_seconds", names, [sum(_seconds(trial) or 0.0 for trial in its) for its in trials]))
    rows.append(_row("cost", names, [_total_cost(its, prices) for its in trials]))
    rows.append(_row("best trial by last value", names, [trial.trial_id if trial else None for trial in best]))
    parameters = [trial.hyperparameters if trial else {} for trial in best]
    for name in varied(parameters):
        rows.append(_row(f"best: {name}", names, [each.get(name) for each in parameters]))
    metrics = sorted({name for trial in best if trial for name in trial.final_metrics})
    rows += [_row(f"best: {name}", names, [t.final_metrics.get(name) if t else None for t in best]) for name in metrics]
    jobs = [trial.job_name for trial in best if trial]
    curves = read_curves(cloud, jobs) if jobs else {}
    rows += _curve_rows(names, [curves[trial.job_name] if trial else () for trial in best])
    return rows


def _curve_rows(names: Sequence[str], curves: Sequence[Sequence[JobCurve]]) -> list[Row]:
    by_name = [{curve.name: curve for curve in its} for its in curves]
    return [
        _row(f"{name}, by {axis}", names, [curve.words() if curve else None for curve in found])
        for name in sorted({name for its in by_name for name in its})
        for axis, found in _by_axis([its.get(name) for its in by_name])
    ]


def _by_axis(curves: Sequence[JobCurve | None]) -> Iterator[tuple[str, list[JobCurve | None]]]:
    """The curves of one name, grouped by what they count: lines of a log are not steps of a training."""
    for axis in dict.fromkeys(curve.axis for curve in curves if curve is not None):
        yield axis, [curve if curve is not None and curve.axis == axis else None for curve in curves]


def _row(what: str, names: Sequence[str], values: Sequence[Any]) -> Row:
    return {"": what, **dict(zip(names, values, strict=True))}


def _seconds(trial: TrialRecord) -> float | None:
    return (trial.ended_at - trial.started_at).total_seconds() if trial.started_at and trial.ended_at else None


def _findings(cloud: Cloud, found: Found) -> str | None:
    """What the trial's rules found, and which of them failed or saw nothing to judge by."""
    evaluations = cloud.store.list_rule_evaluations(found.job_name)
    issues = [each for each in evaluations if each.status == "IssuesFound"]
    told = [f"{each.rule_name} at step {(each.finding or {}).get('step', '?')}" for each in issues]
    told += [f"{each.rule_name} {_UNKNOWING[each.status]}" for each in evaluations if each.status in _UNKNOWING]
    return ", ".join(told) or None


def _states(trials: Sequence[TrialRecord]) -> str:
    counts = Counter(trial.state.value for trial in trials)
    return ", ".join(f"{count} {state}" for state, count in counts.most_common()) or "none"


def _total_cost(trials: Sequence[TrialRecord], prices: PriceTable) -> str | None:
    billed = [(trial.billable_seconds, prices.hourly(trial)) for trial in trials if trial.billable_seconds is not None]
    costs = [seconds / 3600 * hourly for seconds, hourly in billed if hourly is not None]
    if not billed or len(costs) < len(billed):
        return None
    return f"{money(sum(costs), prices.currency)} (estimate)"


def _best(record: ExperimentRecord, trials: Sequence[TrialRecord]) -> TrialRecord | None:
    objective = spec_of(record).objective
    if objective is None:
        return None
    metric = objective.metric
    known = [trial for trial in trials if math.isfinite(trial.final_metrics.get(metric, math.nan))]
    if not known:
        return None
    return (max if objective.maximize else min)(known, key=lambda trial: trial.final_metrics[metric])


def flat_document(document: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A spec's values by their paths; a list is one value, in words."""
    found: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            found |= flat_document(value, f"{prefix}{name}.")
        elif value is not None:
            found[f"{prefix}{name}"] = in_words(value) if isinstance(value, list) else value
    return found


def in_words(value: object) -> str:
    """A value of a spec as people would say it: `MedianStopping (on_issue stop); ASHA (grace 10, on_issue alert)`."""
    if isinstance(value, list):
        parts = [in_words(each) for each in value]
        return ("; " if any(isinstance(each, Mapping) for each in value) else ", ").join(parts) or "none"
    if not isinstance(value, Mapping):
        return value if isinstance(value, str) else json.dumps(value)
    said = {
        name: each for name, each in value.items() if each is not None and each is not False and each not in ([], {})
    }
    called = next((str(said.pop(key)) for key in ("name", "rule", "class", "when") if key in said), None)
    nested = [each if isinstance(each, Mapping) else {name: each} for name, each in said.items()]
    details = ", ".join(f"{name} {in_words(inner)}" for each in nested for name, inner in each.items())
    return details if called is None else f"{called} ({details})" if details else called
