"""Stories of reading all jobs of an experiment where the index does not have them, or is not there."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.aws.table import DocumentTable, Item
from gridwatch.domain.trials import TrialState
from gridwatch.state.job_records import records_of_trials
from gridwatch.state.unreadable import UnreadableRecordError
from gridwatch_rules.failures import PermanentError, ThrottledError
from tests.fakes.counting_table import CountingTable
from tests.unit.growth.grown import NAME, Grown
from tests.unit.tables.facts_of import a_job, a_trial


def test_a_deployment_without_the_index_is_read_all_the_same() -> None:
    world = Grown(10, former=True, table=CountingTable(indexes=("gsi1",)))
    found = records_of_trials(world.store, world.store.list_trials(NAME))
    assert {len(its.evaluations) for its in found.values()} == {3}
    assert list(world.store.open_experiments()) == []


def test_another_refusal_of_the_table_is_told() -> None:
    class Refusing(CountingTable):
        def query(self, **request: object) -> dict[str, object]:
            return super().query(**(request | {"IndexName": "gsi9"}))  # type: ignore[arg-type]

    table = Refusing()
    with pytest.raises(PermanentError):
        list(DocumentTable("state", table).below("experiment#blobs", "trial#"))


def test_rules_that_nobody_asked_gridwatch_for_are_found_in_records_of_former_versions() -> None:
    """SageMaker's Debugger tells of all rules of a job, and no policy of Gridwatch names them."""
    world = Grown(3, former=True)
    first, second, _ = world.store.list_trials(NAME)
    (evaluation, *_) = world.store.list_rule_evaluations(first.job_name)
    for trial, changes in ((first, {"managed_rules": True}), (second, {"watched": True})):
        job = world.store.get_job(trial.job_name)
        assert job is not None
        world.store.put_job(replace(job, **changes))  # type: ignore[arg-type]
        world.store.put_rule_evaluation(
            replace(evaluation, job_name=trial.job_name, rule_name="ProfilerReport", experiment=None)
        )
    found = records_of_trials(world.store, world.store.list_trials(NAME))
    names = [[each.rule_name for each in its.evaluations] for its in found.values()]
    assert names == [
        ["ProfilerReport", "finite", "loss", "overfit"],
        ["ProfilerReport", "finite", "loss", "overfit"],
        ["finite", "loss", "overfit"],
    ]


def test_a_job_of_a_former_version_that_is_written_again_keeps_all_that_is_recorded_of_it() -> None:
    world = Grown(1, former=True)
    (trial,) = world.store.list_trials(NAME)
    job = world.store.get_job(trial.job_name)
    assert job is not None
    world.store.put_job(replace(job, look_seconds=60.0))
    (found,) = records_of_trials(world.store, [trial]).values()
    assert found.job == replace(job, look_seconds=60.0)
    assert len(found.evaluations) == 3


def test_a_record_that_names_no_experiment_lies_under_that_of_its_job() -> None:
    world = Grown(1)
    (trial,) = world.store.list_trials(NAME)
    (evaluation, *_) = world.store.list_rule_evaluations(trial.job_name)
    world.store.put_rule_evaluation(replace(evaluation, rule_name="later", experiment=None))
    (found,) = records_of_trials(world.store, [trial]).values()
    assert "later" in [each.rule_name for each in found.evaluations]


def test_a_job_that_cannot_be_read_hides_nothing_else() -> None:
    noted: list[UnreadableRecordError] = []
    table = CountingTable()
    world = Grown(2, table=table)
    store = StateTable("state", dynamodb=table, noted=noted.append)
    first, second = store.list_trials(NAME)
    table.put_item(
        TableName="state",
        Item={**table.items[f"job#{first.job_name}", "job"], "document": {"S": "{"}},
    )
    found = records_of_trials(store, [first, second])
    assert found[first.job_name].job is None
    assert len(found[first.job_name].evaluations) == 3
    assert found[second.job_name].job == replace(a_job(second), policies=world.experiment.policies)
    assert [error.place for error in noted] == [f"job#{first.job_name} job"]


def test_trials_without_a_job_are_not_asked_for() -> None:
    table = CountingTable()
    store = StateTable("state", dynamodb=table)
    trials = [a_trial(number, state=TrialState.WAITING) for number in range(300)]
    found = records_of_trials(store, trials)
    assert table.count.total == 0
    assert [its.job for its in found.values()] == [None] * 300


def test_many_items_come_in_more_than_one_answer() -> None:
    table = CountingTable()
    documents = DocumentTable("state", table)
    chance = random.Random(1)
    for number in range(100):
        noise = chance.randbytes(190_000).hex()  # what zlib cannot make much smaller than 190 kB
        documents.put(Item(pk=f"job#{number}", sk="job", document=noise))
    keys = [(f"job#{number}", "job") for number in (*range(100), 7, 100)]
    found = list(documents.get_many(keys))
    assert sorted(int(item.pk.removeprefix("job#")) for item in found) == list(range(100))
    assert table.count.requests["BatchGetItem"] == 3, "two for 19 MB, and one for the key beyond a hundred"


def test_a_table_that_gives_no_more_is_told_as_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(CountingTable):
        def batch_get_item(self, *, RequestItems: dict[str, object]) -> dict[str, object]:  # noqa: N803
            return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr("gridwatch.aws.table.Patience.tries", lambda self: iter(range(3)))
    with pytest.raises(ThrottledError, match="no more of 1 items"):
        list(DocumentTable("state", Busy()).get_many([("job#x", "job")]))
