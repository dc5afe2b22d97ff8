"""`gridwatch search`: trials of all experiments that meet conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.every_trial import trials_of
from gridwatch.cli.looking.conditions import Condition, matching
from gridwatch.cli.looking.options import CsvOption, JsonOption
from gridwatch.cli.looking.trials import OF_EACH, flat
from gridwatch.cli.output import print_rows
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialState
from gridwatch.state.store import StateStore

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
    parsed = [Condition.parse(text) for text in conditions or []]
    rows = rows_of(store, records, parsed)
    found = matching(rows, conditions or [])
    asked = [*(name.strip() for name in (columns or "").split(",")), *(each.name for each in parsed)]
    shown = list(dict.fromkeys([*_COLUMNS, *filter(None, asked)]))
    print_rows(shown, found, as_json=as_json, as_csv=as_csv, empty="no trial is like that")


def rows_of(
    store: StateStore, records: Sequence[ExperimentRecord], conditions: Sequence[Condition]
) -> Sequence[Mapping[str, Any]]:
    """The rows of all trials, or of those alone that can meet the conditions on states and experiments.

    All are read where a condition names what none of those has: another trial may have it, or it is misspelt.
    """
    states = [state for state in TrialState if _may_be(conditions, "state", state.value)]
    meant: Sequence[ExperimentRecord] = [record for record in records if _may_be(conditions, "experiment", record.name)]
    if len(states) < len(TrialState):
        meant = _having(store, meant, states)
    trials = trials_of(store, [record.name for record in meant], states)
    rows = [flat(record, trial) for record in meant for trial in trials[record.name]]
    known = OF_EACH.union(*rows)
    if all(condition.name in known for condition in conditions):
        return rows
    trials = trials_of(store, [record.name for record in records])
    return [flat(record, trial) for record in records for trial in trials[record.name]]


def _may_be(conditions: Sequence[Condition], name: str, value: str) -> bool:
    return all(condition.holds({name: value}) for condition in conditions if condition.name == name)


def _having(
    store: StateStore, records: Sequence[ExperimentRecord], states: Sequence[TrialState]
) -> Sequence[ExperimentRecord]:
    """The experiments that have trials in one of the states, as far as their counts say so."""
    none = {
        counts.experiment
        for counts in store.list_counts()
        if counts.is_whole and not any(counts.states.get(state.value) for state in states)
    }
    return [record for record in records if record.name not in none]
