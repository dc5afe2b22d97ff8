"""What a history remembers, and that what it keeps ready is what it would find by looking through everything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridwatch_rules.judgement.history import REPORT_BYTES, Ending, History, Statistic, pack, unpack

reports = st.lists(
    st.tuples(
        st.sampled_from("abcd"), st.integers(1, 12), st.one_of(st.floats(-9, 9), st.just(math.nan), st.just(math.inf))
    ),
    max_size=60,
)


def told(*values: float, trial: str = "a", maximize: bool = False) -> History:
    history = History(maximize=maximize)
    for resource, value in enumerate(values, 1):
        history.report(trial, resource, value)
    return history


def test_a_curve_has_its_running_best_and_mean() -> None:
    curve = told(3.0, 1.0, math.nan, 2.0).curve("a")
    assert curve.values == [3.0, 1.0, math.inf, 2.0]
    assert curve.bests == [3.0, 1.0, 1.0, 1.0]
    assert curve.means == [3.0, 2.0, 2.0, 2.0]
    assert [curve.at(Statistic.BEST, at) for at in (0.5, 1, 1.5, 2, 99)] == [math.inf, 3.0, 3.0, 1.0, 1.0]


def test_a_metric_that_is_better_when_higher_is_kept_as_its_negative() -> None:
    history = told(0.5, 0.9, maximize=True)
    assert history.curve("a").best == -0.9
    assert history.metric(history.best) == 0.9


def test_what_comes_twice_or_late_changes_nothing() -> None:
    history = told(3.0, 2.0)
    assert not history.report("a", 2, 0.0)
    assert not history.report("a", 1, 0.0)
    assert history.curve("a").values == [3.0, 2.0]
    history.end("a", Ending.STOPPED)
    history.end("a", Ending.COMPLETED)
    assert history.curve("a").ending is Ending.STOPPED
    assert history.completed == 0


@given(reports, st.lists(st.tuples(st.integers(0, 60), st.sampled_from("abcd"), st.sampled_from(list(Ending)))))
def test_ranks_that_were_kept_are_those_found_anew(
    said: list[tuple[str, int, float]], ends: list[tuple[int, str, Ending]]
) -> None:
    kept, anew = History(), History()
    for history in (kept, anew):
        for number, (trial, resource, value) in enumerate(said):
            history.report(trial, resource, value)
            for at, ended, ending in ends:
                if at == number and ended in history and ending is not Ending.RUNNING:
                    history.end(ended, ending)
            if history is kept:
                kept.ranked(Statistic.MEAN, number % 7 + 1)
                kept.ranked(Statistic.BEST, number % 5 + 1, completed=True)
    for at in range(1, 8):
        assert kept.ranked(Statistic.MEAN, at) == anew.ranked(Statistic.MEAN, at)
        assert kept.ranked(Statistic.BEST, at, completed=True) == anew.ranked(Statistic.BEST, at, completed=True)


def test_the_others_are_all_but_oneself() -> None:
    history = told(2.0)
    history.report("b", 1, 2.0)
    history.report("c", 1, 1.0)
    assert history.others(Statistic.VALUE, history.curve("a"), 1) == [1.0, 2.0]
    assert history.others(Statistic.VALUE, history.curve("a"), 2) == []


def test_packed_parts_can_be_joined() -> None:
    first, later = [(1.0, 0.1), (2.0, math.inf)], [(3.0, -0.25)]
    packed = pack(first) + pack(later)
    assert len(packed) == 3 * REPORT_BYTES
    assert list(unpack(packed)) == first + later
    history = told(0.1, math.inf, -0.25)
    assert history.curve("a").packed() == packed
    with pytest.raises(ValueError, match="no whole number"):
        list(unpack(packed[:-1]))


def test_a_report_that_comes_after_the_end_of_its_trial_counts() -> None:
    history = told(3.0)
    assert history.ranked(Statistic.BEST, 2, completed=True) == []
    history.end("a", Ending.COMPLETED)
    history.report("a", 2, 1.0)
    assert history.ranked(Statistic.BEST, 2, completed=True) == [1.0]
    assert (history.furthest, [known.best for known in history.known]) == (2, [1.0])


def test_a_running_trial_becomes_known_at_each_part_of_its_training() -> None:
    history = History()
    history.start("a", planned=32)
    for resource in range(1, 8):
        history.report("a", resource, 10.0 - resource)
    assert [(known.best, known.until) for known in history.known] == [(4.0, 6)]
    history.end("a", Ending.STOPPED)
    assert [(known.best, known.until) for known in history.known] == [(3.0, 7)]
