"""What news makes of a trial: old news nothing, whatever the order it comes in."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.trials import TrialState
from gridwatch.launch.observation import next_attempt, observed
from tests.fakes.clock import START
from tests.unit.launch.test_order_and_pace import trial

NOW = START + timedelta(hours=1)
TRIAL = replace(trial("blobs"), state=TrialState.RUNNING)


def news(status: str, seconds: int, **known: Any) -> JobDescription:
    return JobDescription(
        job_name=TRIAL.job_name, arn="arn", status=status, secondary_status=status,
        modified_at=START + timedelta(seconds=seconds), **known,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("InProgress", TrialState.RUNNING),
        ("Stopping", TrialState.STOPPING),
        ("Stopped", TrialState.STOPPED),
        ("Completed", TrialState.COMPLETED),
        ("Failed", TrialState.FAILED),
    ],
)
def test_each_status_is_a_state(status: str, state: TrialState) -> None:
    after = observed(TRIAL, news(status, 1), NOW)
    assert after is not None
    assert (after.state, after.status, after.updated_at) == (state, status, NOW)


def test_a_status_that_says_nothing_of_the_training_changes_nothing() -> None:
    assert observed(TRIAL, news("Deleting", 1), NOW) is None


def test_news_of_another_attempt_are_not_of_this_one() -> None:
    assert observed(TRIAL, replace(news("Failed", 1), job_name="blobs-0-2"), NOW) is None


def test_any_order_of_the_same_news_ends_the_same() -> None:
    told = [news("InProgress", 1), news("InProgress", 2), news("Stopping", 3), news("Stopped", 4)]
    for order in itertools.permutations(told):
        record = TRIAL
        for item in [*order, *order]:
            record = observed(record, item, NOW) or record
        assert (record.state, record.status_at) == (TrialState.STOPPED, START + timedelta(seconds=4))


def test_old_news_take_nothing_back() -> None:
    stopping = observed(TRIAL, news("Stopping", 3), NOW)
    assert stopping is not None
    assert observed(stopping, news("InProgress", 2), NOW) is None


def test_within_one_second_progress_is_not_taken_back() -> None:
    stopping = observed(TRIAL, news("Stopping", 1), NOW)
    assert stopping is not None
    assert observed(stopping, news("InProgress", 1), NOW) is None
    stopped = observed(stopping, news("Stopped", 1), NOW)
    assert stopped is not None


def test_a_job_that_is_over_stays_over_but_gets_its_bill() -> None:
    over = observed(TRIAL, news("Completed", 5), NOW)
    assert over is not None
    assert observed(over, news("InProgress", 9), NOW) is None
    billed = observed(
        over, news("Completed", 9, billable_seconds=12, final_metrics={"m": 1.0}, model_uri="s3://m"), NOW
    )
    assert billed is not None
    assert (billed.billable_seconds, billed.final_metrics, billed.model_uri) == (12, {"m": 1.0}, "s3://m")


def test_the_same_news_twice_changes_nothing() -> None:
    first = observed(TRIAL, news("InProgress", 5), NOW)
    assert first is not None
    assert observed(first, news("InProgress", 5), NOW + timedelta(seconds=9)) is None


@pytest.mark.parametrize("state", [TrialState.CANCELLED, TrialState.REFUSED])
def test_what_never_ran_has_no_news(state: TrialState) -> None:
    assert observed(replace(TRIAL, state=state), news("InProgress", 5), NOW) is None


def test_a_trial_put_back_to_wait_is_running_once_its_job_says_so() -> None:
    after = observed(replace(TRIAL, state=TrialState.WAITING), news("InProgress", 5), NOW)
    assert after is not None
    assert after.state is TrialState.RUNNING


def test_the_next_attempt_is_the_same_trial() -> None:
    """What makes the request stays; a field that is new here must be thought about."""
    stays = {
        "experiment", "trial_id", "index", "hyperparameters", "priority", "created_at", "instance_type",
        "instance_count", "further_machines", "reason", "settings", "repeat", "parent", "change", "repair", "rerun_of",
        "algorithm",
        "components", "check_seconds",
    }  # fmt: skip
    of_the_job = {
        "job_arn", "status", "secondary_status", "status_at", "started_at", "ended_at", "billable_seconds",
        "final_metrics", "model_uri", "proof",
    }  # fmt: skip
    changes = {"attempt", "state", "job_name", "updated_at", "waits_until", "former_seconds", "former_jobs"}
    assert {each.name for each in fields(TRIAL)} == stays | of_the_job | changes
    failed = replace(
        TRIAL, reason="no", settings={"resources.instance_type": "ml.c5.xlarge"}, repeat=2, priority=3,
        final_metrics={"error": 1.0}, started_at=START, ended_at=NOW, job_arn="arn", status="Failed",
        rerun_of="blobs/0123456789", components=("gridwatch-blobs-metadata-01234567",),
    )  # fmt: skip
    after = next_attempt(failed, NOW)
    assert {name: getattr(after, name) for name in stays} == {name: getattr(failed, name) for name in stays}
    assert not any(getattr(after, name) for name in of_the_job)
    assert after.former_jobs == (failed.job_name,)
    assert (after.attempt, after.state, after.former_seconds) == (failed.attempt + 1, TrialState.WAITING, 3_600.0)
