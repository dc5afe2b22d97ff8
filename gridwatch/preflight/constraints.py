"""Checks hyperparameters against the training data: the columns that they name, and whether a tree can have a split."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.tables import Table
from gridwatch.preflight.targets import Target

_FAR = 3  # slopes from the labels, where a row counts a thirtieth towards min_child_weight


def check_constraints(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """The notices about constraints, for the training data; with sparse rows the number of columns is known only when
    all were read.
    """
    if table.channel != "train" or not table.count or (table.is_sparse and not table.is_whole):
        return
    yield from _rows(table, targets)
    yield from _far_start(table, targets)
    columns = len(table.columns)
    directions = max(target.directions for target in targets)
    furthest = max(target.furthest for target in targets)
    if directions > columns:
        message = f"monotone_constraints speaks of {directions} columns: the training fails in its first round"
        advice = "count the features, without the label"
        yield Notice(
            check="constraints", message=message, channel=table.channel, allowed=f"at most {columns}", advice=advice
        )
    if furthest >= columns:
        message = f"interaction_constraints speaks of column {furthest}, which XGBoost passes over"
        yield Notice(
            check="constraints", message=message, channel=table.channel, level=Level.WARN,
            allowed=f"0 to {columns - 1}", advice="the features are counted from 0, without the label",
        )  # fmt: skip


def _rows(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """The notice that the rows are too few for min_child_weight, in which case no tree of any round has a split."""
    needs = max(targets, key=lambda target: target.rows)
    together = math.fsum(table.weights) if table.weights else table.count
    if table.is_whole and 0 < together < needs.rows:
        what = f"the weights of {table.count:,} rows are {together:,.6g} together" if table.weights else ""
        message = f"no tree can have a split, so that nothing is learned: {what or f'there are {table.count:,} rows'}"
        yield Notice(
            check="constraints", message=message, channel=table.channel, level=Level.WARN,
            allowed=f"from {needs.rows:,} with this min_child_weight under {needs.objective}",
            advice="set a smaller min_child_weight",
        )  # fmt: skip


def _far_start(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """The notice that XGBoost begins beyond all labels: without base_score it takes one step of Newton's method from 0,
    which for pseudo-Huber leads far beyond labels that are many slopes away from 0.
    """
    slopes = dict.fromkeys(target.huber_slope for target in targets if target.huber_slope is not None)
    for slope in slopes:
        start = _newton_step(table.label, slope)
        middle = statistics.median(table.label)
        if start is None or abs(start - middle) <= _FAR * slope or min(table.label) <= start <= max(table.label):
            continue
        message = f"reg:pseudohubererror with huber_slope {slope:g} begins at {start:,.4g}, and the labels are "
        message += f"{min(table.label):,.4g} to {max(table.label):,.4g}: so far off that no tree has a split"
        advice = f"set base_score: {middle:.4g}, the labels' median, or a huber_slope of the size of the labels' errors"
        yield Notice(
            check="constraints", message=message, channel=table.channel, column=1, level=Level.WARN, advice=advice
        )


def _newton_step(labels: Sequence[float], slope: float) -> float | None:
    squares = [1 + (label / slope) * (label / slope) for label in labels]
    gradient = math.fsum(-label / math.sqrt(square) for label, square in zip(labels, squares, strict=True))
    curvature = math.fsum(1 / (square * math.sqrt(square)) for square in squares)
    return -gradient / curvature if curvature and math.isfinite(gradient) else None
