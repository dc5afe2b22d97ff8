from __future__ import annotations

import math
from dataclasses import replace

from gridwatch.reports.experiment.budgets import BestAt, best_by_budget
from gridwatch.reports.experiment.tables import Series


def curve(trial: str, values: list[float], start: int = 0, every: int = 1) -> Series:
    return Series(trial, "error", "GLOBAL", [start + every * n for n in range(len(values))], values)


SLOW = curve("slow", [0.9 - n / 100 for n in range(90)])
FAST = curve("fast", [0.5] * 90)


def test_another_trial_wins_with_a_smaller_budget() -> None:
    found = best_by_budget([SLOW, FAST], "minimize", (30, 60, 90))
    assert [(best.budget, best.trial_id) for best in found] == [(30, "fast"), (60, "slow"), (90, "slow")]
    assert found[0] == BestAt(30, "fast", 29, 0.5, 2)
    assert [best.trial_id for best in best_by_budget([SLOW, FAST], "maximize", (30, 90))] == ["slow", "fast"]


def test_usual_budgets_are_shares_of_the_longest_curve_and_end_with_all() -> None:
    assert [best.budget for best in best_by_budget([SLOW], "minimize")] == [27, 54, 81, 90]
    assert [best.budget for best in best_by_budget([curve("a", [1.0] * 100)], "minimize")] == [30, 60, 90, 100]
    assert [best.budget for best in best_by_budget([curve("a", [1.0] * 3)], "minimize")] == [3]


def test_a_trial_that_ended_earlier_competes_with_its_last_value() -> None:
    (best,) = best_by_budget([curve("stopped", [0.4] * 10), SLOW], "minimize", (20,))
    assert (best.trial_id, best.step, best.reached) == ("stopped", 9, 2)


def test_budgets_count_from_the_first_step_whatever_its_number() -> None:
    (best,) = best_by_budget([curve("a", [0.3, 0.2, 0.1], start=100)], "minimize", (2,))
    assert (best.step, best.value) == (101, 0.2)


def test_of_curves_from_logs_values_count_and_not_lines() -> None:
    """One log prints a batch's loss nine times between two values, the other the values alone."""
    chatty = replace(curve("chatty", [0.9, 0.5, 0.1], start=9, every=10), source="log")
    terse = replace(curve("terse", [0.8, 0.6, 0.4]), source="log")
    found = best_by_budget([chatty, terse], "minimize", (1, 2, 3))
    assert [(best.trial_id, best.value, best.unit) for best in found] == [
        ("terse", 0.8, "values"), ("chatty", 0.5, "values"), ("chatty", 0.1, "values"),
    ]  # fmt: skip
    drawn = replace(chatty, steps=[9, 29], values=[0.9, 0.1], places=[1, 3])
    assert [best.trial_id for best in best_by_budget([drawn, terse], "minimize", (2, 3))] == ["terse", "chatty"]
    (stored,) = best_by_budget([replace(chatty, thinned=True), terse], "minimize", (5,))
    assert (stored.trial_id, stored.unit) == ("terse", "lines of the log with a metric")
    assert best_by_budget([SLOW], "minimize")[0].unit == "steps"


def test_values_that_are_not_finite_never_win() -> None:
    (best,) = best_by_budget([curve("nan", [math.nan] * 5), curve("ok", [0.7] * 5)], "minimize", (5,))
    assert (best.trial_id, best.reached) == ("ok", 1)
    assert best_by_budget([curve("nan", [math.nan] * 5)], "minimize", (5,)) == []
    assert best_by_budget([], "minimize") == []
