"""Records that cannot be read, as commands show them."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.cli.experiments import experiments, status
from gridwatch.cli.stopping import app as stopping
from gridwatch.cli.teardown import _refuse_unfinished
from gridwatch.state.unreadable import UnreadableRecordError
from tests.fakes.clock import FakeClock
from tests.simulation.dynamodb import DynamoDB
from tests.simulation.stage import Stage
from tests.unit.tables.facts_of import a_trial, an_experiment

TABLE = "state"


@pytest.fixture
def dynamodb() -> DynamoDB:
    return DynamoDB(Stage(0), index_lag=0)


@pytest.fixture
def cloud(dynamodb: DynamoDB) -> Cloud:
    """Two experiments with three trials each."""
    session: Any = SimpleNamespace(dynamodb=dynamodb)
    made = Cloud(lambda: session, "Gridwatch", FakeClock(), is_named=True)
    made.__dict__["deployment"] = SimpleNamespace(state_table=TABLE, experiments_bucket="experiments")
    for name in ("blobs", "digits"):
        trials = [a_trial(place, experiment=name) for place in range(3)]
        made.store.put_experiment(an_experiment(*trials, name=name))
        made.store.add_trials(trials)
    return made


def run(cloud: Cloud, *words: str) -> tuple[str, str, int]:
    """What goes to stdout and stderr, and the exit code."""
    wrapped = typer.Typer()

    @wrapped.callback()
    def root(context: typer.Context) -> None:
        context.obj = cloud

    wrapped.command("experiments")(experiments)
    wrapped.command("status")(status)
    wrapped.add_typer(stopping, name="stopping")
    result = CliRunner().invoke(wrapped, [*words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout, result.stderr, result.exit_code


def damage(dynamodb: DynamoDB, pk: str, sk: str, **changes: str) -> None:
    item = dynamodb.tables[TABLE][pk, sk]
    text = json.dumps(json.loads(item["document"]["S"]) | changes)
    dynamodb.put_item(TableName=TABLE, Item=item | {"document": {"S": text}})


def test_status_shows_a_trial_of_a_newer_version_beside_the_others(cloud: Cloud, dynamodb: DynamoDB) -> None:
    damage(dynamodb, "experiment#blobs", "trial#0000000001", state="quar\u202eantined")
    shown, said, code = run(cloud, "status", "blobs")
    assert code == 0
    assert re.search("0000000001 .*unreadable", shown)
    assert re.search("0000000000 .*completed", shown)
    assert re.search("0000000002 .*completed", shown)
    assert said.count("experiment#blobs trial#0000000001") == 1, "said once, however often it is read"
    assert "\u202e" not in shown + said
    document = json.loads(run(cloud, "status", "blobs", "--json")[0])
    assert [trial["index"] for trial in document["trials"]] == [0, 2]
    (unreadable,) = document["unreadable"]
    assert unreadable["trial_id"] == "0000000001"
    assert "quar" in unreadable["reason"]


def test_experiments_shows_an_experiment_that_cannot_be_read(cloud: Cloud, dynamodb: DynamoDB) -> None:
    damage(dynamodb, "experiment#blobs", "experiment", policies="none")
    found = json.loads(run(cloud, "experiments", "--json")[0])
    assert [(row["experiment"], row["owner"]) for row in found] == [
        ("digits", "ada@example.org"),
        ("blobs", "unreadable"),
    ]
    with pytest.raises(UnreadableRecordError, match="experiment#blobs experiment cannot be read: policies"):
        run(cloud, "status", "blobs")
    assert run(cloud, "status", "digits")[2] == 0


def test_an_experiment_with_a_record_that_cannot_be_read_is_not_torn_down(cloud: Cloud, dynamodb: DynamoDB) -> None:
    _refuse_unfinished(cloud, "blobs")
    damage(dynamodb, "experiment#blobs", "trial#0000000001", state="quarantined")
    with pytest.raises(CliError, match=r"experiment#blobs trial#0000000001 cannot be read"):
        _refuse_unfinished(cloud, "blobs")
    _refuse_unfinished(cloud, "digits")


def test_a_switch_that_cannot_be_read_is_shown_as_paused(cloud: Cloud, dynamodb: DynamoDB) -> None:
    dynamodb.put_item(TableName=TABLE, Item={"pk": {"S": "stopping"}, "sk": {"S": "stopping"}})
    assert "stopping is paused: the switch cannot be read: it has no document" in run(cloud, "stopping", "status")[0]
