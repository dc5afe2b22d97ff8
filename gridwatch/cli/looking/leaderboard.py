"""`gridwatch leaderboard`: an experiment's trials, best first, as the last snapshot has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.conditions import matching
from gridwatch.cli.looking.options import CsvOption, JsonOption
from gridwatch.cli.output import print_json, print_rows
from gridwatch.cli.queries import read_leaderboard, with_varied


def leaderboard(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    experiment: Annotated[str, typer.Argument(help="Name of the experiment.")],
    sort: Annotated[
        str | None, typer.Option(help="Column to sort by, the least first; with a minus before it the greatest.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", help="Only trials that meet this: state=completed, 'eta>0.1'; several."),
    ] = None,
    columns: Annotated[str | None, typer.Option(help="These columns instead, with commas.")] = None,
    top: Annotated[int | None, typer.Option(min=1, help="So many trials at most.")] = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Show an experiment's trials, best objective first, as the last snapshot has them."""
    rows = read_leaderboard(cloud_of(context), experiment)
    usual, flat = with_varied(rows)
    # All hyperparameters and columns can be named, those that differ are shown.
    found: Sequence[Mapping[str, Any]] = matching([{**row["hyperparameters"], **row} for row in flat], where or [])
    found = _sorted(found, sort)[:top]
    if as_json and not columns:
        kept = {row["job_name"]: row for row in rows}
        print_json([kept[row["job_name"]] for row in found])
        return
    shown = _chosen(columns, found) if columns else list(usual)
    print_rows(shown, found, as_json=as_json, as_csv=as_csv, empty="no trial is like that")


def _sorted(rows: Sequence[Mapping[str, Any]], sort: str | None) -> Sequence[Mapping[str, Any]]:
    """The rows by one column: numbers before text; missing values last, in either direction."""
    if sort is None or not rows:
        return rows
    name = sort.removeprefix("-")
    _known(name, rows)
    present = [row for row in rows if row.get(name) is not None]
    missing = [row for row in rows if row.get(name) is None]

    def key(row: Mapping[str, Any]) -> tuple[bool, float, str]:
        value = row[name]
        is_number = isinstance(value, int | float)
        return not is_number, float(value) if is_number else 0.0, "" if is_number else str(value)

    return [*sorted(present, key=key, reverse=sort.startswith("-")), *missing]


def _chosen(columns: str, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    names = [name.strip() for name in columns.split(",") if name.strip()]
    for name in names if rows else []:
        _known(name, rows)
    return names


def _known(name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    known = sorted({column for row in rows for column in row})
    if name not in known:
        raise CliError(f"there is no column {name!r}; there are {', '.join(known)}")
