"""Records that cannot be read, in DynamoDB as moto has it: left out of lists, refused alone, and left as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.experiments import LaunchHold
from gridwatch.domain.trials import TrialState
from gridwatch.state.codec import to_document
from gridwatch.state.store import ConflictError
from gridwatch.state.unreadable import Isolation, UnreadableRecordError, if_readable
from start_trials.waiting import WaitingTrials
from tests.contract.test_state_store import TABLE, state_table
from tests.unit.tables.facts_of import a_trial

LATER = a_trial(0).updated_at + timedelta(seconds=1)
DAMAGE: list[dict[str, Any]] = [
    {},
    {"document": {"S": "{"}},
    {"document": {"S": '{"state": "quarantined"}'}},
    {"document": {"N": "5"}},
    {"packed": {"B": b"garbage"}},
    {"packed": {"S": "garbage"}},
]


@pytest.fixture
def noted() -> list[UnreadableRecordError]:
    return []


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, noted: list[UnreadableRecordError]) -> Iterator[StateTable]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        state_table()
        store = StateTable(TABLE, dynamodb=boto3.client("dynamodb", "eu-west-1"), noted=noted.append)
        store.add_trials([a_trial(place, state=TrialState.WAITING) for place in range(5)])
        yield store


def damage(trial_id: str, item: dict[str, Any]) -> None:
    client = boto3.client("dynamodb", "eu-west-1")
    key = {"pk": {"S": "experiment#blobs"}, "sk": {"S": f"trial#{trial_id}"}}
    stored = client.get_item(TableName=TABLE, Key=key)["Item"]
    kept = {name: value for name, value in stored.items() if name not in ("document", "packed")}
    client.put_item(TableName=TABLE, Item=kept | item)


@pytest.mark.parametrize("item", DAMAGE)
def test_lists_leave_it_out_and_pages_are_filled_with_others(
    table: StateTable, noted: list[UnreadableRecordError], item: dict[str, Any]
) -> None:
    damage(a_trial(0).trial_id, item)
    damage(a_trial(2).trial_id, item)
    assert [trial.index for trial in table.list_trials("blobs")] == [1, 3, 4]
    assert [trial.index for trial in table.trials_in(TrialState.WAITING, limit=2)] == [1, 3]
    assert {error.place for error in noted} == {f"experiment#blobs trial#{a_trial(place).trial_id}" for place in (0, 2)}
    assert table.add_trials([a_trial(0), a_trial(5)]) == 1, "it is not written over"
    with pytest.raises(UnreadableRecordError, match="cannot be read"):
        table.get_trial("blobs", a_trial(0).trial_id)
    assert if_readable(lambda: table.get_trial("blobs", a_trial(0).trial_id)) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", "7"), ("priority", "-9000000000"), ("index", "3"), ("index", "-1"), ("index", "9999999999"),
        ("created_at", '"2001-01-01T00:00:00+00:00"'), ("created_at", '"9999-12-31T23:59:59+00:00"'),
        ("created_at", '"0001-01-01T00:00:00+14:00"'), ("experiment", '"other"'), ("state", '"running"'),
        ("change", '"\\ud800"'),
    ],
)  # fmt: skip
def test_a_waiting_trial_that_says_another_place_than_its_own_is_passed_over(
    table: StateTable, noted: list[UnreadableRecordError], field: str, value: str
) -> None:
    """Who reads on behind its place would read the same again, or nothing more of the others."""
    for at in (0, 4):
        trial = to_document(a_trial(at, state=TrialState.WAITING))
        damage(a_trial(at).trial_id, {"document": {"S": json.dumps(trial | {field: "@"}).replace('"@"', value)}})
        for page in (1, 2, 25):
            found = WaitingTrials(table, page=page).queues()["blobs"]
            assert [each.index for each in found] == ([1, 2, 3, 4] if at == 0 else [1, 2, 3])
    assert {error.place for error in noted} == {f"experiment#blobs trial#{a_trial(at).trial_id}" for at in (0, 4)}


def change_document(pk: str, sk: str, **changes: Any) -> None:
    client = boto3.client("dynamodb", "eu-west-1")
    stored = client.get_item(TableName=TABLE, Key={"pk": {"S": pk}, "sk": {"S": sk}})["Item"]
    document = json.loads(stored["document"]["S"]) | changes
    client.put_item(TableName=TABLE, Item=stored | {"document": {"S": json.dumps(document)}})


@pytest.mark.parametrize(
    "changes",
    [{"version": 77}, {"version": 0}, {"experiment": "other"}, {"best": float("nan")}, {"best": float("inf")}],
)
def test_counts_that_contradict_themselves_hold_no_trial_back_and_change_no_others(
    table: StateTable, noted: list[UnreadableRecordError], changes: dict[str, Any]
) -> None:
    table.add_trials([a_trial(place, experiment="other") for place in range(3)])
    others = table.get_counts("other")
    change_document("experiment#blobs", "counts", **changes)

    before = a_trial(0, state=TrialState.WAITING)
    table.update_trial(replace(before, state=TrialState.STARTING, updated_at=LATER), expected=before)

    assert table.list_trials("blobs")[0].state is TrialState.STARTING
    assert table.get_counts("other") == others
    assert [counts.experiment for counts in table.list_counts()] == ["other"]
    with pytest.raises(UnreadableRecordError):
        table.get_counts("blobs")
    assert noted


def test_a_record_that_names_another_place_than_its_key_is_left_out(table: StateTable) -> None:
    name = a_trial(0).trial_id
    change_document("experiment#blobs", f"trial#{name}", experiment="other")
    change_document("experiment#blobs", f"trial#{a_trial(1).trial_id}", trial_id=name)
    assert [trial.index for trial in table.list_trials("blobs")] == [2, 3, 4]
    with pytest.raises(UnreadableRecordError, match="its experiment is 'other', and its key names 'blobs'"):
        table.get_trial("blobs", name)


def test_a_version_that_is_not_the_stored_one_is_damage_and_not_a_conflict(table: StateTable) -> None:
    hold = table.save_hold(LaunchHold(experiment="blobs", spec_version="v1", limit="deadline", updated_at=LATER))
    change_document("experiment#blobs", "hold", version=hold.version + 5)
    with pytest.raises(UnreadableRecordError, match="its version is 6, and beside it stands '1'"):
        table.get_hold("blobs")


def test_only_damage_is_passed_over() -> None:
    isolation = Isolation()
    with isolation.each("a"):
        raise UnreadableRecordError("job#a job", "no JSON")
    with isolation.each("b"):
        raise KeyError("objective")
    assert list(isolation.broken) == ["a", "b"]
    assert isolation.broken["b"] == "KeyError: 'objective'"
    with pytest.raises(ConflictError), isolation.each("c"):
        raise ConflictError("written to all the time")


def test_a_saved_evaluation_that_cannot_be_read_is_begun_again(table: StateTable) -> None:
    table.save_evaluation("job", {"version": 1}, version=0)
    client = boto3.client("dynamodb", "eu-west-1")
    item = {"pk": {"S": "job#job"}, "sk": {"S": "evaluation"}, "version": {"S": "1"}, "document": {"S": "[]"}}
    client.put_item(TableName=TABLE, Item=item)
    saved = table.load_evaluation("job")
    assert (saved.document, saved.version) == ({}, 1)
    table.save_evaluation("job", {"version": 1}, version=saved.version)
    assert table.load_evaluation("job").version == 2
    client.put_item(TableName=TABLE, Item=item | {"version": {"S": "x"}})
    with pytest.raises(UnreadableRecordError, match="version"):
        table.load_evaluation("job")
