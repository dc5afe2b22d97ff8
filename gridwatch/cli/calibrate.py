"""`gridwatch calibrate`: chooses a rule and its parameters on one's own finished experiments."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console, print_json, print_rows

if TYPE_CHECKING:
    from gridwatch_rules.judgement.calibration import Calibration
    from gridwatch_rules.judgement.scores import Mean

# numpy and the rules are slow to import: other commands do not pay for them.
# ruff: noqa: PLC0415

_COLUMNS = ("not seen", "chosen without it", "saved %", "top killed %")


def calibrate(
    context: typer.Context,
    experiments: Annotated[list[str] | None, typer.Argument(help="Finished experiments.")] = None,
    *,
    max_killed: Annotated[
        float, typer.Option(help="The share of the best trials that may be stopped too early.", min=0.001, max=0.9)
    ] = 0.05,
    curves: Annotated[
        list[Path] | None, typer.Option(metavar="FILE", help="A file of curves, one experiment; may be repeated.")
    ] = None,
    orders: Annotated[int, typer.Option(help="Random orders of arrival for each choice.", min=2, max=10_000)] = 10,
    workers: Annotated[int, typer.Option(help="Trials at the same time.", min=1)] = 8,
    metric: Annotated[str | None, typer.Option(help="What is judged, when it is not the objective.")] = None,
    direction: Annotated[str | None, typer.Option(help="min or max, when the metric's name does not say.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the rules block of a spec there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Choose the rule that saves most within what may be killed, on your own finished experiments."""
    from gridwatch.cli.grid_sources import from_file, from_tables
    from gridwatch_rules.judgement import calibration

    if not experiments and not curves:
        raise typer.BadParameter("name finished experiments, or files with --curves")
    if direction not in (None, "min", "max"):
        raise typer.BadParameter(f"{direction!r}: allowed are min and max", param_hint="--direction")
    grids = [from_file(path, metric, direction, None) for path in curves or []]
    grids += [from_tables(cloud_of(context), name, metric, direction) for name in experiments or []]
    tell = console(stderr=True).print
    found = calibration.calibrate(
        grids, max_killed, orders=orders, workers=workers, progress=lambda what: tell(f"trying {what}", markup=False)
    )
    block = rules_block(found)
    if output is not None:
        try:
            output.write_text(block)
        except OSError as error:
            raise CliError(f"{output} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(_document(found, block))
    else:
        _print(found, max_killed, block)


def rules_block(found: Calibration) -> str:
    """The `rules` section of a spec, with a comment that says what to expect of them."""
    import yaml

    rule: dict[str, Any] = {"rule": found.chosen.rule, "parameters": dict(found.chosen.parameters), "on_issue": "stop"}
    expected = found.expected
    comment = (
        f"# on trials it had not seen: saved {_range(expected.saved)}, best trials killed {_range(expected.top_killed)}"
    )
    return f"{comment}\n{yaml.safe_dump({'rules': [rule]}, sort_keys=False)}"


def _print(found: Calibration, max_killed: float, block: str) -> None:
    rows = [
        {
            "not seen": each.unit,
            "chosen without it": str(each.candidate),
            "saved %": f"{100 * each.saved:.1f}",
            "top killed %": f"{100 * each.top_killed:.1f}",
        }
        for each in found.held_out
    ]
    print_rows(_COLUMNS, rows, as_json=False, empty="")
    expected, say = found.expected, console().print
    say(f"expected: saved {_range(expected.saved)}, best trials killed {_range(expected.top_killed)}")
    if not expected.across:
        say("from two halves of one experiment: the intervals say nothing of how other experiments differ")
    if expected.top_killed.mean > max_killed:
        say(f"what was not seen was killed more often than the {100 * max_killed:g} % that are allowed: expect so")
    say(f"\n{block}", markup=False)


def _document(found: Calibration, block: str) -> dict[str, Any]:
    return {
        "rule": found.chosen.rule,
        "parameters": dict(found.chosen.parameters),
        "expected": asdict(found.expected),
        "held_out": [{**asdict(each), "candidate": str(each.candidate)} for each in found.held_out],
        "rules_block": block,
    }


def _range(mean: Mean) -> str:
    return f"{100 * mean.mean:.1f} % ({100 * mean.low:.1f} to {100 * mean.high:.1f})"
