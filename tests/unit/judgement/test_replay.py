"""Replaying complete grids: the simulator, the scores as the README of the curves defines them, and odd files."""

from __future__ import annotations

import gzip
import json
import math
import random
from typing import Any

import pytest

from gridwatch_rules.judgement.catalogue import create_judgement_rule
from gridwatch_rules.judgement.grids import Grid, GridError, parse_grid
from gridwatch_rules.judgement.history import Curve, History
from gridwatch_rules.judgement.replay import AcrossTrials, FixedStops, Replay, replay
from gridwatch_rules.judgement.scores import Scorer, mean_of, pareto, student_975
from gridwatch_rules.judgement.trial_rules import stops_of
from gridwatch_rules.rules.catalogue import create_rule


def entry(losses: list[float | None], *, seconds: float | None = None, **series: Any) -> dict[str, Any]:
    return {
        "config": {},
        "validation_loss": losses,
        "seconds": float(len(losses)) if seconds is None else seconds,
        **series,
    }


def grid_of(*entries: dict[str, Any], **options: Any) -> Grid:
    return parse_grid(json.dumps(entries).encode(), "grid", **options)


class Watcher:
    """Goes on always, and writes down what was there to see."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, int]]] = []

    def stops(self, curve: Curve, trained: Any, history: History) -> bool:
        self.seen.append((curve.trial, {each.trial: len(each.values) for each in history}))
        return False


def test_a_rule_sees_what_a_live_system_would_have_seen_by_then() -> None:
    watcher = Watcher()
    grid = grid_of(entry([3, 2, 1]), entry([3, 2, 1], seconds=6), entry([3, 2, 1]))
    replay(grid, [watcher], seed=3, workers=2)
    names = [name for name, _ in watcher.seen]
    assert sorted(names) == ["0", "0", "1", "1", "2", "2"]  # never asked after the last report
    assert all(len(known) <= 2 or "2" in known for _, known in watcher.seen)
    assert watcher.seen[0][1][watcher.seen[0][0]] == 1
    serial = Watcher()
    replay(grid, [serial], seed=3, workers=1)
    assert [name for name, _ in serial.seen[:2]] == [serial.seen[0][0]] * 2


def test_the_same_seed_gives_the_same_replay_and_another_another_order() -> None:
    grid = grid_of(*(entry([1.0 + place % 7, 1.0 + place % 5, 1.0]) for place in range(40)))
    judges = [AcrossTrials(create_judgement_rule("MedianStopping", {}))]
    assert replay(grid, judges, seed=1, workers=4) == replay(grid, judges, seed=1, workers=4)
    assert len({tuple(sorted(replay(grid, judges, seed=seed, workers=4).stopped)) for seed in range(5)}) > 1


def test_scores_are_those_of_the_readme() -> None:
    best = entry([4.0, 1.0, 0.5, 0.49], accuracy=[0.1, 0.5, 0.9, 0.8])
    hopeless = entry([9.0, 9.0, 9.0, 9.0], accuracy=[0.1, 0.1, 0.1, 0.1])
    grid = grid_of(best, *[hopeless] * 9)
    scorer = Scorer(grid, hopeless=0.3)
    found = scorer.scores(Replay({"0": 2, "1": 1, "2": 2}))
    assert found.saved == pytest.approx((2 + 3 + 2) / 40)
    assert found.top_killed == 1.0  # one trial is the best twentieth
    assert found.hopeless_caught == pytest.approx(2 / 9)
    assert found.accuracy_regret_pp == pytest.approx(40)
    assert found.regret == pytest.approx(0.51)
    assert found.saved_cost is None
    assert scorer.scores(Replay({"0": 3})).top_killed == 0.0  # 0.5 is within 5 % of 0.49
    assert scorer.scores(Replay()).saved == 0.0


def test_without_accuracy_or_limit_nothing_is_said_of_hopeless_trials() -> None:
    found = Scorer(grid_of(entry([2.0, 1.0])), hopeless=0.3).scores(Replay({"0": 1}))
    assert (found.hopeless_caught, found.accuracy_regret_pp) == (None, None)
    found = Scorer(grid_of(entry([2.0, 1.0], accuracy=[0.1, None]))).scores(Replay({"0": 1}))
    assert (found.hopeless_caught, found.accuracy_regret_pp) == (None, 0.0)


RULES = ["GridDefault", "MedianStopping", "KatibMedianStopping", "PercentileStopping", "TruncationStopping",
         "BanditStopping", "Patience", "ASHA", "Hyperband", "CurveExtrapolation"]  # fmt: skip
ODD = {
    "constant": [entry([1.0] * 12) for _ in range(30)],
    "zero": [entry([0.0] * 12) for _ in range(30)],
    "one": [entry([2.0, 1.0])],
    "one report each": [entry([1.0 + place]) for place in range(30)],
    "nothing finite": [entry([None] * 6) for _ in range(30)],
    "some never finite": [entry([None] * 9 if place % 2 else [1.0 + place / 9] * 9) for place in range(40)],
    "not finite at first": [entry([None, None, *[1.0 + place] * 9]) for place in range(40)],
    "of unequal length": [entry([5.0 / (step + 1) + place for step in range(3 + place)]) for place in range(40)],
    "huge": [entry([1e300 / (step + 1 + place) for step in range(12)]) for place in range(40)],
    "negative": [entry([-float(step * place) for step in range(12)]) for place in range(40)],
    "no time": [entry([1.0 + place, 0.5 + place], seconds=0) for place in range(20)],
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("odd", list(ODD))
def test_every_rule_is_replayed_on_odd_grids(rule: str, odd: str) -> None:
    grid = grid_of(*ODD[odd])
    found = Scorer(grid).scores(replay(grid, [AcrossTrials(create_judgement_rule(rule, {}))], seed=0, workers=8))
    assert 0.0 <= found.saved <= 1.0
    assert 0.0 <= found.top_killed <= 1.0
    if odd in ("constant", "zero", "one report each"):
        assert found.top_killed == 0.0
    if odd == "nothing finite":
        assert found.saved == pytest.approx(5 / 6)


def usual(trials: int = 100) -> Grid:
    """Noisy power laws to ends of all kinds, at all paces; each eighth trial falls slowly for long."""
    draw = random.Random(4)
    entries = []
    for place in range(trials):
        end, pace = draw.random(), draw.uniform(0.5, 1.5) if place % 8 else 0.3
        entries.append(entry([0.1 + end + (step + 1) ** -pace + draw.gauss(0, 0.01) for step in range(30)]))
    return grid_of(*entries)


def crossing(trials: int = 100) -> Grid:
    """Whoever falls fastest at first ends worst, until half of the training is over."""
    draw = random.Random(5)
    entries = []
    for _ in range(trials):
        pace = draw.random()
        early = [2 - (0.5 + pace) * min(1, step / 15) for step in range(16)]
        entries.append(entry([*early, *(early[-1] - 1.6 * (1 - pace) * step / 14 for step in range(1, 15))]))
    return grid_of(*entries)


def dialled(grid: Grid, **parameters: Any) -> tuple[float, float]:
    judges, scorer = [AcrossTrials(create_judgement_rule("GridDefault", parameters))], Scorer(grid)
    scores = [scorer.scores(replay(grid, judges, seed=seed, workers=8)) for seed in range(4)]
    return sum(each.saved for each in scores) / 4, sum(each.top_killed for each in scores) / 4


def test_a_more_eager_setting_saves_more() -> None:
    grid = usual()
    cautious, balanced, eager = (dialled(grid, stopping=each) for each in ("cautious", "balanced", "eager"))
    assert 0.3 < cautious[0] < balanced[0] < eager[0] < 0.9
    assert cautious[1] == 0.0
    assert balanced[1] <= 0.05


def test_where_ranks_turn_round_the_rule_notices_and_spares_the_best() -> None:
    grid = crossing()
    assert dialled(grid)[1] == 0.0
    assert dialled(grid, correlation=-1)[1] > 0.5


def test_scores_that_are_better_when_higher_are_replayed_the_other_way_round() -> None:
    losses = [[2.0 / (step + 1) + place / 10 for step in range(10)] for place in range(30)]
    down = grid_of(*map(entry, losses))  # type: ignore[arg-type]
    up = grid_of(*({"auc": [-loss for loss in each], "seconds": 10.0} for each in losses), metric="auc")
    assert up.maximize
    for rule in ("MedianStopping", "ASHA", "KatibMedianStopping"):
        judges = [AcrossTrials(create_judgement_rule(rule, {}))]
        assert replay(up, judges, seed=1, workers=4) == replay(down, judges, seed=1, workers=4)


def test_rules_on_one_trial_are_replayed_on_its_curves() -> None:
    grid = grid_of(
        entry([1.0] * 30, train_loss=[1.0] * 30),
        entry([30.0 - step for step in range(30)], train_loss=[30.0 - step for step in range(30)]),
        entry([None] * 30, train_loss=[1.0 - step / 100 for step in range(30)]),
    )
    assert stops_of(grid, lambda: create_rule("LossNotDecreasing", {})).after == {"0": 11}
    assert stops_of(grid, lambda: create_rule("MetricNonFinite", {})).after == {"2": 1}
    assert stops_of(
        grid, lambda: create_rule("Expression", {"expression": "scalars['val_loss'] < 21.0 && step > 3"})
    ).after == {"0": 5, "1": 11}
    assert replay(grid, [FixedStops({"1": 2})], seed=0, workers=2).stopped == {"1": 2}
    with pytest.raises(GridError, match="VanishingGradient looks at none of the curves"):
        stops_of(grid, lambda: create_rule("VanishingGradient", {}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[]", "a list of at least one configuration is wanted, there is an empty list"),
        (b"{}", "there is an object"),
        (b"nonsense", "is no JSON"),
        (b"\x1f\x8bnonsense", "is damaged"),
        (b"[1]", "entry 0 is a number"),
        (b'[{"a": [1], "b": [2]}]', "which series is to be judged.* there are a, b"),
        (b'[{"validation_loss": [1, "x"]}]', r"validation_loss\[1\] = 'x'"),
        (b'[{"validation_loss": [1], "seconds": -1}]', "seconds = -1"),
        (b'[{"validation_loss": []}]', "no configuration has values"),
    ],
)
def test_what_is_no_grid_is_refused_with_the_place_and_what_is_wanted(content: bytes, said: str) -> None:
    with pytest.raises(GridError, match=said):
        parse_grid(content, "file")


def test_files_may_be_packed_and_incomplete() -> None:
    content = gzip.compress(json.dumps([entry([1.0, None]), {"config": {}}]).encode())
    grid = parse_grid(content, "file")
    assert (len(grid.trials), grid.incomplete, grid.metric, grid.maximize) == (1, 1, "validation_loss", False)
    assert grid.trials[0].losses == [1.0, math.inf]


def test_means_have_students_interval() -> None:
    found = mean_of([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5
    assert found.high - found.mean == pytest.approx(3.182 * 1.29099 / 2, rel=0.01)
    assert [student_975(freedom) for freedom in (1, 2, 3, 9, 19, 1000)] == pytest.approx(
        [12.706, 4.303, 3.182, 2.262, 2.093, 1.962], rel=0.01
    )
    assert mean_of([7.0]).low == 7.0


def test_the_pareto_front_is_what_nothing_else_beats() -> None:
    assert pareto([(0.7, 0.0), (0.6, 0.0), (0.8, 0.3), (0.8, 0.2), (0.9, 0.9)]) == [0, 3, 4]


@pytest.mark.parametrize(
    ("series", "judged", "maximize"),
    [
        ({"train_rmse": [1], "val_rmse": [1], "accuracy": [1]}, "val_rmse", False),
        ({"train_loss": [1], "accuracy": [1]}, "accuracy", True),
        ({"loss": [1], "validation_loss": [1], "val_f1": [1]}, "validation_loss", False),
    ],
)
def test_what_is_judged_is_told_from_the_names(series: dict[str, list[int]], judged: str, maximize: bool) -> None:
    grid = parse_grid(json.dumps([{**series, "seconds": None}]).encode(), "file")
    assert (grid.metric, grid.maximize, grid.seconds) == (judged, maximize, 1.0)
