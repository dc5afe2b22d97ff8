"""Checks that a ranking objective finds the queries within which it ranks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gridwatch.domain.notices import Notice
from gridwatch.preflight.tables import Table
from gridwatch.preflight.targets import Target


def check_queries(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """The notices for libsvm data under a ranking objective; CSV and Parquet have no queries, which the spec's own
    checks report.
    """
    if not table.is_sparse or not table.seen or not any(target.objective.startswith("rank:") for target in targets):
        return
    if table.queryless:
        share = "no row has" if table.queryless >= table.seen else f"{table.queryless:,} of {table.seen:,} rows have no"
        message = f"{share} qid: XGBoost cannot tell which query they belong to"
        advice = "write qid:<number> after the label"
        yield Notice(check="queries", message=message, channel=table.channel, advice=advice)
    elif table.query_again is not None:
        message = "a query goes on after another one: XGBoost takes its parts for queries of their own"
        advice = "sort the rows by qid"
        row = table.query_again or None
        yield Notice(check="queries", message=message, channel=table.channel, row=row, advice=advice)
