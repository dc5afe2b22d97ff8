"""Writes `infra/constructs/tables.json` from `gridwatch.tables`: `python -m scripts.declare_tables`.

The infrastructure imports nothing of the domain, so what both must agree on, the tables and the named queries, is
handed over as data.
"""

from __future__ import annotations

import json
from pathlib import Path

import duckdb

from gridwatch.tables.queries import NAMED_QUERIES, NamedQuery
from gridwatch.tables.schemas import HISTORY, TABLES

DECLARATION = Path(__file__).resolve().parent.parent / "infra" / "constructs" / "tables.json"

# Types of DuckDB to those of Glue and of Trino; a view that computes another one has to cast it.
_VIEW_TYPES = {
    "VARCHAR": ("string", "varchar"),
    "BIGINT": ("bigint", "bigint"),
    "DOUBLE": ("double", "double"),
    "BOOLEAN": ("boolean", "boolean"),
    "DATE": ("date", "date"),
    "TIMESTAMP": ("timestamp", "timestamp(3)"),
}


def declaration() -> str:
    """The tables with their columns and the named queries, as the JSON that the infrastructure reads."""
    tables = [
        {
            "name": table.name,
            "comment": table.comment,
            "history": table in HISTORY,
            "columns": [
                {"name": column.name, "type": str(column.type), "comment": column.comment} for column in table.columns
            ],
        }
        for table in TABLES
    ]
    with duckdb.connect() as connection:
        for table in TABLES:
            columns = ", ".join(f'"{column.name}" {column.type.duckdb}' for column in table.columns)
            connection.execute(f"CREATE TABLE {table.name} ({columns})")
        queries = [
            {
                "name": query.name,
                "description": query.description,
                "sql": query.sql,
                "select": query.select,
                "columns": _view_columns(connection, query),
            }
            for query in NAMED_QUERIES
        ]
    return json.dumps({"tables": tables, "queries": queries}, indent=2) + "\n"


def _view_columns(connection: duckdb.DuckDBPyConnection, query: NamedQuery) -> list[dict[str, str]]:
    """The view's columns, with their types in Glue and in Trino, as an engine over the empty tables reports them."""
    described = connection.execute(f"DESCRIBE {query.select}").fetchall()
    return [{"name": name, "type": _VIEW_TYPES[kind][0], "trino": _VIEW_TYPES[kind][1]} for name, kind, *_ in described]


if __name__ == "__main__":
    DECLARATION.write_text(declaration())
