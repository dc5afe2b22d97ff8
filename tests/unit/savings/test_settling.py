"""What becomes of an estimate once the job is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.savings import Certainty, SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.estimate import RunningJob, estimate
from gridwatch.savings.planned import EPOCHS, ROUNDS, Planned
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.progress import Mark, Progress
from gridwatch.savings.settling import needs_settling, settled
from gridwatch.savings.words import in_words
from tests.unit.tables.facts_of import NOON, a_trial

PRICES = PriceTable(source="a test", date="2026-11-21", currency="USD", per_hour={"ml.m5.large": 3.6})
START = NOON - timedelta(seconds=100)


def progress(done: int, first: float = 50.0) -> Progress:
    marks = tuple(Mark(n + 1.0, START.timestamp() + first + n) for n in range(done))
    return Progress(planned=Planned(ROUNDS, 1_000, "num_round"), marks=marks)


def job() -> JobRecord:
    return JobRecord(
        job_name="job", experiment="blobs", trial_id="t", attempt=1, policies=(), hyperparameters={"num_round": 1_000},
        objective_metric="validation-error", objective_direction="minimize",
    )  # fmt: skip


def decided(action: str = "stop", **changes: Any) -> ReactionRecord:
    """At noon, when 51 rounds of a second were done: 949 s remained."""
    running = RunningJob(
        started_at=START, step=None, hyperparameters={"num_round": 1_000}, max_runtime_seconds=2_000,
        instance_type="ml.m5.large", instance_count=1, progress=progress(51), **changes,
    )  # fmt: skip
    return ReactionRecord(
        job_name="job", rule_name="loss", experiment="blobs", trial_id="t", action=action, reason="", outcome="",
        alert_id=None, finding=None, decided_at=NOON, carried_out_at=NOON, savings=estimate(running, PRICES, NOON),
    )  # fmt: skip


def trial(seconds: float, state: TrialState = TrialState.STOPPED, **changes: Any) -> TrialRecord:
    return a_trial(
        state=state, started_at=START, ended_at=NOON + timedelta(seconds=seconds), instance_type="ml.m5.large",
        instance_count=1, hyperparameters={"num_round": 1_000}, **changes,
    )  # fmt: skip


def none() -> Sequence[TrialRecord]:
    return ()


def savings(reaction: ReactionRecord) -> SavingsRecord:
    assert reaction.savings is not None
    return reaction.savings


def test_a_stop_is_corrected_by_the_round_that_was_reached() -> None:
    """It trained on for 100 rounds until it heard of the stop, and was over ten seconds later."""
    before = decided()
    assert savings(before).seconds == pytest.approx(949)
    after = savings(settled(before, trial(110), job(), progress(151), none))
    assert after.seconds == pytest.approx(849)
    assert after.cost == pytest.approx(849 / 1000)
    assert (after.certainty, after.decided_seconds) == (Certainty.CORRECTED, savings(before).seconds)
    assert "151 of 1000 rounds were done" in after.method
    assert in_words(after).endswith("when it was decided: 15 min 49 s)")


def test_without_progress_it_has_at_least_run_on() -> None:
    limited = decided()
    limited = replace(limited, savings=replace(savings(limited), seconds=500.0, method="limit: at most, …"))
    after = savings(settled(limited, trial(110), job(), None, none))
    # Its limit of 2,000 s is known still, and the job ended after 210 of them.
    assert (after.seconds, after.at_most) == (1_790.0, True)
    forgotten = replace(limited, savings=replace(savings(limited), longest_seconds=None, bound="at most"))
    after = savings(settled(forgotten, trial(110), job(), None, none))
    assert (after.seconds, after.at_most) == (390.0, True)


def test_a_job_that_ended_before_the_stop_spared_nothing() -> None:
    after = savings(settled(decided(), trial(3, TrialState.COMPLETED), job(), progress(1_000), none))
    assert (after.seconds, after.cost, after.seconds_range) == (0.0, 0.0, (0.0, 0.0))


def test_a_stop_that_was_not_made_is_measured_beside_its_estimate() -> None:
    before = decided("would stop")
    after = savings(settled(before, trial(960, TrialState.COMPLETED), job(), progress(1_000), none))
    assert (after.seconds, after.measured_seconds) == (savings(before).seconds, 960.0)
    assert after.measured_cost == pytest.approx(0.96)
    assert after.certainty is Certainty.MEASURED
    assert in_words(after).endswith("; measured: 16 min 0 s and 0.96 USD")


def test_of_a_job_that_something_else_stopped_the_rest_was_not_measured() -> None:
    before = decided("would stop")
    assert settled(before, trial(100), job(), progress(151), none) == before
    timed_out = trial(1_900, secondary_status="MaxRuntimeExceeded")
    assert savings(settled(before, timed_out, job(), progress(900), none)).measured_seconds == 1_900


def test_siblings_do_not_overrule_a_count_that_has_come_to_its_end() -> None:
    """Whether each report is an epoch is assumed; all of them had come when the job was over."""
    took_longer = replace(trial(2_000, TrialState.COMPLETED), hyperparameters={"epochs": 100})
    siblings = [took_longer, took_longer]
    epochs = Planned(EPOCHS, 100, "epochs")
    through = replace(progress(100), planned=epochs, assumed="each report counts as one of the 100 epochs")
    asked = replace(job(), hyperparameters={"epochs": 100})
    assert savings(settled(decided(), trial(60), asked, through, lambda: siblings)).seconds == 0
    nearly = replace(through, marks=through.marks[:90])
    assert savings(settled(decided(), trial(60), asked, nearly, lambda: siblings)).seconds > 1_000


def test_spot_capacity_keeps_its_bound() -> None:
    after = savings(settled(decided(spot=True), trial(110), job(), progress(151), none))
    assert after.at_most
    assert after.cost_range == (pytest.approx(0.1 * 0.9 * 0.849, rel=0.02), pytest.approx(1.1 * 0.849, rel=0.02))


def test_what_is_settled_or_not_over_is_left_alone() -> None:
    before = decided()
    assert needs_settling(trial(110), before)
    assert not needs_settling(trial(110), replace(before, carried_out_at=None))
    assert not needs_settling(trial(110), replace(before, savings=None))
    assert not needs_settling(trial(110, TrialState.RUNNING), before)
    assert not needs_settling(trial(110), settled(before, trial(110), job(), progress(151), none))
