"""Labels by objective and metric: what gridwatch.spec.xgboost says of them, told of data."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.examination import ChannelData, examine
from gridwatch.preflight.sampling import FULL, LocalData
from gridwatch.preflight.targets import targets_of
from tests.unit.preflight.planting import SMALL, clean, notices, text

NUMBERS = targets_of([{"objective": "reg:squarederror"}])
MULTI = {"objective": "multi:softprob", "num_class": 3}


def of_labels(folder: Path, given: dict[str, Any], *labels: float, ranked_by: str = "train-auc") -> list[Notice]:
    """What the checks of labels say when the first column has these values in turn, and one of each at least."""
    rows = [[label, *row[1:]] for label, row in zip(itertools.cycle(labels), clean(120), strict=False)]
    found = notices(folder, {"train": text(rows)}, targets=targets_of([given], ranked_by))
    return [notice for notice in found if notice.check in ("label", "label-place")]


@pytest.mark.parametrize(
    ("given", "labels", "allowed"),
    [
        ({"objective": "reg:gamma"}, (0, 1.5), "more than 0"),
        ({"objective": "reg:gamma"}, (-1, 1.5), "more than 0"),
        ({"objective": "count:poisson"}, (0, -1, 3), "at least 0"),
        ({"objective": "reg:tweedie"}, (0, -0.5, 3), "at least 0"),
        ({"objective": "reg:squaredlogerror"}, (-1, 2), "more than -1"),
        ({"objective": "reg:logistic"}, (0.2, 1.5), "from 0 to 1"),
        ({"objective": "binary:logitraw"}, (0, 1, 2), "0 or 1"),
        ({"objective": "binary:hinge"}, (-1, 1), "0 or 1"),
        ({"objective": "rank:ndcg"}, (0, 1, 32), "whole numbers from 0 to 31"),
        ({"objective": "rank:ndcg"}, (0, 1.5, 3), "whole numbers from 0 to 31"),
        ({"objective": "rank:pairwise"}, (0, 1.5, 3), "whole numbers from 0 to 31"),
        ({"objective": "rank:map"}, (0, 1, 2), "0 or 1"),
        ({"objective": "rank:pairwise", "eval_metric": "map@5"}, (0, 1, 2), "0 or 1"),
        ({"objective": "reg:squarederror", "eval_metric": "rmse,pre@3"}, (0, 1, 2), "0 or 1"),
        ({"objective": "reg:squarederror", "eval_metric": "ndcg@10-"}, (0, 1, 40), "whole numbers from 0 to 31"),
        (MULTI, (0, 1, 3), "whole numbers from 0 to 2 (num_class 3)"),
        (MULTI, (0, 1, 1.5), "whole numbers from 0 to 2 (num_class 3)"),
    ],
)
def test_labels_that_fail_are_refused(
    given: dict[str, Any], labels: tuple[float, ...], allowed: str, tmp_path: Path
) -> None:
    (notice,) = of_labels(tmp_path, given, *labels)
    assert (notice.level, notice.allowed) == (Level.REFUSE, allowed)


@pytest.mark.parametrize(
    ("given", "labels"),
    [
        ({"objective": "reg:gamma"}, (0.001, 5)),
        ({"objective": "count:poisson"}, (0, 0.5, 7)),
        ({"objective": "reg:squaredlogerror"}, (-0.9, 4)),
        ({"objective": "reg:squarederror"}, (-3, 4.5)),
        ({"objective": "reg:squarederror", "eval_metric": "error,logloss"}, (0, 1)),
        ({"objective": "reg:squarederror", "eval_metric": "mape"}, (-1, 2)),
        ({"objective": "reg:logistic"}, (0, 0.3, 1)),
        ({"objective": "rank:ndcg"}, (0, 1, 31)),
        ({"objective": "rank:pairwise", "eval_metric": "rmse"}, (-1.5, 32, 40)),
        ({"objective": "survival:cox"}, (-4, 3)),
        ({**MULTI, "eval_metric": "auc,merror,f1_macro"}, (0, 1, 2)),
    ],
)
def test_labels_that_fit_are_left_in_peace(given: dict[str, Any], labels: tuple[float, ...], tmp_path: Path) -> None:
    assert of_labels(tmp_path, given, *labels) == []


@pytest.mark.parametrize(
    ("metric", "labels", "allowed"),
    [
        ("error", (0, 1, 2), "from 0 to 1"),
        ("logloss", (0, 5), "from 0 to 1"),
        ("poisson-nloglik", (-1, 2), "at least 0"),
        ("accuracy", (0.5, 1.5), "whole numbers"),
        ("mape", (0, 1, 5), "anything but 0"),
        ("rmsle", (-2, 4), "more than -1"),
    ],
)
def test_a_metric_without_meaning_is_warned_of(
    metric: str, labels: tuple[float, ...], allowed: str, tmp_path: Path
) -> None:
    (notice,) = of_labels(tmp_path, {"objective": "reg:squarederror", "eval_metric": metric}, *labels)
    assert (notice.level, notice.allowed) == (Level.WARN, allowed)


def test_no_number_is_refused_where_trials_are_ranked_by_it(tmp_path: Path) -> None:
    given = {"objective": "reg:squarederror", "eval_metric": "rmse,mape"}
    (notice,) = of_labels(tmp_path, given, 0, 2, ranked_by="train-mape")
    assert notice.level is Level.REFUSE
    (notice,) = of_labels(tmp_path, given, 0, 2, ranked_by="validation-mape")
    assert notice.level is Level.WARN


def test_one_class_has_no_area(tmp_path: Path) -> None:
    given = {"objective": "binary:logistic", "eval_metric": "auc"}
    (notice,) = of_labels(tmp_path, given, 1)
    assert notice.level is Level.REFUSE
    assert "auc is no number" in notice.message
    (notice,) = of_labels(tmp_path, given, 1, ranked_by="validation-auc")
    assert notice.level is Level.WARN


def test_a_class_without_rows_has_no_area(tmp_path: Path) -> None:
    rows = [[label, *row[1:]] for label, row in zip(itertools.cycle((0, 2)), clean(120), strict=False)]
    targets = targets_of([{**MULTI, "eval_metric": "auc"}], "train-auc")
    (notice,) = notices(tmp_path, {"train": text(rows)}, targets=targets)
    assert (notice.check, notice.level) == ("label-balance", Level.REFUSE)
    assert "no row has the class 1 of 3, and auc is no number" in notice.message


@pytest.mark.parametrize(
    ("queries", "says"),
    [
        ([1] * 60 + [2] * 60, None),
        ([2] * 60 + [1] * 60, None),
        ([1, 2] * 60, "a query goes on after another one"),
        ([None] * 120, "no row has qid"),
        ([1] * 119 + [None], "1 of 120 rows have no qid"),
    ],
)
def test_the_queries_of_a_ranking(queries: list[int | None], says: str | None, tmp_path: Path) -> None:
    lines = [
        f"{place % 3}{'' if query is None else f' qid:{query}'} 0:{row[1]} 1:{row[2]}\n"
        for place, (query, row) in enumerate(zip(queries, clean(120), strict=True))
    ]
    targets = targets_of([{"objective": "rank:ndcg"}])
    found = notices(tmp_path, {"train": "".join(lines)}, targets=targets, content_type="text/libsvm")
    assert [notice.check for notice in found] == (["queries"] if says else [])
    assert not says or says in found[0].message
    other = notices(tmp_path, {"train": "".join(lines)}, targets=NUMBERS, content_type="text/libsvm")
    assert "queries" not in [notice.check for notice in other]


@pytest.mark.parametrize(
    ("given", "level", "allowed"),
    [
        ({"monotone_constraints": "(1,-1,0,0,0,1)"}, Level.REFUSE, "at most 5"),
        ({"monotone_constraints": "(1,-1,0,0,0,1)", "booster": "gblinear"}, None, None),
        ({"monotone_constraints": "(1,-1,)"}, None, None),
        ({"interaction_constraints": "[[0,1],[5]]"}, Level.WARN, "0 to 4"),
        ({"interaction_constraints": "[[0,1],[4]]"}, None, None),
    ],
)
def test_constraints_speak_of_columns_that_there_are(
    given: dict[str, Any], level: Level | None, allowed: str | None, tmp_path: Path
) -> None:
    targets = targets_of([{"objective": "binary:logistic", **given}])
    found = notices(tmp_path, {"train": text(clean(100, 5))}, targets=targets)
    assert [(each.level, each.allowed) for each in found] == ([(level, allowed)] if level else [])


@pytest.mark.parametrize(("objective", "label"), [("reg:tweedie", 0), ("survival:cox", -2.5), ("survival:cox", 0)])
def test_labels_of_which_none_is_above_0(objective: str, label: float, tmp_path: Path) -> None:
    targets = targets_of([{"objective": objective}])
    nothing = text([[label - place % 3 if label < 0 else label, *row[1:]] for place, row in enumerate(clean())])
    found = notices(tmp_path, {"train": nothing}, targets=targets)
    assert [notice.check for notice in found if notice.level is Level.REFUSE] == ["label"]
    assert "no label is above 0" in found[0].message
    one = nothing.replace(f"{nothing.split(',', 1)[0]},", "1.5,", 1)
    assert not [notice for notice in notices(tmp_path, {"train": one}, targets=targets) if "above 0" in notice.message]


@pytest.mark.parametrize(
    ("given", "rows"),
    [
        ({"objective": "reg:squarederror", "min_child_weight": 50.5}, 101),
        ({"objective": "reg:squarederror", "min_child_weight": 50}, None),
        ({"objective": "binary:logistic", "min_child_weight": 13}, 104),
        ({"objective": "binary:logistic", "min_child_weight": 13, "scale_pos_weight": 2}, None),
        ({"objective": "binary:logistic", "min_child_weight": 13, "booster": "gblinear"}, None),
        ({"objective": "count:poisson", "min_child_weight": 1000}, None),  # whose rows may count for any number
        ({**MULTI, "min_child_weight": 30}, 120),
    ],
)
def test_too_few_rows_for_a_split(given: dict[str, Any], rows: int | None, tmp_path: Path) -> None:
    found = notices(tmp_path, {"train": text(clean(100))}, targets=targets_of([given]))
    told = [notice for notice in found if notice.check == "constraints"]
    assert [notice.level for notice in told] == ([Level.WARN] if rows else [])
    assert all(f"from {rows} with" in (notice.allowed or "") for notice in told)


def test_a_few_rows_are_no_fault_of_a_min_child_weight_that_nobody_gave(tmp_path: Path) -> None:
    found = notices(tmp_path, {"train": text(clean(4))}, targets=targets_of([{"objective": "binary:logistic"}]))
    assert "constraints" not in {notice.check for notice in found}


@pytest.mark.parametrize(
    ("more", "offset", "base"), [({}, 20, "19.62"), ({}, 0, None), ({"base_score": 20}, 20, None),
                                 ({"huber_slope": 30}, 20, None), ({"huber_slope": 1}, -200, "-200.4")],
)  # fmt: skip
def test_pseudo_huber_begins_beyond_the_labels(
    more: dict[str, Any], offset: float, base: str | None, tmp_path: Path
) -> None:
    rows = [[offset + row[1], *row[2:]] for row in clean(100)]
    found = notices(
        tmp_path, {"train": text(rows)}, targets=targets_of([{"objective": "reg:pseudohubererror", **more}])
    )
    told = [notice for notice in found if notice.check == "constraints"]
    assert [notice.level for notice in told] == ([Level.WARN] if base else [])
    assert all(f"set base_score: {base}" in (notice.advice or "") for notice in told if base)


@pytest.mark.parametrize(("objective", "first"), [("count:poisson", -3), ("reg:gamma", 0), ("reg:tweedie", -1)])
def test_labels_that_count_the_rows_may_not_suit_either(objective: str, first: int, tmp_path: Path) -> None:
    rows = [[first + place, *row[1:]] for place, row in enumerate(clean(60))]
    found = notices(tmp_path, {"train": text(rows)}, targets=targets_of([{"objective": objective}]))
    levels = [(notice.level, notice.message) for notice in found if notice.check == "label"]
    assert [level for level, _ in levels] == [Level.REFUSE, Level.WARN]
    assert "does not suit" in levels[0][1]


def weighed(folder: Path, weights: list[object]) -> list[Notice]:
    rows = [[row[0], weight, *row[1:]] for row, weight in zip(clean(100), itertools.cycle(weights), strict=False)]
    file = folder / "train.csv"
    file.write_text(text(rows))
    channel = ChannelData("train", "text/csv", LocalData(file), weighted=True)
    targets = targets_of([{"objective": "reg:squarederror", "csv_weights": 1, "min_child_weight": 1}])
    return [each for each in examine([channel], targets, SMALL, FULL).notices if each.check != "duplicate-rows"]


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([1, 0.5, 0], None),
        ([1, -0.5, 2], "33 of 100 weights are missing, negative or not finite"),
        ([1, "", 2, 3], "25 of 100 weights"),
        ([1, "nan"], "50 of 100 weights"),
        ([1, "inf"], "50 of 100 weights"),
        ([1, 1e39], "50 of 100 weights"),
        ([0], "every row has the weight 0"),
        ([1e-3], "the weights of 100 rows are 0.1 together"),
    ],
)
def test_the_weights_of_rows(weights: list[object], says: str | None, tmp_path: Path) -> None:
    found = weighed(tmp_path, weights)
    assert [says in each.message for each in found if says] == ([True] if says else [])
    assert bool(found) == bool(says)


def test_numbers_that_single_precision_cannot_hold(tmp_path: Path) -> None:
    targets = targets_of([{"objective": "reg:squarederror"}])
    labels, features = clean(), clean()
    labels[7][0], features[7][2] = 1e39, -1e39
    for rows, check, column in ((labels, "label", 1), (features, "non-finite", 3)):
        found = notices(tmp_path, {"train": text(rows)}, targets=targets)
        refused = [notice for notice in found if notice.level is Level.REFUSE]
        assert [(notice.check, notice.row, notice.column) for notice in refused] == [(check, 8, column)]
        assert "too large for single precision" in refused[0].message


def test_the_number_of_classes_may_be_a_text(tmp_path: Path) -> None:
    """As SageMaker's SDK has all hyperparameters."""
    found = of_labels(tmp_path, MULTI | {"num_class": "3"}, 0, 1, 3)
    assert [notice.allowed for notice in found] == ["whole numbers from 0 to 2 (num_class 3)"]
