"""Checks the weights of rows, which stand in the second column of the training data under csv_weights."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.domain.notices import Notice
from gridwatch.preflight.tables import Table
from gridwatch.spec.xgboost.numbers import is_single

_COLUMN = 2


def check_weights(table: Table) -> Iterator[Notice]:
    """The notices about weights that are no numbers from 0, and about weights of which none is above 0."""
    wrong = [place for place, weight in enumerate(table.weights) if not (weight >= 0 and is_single(weight))]
    if wrong:
        message = f"{len(wrong):,} of {table.count:,} weights are missing, negative or not finite"
        yield Notice(
            check="weights", message=message, channel=table.channel, row=table.rows[wrong[0]], column=_COLUMN,
            allowed="numbers from 0", advice="the weight is the second column (csv_weights: 1), after the label",
        )  # fmt: skip
    elif table.weights and table.is_whole and not any(table.weights):
        message = "every row has the weight 0: the training fails in its first round"
        yield Notice(check="weights", message=message, channel=table.channel, column=_COLUMN, allowed="some above 0")
