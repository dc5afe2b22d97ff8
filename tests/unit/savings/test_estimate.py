"""What a stop spares, on numbers that can be reckoned by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gridwatch.domain.savings import Certainty, SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.estimate import RunningJob, estimate, in_words
from gridwatch.savings.planned import EPOCHS, ROUNDS, Planned
from gridwatch.savings.prices import PriceTable, PriceTableError
from gridwatch.savings.progress import Mark, Progress
from gridwatch.spec.instance_types import INSTANCE_TYPES
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
    return a_trial(
        state=state, started_at=NOON, ended_at=NOON + timedelta(seconds=seconds), instance_type=None, instance_count=2,
        hyperparameters={},
    )  # fmt: skip


def going(*marks: tuple[float, float], length: float = 100, unit: str = ROUNDS, **changes: Any) -> Progress:
    """`marks`: how many units were done, so many seconds after the job had started."""
    start = (NOON - timedelta(seconds=100)).timestamp()
    return Progress(
        planned=Planned(unit, length, unit), marks=tuple(Mark(done, start + at) for done, at in marks), **changes
    )


def steady(first: float, seconds: float, count: int, **changes: Any) -> Progress:
    """Rounds one after the other, the first of them done after `first` seconds."""
    return going(*((n + 1.0, first + n * seconds) for n in range(count)), **changes)


def found(running: RunningJob, at: datetime = NOON) -> SavingsRecord:
    record = estimate(running, PRICES, at)
    assert record is not None
    return record


def test_trials_are_not_read_when_progress_is_known() -> None:
    def refuse() -> list[TrialRecord]:
        raise AssertionError("thousands of trials are read")

    assert found(job(hyperparameters={"num_round": 100}, progress=steady(60, 2, 21), siblings=refuse)).seconds > 0


def test_start_up_is_no_part_of_the_pace() -> None:
    """A minute of start-up, then 21 rounds of 2 s: the other 79 take 158 s, not 79/21 of 100 s."""
    record = found(job(hyperparameters={"num_round": 100}, progress=steady(60, 2, 21), max_runtime_seconds=9_999))
    assert record.seconds == 158.0
    assert record.cost == pytest.approx(158 / 3600 * 2 * 3.6)
    assert (record.bound, record.currency, record.certainty) == ("about", "EUR", Certainty.ESTIMATE)
    assert in_words(record) == "about 2 min 38 s and 0.32 EUR (estimate; progress: 21 of 100 rounds were done)"


def test_what_has_passed_since_the_newest_step_is_done_already() -> None:
    """The newest step was saved 30 s before the stop: so much of the rest is over, by the pace of 2 s."""
    record = found(job(progress=steady(60, 2, 21)), NOON + timedelta(seconds=30))
    assert record.seconds == 158 - 30


def test_a_training_that_has_done_all_saves_nothing() -> None:
    record = found(job(progress=steady(60, 0.4, 100), max_runtime_seconds=86_400))
    assert (record.seconds, record.seconds_high, record.cost) == (0.0, 0.0, 0.0)


def test_a_pause_of_a_restart_is_no_part_of_the_pace() -> None:
    marks = [(n + 1.0, 10 + n) for n in range(20)] + [(n + 1.0, 60 + n) for n in range(20, 40)]
    record = found(job(progress=going(*marks)), NOON)
    assert record.seconds == pytest.approx(60, abs=1)  # 60 more rounds of a second, the newest of them at this moment
    low, high = record.seconds_range
    assert low < 60 < high


def test_the_later_pace_counts_more_and_the_former_widens_the_range() -> None:
    """Twenty rounds of a second, then twenty of two: sixty more take two minutes, at least one."""
    marks = [(n + 1.0, float(n)) for n in range(20)] + [(n + 21.0, 20 + 2.0 * n) for n in range(20)]
    record = found(job(progress=going(*marks)), NOON - timedelta(seconds=42))
    assert record.seconds == pytest.approx(120, rel=0.1)
    assert record.seconds_range[0] == pytest.approx(60, rel=0.2)


@pytest.mark.parametrize("limit", [101, 160, 86_400])
def test_no_more_can_be_saved_than_until_the_longest_time_is_over(limit: int) -> None:
    cases: list[dict[str, Any]] = [
        {"step": 0, "hyperparameters": {"num_round": 20_000}},
        {"progress": steady(60, 2, 21, length=1e9)},
        {"siblings": lambda: [took(10**7)]},
        {"progress": steady(60, 2, 21), "siblings": lambda: [took(10**7)], "spot": True},
    ]
    for case in cases:
        record = found(job(max_runtime_seconds=limit, **case))
        assert record.seconds <= record.seconds_range[1] <= limit - 100, case
        assert record.cost is not None
        assert record.cost <= (limit - 100) / 3600 * 2 * 3.6 + 1e-9


def test_one_moment_alone_gives_the_most_that_it_can_be() -> None:
    """20 of 100 rounds after 100 s, of which nobody knows how much was start-up: at most 400 s."""
    record = found(job(step=19, hyperparameters={"num_round": 100}, max_runtime_seconds=9_999))
    assert (record.seconds, record.seconds_range, record.at_most) == (400.0, (0.0, 400.0), True)
    assert in_words(record).startswith("at most 6 min 40 s and 0.80 EUR (estimate; progress: 20 of 100 rounds")


def test_a_script_that_may_stop_by_itself_has_a_bound_and_siblings_know_better() -> None:
    asked = {"num_round": 100, "early_stopping_rounds": 5}
    alone = found(job(hyperparameters=asked, progress=steady(60, 2, 21)))
    assert (alone.seconds, alone.seconds_range[0], alone.at_most) == (158.0, 0.0, True)
    assert "less if it stops by itself (early_stopping_rounds 5)" in alone.method
    with_siblings = found(job(hyperparameters=asked, progress=steady(60, 2, 21), siblings=lambda: [took(140)]))
    assert (with_siblings.seconds, with_siblings.at_most) == (40.0, False)
    assert with_siblings.seconds_range[1] >= 158


def test_siblings_overrule_a_count_of_reports_that_is_far_from_theirs() -> None:
    """Reports come ten times an epoch: by them the job is nearly through, by its siblings it has hardly begun."""
    counted = steady(10, 1, 90, length=100, unit=EPOCHS, assumed="each report counts as one of the 100 epochs")
    siblings = [took(1_000), took(1_000)]
    assert found(job(progress=counted, siblings=lambda: siblings)).seconds == 900
    assert found(job(progress=counted, siblings=lambda: siblings[:1])).seconds < 20


def test_where_a_report_may_be_of_less_than_an_epoch_the_range_is_as_wide_as_it_may_be() -> None:
    assumed: dict[str, Any] = {"length": 50, "unit": EPOCHS, "assumed": "each report counts as one of the 50 epochs"}
    sure = found(job(progress=steady(60, 2, 21, **assumed), max_runtime_seconds=3_700))
    vague = found(job(progress=steady(60, 2, 21, **assumed, vague=True), max_runtime_seconds=3_700))
    assert (vague.seconds, vague.seconds_range) == (sure.seconds, (sure.seconds_range[0], 3_600))
    assert "(52 s to 1 h 0 min)" in in_words(vague)


def test_siblings_of_another_planned_length_are_not_compared() -> None:
    siblings = [replace(took(seconds), hyperparameters={"epochs": epochs}) for seconds, epochs in ((200, 5), (900, 50))]
    asked = job(hyperparameters={"epochs": "5"}, siblings=lambda: siblings)
    assert found(asked).seconds == 100


def test_a_training_that_stands_still_would_have_gone_on_until_its_longest_time() -> None:
    record = found(job(progress=steady(0, 1, 20), max_runtime_seconds=7_200), NOON + timedelta(minutes=30))
    assert record.seconds == 7_200 - 1_900
    assert record.at_most
    assert "stands still" in record.method


def test_instances_of_groups_all_cost() -> None:
    prices = replace(PRICES, per_hour={"ml.m5.large": 3.6, "ml.g5.xlarge": 36.0})
    running = job(progress=steady(60, 2, 21), further_machines={"ml.g5.xlarge": 1})
    record = estimate(running, prices, NOON)
    assert record is not None
    assert record.hourly == pytest.approx(2 * 3.6 + 36)
    assert record.cost == pytest.approx(158 / 3600 * (2 * 3.6 + 36))


def test_spot_capacity_costs_less_than_its_price() -> None:
    alone = found(job(progress=steady(60, 2, 21), spot=True))
    assert alone.at_most
    assert alone.cost_range == (pytest.approx(0.1 * 0.9 * 158 / 3600 * 7.2, rel=0.02), pytest.approx(0.348, rel=0.02))
    billed = [replace(took(200), billable_seconds=60), replace(took(200), billable_seconds=80)]
    known = found(job(progress=steady(60, 2, 21), spot=True, siblings=lambda: billed))
    assert known.cost == pytest.approx(0.35 * 158 / 3600 * 7.2)
    assert not known.at_most


@pytest.mark.parametrize(("step", "rounds"), [(100, 100), (None, 100), (5, "many"), (5, None)])
def test_progress_that_is_not_known_is_not_guessed(step: int | None, rounds: object) -> None:
    assert estimate(job(step=step, hyperparameters={"num_round": rounds}), PRICES, NOON) is None


def test_a_step_of_an_epoch_is_no_epoch() -> None:
    assert estimate(job(step=5, hyperparameters={"epochs": 10}), PRICES, NOON) is None


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
