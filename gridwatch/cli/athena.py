"""SQL through Athena: the same API on AWS and in the local cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch.cli.deployment import Deployment
from gridwatch.cli.errors import CliError
from gridwatch_rules.clock import Clock

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

_POLL_SECONDS = 0.1
_INTEGERS = ("tinyint", "smallint", "integer", "int", "bigint")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a query: rows by column name, values in their columns' types; times and unusual types stay text."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, Any]]


def ask(athena: AthenaClient, deployment: Deployment, sql: str, clock: Clock) -> Answer:
    """Run a query in the deployment's workgroup and wait for it. Raises CliError with Athena's reason when it fails."""
    started = athena.start_query_execution(
        QueryString=sql,
        WorkGroup=deployment.work_group,
        QueryExecutionContext={"Database": deployment.database},
    )
    query_id = started["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            return _results(athena, query_id)
        if status["State"] in ("FAILED", "CANCELLED"):
            raise CliError(f"the query {status['State'].lower()}: {_in_one_line(status.get('StateChangeReason'))}")
        clock.sleep(_POLL_SECONDS)


def _in_one_line(reason: str | None) -> str:
    """An engine's error as its first line: engines draw the place of a mistake below the message."""
    lines = [line.strip() for line in (reason or "no reason given").splitlines() if line.strip()]
    drawn = next((place for place, line in enumerate(lines) if place and line.startswith("LINE ")), len(lines))
    return " ".join(lines[:drawn])


def _results(athena: AthenaClient, query_id: str) -> Answer:
    names: list[str] = []
    readers: list[Callable[[str], Any]] = []
    rows: list[Mapping[str, Any]] = []
    for page in athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
        found = page["ResultSet"]
        lines = found["Rows"]
        if not names:
            columns = found["ResultSetMetadata"]["ColumnInfo"]
            names = [column["Name"] for column in columns]
            readers = [_reader(column["Type"]) for column in columns]
            lines = lines[1:]  # the first row of the first page repeats the names
        rows.extend(_row(names, readers, line.get("Data", [])) for line in lines)
    return Answer(names, rows)


def _row(names: Sequence[str], readers: Sequence[Callable[[str], Any]], data: Sequence[Any]) -> Mapping[str, Any]:
    values = [cell.get("VarCharValue") for cell in data]
    return {
        name: None if value is None else read(value) for name, read, value in zip(names, readers, values, strict=True)
    }


def _reader(kind: str) -> Callable[[str], Any]:
    kind = kind.lower()
    if kind in _INTEGERS:
        return int
    if kind in ("double", "float", "real"):
        return float
    return (lambda text: text == "true") if kind == "boolean" else str
