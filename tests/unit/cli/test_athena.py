"""Queries through Athena's API: waiting, pages, types, failures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gridwatch.cli.athena import _in_one_line, ask
from gridwatch.cli.deployment import Deployment
from gridwatch.cli.errors import CliError

DEPLOYMENT = Deployment(
    experiments_bucket="e",
    artifacts_bucket="a",
    state_table="s",
    alert_topic="t",
    database="gridwatch",
    work_group="group",
    name_prefix="gridwatch",
    start_queue="s",
    snapshot_queue="q",
    job_role="r",
    xgboost_source="x",
    launch_target="direct",
)
COLUMNS = [("job", "varchar"), ("step", "bigint"), ("value", "double"), ("complete", "boolean"), ("at", "timestamp")]


class Athena:
    """Answers with `states` one after the other, then with the rows in pages of two lines."""

    def __init__(self, states: list[str], rows: list[list[str | None]], reason: str = "") -> None:
        self._states, self._reason = states, reason
        self._lines = [[name for name, _ in COLUMNS], *rows]
        self.started: dict[str, Any] = {}

    def start_query_execution(self, **request: Any) -> dict[str, Any]:
        self.started = request
        return {"QueryExecutionId": "q1"}

    def get_query_execution(self, **_: Any) -> dict[str, Any]:
        status = {"State": self._states.pop(0), "StateChangeReason": self._reason}
        return {"QueryExecution": {"Status": status}}

    def get_paginator(self, _: str) -> Athena:
        return self

    def paginate(self, **_: Any) -> Iterator[dict[str, Any]]:
        info = [{"Name": name, "Type": kind} for name, kind in COLUMNS]
        for start in range(0, len(self._lines), 2):
            lines = self._lines[start : start + 2]
            data = [{"Data": [{} if text is None else {"VarCharValue": text} for text in line]} for line in lines]
            yield {"ResultSet": {"Rows": data, "ResultSetMetadata": {"ColumnInfo": info}}}


class Clock:
    def __init__(self) -> None:
        self.slept = 0

    def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def sleep(self, _: float) -> None:
        self.slept += 1


def test_waits_for_the_answer_and_reads_every_page_in_its_types() -> None:
    rows: list[list[str | None]] = [
        ["a", "3", "0.25", "true", "2026-03-01 12:00:00.000"],
        [None, None, None, None, None],
        ["b", "4", "NaN", "false", "2026-03-01 12:00:00.000"],
    ]
    clock, athena = Clock(), Athena(["QUEUED", "RUNNING", "SUCCEEDED"], rows)
    answer = ask(athena, DEPLOYMENT, "SELECT 1 AS one", clock)  # type: ignore[arg-type]
    assert clock.slept == 2
    assert athena.started["WorkGroup"] == "group"
    assert athena.started["QueryExecutionContext"] == {"Database": "gridwatch"}
    assert list(answer.columns) == [name for name, _ in COLUMNS]
    assert answer.rows[0] == {"job": "a", "step": 3, "value": 0.25, "complete": True, "at": "2026-03-01 12:00:00.000"}
    assert set(answer.rows[1].values()) == {None}
    assert (answer.rows[2]["job"], answer.rows[2]["complete"]) == ("b", False)


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_query_that_fails_tells_why(state: str) -> None:
    with pytest.raises(CliError, match=f"{state.lower()}: no such column"):
        ask(Athena([state], [], "no such column"), DEPLOYMENT, "SELECT x", Clock())  # type: ignore[arg-type]


def test_an_engines_drawing_of_a_mistake_is_left_out() -> None:
    reason = 'Binder Error: no column "nope"\nCandidates: "a"\n\nLINE 1: SELECT nope\n               ^'
    assert _in_one_line(reason) == 'Binder Error: no column "nope" Candidates: "a"'
    assert _in_one_line(None) == "no reason given"
