"""Kinds of failures, and what an experiment costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.holding import failure_kind
from gridwatch.launch.observation import next_attempt
from gridwatch.launch.spending import at_most, spending
from gridwatch.savings.prices import PriceTable
from tests.fakes.clock import START

PRICES = PriceTable(source="a test", date="2026-11-21", currency="USD", per_hour={"ml.m5.large": 3.6})


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("AlgorithmError: , exit code: 137", "out of memory"),
        ("AlgorithmError: terminate called after throwing an instance of 'std::bad_alloc'", "out of memory"),
        ("AccessDeniedException: User is not authorized to perform sagemaker:CreateTrainingJob", "access denied"),
        ("ClientError: Cannot pull the container image 1234.dkr.ecr.eu-west-1.amazonaws.com/x:1", "bad image"),
        ("AlgorithmError: column 17 has 3 values", "AlgorithmError: column # has # values"),
        ('AlgorithmError: ExecuteUserScriptError:\nExitCode -9\nErrorMessage ""', "out of memory"),
        ("AlgorithmError: traceback : Signal 9 (SIGKILL) received by PID 56", "out of memory"),
        ("AlgorithmError: RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED", "out of memory"),
        (
            "AlgorithmError: ImportError: libgomp.so.1: cannot allocate memory in static TLS block",
            "AlgorithmError: ImportError: libgomp.so.#: cannot allocate memory in static TLS ",
        ),
        ("AlgorithmError: the image size 224 is not 384", "AlgorithmError: the image size # is not #"),
        ("AlgorithmError: no such file: /data/manifest.json", "AlgorithmError: no such file: /data/manifest.json"),
        ("ClientError: Data download failed: the manifest a", "ClientError: Data download failed: the manifest a"),
        ("AlgorithmError: lr must be above 0, got -1.5e-06", "AlgorithmError: lr must be above #, got #"),
        ("AlgorithmError: no /tmp/tmpab12_cdz/x at 0x7f3A10", "AlgorithmError: no /tmp/#/x at #"),
        ("AlgorithmError: [launch.py:321] python exits with return code = -9", "out of memory"),
        ("AlgorithmError: 401 for id 1-65f0c2ab-4d7a9e0c8b11", "AlgorithmError: # for id #-#"),
        ("AlgorithmError: ValueError: no optimizer 'adam'", "AlgorithmError: ValueError: no optimizer #"),
        ('AlgorithmError: ValueError: can\'t take "sgd" now', "AlgorithmError: ValueError: can't take # now"),
        ("", "no reason given"),
        (
            "AlgorithmError: UnidentifiedImageError: cannot identify image file 'a.png'",
            "AlgorithmError: UnidentifiedImageError: cannot identify image file #",
        ),
        (
            "AlgorithmError: Traceback\nscikit-learn 1.9.1, whatever the image's version\nKeyError: 'manifest'",
            "KeyError: #",
        ),
        ("AlgorithmError: MemoryError: Unable to allocate the image", "out of memory"),
        ("AlgorithmError: the imagery is blurred, zoom in", "AlgorithmError: the imagery is blurred, zoom in"),
    ],
)
def test_failures_are_of_one_kind_when_one_remedy_helps(reason: str, kind: str) -> None:
    assert failure_kind(reason) == kind


def trial(state: TrialState, **known: Any) -> TrialRecord:
    return TrialRecord(
        experiment="e", trial_id="0", index=0, attempt=1, state=state, job_name="e-0", hyperparameters={},
        created_at=START, updated_at=START, **{"instance_type": "ml.m5.large", "instance_count": 1} | known,
    )  # fmt: skip


def test_spent_is_what_is_billed_and_what_runs_and_the_rest_takes_as_long_as_usual() -> None:
    started = START - timedelta(seconds=40)
    trials = [
        trial(TrialState.COMPLETED, started_at=started, ended_at=START, billable_seconds=100),
        trial(TrialState.FAILED, started_at=started, ended_at=START, billable_seconds=10),
        trial(TrialState.RUNNING, started_at=started),
        trial(TrialState.WAITING),
        trial(TrialState.WAITING, instance_count=2),
        trial(TrialState.WAITING, instance_type="ml.unknown"),
        trial(TrialState.CANCELLED),
    ]
    found = spending(trials, PRICES, START)
    assert found.spent == pytest.approx((100 + 10 + 40) * 0.001)
    assert found.committed == pytest.approx(found.spent + 60 * 0.001)
    assert found.projected == pytest.approx(found.committed + 300 * 0.001)
    assert found.unpriced == ("ml.unknown",)


def test_before_a_job_has_completed_nobody_knows_what_the_others_cost() -> None:
    found = spending([trial(TrialState.RUNNING, started_at=START), trial(TrialState.WAITING)], PRICES, START)
    assert (found.spent, found.running, found.projected) == (0.0, None, None)


def test_what_former_attempts_took_is_spent_too() -> None:
    failed = trial(TrialState.FAILED, started_at=START, ended_at=START, billable_seconds=100)
    again = next_attempt(failed, START)
    once_more = next_attempt(replace(again, state=TrialState.FAILED, billable_seconds=20, started_at=START), START)
    assert spending([failed], PRICES, START).spent == pytest.approx(0.1)
    assert spending([once_more], PRICES, START).spent == pytest.approx(0.12)
    assert at_most([once_more], PRICES, START, 1_000) == pytest.approx(1.12)


def test_instances_of_several_kinds_cost_what_all_of_them_cost() -> None:
    prices = replace(PRICES, per_hour={"ml.c5.large": 3.6, "ml.g5.xlarge": 36.0})
    of_groups = {"instance_type": "ml.c5.large", "instance_count": 2, "further_machines": {"ml.g5.xlarge": 1}}
    job = trial(TrialState.FAILED, started_at=START, ended_at=START, billable_seconds=100, **of_groups)
    assert spending([job], prices, START).spent == pytest.approx(100 * (2 * 0.001 + 0.01))
    assert prices.hourly(job) == pytest.approx(43.2)
    assert job.machines == "2 x ml.c5.large + 1 x ml.g5.xlarge"
    again = next_attempt(job, START)
    assert (again.further_machines, at_most([again], prices, START, 1_000)) == (
        {"ml.g5.xlarge": 1}, pytest.approx(1_100 * 0.012)
    )  # fmt: skip
    assert spending([job], PRICES, START).unpriced == ("ml.c5.large", "ml.g5.xlarge")
    assert PRICES.hourly(job) is None
