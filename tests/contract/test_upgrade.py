"""What former versions wrote is read by this one: tests/golden/VERSION holds what each of them left behind.

A deployment of a new version meets items of the state table, messages on their way and tables of the one before; after
a rollback the former meets what the newer wrote. So fields are only added, with a default, and never change their
meaning.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from moto import mock_aws

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.trials import TrialState
from gridwatch.events import messages
from gridwatch.judging.rules import cross_trial_rules, is_cross_trial
from gridwatch.reports.experiment.facts import ExperimentFacts
from gridwatch.reports.experiment.report import create_report
from gridwatch.reports.experiment.tables import read_tables
from gridwatch.savings.prices import PriceTable
from gridwatch.tables.queries import NAMED_QUERIES
from gridwatch.tables.schemas import TABLES
from gridwatch_rules.judgement.reports import MetricReports
from gridwatch_rules.judgement.running import making
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from tests.contract.test_state_store import TABLE, state_table

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
VERSIONS = sorted(path.name for path in GOLDEN.iterdir() if (path / "messages.json").is_file())
EXPERIMENT = "golden"


def items_of(version: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(gzip.decompress((GOLDEN / version / "state.json.gz").read_bytes()))
    return found


def from_the_future(item: dict[str, Any]) -> dict[str, Any]:
    """The same as a newer version may write it: with fields that this one does not know."""
    if "document" not in item:
        return item
    document = json.loads(item["document"]["S"])
    newer = {**document, "from_the_future": {"a": 1}} if isinstance(document, dict) else document
    return {**item, "document": {"S": json.dumps(newer)}, "new_attribute": {"S": "x"}}


@pytest.fixture(params=[(version, newer) for version in VERSIONS for newer in (False, True)], ids=str)
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StateTable]:
    """The state table as that version left it; or as a newer one than this did, before it was rolled back."""
    version, newer = request.param
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "testing")
    with mock_aws():
        made = state_table()
        client = boto3.client("dynamodb", "eu-west-1")
        for item in items_of(version):
            client.put_item(TableName=TABLE, Item=from_the_future(item) if newer else item)
        yield made


def test_every_kind_of_record_is_read(store: StateTable) -> None:
    (experiment,) = store.list_experiments()
    assert (experiment.name, len(experiment.trial_ids), len(experiment.policies)) == (EXPERIMENT, 3, 2)
    trials = store.list_trials(EXPERIMENT)
    assert sorted(trial.state for trial in trials) == [TrialState.COMPLETED, TrialState.COMPLETED, TrialState.STOPPED]
    assert all(trial.started_at and trial.ended_at and trial.final_metrics for trial in trials)
    jobs = [store.get_job(trial.job_name) for trial in trials]
    assert all(job is not None and job.objective_metric == "validation-error" for job in jobs)
    evaluations = [each for trial in trials for each in store.list_rule_evaluations(trial.job_name)]
    assert len(evaluations) == 6
    assert "IssuesFound" in {each.status for each in evaluations}
    reactions = [each for trial in trials for each in store.list_reactions(trial.job_name)]
    assert any(each.action == "stop" and each.savings is not None for each in reactions)
    alerts = [store.get_alert(each.alert_id) for each in reactions if each.alert_id]
    assert alerts
    assert all(alert is not None and alert.content["title"] for alert in alerts)
    assert len(store.reports_after(f"{EXPERIMENT}#validation-error#epochs", 0)) == 8


def test_a_job_whose_rules_were_half_through_is_evaluated_on(store: StateTable) -> None:
    for trial in store.list_trials(EXPERIMENT):
        job = store.get_job(trial.job_name)
        assert job is not None
        saved = store.load_evaluation(trial.job_name).document
        assert saved is not None
        judging = [each for each in job.policies if is_cross_trial(each)]
        across = cross_trial_rules(judging, job, saved["across"])
        assert [status.status.is_final for status in across.statuses.values()] == [True]
        again = cross_trial_rules([each for each in job.policies if is_cross_trial(each)], job, across.save())
        assert (again.statuses, again.judged) == (across.statuses, across.judged), (
            "a former form is kept in the new one"
        )
        assert across.judged.keys() == across.rules.keys()
        alone = [
            RuleConfiguration(each.name, each.rule, each.parameters)
            for each in job.policies
            if not is_cross_trial(each)
        ]
        collected: dict[str, MetricReports] = {}
        restored = Evaluation.restore(
            [*alone, *(reports for reports, _ in across.collectors.values())], saved, making(create_rule, collected)
        )
        assert all(restored.statuses[each.name].status.is_final for each in alone)
        assert collected


@pytest.mark.parametrize("version", VERSIONS)
def test_messages_on_their_way_are_understood(version: str) -> None:
    bodies = [json.loads(body) for body in json.loads((GOLDEN / version / "messages.json").read_text())]
    assert bodies
    for body in bodies:
        kind = getattr(messages, body.pop("type"))
        required = {each.name for each in fields(kind)}
        assert set(body) <= required, "a field of a message was taken away, which messages on their way still have"
        assert kind(**body)


def files_of(version: str) -> dict[str, Path]:
    folder = GOLDEN / version / "artifacts" / "tables"
    return {path.parent.name: path for path in folder.glob("*/*.parquet")}


@pytest.mark.parametrize("version", VERSIONS)
def test_columns_of_former_tables_are_still_there_with_their_types(version: str) -> None:
    today = {table.name: {column.name: column.type for column in table.columns} for table in TABLES}
    for name, file in files_of(version).items():
        described = duckdb.sql(f"DESCRIBE SELECT * FROM read_parquet('{file}')").fetchall()
        there = {str(row[0]): str(row[1]).lower() for row in described}
        kept = {column: kind for column, kind in there.items() if column in today[name]}
        assert set(there) == set(kept), f"{name}: a column was taken away"


@pytest.mark.parametrize("version", VERSIONS)
def test_queries_and_the_report_read_former_tables(version: str) -> None:
    files = files_of(version)
    with duckdb.connect() as connection:
        for table in TABLES:
            # As Glue reads a file that lacks a column: NULL.
            nothing = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in table.columns)
            source = f"SELECT {nothing} WHERE false"
            if table.name in files:
                source = f"SELECT * FROM ({source}) UNION ALL BY NAME SELECT * FROM read_parquet('{files[table.name]}')"
            connection.execute(f"CREATE VIEW {table.name} AS {source}")
        for query in NAMED_QUERIES:
            connection.execute(query.sql)
    page = create_report(ExperimentFacts(tables=read_tables(files.__getitem__), prices=PriceTable.built_in()))
    assert "2 completed, 1 stopped" in page
