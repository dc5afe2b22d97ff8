"""Complete grids out of files of curves and out of the tables of finished experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridwatch.judgement.grids import Grid, GridError, Trained, parse_grid
from gridwatch.rules.metrics import is_score
from gridwatch.savings.prices import PriceTable
from gridwatch.tables.queries import text_literal
from gridwatch_cli.context import Cloud
from gridwatch_cli.errors import CliError

# Of one name, the values of which mode are judged.
_MODES = ("EVAL", "GLOBAL", "PREDICT", "TRAIN")

TRIALS_OF = """\
SELECT trial_id, grid_index, state, objective_metric, objective_direction, training_seconds, instance_type,
  instance_count
FROM trials WHERE experiment = {}
ORDER BY grid_index"""
POINTS_OF = "SELECT trial_id, name, mode, step, value FROM metrics WHERE experiment = {} ORDER BY trial_id, name, step"


def from_file(path: Path, metric: str | None, direction: str | None, price: float | None) -> Grid:
    """The grid in a file. Raises CliError when it cannot be read, GridError when it is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CliError(f"{path} cannot be read: {error.strerror}") from error
    name = path.name.removesuffix(".gz").removesuffix(".json")
    grid = parse_grid(content, name, metric=metric, direction=direction)
    return replace(grid, trials=[replace(trial, price_per_hour=price) for trial in grid.trials])


def from_tables(cloud: Cloud, experiment: str, metric: str | None, direction: str | None) -> Grid:
    """The trials of an experiment that trained to their end, as the last snapshot has them.

    Raises CliError when there is no snapshot, GridError when its curves are none that rules can be replayed on.
    """
    name = text_literal(experiment)
    trials = cloud.ask(TRIALS_OF.format(name)).rows
    if not trials:
        raise CliError(f"no snapshot of an experiment {experiment!r} is there yet (`gridwatch experiments` lists them)")
    return grid_of(experiment, trials, cloud.ask(POINTS_OF.format(name)).rows, metric, direction)


def grid_of(
    experiment: str,
    trials: Sequence[Mapping[str, Any]],
    points: Iterable[Mapping[str, Any]],
    metric: str | None,
    direction: str | None,
) -> Grid:
    """The grid in rows of the tables `trials` and `metrics`. Raises GridError."""
    chosen = metric or next((row["objective_metric"] for row in trials if row["objective_metric"]), None)
    if not chosen:
        raise GridError(f"{experiment} has no objective: name the metric that is to be judged")
    told = next((row["objective_direction"] for row in trials if row["objective_direction"]), None)
    way = direction or (("max" if told == "maximize" else "min") if told and metric in (None, chosen) else None)
    maximize = is_score(chosen) if way is None else way == "max"
    curves = _curves(points)
    prices = PriceTable.built_in().per_hour
    completed = [row for row in trials if row["state"] == "completed" and row["training_seconds"] is not None]
    made = [_trained(row, curves.get(row["trial_id"], {}), chosen, prices, maximize=maximize) for row in completed]
    trained = [trial for trial in made if trial is not None]
    if not trained:
        there = ", ".join(sorted({name for curve in curves.values() for name, _ in curve})) or "none"
        raise GridError(f"{experiment}: no completed trial has a curve of {chosen!r}; curves there are: {there}")
    return Grid(experiment, chosen, maximize, trained, len(trials) - len(trained))


Curves = dict[str, dict[tuple[str, str], list[tuple[int, float]]]]


def _curves(points: Iterable[Mapping[str, Any]]) -> Curves:
    curves: Curves = {}
    for row in points:
        value = float("nan") if row["value"] is None else float(row["value"])
        curves.setdefault(row["trial_id"], {}).setdefault((row["name"], row["mode"]), []).append((row["step"], value))
    return curves


def _trained(
    row: Mapping[str, Any],
    curves: Mapping[tuple[str, str], Sequence[tuple[int, float]]],
    metric: str,
    prices: Mapping[str, float],
    *,
    maximize: bool,
) -> Trained | None:
    judged = next((curves[metric, mode] for mode in _MODES if (metric, mode) in curves), None)
    if not judged:
        return None
    price = prices.get(row["instance_type"] or "")
    sign = -1.0 if maximize else 1.0
    return Trained(
        name=row["trial_id"],
        resources=range(1, len(judged) + 1),
        losses=[sign * value if abs(value) < float("inf") else float("inf") for _, value in judged],
        seconds=float(row["training_seconds"]),
        series={name: [value for _, value in values] for (name, mode), values in curves.items() if mode != "TRAIN"},
        price_per_hour=price * (row["instance_count"] or 1) if price is not None else None,
        steps=[step for step, _ in judged],
    )
