"""Counts of experiments change with what they count, whoever else writes, and are corrected where they are wrong."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Lock
from typing import Any

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.savings import Certainty, SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.counting import correct, counted
from gridwatch.state.memory import MemoryStore
from gridwatch.state.store import ConflictError, StateStore
from tests.fakes.counting_table import CountingTable
from tests.simulation.errors import refused
from tests.unit.tables.facts_of import NOON, a_job, a_trial, an_experiment

NAME = "blobs"
SECOND = timedelta(seconds=1)
METRIC = "validation:error"


@pytest.fixture(params=["memory", "table"])
def store(request: pytest.FixtureRequest) -> StateStore:
    return MemoryStore() if request.param == "memory" else StateTable("state", dynamodb=CountingTable())


def begun(store: StateStore, *trials: TrialRecord) -> None:
    record = an_experiment(*trials)
    objective = {"metric": METRIC, "direction": "minimize"}
    store.put_experiment(replace(record, document={**record.document, "objective": objective}))
    store.add_trials(trials)


def counts(store: StateStore) -> ExperimentCounts:
    found = store.get_counts(NAME)
    assert found is not None
    (listed,) = [each for each in store.list_counts() if each.experiment == NAME]
    assert replace(listed, version=found.version) == found
    return found


def waiting(index: int) -> TrialRecord:
    return a_trial(
        index, state=TrialState.WAITING, status=None, started_at=None, ended_at=None, billable_seconds=None,
        final_metrics={}, updated_at=NOON, instance_type="ml.m5.large", instance_count=2,
    )  # fmt: skip


def becomes(store: StateStore, trial: TrialRecord, **changes: Any) -> TrialRecord:
    after = replace(trial, updated_at=trial.updated_at + SECOND, **changes)
    store.update_trial(after, expected=trial)
    return after


def test_from_upload_to_end(store: StateStore) -> None:
    first, second, third = (waiting(index) for index in range(3))
    begun(store, first, second, third)
    assert (counts(store).is_whole, counts(store).states) == (True, {"waiting": 3})
    assert store.add_trials([first, second, third]) == 0, "the event came twice"
    assert counts(store).states == {"waiting": 3}
    running = becomes(store, first, state=TrialState.RUNNING)
    assert counts(store).states == {"running": 1, "waiting": 2}
    completed = becomes(store, running, state=TrialState.COMPLETED, billable_seconds=100, final_metrics={METRIC: 0.25})
    known = counts(store)
    assert known.states == {"completed": 1, "waiting": 2}
    assert known.took == {"ml.m5.large": 200_000}
    assert (known.best, known.best_trial) == (0.25, first.trial_id)
    becomes(store, second, state=TrialState.COMPLETED, final_metrics={METRIC: 0.5})
    assert counts(store).best == 0.25
    becomes(store, third, state=TrialState.COMPLETED, final_metrics={METRIC: float("nan")})
    assert (counts(store).best, counts(store).best_trial) == (0.25, first.trial_id)
    becomes(store, completed, state=TrialState.WAITING, final_metrics={}, former_seconds=100.0, billable_seconds=None)
    known = counts(store)
    assert known.states == {"completed": 2, "waiting": 1}
    assert known.took == {"ml.m5.large": 200_000}, "what it took stays spent"
    assert (known.best, known.best_is_known) == (None, False)


def test_a_late_or_repeated_write_counts_nothing(store: StateStore) -> None:
    trial = waiting(0)
    begun(store, trial)
    becomes(store, trial, state=TrialState.RUNNING)
    with pytest.raises(ConflictError):
        becomes(store, trial, state=TrialState.CANCELLED)
    assert store.update_trials([(trial, replace(trial, state=TrialState.FAILED))]) == []
    assert counts(store).states == {"running": 1}


def test_what_changes_nothing_that_is_counted_leaves_them_alone(store: StateStore) -> None:
    trial = waiting(0)
    begun(store, trial)
    before = counts(store)
    becomes(store, trial, priority=3)
    assert counts(store) == before


def test_many_at_once_are_counted_together(store: StateStore) -> None:
    trials = [waiting(index) for index in range(250)]
    begun(store, *trials)
    becomes(store, trials[7], state=TrialState.RUNNING)
    now = NOON + 2 * SECOND
    kept = store.update_trials([(each, replace(each, state=TrialState.CANCELLED, updated_at=now)) for each in trials])
    assert len(kept) == 249
    assert counts(store).states == {"cancelled": 249, "running": 1}


def test_another_objective_makes_the_best_unknown(store: StateStore) -> None:
    begun(store, waiting(0))
    record = store.get_experiment(NAME)
    assert record is not None
    other = {**record.document, "objective": {"metric": "accuracy", "direction": "maximize"}}
    store.put_experiment(replace(record, document=other, uploaded_at=record.uploaded_at + SECOND))
    known = counts(store)
    assert (known.metric, known.maximize, known.best_is_known) == ("accuracy", True, False)
    assert known.states == {"waiting": 1}


def stopped(trial: TrialRecord, **changes: Any) -> ReactionRecord:
    return replace(
        ReactionRecord(
            job_name=trial.job_name, rule_name="loss", experiment=NAME, trial_id=trial.trial_id, action="stop",
            reason="", outcome="stop requested", alert_id=None, finding=None, decided_at=NOON,
        ),
        **changes,
    )  # fmt: skip


def saving(seconds: float, cost: float, certainty: Certainty = Certainty.ESTIMATE) -> SavingsRecord:
    return SavingsRecord(
        seconds=seconds, cost=cost, currency="USD", method="", price_per_hour=1.0, price_source="", certainty=certainty
    )


def test_what_a_stop_saved_is_counted_once_and_corrected(store: StateStore) -> None:
    trial = waiting(0)
    begun(store, trial)
    claimed = stopped(trial)
    store.claim_reaction(claimed, until=NOON)
    done = replace(claimed, carried_out_at=NOON, savings=saving(120.0, 0.5))
    for _ in range(2):
        store.finish_reaction(done)
        assert (counts(store).saved, counts(store).saved_cost) == (120_000, {"USD": 500_000})
    store.finish_reaction(replace(done, savings=saving(60.0, 0.25, Certainty.CORRECTED)))
    assert (counts(store).saved, counts(store).saved_cost) == (60_000, {"USD": 250_000})
    store.finish_reaction(stopped(trial, rule_name="other", action="would stop", savings=saving(9.0, 9.0)))
    assert counts(store).saved == 60_000
    assert store.list_reactions(trial.job_name)[0].savings is not None


def test_wrong_counts_are_corrected_unless_something_came_meanwhile(store: StateStore) -> None:
    trials = [waiting(index) for index in range(3)]
    begun(store, *trials)
    record, right = store.get_experiment(NAME), counts(store)
    assert record is not None
    store.save_counts(replace(right, states={"failed": 7}))
    wrong = counts(store)
    running = becomes(store, trials[0], state=TrialState.RUNNING)
    correct(store, record, wrong, trials)
    assert counts(store).states["failed"] == 7, "the trials were read before one of them changed"
    correct(store, record, counts(store), [running, *trials[1:]])
    assert counts(store).states == {"running": 1, "waiting": 2}
    kept = counts(store)
    correct(store, record, kept, [running, *trials[1:]])
    assert counts(store) == kept, "nothing is written where nothing is wrong"


def test_what_a_former_version_recorded_is_counted_once(store: StateStore) -> None:
    trials = [waiting(index) for index in range(3)]
    begun(store, *trials)
    store.finish_reaction(stopped(trials[2], carried_out_at=NOON, savings=saving(60.0, 0.25)))
    store.put_job(a_job(trials[2]))
    record, whole = store.get_experiment(NAME), counts(store)
    assert record is not None
    store.save_counts(ExperimentCounts(experiment=NAME, version=whole.version))
    running = becomes(store, trials[0], state=TrialState.RUNNING)
    assert not counts(store).is_whole
    third = replace(trials[2], state=TrialState.STOPPED, updated_at=NOON + SECOND)
    store.update_trial(third, expected=trials[2])
    correct(store, record, counts(store), [running, trials[1], third])
    known = counts(store)
    assert known.is_whole
    assert known.states == {"running": 1, "stopped": 1, "waiting": 1}
    assert known.saved == 60_000


class Contended(CountingTable):
    """A table in which others write the counts between a reading and a writing of them, every other time."""

    turn = 0

    def transact_write_items(self, *, TransactItems: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.turn += 1
        if self.turn % 2:
            reasons = [{"Code": "None"} for _ in TransactItems[:-1]] + [{"Code": "TransactionConflict"}]
            raise refused("TransactionCanceledException", "conflict", CancellationReasons=reasons)
        return super().transact_write_items(TransactItems=TransactItems)


def test_whoever_was_overtaken_counts_again() -> None:
    store = StateTable("state", dynamodb=Contended())
    trial = waiting(0)
    begun(store, trial)
    becomes(store, trial, state=TrialState.RUNNING)
    assert counts(store).states == {"running": 1}


class Locked(CountingTable):
    """A table that takes one request at a time, as DynamoDB does for one item."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = Lock()

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        with self.lock:
            return super().transact_write_items(**request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        with self.lock:
            return super().get_item(**request)


def test_twenty_writers_at_once_lose_nothing() -> None:
    store = StateTable("state", dynamodb=Locked())
    trials = [waiting(index) for index in range(60)]
    begun(store, *trials)

    def run(trial: TrialRecord) -> None:
        becomes(store, becomes(store, trial, state=TrialState.RUNNING), state=TrialState.COMPLETED)

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(run, trials))
    assert counts(store).states == {"completed": 60}
    record = store.get_experiment(NAME)
    assert record is not None
    assert counted(record, store.list_trials(NAME), ()) == replace(counts(store), version=0)
    assert Counter(each.state for each in store.list_trials(NAME)) == {TrialState.COMPLETED: 60}


def test_damaged_counts_keep_no_trial_from_changing() -> None:
    table = CountingTable()
    store = StateTable("state", dynamodb=table)
    trial = waiting(0)
    begun(store, trial)
    item = table.items[f"experiment#{NAME}", "counts"]
    table.put_item(TableName="state", Item={**item, "document": {"S": "[]"}})
    becomes(store, trial, state=TrialState.RUNNING)
    assert store.list_trials(NAME)[0].state is TrialState.RUNNING
    assert table.items[f"experiment#{NAME}", "counts"]["document"] == {"S": "[]"}, "it is left as it is"
    assert store.list_counts() == []
