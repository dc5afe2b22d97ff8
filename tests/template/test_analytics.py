"""The tables that Athena sees are those that the snapshot writes."""

from __future__ import annotations

from gridwatch.storage import layout
from gridwatch.tables.queries import NAMED_QUERIES
from gridwatch.tables.schemas import TABLES
from scripts.declare_tables import DECLARATION, declaration
from tests.template.synthesized import Synthesized


def test_the_declaration_is_current() -> None:
    assert DECLARATION.read_text() == declaration(), "run python -m scripts.declare_tables"


def test_tables_have_the_columns_that_are_written(synthesized: Synthesized) -> None:
    deployed = {
        table["TableInput"]["Name"]: [
            (column["Name"], column["Type"]) for column in table["TableInput"]["StorageDescriptor"]["Columns"]
        ]
        for table in synthesized.of_type("AWS::Glue::Table").values()
    }
    assert deployed == {table.name: [(column.name, str(column.type)) for column in table.columns] for table in TABLES}


def test_tables_lie_where_the_snapshot_writes(synthesized: Synthesized) -> None:
    for table in synthesized.of_type("AWS::Glue::Table").values():
        location = table["TableInput"]["StorageDescriptor"]["Location"]
        key = layout.table_key(table["TableInput"]["Name"], "any")
        assert f"s3://gridwatch-artifacts-123456789012-eu-west-1/{key}".startswith(location)


def test_named_queries(synthesized: Synthesized) -> None:
    deployed = {
        query["Name"]: (query["QueryString"], query["Database"])
        for query in synthesized.of_type("AWS::Athena::NamedQuery").values()
    }
    assert deployed == {query.name: (query.sql, "gridwatch") for query in NAMED_QUERIES}


def test_work_group_limits_what_a_query_reads(synthesized: Synthesized) -> None:
    (group,) = synthesized.of_type("AWS::Athena::WorkGroup").values()
    configuration = group["WorkGroupConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 10 * 1024**3
    assert (
        configuration["ResultConfiguration"]["OutputLocation"]
        == "s3://gridwatch-artifacts-123456789012-eu-west-1/athena/"
    )
