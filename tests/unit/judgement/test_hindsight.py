"""What a rule in shadow mode would have cost, by what became of the trials."""

from __future__ import annotations

import math

import pytest

from gridwatch_rules.judgement.hindsight import Completed, hindsight
from gridwatch_rules.judgement.reported import ReportsRecord


def log(curves: dict[str, list[float]], *, chunk: int = 2) -> list[ReportsRecord]:
    """The curves as trials report them, a report every second step, in parts."""
    records = []
    for trial, values in curves.items():
        reports = [(2.0 * place, place + 1.0, value) for place, value in enumerate(values)]
        for start in range(0, len(reports), chunk):
            part = tuple(reports[start : start + chunk])
            records.append(ReportsRecord(log="log", number=len(records) + 1, trial=trial, reports=part))
    return records


CURVES = {"best": [0.9, 0.5, 0.2, 0.1], "good": [0.9, 0.3, 0.3, 0.2], "bad": [0.9, 0.9, 0.8, 0.8]}


def test_stops_of_bad_trials_cost_nothing() -> None:
    trials = [Completed("best", 0.1), Completed("good", 0.2), Completed("bad", 0.8, step=2, seconds=60.0)]
    found = hindsight("rule", trials, log(CURVES), maximize=False)
    assert found is not None
    assert (found.trials, found.stopped, found.seconds, found.top, found.lost) == (3, 1, 60.0, 1, 0)
    assert (found.best, found.best_seen, found.without_curves) == (0.1, 0.1, 0)


@pytest.mark.parametrize(("step", "lost", "seen"), [(2, 1, 0.2), (4, 1, 0.2), (6, 0, 0.1)])
def test_a_stop_of_the_best_trial_costs_what_was_not_seen_until_then(step: int, lost: int, seen: float) -> None:
    trials = [Completed("best", 0.1, step=step, seconds=5.0), Completed("good", 0.2), Completed("bad", 0.8)]
    found = hindsight("rule", trials, log(CURVES), maximize=False)
    assert found is not None
    assert (found.lost, found.best_seen) == (lost, pytest.approx(seen))


def test_a_metric_that_is_better_when_higher_is_told_as_it_is() -> None:
    curves = {"best": [0.1, 0.5, 0.9], "good": [0.2, 0.6, 0.7]}
    trials = [Completed("best", 0.9, step=2, seconds=5.0), Completed("good", 0.7)]
    found = hindsight("rule", trials, log(curves), maximize=True)
    assert found is not None
    assert (found.best, found.best_seen, found.lost) == (0.9, pytest.approx(0.7), 1)


def test_without_curves_nothing_counts_as_seen_of_what_would_have_been_stopped() -> None:
    trials = [Completed("best", 0.1, step=100, seconds=5.0), Completed("good", 0.2)]
    found = hindsight("rule", trials, [], maximize=False)
    assert found is not None
    assert (found.lost, found.best_seen, found.without_curves) == (1, pytest.approx(0.2), 1)
    alone = hindsight("rule", trials[:1], [], maximize=False)
    assert alone is not None
    assert alone.best_seen is None


def test_a_stop_before_the_first_report_leaves_that_report() -> None:
    trials = [Completed("best", 0.1, step=-1, seconds=5.0), Completed("good", 0.2)]
    found = hindsight("rule", trials, log(CURVES), maximize=False)
    assert found is not None
    assert (found.lost, found.best_seen) == (1, pytest.approx(0.2))


def test_reports_of_trials_that_did_not_complete_are_left_out() -> None:
    found = hindsight("rule", [Completed("good", 0.2)], log(CURVES), maximize=False)
    assert found is not None
    assert (found.trials, found.best) == (1, 0.2)


def test_nothing_is_said_when_no_trial_has_a_value() -> None:
    assert hindsight("rule", [], [], maximize=False) is None
    assert hindsight("rule", [Completed("a", math.nan)], [], maximize=False) is None
