"""Athena's SQL (Trino) in DuckDB's words."""

from functools import lru_cache


@lru_cache(maxsize=256)
def to_duckdb(query: str) -> str:
    """The query in DuckDB's dialect; what sqlglot cannot read is left as it is, for the engine to complain about."""
    # Imported with the first query: 20 MB that a cloud without queries need not hold.
    import sqlglot  # noqa: PLC0415
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    try:
        statements = sqlglot.transpile(query, read="athena", write="duckdb")
    except SqlglotError:
        return query
    return statements[0] if len(statements) == 1 else query
