"""The tables that Athena sees are those that the snapshot writes."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
import sqlglot
from sqlglot.optimizer.qualify import qualify

from gridwatch.localcloud.athena import view_sql
from gridwatch.storage import layout
from gridwatch.tables.queries import NAMED_QUERIES, NamedQuery
from gridwatch.tables.schemas import HISTORY, TABLES, ColumnType
from scripts.declare_tables import DECLARATION, declaration
from tests.template.synthesized import Synthesized

_TRINO = {kind: "varchar" if kind is ColumnType.STRING else kind.value for kind in ColumnType}


def test_the_declaration_is_current() -> None:
    assert DECLARATION.read_text() == declaration(), "run python -m scripts.declare_tables"


def test_tables_have_the_columns_that_are_written(synthesized: Synthesized) -> None:
    deployed = {
        table["TableInput"]["Name"]: [
            (column["Name"], column["Type"]) for column in table["TableInput"]["StorageDescriptor"]["Columns"]
        ]
        for table in _tables(synthesized)
    }
    wanted = {table.name: [(column.name, str(column.type)) for column in table.columns] for table in TABLES}
    assert deployed == wanted | {f"{table.name}_history": wanted[table.name] for table in HISTORY}


def test_history_is_partitioned_by_the_day_alone_and_the_files_lie_where_that_says(synthesized: Synthesized) -> None:
    found = {table["TableInput"]["Name"]: table["TableInput"] for table in _tables(synthesized)}
    for table in HISTORY:
        declared = found[f"{table.name}_history"]
        assert [key["Name"] for key in declared["PartitionKeys"]] == ["dt"]
        properties = declared["Parameters"]
        assert (properties["projection.enabled"], properties["projection.dt.type"]) == ("true", "date")
        folder = properties["storage.location.template"].replace("${dt}", "2026-11-20")
        key = layout.history_key(table.name, date(2026, 11, 20))
        assert f"s3://gridwatch-artifacts-123456789012-eu-west-1/{key}".startswith(folder)
    assert not any(declared.get("PartitionKeys") for name, declared in found.items() if not name.endswith("_history"))


def test_every_question_is_a_view_of_its_name(synthesized: Synthesized) -> None:
    """The text is what `gridwatch.localcloud.athena.view_sql` and Athena read: Presto's record of the view."""
    views = {
        table["TableInput"]["Name"]: view_sql(table["TableInput"])
        for table in synthesized.of_type("AWS::Glue::Table").values()
        if table["TableInput"]["TableType"] == "VIRTUAL_VIEW"
    }
    assert views == {query.name: query.select for query in NAMED_QUERIES}


@pytest.mark.parametrize("query", NAMED_QUERIES, ids=lambda query: query.name)
def test_athena_would_understand_it(query: NamedQuery) -> None:
    """Athena cannot be reached from here: its grammar, as sqlglot knows it, is the next best judge."""
    schema = {table.name: {column.name: _TRINO[column.type] for column in table.columns} for table in TABLES}
    parsed = sqlglot.parse_one(query.sql, read="athena")
    qualified = qualify(parsed, schema=schema, dialect="athena", validate_qualify_columns=True)
    assert [column.alias_or_name for column in qualified.selects] == [
        column["name"] for column in _declared(query.name)["columns"]
    ]


def _declared(name: str) -> Any:
    return next(query for query in json.loads(DECLARATION.read_text())["queries"] if query["name"] == name)


def _tables(synthesized: Synthesized) -> list[Any]:
    found = synthesized.of_type("AWS::Glue::Table").values()
    return [table for table in found if table["TableInput"]["TableType"] == "EXTERNAL_TABLE"]


def test_tables_lie_where_the_snapshot_writes(synthesized: Synthesized) -> None:
    for table in _tables(synthesized):
        if table["TableInput"]["Name"].endswith("_history"):
            continue
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


def test_versions_that_snapshots_replaced_do_not_pile_up_and_history_stays(synthesized: Synthesized) -> None:
    (bucket,) = (
        properties
        for properties in synthesized.of_type("AWS::S3::Bucket").values()
        if "artifacts" in str(properties["BucketName"])
    )
    rules = {rule.get("Prefix", ""): rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
    for prefix in ("tables/", "components/"):
        assert rules[prefix]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 7}
        assert "ExpirationInDays" not in rules[prefix]
    assert "history/" not in rules
