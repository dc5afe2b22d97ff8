"""`gridwatch query`: answers out of the snapshots' tables, by SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gridwatch.tables import queries
from gridwatch_cli.context import Cloud, cloud_of
from gridwatch_cli.errors import CliError
from gridwatch_cli.output import print_rows

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

LEADERBOARD_COLUMNS = ("place", "job_name", "state", "objective_value", "training_seconds", "billable_seconds")


def query(
    context: typer.Context,
    sql: Annotated[str, typer.Argument(help="A query in Athena's SQL; tables: experiments, trials, metrics, …")],
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
) -> None:
    """Ask the tables of all experiments, in SQL, through Athena."""
    answer = cloud_of(context).ask(sql)
    print_rows(answer.columns, answer.rows, as_json=as_json, as_csv=as_csv, empty="no rows")


def read_leaderboard(cloud: Cloud, experiment: str) -> Sequence[Mapping[str, Any]]:
    """The rows of the leaderboard query, hyperparameters decoded. Raises CliError when there is no snapshot."""
    answer = cloud.ask(queries.leaderboard_of(experiment))
    if not answer.rows:
        raise CliError(f"no snapshot of an experiment {experiment!r} is there yet (`gridwatch experiments` lists them)")
    return [{**row, "hyperparameters": json.loads(row["hyperparameters"])} for row in answer.rows]


def with_varied(rows: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], Sequence[Mapping[str, Any]]]:
    """Columns and rows with a column for each hyperparameter in which the trials differ."""
    names = sorted({name for row in rows for name in row["hyperparameters"]})
    varied = [name for name in names if len({json.dumps(row["hyperparameters"].get(name)) for row in rows}) > 1]
    place, *others = LEADERBOARD_COLUMNS
    metric = rows[0]["objective_metric"] or "objective_value"
    columns = [place, *varied, *(metric if name == "objective_value" else name for name in others)]
    return columns, [
        {**row, metric: row["objective_value"], **{name: row["hyperparameters"].get(name) for name in varied}}
        for row in rows
    ]
