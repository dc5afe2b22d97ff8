"""The progress of an experiment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gridwatch.savings.prices import PriceTable
from gridwatch.state.records import LaunchHold, TrialState
from gridwatch_cli.progress import progress, progress_lines
from tests.unit.tables.facts_of import NOON, a_trial

HOUR = timedelta(hours=1)
PRICES = PriceTable(source="a test", date="2026-11-21", currency="USD", per_hour={"ml.m5.large": 1.0})
DONE = replace(
    a_trial(0), state=TrialState.COMPLETED, started_at=NOON - HOUR, ended_at=NOON, billable_seconds=3_600,
    instance_type="ml.m5.large", instance_count=1,
)  # fmt: skip
WAITING = replace(DONE, state=TrialState.WAITING, started_at=None, ended_at=None, billable_seconds=None)


def test_counts_pace_time_left_and_money() -> None:
    hold = LaunchHold(experiment="blobs", spec_version="1", limit="budget", reason="All is spent", updated_at=NOON)
    lines = progress_lines("blobs", progress([DONE, WAITING, WAITING, WAITING], hold, PRICES, NOON))
    assert lines[0] == f"blobs {'█' * 10}{'░' * 30} 1/4"
    assert lines[1:] == [
        "3 waiting, 1 completed",
        f"1.0 trials an hour, over at about {NOON + 3 * HOUR:%Y-%m-%d %H:%M} UTC",
        "1.00 USD spent, about 4.00 in the end: an estimate",
        "nothing more is launched: All is spent",
    ]


def test_before_the_first_is_done_nothing_is_projected() -> None:
    assert progress_lines("blobs", progress([WAITING], None, PRICES, NOON)) == [
        f"blobs {'░' * 40} 0/1", "1 waiting", "0.00 USD spent: an estimate"
    ]  # fmt: skip
    assert progress_lines("blobs", progress([], None, PRICES, NOON))[1] == "no trials"
