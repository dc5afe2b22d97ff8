"""`gridwatch tensors`: shows what is in a folder of tensors, or in a trial's."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import print_rows
from gridwatch_rules.contents import LISTED, VALUES, listed, selected, values

if TYPE_CHECKING:
    from gridwatch_rules.tensors.reader import TensorReader
    from gridwatch_rules.tensors.steps import SavedStep

# numpy and matplotlib are slow to import: only these commands pay for them.
# ruff: noqa: PLC0415

P = ParamSpec("P")

app = typer.Typer(no_args_is_help=True)

PathArgument = Annotated[str, typer.Argument(help="A folder of tensors (a path, or s3://bucket/prefix), or a trial.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
NamesOption = Annotated[
    list[str] | None, typer.Option("--tensor", "-t", metavar="REGEX", help="Only tensors that it is found in.")
]


def _in_one_line(command: Callable[P, None]) -> Callable[P, None]:
    """A block that turns an error about the folder into one line."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        from gridwatch_rules.tensors.errors import CorruptTensorError

        try:
            command(*args, **kwargs)
        except re.error as error:
            raise CliError(f"--tensor: {error.pattern!r} is no regular expression: {error}") from error
        except (OSError, ValueError, CorruptTensorError) as error:
            raise CliError(str(error)) from error

    return told


@app.command("ls")
@_in_one_line
def ls(context: typer.Context, path: PathArgument, as_json: JsonOption = False) -> None:
    """List the tensors by collection: how often they were saved, and their shape and type."""
    reader, steps = _read(context, path)
    print_rows(LISTED, listed(reader, steps), as_json=as_json, empty="no tensors")


@app.command("show")
@_in_one_line
def show(context: typer.Context, path: PathArgument, tensor: NamesOption = None, as_json: JsonOption = False) -> None:
    """Show values by step: scalars as they are, of larger tensors the minimum, mean and maximum."""
    reader, steps = _read(context, path)
    rows = [values(reader, saved, name) for saved in steps for name in selected(saved, tensor)]
    print_rows(VALUES, rows, as_json=as_json, empty="no tensors")


@app.command("plot")
@_in_one_line
def plot(
    context: typer.Context,
    path: PathArgument,
    output: Annotated[Path, typer.Option("--output", "-o", help="The PNG to write.")] = Path("tensors.png"),
    tensor: NamesOption = None,
) -> None:
    """Draw the curves of scalars, a panel for each metric, into a PNG."""
    reader, steps = _read(context, path)
    curves: dict[str, list[tuple[int, float]]] = {}
    for saved in steps:
        for name in selected(saved, tensor):
            value = values(reader, saved, name)["value"]
            if isinstance(value, float):
                curves.setdefault(name, []).append((saved.step, value))
    if not curves:
        raise CliError("there are no scalars to draw")
    _draw(curves, output)
    print(output)


def _read(context: typer.Context, path: str) -> tuple[TensorReader, list[SavedStep]]:
    from gridwatch.cli.openers import opener_of, tensors_of
    from gridwatch_rules.tensors.reader import Cursor, TensorReader

    cloud = cloud_of(context)
    reader = TensorReader(opener_of(cloud).open(tensors_of(path, cloud)))
    return reader, list(reader.new_steps(Cursor(), ended=reader.has_ended()))


def _draw(curves: Mapping[str, list[tuple[int, float]]], output: Path) -> None:
    """Draw one panel per metric (`train-error` and `validation-error` share one), with steps on the x axis."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    panels: dict[str, list[str]] = {}
    for name in curves:
        panels.setdefault(name.rpartition("-")[2], []).append(name)
    figure, axes = pyplot.subplots(len(panels), 1, figsize=(8, 3 * len(panels)), squeeze=False, layout="constrained")
    for (metric, names), axis in zip(panels.items(), axes[:, 0], strict=True):
        for name in names:
            steps, values = zip(*curves[name], strict=True)
            axis.plot(steps, values, marker="." if len(steps) < 60 else "", label=name)
        axis.set(xlabel="step", ylabel=metric)
        axis.grid(visible=True, alpha=0.3)
        axis.legend()
    figure.savefig(output, dpi=120)
    pyplot.close(figure)
