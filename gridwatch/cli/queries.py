"""`gridwatch query`: answers from the snapshots' tables, by a view or by SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.current import with_current
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import print_rows
from gridwatch.domain.trials import TrialState
from gridwatch.tables import queries, schemas

if TYPE_CHECKING:
    from gridwatch.cli.athena import Answer


class Engine(StrEnum):
    """Which engine answers: both read the same files and have the same views."""

    ATHENA = "athena"
    DUCKDB = "duckdb"


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

LEADERBOARD_COLUMNS = ("place", "trial_id", "state", "objective_value", "billable_seconds")


def query(
    context: typer.Context,
    question: Annotated[
        str,
        typer.Argument(
            metavar="VIEW|SQL",
            help=f"A view ({', '.join(each.name for each in queries.NAMED_QUERIES)}), or SQL over views and tables.",
        ),
    ],
    *,
    experiment: Annotated[str | None, typer.Option(help="Of a view: this experiment alone.")] = None,
    engine: Annotated[
        Engine, typer.Option(help="Athena, or DuckDB on this machine over the same files.")
    ] = Engine.ATHENA,
    as_json: JsonOption = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")] = False,
) -> None:
    """Ask the tables of all experiments: a view by its name, or SQL."""
    cloud = cloud_of(context)
    sql = sql_of(question, experiment)
    answer = cloud.ask(sql) if engine is Engine.ATHENA else _ask_here(cloud, sql)
    print_rows(answer.columns, answer.rows, as_json=as_json, as_csv=as_csv, empty="no rows")


def sql_of(question: str, experiment: str | None) -> str:
    """The SQL of the view or table of that name, or the text itself if it is SQL. Raises CliError for a name of
    neither.
    """
    view = queries.view(question)
    if view is None:
        if experiment is not None:
            raise CliError("--experiment is for views; in SQL, write WHERE experiment = '…'")
        if question.isidentifier() and question not in {table.name for table in schemas.TABLES}:
            known = ", ".join(each.name for each in queries.NAMED_QUERIES)
            raise CliError(f"there is no view {question!r}: {known}; anything else is taken as SQL")
        return f"SELECT * FROM {question}" if question.isidentifier() else question  # noqa: S608  a table's name
    return queries.of_experiment(view, experiment) if experiment else view.sql


def _ask_here(cloud: Cloud, sql: str) -> Answer:
    from gridwatch.cli.analytics.shell import open_tables, refreshed  # noqa: PLC0415  DuckDB's 65 MB

    tables = open_tables(cloud)
    refreshed(tables)
    return tables.ask(sql)


def read_leaderboard(cloud: Cloud, experiment: str) -> Sequence[Mapping[str, Any]]:
    """The rows of the leaderboard query with decoded hyperparameters, and `algorithm` in those that have one. Trials
    that were not over at the last snapshot are shown as of now.

    Raises CliError when there is no such experiment.
    """
    answer = cloud.ask(queries.leaderboard_of(experiment))
    rows = [{**row, "hyperparameters": json.loads(row["hyperparameters"])} for row in answer.rows]
    if not all(TrialState(row["state"]).is_finished for row in rows) or not rows:
        rows = with_current(cloud, experiment, rows)
    if not rows:
        raise CliError(f"there are no trials of an experiment {experiment!r} (`gridwatch experiments` lists them)")
    # A hyperparameter may have that name.
    return [{name: value for name, value in row.items() if name != "algorithm" or value is not None} for row in rows]


def with_varied(rows: Sequence[Mapping[str, Any]]) -> tuple[Sequence[str], Sequence[Mapping[str, Any]]]:
    """Columns and rows with a column for each hyperparameter in which the trials differ, and one for their
    algorithms.
    """
    names = sorted({name for row in rows for name in row["hyperparameters"]})
    varied = [name for name in names if len({json.dumps(row["hyperparameters"].get(name)) for row in rows}) > 1]
    place, *others = LEADERBOARD_COLUMNS
    metric = rows[0]["objective_metric"] or "objective_value"
    several = ["algorithm"] if any("algorithm" in row for row in rows) else []
    columns = [place, *several, *varied, *(metric if name == "objective_value" else name for name in others)]
    return columns, [
        {**row, metric: row["objective_value"], **{name: row["hyperparameters"].get(name) for name in varied}}
        for row in rows
    ]
