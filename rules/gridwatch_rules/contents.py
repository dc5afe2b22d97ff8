"""Lists the contents of a folder of tensors as rows for people: every tensor, and its values by step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridwatch_rules.tensors.reader import TensorReader
    from gridwatch_rules.tensors.steps import SavedStep

LISTED = ("collections", "tensor", "steps", "first", "last", "modes", "type", "shape")
VALUES = ("step", "mode", "tensor", "value", "min", "mean", "max")


def listed(
    reader: TensorReader, steps: Sequence[SavedStep], patterns: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """A row for each tensor in whose name a pattern is found, without patterns for every tensor: its collections, how
    often it was saved, its type and shape.
    """
    rows = []
    for name in sorted({name for saved in steps for name in (*saved.names, *saved.shapes()) if _fits(name, patterns)}):
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
    return rows


def _kind(reader: TensorReader, saved_at: list[SavedStep], name: str) -> tuple[str, tuple[int, ...] | None]:
    """The tensor's type, or the form in which it was saved instead of whole; and its shape where it is known."""
    first = next((saved for saved in saved_at if saved.place(name)), None)
    if first is not None:
        value = reader.value(first, name)
        return str(value.dtype), value.shape
    shape = next((saved.shapes()[name].shape for saved in saved_at if name in saved.shapes()), None)
    return "reductions" if any(name in saved.names for saved in saved_at) else "shape", shape


def _collections_of(reader: TensorReader, name: str) -> list[str]:
    members = [each for each, found in reader.collections().by_name.items() if found.has(name)]
    return sorted(each for each in members if each not in ("all", "default")) or sorted(members)


def selected(saved: SavedStep, patterns: Sequence[str] | None) -> list[str]:
    """The names of a step in which any of the patterns is found; without patterns all of them."""
    return [name for name in saved.names if _fits(name, patterns)]


def _fits(name: str, patterns: Sequence[str] | None) -> bool:
    return not patterns or any(re.search(pattern, name) for pattern in patterns)


def values(reader: TensorReader, saved: SavedStep, name: str) -> dict[str, Any]:
    """Make a row for a tensor at a step: a scalar's value, or a larger tensor's minimum, mean and maximum."""
    from gridwatch_rules.tensors.reductions import reduce_tensor  # noqa: PLC0415  numpy is slow to import

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
