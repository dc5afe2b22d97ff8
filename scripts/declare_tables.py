"""Write `infra/constructs/tables.json` from `gridwatch.tables`: `python -m scripts.declare_tables`.

The infrastructure imports nothing of the domain, so what both must agree on, the tables and the named queries, is
handed over as data.
"""

from __future__ import annotations

import json
from pathlib import Path

from gridwatch.tables.queries import NAMED_QUERIES
from gridwatch.tables.schemas import TABLES

DECLARATION = Path(__file__).resolve().parent.parent / "infra" / "constructs" / "tables.json"


def declaration() -> str:
    """The tables with their columns and the named queries, as the JSON that the infrastructure reads."""
    tables = [
        {
            "name": table.name,
            "comment": table.comment,
            "columns": [
                {"name": column.name, "type": str(column.type), "comment": column.comment} for column in table.columns
            ],
        }
        for table in TABLES
    ]
    queries = [{"name": query.name, "description": query.description, "sql": query.sql} for query in NAMED_QUERIES]
    return json.dumps({"tables": tables, "queries": queries}, indent=2) + "\n"


if __name__ == "__main__":
    DECLARATION.write_text(declaration())
