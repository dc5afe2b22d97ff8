"""Checks that constraints on columns name columns that exist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.tables import Table
from gridwatch.preflight.targets import Target


def check_constraints(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """The notices about constraints, for the training data; with sparse rows the number of columns is known only when
    all were read.
    """
    if table.channel != "train" or not table.count or (table.is_sparse and not table.is_whole):
        return
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
