"""Complete grids out of files of curves and out of the tables of finished experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.tables.finished import curves_of, grid_of
from gridwatch.tables.queries import text_literal
from gridwatch_rules.judgement.grids import Grid
from gridwatch_rules.replays import read_grid

TRIALS_OF = """\
SELECT trial_id, grid_index, state, objective_metric, objective_direction, training_seconds, instance_type,
  instance_count
FROM trials WHERE experiment = {}
ORDER BY grid_index"""
POINTS_OF = """\
SELECT trial_id, name, mode, source, worker, objective, step, value
FROM metrics WHERE experiment = {}
ORDER BY trial_id, name, step"""


def from_file(
    path: Path, metric: str | None, direction: str | None, price: float | None, currency: str = "USD"
) -> Grid:
    """The grid in a file. Raises PermanentError when it cannot be read, GridError when it holds no grid."""
    grid = read_grid(path, metric, direction)
    trials = [replace(trial, price_per_hour=price) for trial in grid.trials]
    return replace(grid, trials=trials, currency=currency)


def from_tables(cloud: Cloud, experiment: str, metric: str | None, direction: str | None) -> Grid:
    """The trials of an experiment that trained to the end, as of the last snapshot.

    Raises CliError when there is no snapshot, GridError when rules cannot be replayed on its curves.
    """
    name = text_literal(experiment)
    trials = cloud.ask(TRIALS_OF.format(name)).rows
    if not trials:
        raise CliError(f"no snapshot of an experiment {experiment!r} is there yet (`gridwatch experiments` lists them)")
    return grid_of(experiment, trials, curves_of(cloud.ask(POINTS_OF.format(name)).rows), metric, direction)
