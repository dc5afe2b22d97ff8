"""Summarizes a training's tensors for a page: figures and a histogram of each at some steps. Needs numpy."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.steps import SavedStep

BINS = 40
MOST_STEPS = 40  # of one tensor, evenly among those at which it was saved
MOST_TENSORS = 240
_MOST_ELEMENTS = 50_000  # of one tensor at one step; of more, each n-th
_IMPORTANCE = "feature_importance/"
_NAMED = ("weights", "biases", "gradients", "outputs", "relu_activation", "tanh_activation", "losses")
FIGURES = ("mean", "std", "abs_mean", "min", "max", "zeros", "not_finite")

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TensorSteps:
    """One tensor by step. `figures` by name (FIGURES; shares of zeros and of what is not finite from 0 to 1).

    `histograms`: how many of the looked-at finite elements lie in each of BINS equal bins from `low` to `high`.
    """

    name: str
    collection: str
    shape: tuple[int, ...]
    steps: Sequence[int]
    figures: Mapping[str, Sequence[float]]
    low: float
    high: float
    histograms: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """The tensors of a training. `tensors` are in the order in which the training saved them, which is the network's.
    `left_out`: how many did not fit.

    `importances`: kind -> feature -> (steps, values).
    """

    tensors: Sequence[TensorSteps] = ()
    importances: Mapping[str, Mapping[str, tuple[Sequence[int], Sequence[float]]]] = field(default_factory=dict)
    left_out: int = 0
    steps: int = 0


def summarize(reader: TensorReader) -> TensorSummary:
    """The summary of all tensors with more than one element, and feature importances by round. Raises
    CorruptTensorError.
    """
    saved = list(reader.new_steps(Cursor(), ended=reader.has_ended()))
    places: dict[str, list[SavedStep]] = {}
    for step in saved:
        for name in step.names:
            if step.place(name) is not None:
                places.setdefault(name, []).append(step)
    importances = {name: steps for name, steps in places.items() if name.startswith(_IMPORTANCE)}
    large = [name for name, steps in places.items() if name not in importances and _is_shown(reader, name, steps[-1])]
    return TensorSummary(
        tensors=[_by_step(reader, name, _some(places[name])) for name in large[:MOST_TENSORS]],
        importances=_importances(reader, importances),
        left_out=max(0, len(large) - MOST_TENSORS),
        steps=len(saved),
    )


def _is_shown(reader: TensorReader, name: str, saved: SavedStep) -> bool:
    value = reader.value(saved, name)
    return value.size > 1 and value.dtype.kind in "biuf"


def _some(steps: Sequence[SavedStep]) -> list[SavedStep]:
    """At most MOST_STEPS of the steps, evenly spaced, with both ends."""
    if len(steps) <= MOST_STEPS:
        return list(steps)
    return [steps[round(n * (len(steps) - 1) / (MOST_STEPS - 1))] for n in range(MOST_STEPS)]


def _by_step(reader: TensorReader, name: str, steps: Sequence[SavedStep]) -> TensorSteps:
    reader.prefetch(place for saved in steps if (place := saved.place(name)) is not None)
    values = [_elements(reader.value(saved, name)) for saved in steps]
    finite = [each[np.isfinite(each)] for each in values]
    low = min((float(each.min()) for each in finite if each.size), default=0.0)
    high = max((float(each.max()) for each in finite if each.size), default=1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return TensorSteps(
        name=name,
        collection=_collection(reader, name),
        shape=reader.value(steps[-1], name).shape,
        steps=[saved.step for saved in steps],
        figures=_figures(values, finite),
        low=low,
        high=high,
        histograms=[_histogram(each, low, high) for each in finite],
    )


def _elements(value: NDArray[Any]) -> Array:
    flat = value.reshape(-1)
    return np.asarray(flat[:: max(1, math.ceil(flat.size / _MOST_ELEMENTS))], dtype=np.float64)


def _histogram(values: Array, low: float, high: float) -> list[int]:
    # Scaled before counting: between two huge numbers numpy's own edges would not be finite.
    places = np.clip((values / 2 - low / 2) / (high / 2 - low / 2) * BINS, 0, BINS - 1).astype(np.int64)
    return [int(count) for count in np.bincount(places, minlength=BINS)]


def _figures(values: Sequence[Array], finite: Sequence[Array]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in FIGURES}
    for every, each in zip(values, finite, strict=True):
        known = each if each.size else np.full(1, np.nan)
        with np.errstate(over="ignore", invalid="ignore"):
            found["mean"].append(float(known.mean()))
            found["std"].append(float(known.std()))
            found["abs_mean"].append(float(np.abs(known).mean()))
        found["min"].append(float(known.min()))
        found["max"].append(float(known.max()))
        found["zeros"].append(float(np.mean(every == 0)))
        found["not_finite"].append(1 - each.size / every.size)
    return found


def _collection(reader: TensorReader, name: str) -> str:
    collections = reader.collections()
    return next((each for each in _NAMED if collections.has(each, name)), "others")


def _importances(
    reader: TensorReader, places: Mapping[str, Iterable[SavedStep]]
) -> dict[str, dict[str, tuple[Sequence[int], Sequence[float]]]]:
    found: dict[str, dict[str, tuple[Sequence[int], Sequence[float]]]] = {}
    for name, saved_at in places.items():
        kind, _, feature = name.removeprefix(_IMPORTANCE).partition("/")
        steps = list(saved_at)
        reader.prefetch(place for saved in steps if (place := saved.place(name)) is not None)
        values = [float(reader.value(saved, name).reshape(-1)[0]) for saved in steps]
        found.setdefault(kind, {})[feature] = ([saved.step for saved in steps], values)
    return found
