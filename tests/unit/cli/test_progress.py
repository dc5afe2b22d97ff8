"""The progress of an experiment."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from rich.console import Console

from gridwatch.cli.context import Cloud
from gridwatch.cli.progress import progress, progress_lines, watch
from gridwatch.domain.experiments import LaunchHold
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.prices import PriceTable
from gridwatch.state.memory import MemoryStore
from tests.fakes.clock import FakeClock
from tests.unit.tables.facts_of import NOON, a_trial, an_experiment

HOUR = timedelta(hours=1)
PRICES = PriceTable(source="a test", date="2026-11-21", currency="USD", per_hour={"ml.m5.large": 1.0})
DONE = replace(
    a_trial(0), state=TrialState.COMPLETED, started_at=NOON - HOUR, ended_at=NOON, billable_seconds=3_600,
    instance_type="ml.m5.large", instance_count=1,
)  # fmt: skip
WAITING = replace(DONE, state=TrialState.WAITING, started_at=None, ended_at=None, billable_seconds=None)
HOLD = LaunchHold(experiment="blobs", spec_version="v1", limit="budget", reason="All is spent", updated_at=NOON)
TWO_HOURS = {"StoppingCondition": {"MaxRuntimeInSeconds": 7_200}}


def grid(*trials: TrialRecord) -> list[TrialRecord]:
    return [replace(trial, trial_id=str(place)) for place, trial in enumerate(trials)]


def lines(trials: list[TrialRecord], hold: LaunchHold | None = None, **changes: Any) -> list[str]:
    record = an_experiment(*trials, **{"template": TWO_HOURS, **changes})
    return list(progress_lines("blobs", progress(record, trials, hold, PRICES, NOON)))


def test_counts_pace_time_left_and_money() -> None:
    told = lines(grid(DONE, WAITING, WAITING, WAITING), HOLD)
    assert told[0] == f"blobs {'█' * 10}{'░' * 30} 1/4"
    assert told[1:] == [
        "3 waiting, 1 completed",
        f"1.0 trials an hour, over at about {NOON + 3 * HOUR:%Y-%m-%d %H:%M} UTC",
        "1.00 USD spent, about 4.00 USD in the end: an estimate",
        "nothing more is launched: All is spent",
    ]


def test_from_the_first_second_it_says_what_it_comes_to_at_most() -> None:
    # Five trials, four at one time, two hours each: two rounds, ten hours of machines.
    assert lines(grid(*[WAITING] * 5)) == [
        f"blobs {'░' * 40} 0/5",
        "5 waiting",
        f"no pace yet: over at {NOON + 4 * HOUR:%Y-%m-%d %H:%M} UTC if each job takes all of its time",
        "0.00 USD spent, 10.00 USD in the end if each job takes all of its time: an estimate",
    ]


def test_trials_that_are_not_recorded_yet_are_not_over() -> None:
    document = progress(an_experiment(*grid(DONE, WAITING)), [], None, PRICES, NOON)
    assert (document["finished"], document["trials"]) == (0, 2)
    assert progress_lines("blobs", document)[1] == "no trials"


def test_what_held_a_former_upload_holds_no_more() -> None:
    assert "nothing more is launched: All is spent" not in lines(grid(WAITING), HOLD, spec_version="v2")


@pytest.mark.parametrize("width", [20, 40, 200])
def test_the_bar_fits_into_the_terminal(width: int) -> None:
    trials = grid(DONE, WAITING)
    document = progress(an_experiment(*trials), trials, None, PRICES, NOON)
    assert len(progress_lines("blobs", document, width=width)[0]) <= width


class Unfolding(FakeClock):
    """A clock that completes one more trial at every second look."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__(NOON)
        self.store = store

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if len(self.slept) % 2:
            return
        for key, trial in self.store.trials.items():
            if trial.state is TrialState.WAITING:
                self.store.trials[key] = replace(trial, state=TrialState.COMPLETED, ended_at=self.now())
                return


class Slow(MemoryStore):
    """Each reading of the grid takes three seconds."""

    clock: FakeClock

    def list_trials(self, experiment: str) -> list[TrialRecord]:
        self.clock.advance(3)
        return list(super().list_trials(experiment))


def watched(store: MemoryStore, *, terminal: bool) -> tuple[str, FakeClock]:
    trials = grid(WAITING, WAITING)
    store.put_experiment(an_experiment(*trials, template=TWO_HOURS))
    store.add_trials(trials)
    clock = Unfolding(store)
    if isinstance(store, Slow):
        store.clock = clock
    cloud = Cloud(lambda: pytest.fail("no call of AWS"), "Gridwatch", clock, is_named=True)
    cloud.__dict__["store"] = store
    written = io.StringIO()
    console = Console(file=written, width=30 if terminal else 1_000, force_terminal=terminal)
    watch(cloud, "blobs", console, PRICES)
    return written.getvalue(), clock


def test_in_a_file_there_is_a_line_for_each_change() -> None:
    written, clock = watched(MemoryStore(), terminal=False)
    assert [line.split(";")[0] for line in written.splitlines()] == [
        "blobs 0/2: 2 waiting", "blobs 1/2: 1 completed, 1 waiting", "blobs 2/2: 2 completed"
    ]  # fmt: skip
    assert "\x1b" not in written
    assert clock.slept == [2.0] * 4


def test_in_a_narrow_terminal_no_line_is_wrapped() -> None:
    written, _ = watched(MemoryStore(), terminal=True)
    assert "2/2" in written
    assert "\x1b[2K" in written, "one picture, drawn again"
    told = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", written).splitlines()
    assert "0.00 USD spent, 4.00 USD in t…" in told
    assert max(map(len, told)) == 30


def test_a_grid_that_takes_long_to_read_is_read_less_often() -> None:
    _, clock = watched(Slow(), terminal=False)
    assert set(clock.slept) == {30.0}


def test_an_experiment_that_is_not_on_record_is_not_watched() -> None:
    cloud = Cloud(lambda: pytest.fail("no call of AWS"), "Gridwatch", FakeClock(datetime(2026, 1, 1)), is_named=True)  # noqa: DTZ001
    cloud.__dict__["store"] = MemoryStore()
    watch(cloud, "blobs", Console(file=io.StringIO()), PRICES)
