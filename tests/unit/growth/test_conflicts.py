"""Many jobs of one experiment end at one instant: their trials, its counts and its log of reports are all written, and
nobody waits long.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.counting import correct, counted
from gridwatch.state.store import ConflictError
from gridwatch.state.unreadable import UnreadableRecordError
from tests.simulation.stage import Stage
from tests.unit.growth.far_table import FarTable, all_at_once, simulated
from tests.unit.growth.test_counts import METRIC, NAME, SECOND, becomes, begun, counts, waiting

LONGEST = 2.5  # seconds


def ends(store: StateTable, trial: TrialRecord) -> Callable[[], object]:
    return lambda: becomes(store, trial, state=TrialState.COMPLETED, billable_seconds=10, final_metrics={})


class Crowd:
    """Jobs of one experiment that all run."""

    def __init__(self, jobs: int) -> None:
        self.stage = Stage(jobs)
        self.table = FarTable(self.stage)
        self.store = StateTable("state", dynamodb=self.table)
        trials = [waiting(index) for index in range(jobs)]
        begun(self.store, *trials)
        later = trials[0].updated_at + SECOND
        self.running = [replace(trial, state=TrialState.RUNNING, updated_at=later) for trial in trials]
        self.store.update_trials(list(zip(trials, self.running, strict=True)))

    def waits(self, *works: Callable[[StateTable, TrialRecord], Callable[[], object]]) -> list[float]:
        self.table.start()
        with simulated(self.stage):
            return all_at_once(self.stage, [work(self.store, trial) for trial in self.running for work in works])


@pytest.mark.parametrize("jobs", [100, 500])
def test_ends_at_one_instant(jobs: int) -> None:
    crowd = Crowd(jobs)
    assert crowd.waits(ends)[-1] <= LONGEST
    assert crowd.table.count.conflicts <= jobs, "what was overtaken is paid for"
    known, record = counts(crowd.store), crowd.store.get_experiment(NAME)
    assert record is not None
    assert known.states == {"completed": jobs}
    trials = crowd.store.list_trials(NAME)
    assert counted(record, trials, ()) == replace(known, version=0)
    spilled = [key for key in crowd.table.items if key[1].startswith("counts#")]
    assert spilled, "they were many"
    crowd.store.save_counts(known)
    assert counts(crowd.store) == replace(known, version=counts(crowd.store).version)
    listed = [item for item in crowd.table.items.values() if item.get("gsi1pk") == {"S": "experiments#counts"}]
    assert len(listed) == 1, "what was spilled is in the first item again"


def test_what_was_spilled_is_taken_along() -> None:
    """The best trial is tried again, and the upload names another objective, while parts of the counts are spilled."""
    crowd = Crowd(30)

    def done(store: StateTable, trial: TrialRecord) -> Callable[[], object]:
        value = {METRIC: 0.5 + trial.index / 100}
        return lambda: becomes(store, trial, state=TrialState.COMPLETED, billable_seconds=10, final_metrics=value)

    crowd.waits(done)
    known = counts(crowd.store)
    assert (known.best, known.best_trial, known.best_is_known) == (0.5, crowd.running[0].trial_id, True)
    best = crowd.store.list_trials(NAME)[0]
    again = becomes(crowd.store, best, state=TrialState.WAITING, final_metrics={}, former_seconds=10.0)
    assert (counts(crowd.store).best, counts(crowd.store).best_is_known) == (None, False)
    record = crowd.store.get_experiment(NAME)
    assert record is not None
    correct(crowd.store, record, counts(crowd.store), crowd.store.list_trials(NAME))
    assert counts(crowd.store).best == 0.51
    becomes(crowd.store, again, state=TrialState.COMPLETED, billable_seconds=10, final_metrics={METRIC: 0.1})
    assert (counts(crowd.store).best, counts(crowd.store).took) == (0.1, {"ml.m5.large": (30 + 1) * 20_000})
    other = {**record.document, "objective": {"metric": "accuracy", "direction": "maximize"}}
    crowd.store.put_experiment(replace(record, document=other, uploaded_at=record.uploaded_at + SECOND))
    assert (counts(crowd.store).metric, counts(crowd.store).best_is_known) == ("accuracy", False)
    assert counts(crowd.store).states == {"completed": 30}


def test_damaged_spills_make_the_counts_unknown() -> None:
    crowd = Crowd(30)
    crowd.waits(ends)
    key = next(key for key in crowd.table.items if key[1].startswith("counts#"))
    damaged = {**crowd.table.items[key], "document": {"S": "[]"}}
    crowd.table.put_item(TableName="state", Item=damaged)
    assert crowd.store.list_counts() == []
    with pytest.raises(UnreadableRecordError):
        crowd.store.get_counts(NAME)
    with pytest.raises(ConflictError):
        crowd.store.save_counts(ExperimentCounts(experiment=NAME))
    last = crowd.store.list_trials(NAME)[-1]
    becomes(crowd.store, last, state=TrialState.FAILED)
    assert crowd.table.items[key] == damaged
