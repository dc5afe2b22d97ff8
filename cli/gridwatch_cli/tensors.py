"""`gridwatch tensors`: what is in a folder of tensors, or in that of a trial."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ParamSpec

import typer

from gridwatch_cli.context import cloud_of
from gridwatch_cli.errors import CliError
from gridwatch_cli.output import print_rows

if TYPE_CHECKING:
    from gridwatch.tensors.reader import TensorReader
    from gridwatch.tensors.steps import SavedStep

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
    """What is wrong with the folder is told in one line."""

    @functools.wraps(command)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        from gridwatch.tensors.errors import CorruptTensorError

        try:
            command(*args, **kwargs)
        except (OSError, ValueError, CorruptTensorError) as error:
            raise CliError(str(error)) from error

    return told


@app.command("ls")
@_in_one_line
def ls(context: typer.Context, path: PathArgument, as_json: JsonOption = False) -> None:
    """List the tensors by collection: how often they were saved, and their shape and type."""
    reader, steps = _read(context, path)
    rows = []
    for name in sorted({name for saved in steps for name in (*saved.names, *saved.shapes())}):
        saved_at = [saved for saved in steps if name in saved.names or name in saved.shapes()]
        kind, shape = _kind(reader, saved_at, name)
        rows.append(
            {
                "collections": " ".join(_collections_of(reader, name)),
                "tensor": name,
                "steps": len(saved_at),
                "first": saved_at[0].step,
                "last": saved_at[-1].step,
                "modes": " ".join(sorted({saved.mode.name for saved in saved_at})),
                "type": kind,
                "shape": "x".join(map(str, shape or ())),
            }
        )
    rows.sort(key=lambda row: (str(row["collections"]), str(row["tensor"])))
    columns = ("collections", "tensor", "steps", "first", "last", "modes", "type", "shape")
    print_rows(columns, rows, as_json=as_json, empty="no tensors")


@app.command("show")
@_in_one_line
def show(context: typer.Context, path: PathArgument, tensor: NamesOption = None, as_json: JsonOption = False) -> None:
    """Show values by step: scalars as they are, of larger tensors the minimum, mean and maximum."""
    reader, steps = _read(context, path)
    rows = [_values(reader, saved, name) for saved in steps for name in _selected(saved, tensor)]
    columns = ("step", "mode", "tensor", "value", "min", "mean", "max")
    print_rows(columns, rows, as_json=as_json, empty="no tensors")


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
        for name in _selected(saved, tensor):
            value = _values(reader, saved, name)["value"]
            if isinstance(value, float):
                curves.setdefault(name, []).append((saved.step, value))
    if not curves:
        raise CliError("there are no scalars to draw")
    _draw(curves, output)
    print(output)


def _read(context: typer.Context, path: str) -> tuple[TensorReader, list[SavedStep]]:
    from gridwatch.tensors.reader import Cursor, TensorReader
    from gridwatch_cli.tensor_paths import open_location, tensors_of

    cloud = cloud_of(context)
    reader = TensorReader(open_location(tensors_of(path, cloud), cloud))
    return reader, list(reader.new_steps(Cursor(), ended=reader.has_ended()))


def _kind(reader: TensorReader, saved_at: list[SavedStep], name: str) -> tuple[str, tuple[int, ...] | None]:
    """The tensor's type, or in which other form alone it was saved; its shape where it is known."""
    first = next((saved for saved in saved_at if saved.place(name)), None)
    if first is not None:
        value = reader.value(first, name)
        return str(value.dtype), value.shape
    shape = next((saved.shapes()[name].shape for saved in saved_at if name in saved.shapes()), None)
    return "reductions" if any(name in saved.names for saved in saved_at) else "shape", shape


def _collections_of(reader: TensorReader, name: str) -> list[str]:
    members = [each for each, found in reader.collections().by_name.items() if found.has(name)]
    return sorted(each for each in members if each not in ("all", "default")) or sorted(members)


def _selected(saved: SavedStep, patterns: list[str] | None) -> list[str]:
    import re

    return [name for name in saved.names if not patterns or any(re.search(pattern, name) for pattern in patterns)]


def _values(reader: TensorReader, saved: SavedStep, name: str) -> dict[str, Any]:
    from gridwatch.tensors.reductions import reduce_tensor

    row: dict[str, Any] = {"step": saved.step, "mode": saved.mode.name, "tensor": name}
    if saved.place(name) is None:
        found = {kind: reader.reduction(saved, name, kind) for kind, absolute in saved.reductions(name) if not absolute}
        return row | {key: found[key] for key in ("min", "mean", "max") if key in found}
    value = reader.value(saved, name)
    if value.dtype.kind not in "biufc":
        return row | {"value": " ".join(map(str, value.reshape(-1)[:8]))}
    if value.size == 1 and value.dtype.kind != "c":
        return row | {"value": float(value.item())}
    absolute = value.dtype.kind == "c"
    kinds = ("min", "mean", "max") if value.size else ()
    return row | {kind: reduce_tensor(value, kind, absolute=absolute) for kind in kinds}


def _draw(curves: Mapping[str, list[tuple[int, float]]], output: Path) -> None:
    """One panel per metric (`train-error` and `validation-error` share one), steps across."""
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
