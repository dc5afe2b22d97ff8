"""Translates Athena's SQL (Trino) into DuckDB's, views included."""

import base64
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

_PRESTO_VIEW = "/* Presto View: "


def to_duckdb(query: str, views: Mapping[str, str] | None = None) -> str:
    """The query in DuckDB's dialect, with `views` (their SQL by name) in place of their names.

    What sqlglot cannot read is left as it is, for the engine to complain about.
    """
    return _translated(query, tuple(sorted((views or {}).items())))


def view_sql(table: Mapping[str, Any]) -> str | None:
    """The SQL of a Glue table that is an Athena view; None for any other table."""
    text = str(table.get("ViewOriginalText") or "")
    if table.get("TableType") != "VIRTUAL_VIEW" or not text.startswith(_PRESTO_VIEW):
        return None
    record = json.loads(base64.b64decode(text.removeprefix(_PRESTO_VIEW).removesuffix(" */")))
    return str(record["originalSql"])


@lru_cache(maxsize=256)
def _translated(query: str, views: tuple[tuple[str, str], ...]) -> str:
    # Imported with the first query: 20 MB that a cloud without queries need not hold.
    import sqlglot  # noqa: PLC0415
    from sqlglot import exp  # noqa: PLC0415
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    try:
        statements = [statement for statement in sqlglot.parse(query, read="athena") if statement]
        if len(statements) != 1:
            return query
        hidden = {cte.alias for cte in statements[0].find_all(exp.CTE)}
        sources: dict[str, exp.Query | Callable[[], exp.Query]] = {
            name: sqlglot.parse_one(sql, read="athena", into=exp.Select) for name, sql in views if name not in hidden
        }
        return exp.expand(statements[0], sources, dialect="athena").sql(dialect="duckdb")
    except SqlglotError:
        return query
