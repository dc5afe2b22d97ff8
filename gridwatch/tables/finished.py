"""The grid of a finished experiment, made from the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gridwatch.savings.prices import PriceTable
from gridwatch_rules.judgement.grids import Grid, GridError, Trained
from gridwatch_rules.rules.metrics import is_score

# Of one name, the values of which mode are judged.
_MODES = ("EVAL", "GLOBAL", "PREDICT", "TRAIN")

_OBJECTIVE = "objective"  # in place of a mode: the curve by which the trial is compared

# By trial, then by name and mode: steps and values.
Curves = Mapping[str, Mapping[tuple[str, str], Sequence[tuple[int, float]]]]


def grid_of(
    experiment: str,
    trials: Sequence[Mapping[str, Any]],
    curves: Curves,
    metric: str | None,
    direction: str | None,
) -> Grid:
    """The trials of the table `trials` that completed, with their curves. Raises GridError when rules cannot be
    replayed on any.
    """
    chosen = metric or next((row["objective_metric"] for row in trials if row["objective_metric"]), None)
    if not chosen:
        raise GridError(f"{experiment} has no objective: name the metric that is to be judged")
    told = next((row["objective_direction"] for row in trials if row["objective_direction"]), None)
    way = direction or (("max" if told == "maximize" else "min") if told and metric in (None, chosen) else None)
    maximize = is_score(chosen) if way is None else way == "max"
    table = PriceTable.built_in()
    completed = [row for row in trials if row["state"] == "completed" and row["training_seconds"] is not None]
    made = [
        _trained(row, curves.get(row["trial_id"], {}), chosen, table.per_hour, maximize=maximize) for row in completed
    ]
    trained = [trial for trial in made if trial is not None]
    if not trained:
        there = (
            ", ".join(sorted({name for curve in curves.values() for name, mode in curve if mode != _OBJECTIVE}))
            or "none"
        )
        raise GridError(f"{experiment}: no completed trial has a curve of {chosen!r}; curves there are: {there}")
    return Grid(experiment, chosen, maximize, trained, len(trials) - len(trained), table.currency)


def curves_of(points: Iterable[Mapping[str, Any]]) -> Curves:
    """The curves in rows of the table `metrics`, which are in the order of their steps. For each name and mode, one
    source's and one worker's values count: the objective's first, then the log's, then those of the first worker.
    """
    found: dict[str, dict[tuple[str, str], dict[tuple[bool, bool, str], list[tuple[int, float]]]]] = {}
    for row in points:
        value = float("nan") if row["value"] is None else float(row["value"])
        order = (not _is_true(row.get("objective")), row.get("source") != "log", str(row.get("worker") or ""))
        several = found.setdefault(row["trial_id"], {}).setdefault((row["name"], row["mode"]), {})
        several.setdefault(order, []).append((row["step"], value))
    curves: dict[str, dict[tuple[str, str], list[tuple[int, float]]]] = {}
    for trial, its in found.items():
        curves[trial] = {key: several[min(several)] for key, several in its.items()}
        marked = [several[min(several)] for several in its.values() if not min(several)[0]]
        if marked:
            curves[trial][_OBJECTIVE, _OBJECTIVE] = marked[0]
    return curves


def _is_true(value: object) -> bool:
    """Whether a value is true; Athena answers in text."""
    return value is True or value == "true"


def _trained(
    row: Mapping[str, Any],
    curves: Mapping[tuple[str, str], Sequence[tuple[int, float]]],
    metric: str,
    prices: Mapping[str, float],
    *,
    maximize: bool,
) -> Trained | None:
    own = [(_OBJECTIVE, _OBJECTIVE)] if metric == row["objective_metric"] else []
    keys = [*own, *((metric, mode) for mode in _MODES)]
    judged = next((curves[key] for key in keys if key in curves), None)
    if not judged:
        return None
    price = prices.get(row["instance_type"] or "")
    sign = -1.0 if maximize else 1.0
    return Trained(
        name=row["trial_id"],
        resources=range(1, len(judged) + 1),
        losses=[sign * value if abs(value) < float("inf") else float("inf") for _, value in judged],
        seconds=float(row["training_seconds"]),
        series={
            name: [value for _, value in values]
            for (name, mode), values in curves.items()
            if mode not in ("TRAIN", _OBJECTIVE)
        },
        price_per_hour=price * (row["instance_count"] or 1) if price is not None else None,
        steps=[step for step, _ in judged],
    )
