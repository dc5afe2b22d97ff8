"""What a stop spares, on numbers that can be reckoned by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from gridwatch.savings.estimate import RunningJob, estimate, in_words
from gridwatch.savings.prices import PriceTable, PriceTableError
from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.state.records import TrialRecord, TrialState
from tests.unit.tables.facts_of import a_trial

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
PRICES = PriceTable(source="a test", date="2026-11-21", currency="EUR", per_hour={"ml.m5.large": 3.6})


def job(**changes: object) -> RunningJob:
    values: dict[str, object] = {
        "started_at": NOON - timedelta(seconds=100),
        "step": None,
        "hyperparameters": {},
        "max_runtime_seconds": None,
        "instance_type": "ml.m5.large",
        "instance_count": 2,
        **changes,
    }
    return RunningJob(**values)  # type: ignore[arg-type]


def took(seconds: float, state: TrialState = TrialState.COMPLETED) -> TrialRecord:
    return a_trial(state=state, started_at=NOON, ended_at=NOON + timedelta(seconds=seconds))


def test_trials_are_not_read_when_progress_is_known() -> None:
    def refuse() -> list[TrialRecord]:
        raise AssertionError("thousands of trials are read")

    assert estimate(job(step=19, hyperparameters={"num_round": 100}, siblings=refuse), PRICES, NOON) is not None


def test_by_progress() -> None:
    """20 of 100 rounds in 100 s: the other 80 would have taken 400 s, on two instances at 3.60 an hour."""
    found = estimate(job(step=19, hyperparameters={"num_round": 100}, max_runtime_seconds=9_999), PRICES, NOON)
    assert found is not None
    assert (found.seconds, found.cost, found.currency) == (400.0, 0.8, "EUR")
    assert found.method == "progress: 20 of 100 rounds were done"
    assert in_words(found) == "about 6 min 40 s and 0.80 EUR (estimate; progress: 20 of 100 rounds were done)"


@pytest.mark.parametrize(("step", "rounds"), [(100, 100), (None, 100), (5, "many"), (5, None)])
def test_progress_that_is_not_known_is_not_guessed(step: int | None, rounds: object) -> None:
    assert estimate(job(step=step, hyperparameters={"num_round": rounds}), PRICES, NOON) is None


def test_by_siblings() -> None:
    siblings = [took(200), took(400), took(900), took(5, TrialState.STOPPED), a_trial(ended_at=None)]
    found = estimate(job(siblings=lambda: siblings, max_runtime_seconds=9_999), PRICES, NOON)
    assert found is not None
    assert found.seconds == 300
    assert found.method == "siblings: 3 completed trials took 400 s in the median"


def test_by_the_limit_when_nothing_else_is_known() -> None:
    found = estimate(job(siblings=lambda: [took(50)], max_runtime_seconds=3_700), PRICES, NOON)
    assert found is not None
    assert found.seconds == 3_600
    assert in_words(found).startswith("at most 1 h 0 min and 7.20 EUR (estimate; limit:")


def test_a_job_that_has_not_begun_has_no_estimate() -> None:
    assert estimate(job(started_at=None, max_runtime_seconds=60), PRICES, NOON) is None


def test_an_instance_without_a_price_has_time_alone() -> None:
    found = estimate(job(instance_type="ml.new.large", max_runtime_seconds=200), PRICES, NOON)
    assert found is not None
    assert (found.cost, found.price_per_hour) == (None, None)
    assert "price unknown" in in_words(found)


def test_the_packages_table_has_a_source_and_known_instances() -> None:
    table = PriceTable.built_in()
    assert table.source.startswith("https://aws.amazon.com/")
    assert datetime.fromisoformat(table.date)
    assert set(table.per_hour) <= set(INSTANCE_TYPES)
    assert table.per_hour["ml.m5.large"] < table.per_hour["ml.m5.xlarge"] < table.per_hour["ml.m5.2xlarge"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"source": "a", "date": "b", "currency": "USD", "per_hour": {"ml.m5.large": -1}}),
        '{"source": "a", "date": "b", "currency": "USD", "per_hour": {"ml.m5.large": NaN}}',
        json.dumps({"source": "a", "date": "b", "currency": 5, "per_hour": {}}),
    ],
)
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(PriceTableError):
        PriceTable.parse(text)
