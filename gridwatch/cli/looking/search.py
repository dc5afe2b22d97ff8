"""`gridwatch search`: trials of all experiments that meet conditions."""

from __future__ import annotations

from typing import Annotated

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.every_trial import trials_of
from gridwatch.cli.looking.conditions import Condition, matching
from gridwatch.cli.looking.options import CsvOption, JsonOption
from gridwatch.cli.looking.trials import flat
from gridwatch.cli.output import print_rows

_COLUMNS = ("experiment", "trial", "state", "job_name")


def search(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    conditions: Annotated[
        list[str] | None,
        typer.Argument(help="name=value, or with !=, <, <=, >, >=, ~ (contains): state=stopped 'eta>0.1' tag.cost=47"),
    ] = None,
    experiment: Annotated[str | None, typer.Option(help="Only trials of this experiment.")] = None,
    columns: Annotated[str | None, typer.Option(help="Further columns, with commas.")] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Find trials by state, hyperparameter, metric, owner, team, time or tag, as of now."""
    store = cloud_of(context).store
    records = [record for record in store.list_experiments() if experiment in (None, record.name)]
    trials = trials_of(store, [record.name for record in records])
    rows = [flat(record, trial) for record in records for trial in trials[record.name]]
    found = matching(rows, conditions or [])
    asked = [
        *(name.strip() for name in (columns or "").split(",")),
        *(Condition.parse(c).name for c in conditions or []),
    ]
    shown = list(dict.fromkeys([*_COLUMNS, *filter(None, asked)]))
    print_rows(shown, found, as_json=as_json, as_csv=as_csv, empty="no trial is like that")
