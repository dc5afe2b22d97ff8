"""`gridwatch backtest`: what rules would have saved and what they would have cost, on grids that trained to the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.output import console, print_json, print_table
from gridwatch.savings.money import between, money
from gridwatch_rules.judgement.stopping import Stopping

if TYPE_CHECKING:
    from gridwatch_rules.judgement.backtest import Outcome
    from gridwatch_rules.judgement.grids import Grid
    from gridwatch_rules.judgement.scores import Mean

# numpy and the rules are slow to import: other commands do not pay for them.
# ruff: noqa: PLC0415

_SCORES = ("saved", "top_killed", "hopeless_caught", "accuracy_regret_pp", "regret", "saved_cost")
_TITLES = ("grid", "rule", "saved %", "top killed %", "hopeless caught %", "accuracy regret pp", "saved money", "")


def backtest(
    context: typer.Context,
    experiments: Annotated[
        list[str] | None, typer.Argument(help="Finished experiments, as the tables have them.")
    ] = None,
    *,
    curves: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A file of curves, .json or .json.gz; may be repeated.")
    ] = None,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="A rule's name, FILE.py:Class, or several joined by + of which any stops; may be repeated. "
            "Without: every rule across trials."
        ),
    ] = None,
    stopping: Annotated[
        list[Stopping] | None,
        typer.Option(help="A setting of the dial, which is GridDefault at that setting; may be repeated."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="[RULE.]KEY=VALUE", help="A parameter of the rules that have it."),
    ] = None,
    orders: Annotated[int, typer.Option(help="Random orders of arrival.", min=1, max=100_000)] = 20,
    workers: Annotated[
        list[int] | None, typer.Option(help="Trials at the same time; may be repeated. [default: 8]", min=1)
    ] = None,
    hopeless: Annotated[
        float | None, typer.Option(help="A trial whose accuracy never reaches this is hopeless.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="What is judged, when it is not the objective.")] = None,
    direction: Annotated[str | None, typer.Option(help="min or max, when the metric's name does not say.")] = None,
    price: Annotated[float | None, typer.Option(help="Price of an hour, for files of curves.", min=0)] = None,
    currency: Annotated[str, typer.Option(help="Of --price.")] = "USD",
    plot: Annotated[Path | None, typer.Option(metavar="FILE.png", help="Draw saved against killed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Replay rules over finished experiments or files of curves: what they save, and what they cost."""
    from gridwatch.cli.grid_sources import from_file, from_tables
    from gridwatch_rules.choosing import ChoiceError, choices
    from gridwatch_rules.judgement.backtest import measure

    if not experiments and not curves:
        raise typer.BadParameter("name a finished experiment, or a file with --curves")
    if direction not in (None, "min", "max"):
        raise typer.BadParameter(f"{direction!r}: allowed are min and max", param_hint="--direction")
    try:
        chosen = choices(rule or [], parameter or [], stopping or [])
    except ChoiceError as error:
        raise typer.BadParameter(str(error), param_hint="--parameter") from error
    grids = [from_file(path, metric, direction, price, currency) for path in curves or []]
    grids += [from_tables(cloud_of(context), name, metric, direction) for name in experiments or []]
    for grid in grids:
        _remark(grid, hopeless)
    results = [measure(grid, choice, orders, workers or [8], hopeless) for grid in grids for choice in chosen]
    if plot is not None:
        from gridwatch.cli.pareto_plot import draw

        draw(results, plot)
    if as_json:
        documents = [result.as_json() for result in results]
        print_json(documents[0] if len(documents) == 1 else {"results": documents})
    else:
        _print(results, orders * len(workers or [8]))


def _remark(grid: Grid, hopeless: float | None) -> None:
    """Print to stderr what the scores leave out."""
    tell = console(stderr=True).print
    if grid.incomplete:
        tell(f"{grid.name}: {grid.incomplete} trials did not train to their end or have no {grid.metric}: left out")
    if hopeless is not None and not any(trial.accuracy for trial in grid.trials):
        tell(f"{grid.name}: has no accuracy, so nothing is said of hopeless trials and of its regret")


def _print(results: Sequence[Outcome], replays: int) -> None:
    from gridwatch_rules.judgement.scores import pareto

    front = {
        (grid, places[at])
        for grid in {result.grid for result in results}
        if (places := [place for place, result in enumerate(results) if result.grid == grid])
        for at in pareto([results[place].saved_and_killed for place in places])
    }
    rows = []
    for place, result in enumerate(results):
        shares = [_cell(result.means[name], 100) for name in _SCORES[:3]]
        others = [_cell(result.means["accuracy_regret_pp"], 1), _amount(result.means["saved_cost"], result.currency)]
        rows.append([result.grid, _label(result), *shares, *others, "*" if (result.grid, place) in front else ""])
    print_table(console(), _TITLES, rows)
    console().print(f"means of {replays} replays with their 95 % intervals; * no other saves more and kills less")


def _label(result: Outcome) -> str:
    return " ".join([result.rule, *(f"{key}={value}" for key, value in result.parameters.items())])


def _amount(mean: Mean | None, currency: str) -> str:
    if mean is None:
        return ""
    shown, low, high = money(mean.mean, currency), money(mean.low, currency), money(mean.high, currency)
    return shown if low == high else f"{shown} ({between(mean.low, mean.high, currency)})"


def _cell(mean: Mean | None, factor: float) -> str:
    if mean is None:
        return ""
    low, high = factor * mean.low, factor * mean.high
    shown = f"{factor * mean.mean:.1f}"
    return shown if f"{low:.1f}" == f"{high:.1f}" else f"{shown} ({low:.1f} to {high:.1f})"
