"""gridwatch.spec.xgboost against XGBoost itself: every row of the table, and products of what it combines, trained.

What the table refuses must come out as its outcome says: the training fails, the value is no number, no tree splits, or
the value depends on the order of the rows. What SageMaker's container refuses is compared with its own conditions, and
what the table accepts must train, split and print the names that the table says.
"""

from __future__ import annotations

import itertools
import json
import math
import random
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gridwatch.preflight.targets import targets_of
from gridwatch.spec.xgboost.clashes import CLASHES, clashes
from gridwatch.spec.xgboost.growing import GROWING, LINEAR_UPDATERS
from gridwatch.spec.xgboost.kinds import Choice, Directions, Groups, Names, Number
from gridwatch.spec.xgboost.metrics import METRICS, Suffix, canonical, metric_of
from gridwatch.spec.xgboost.objectives import OBJECTIVES, Predicts
from gridwatch.spec.xgboost.outcomes import Effect
from gridwatch.spec.xgboost.parameters import PARAMETERS
from gridwatch.spec.xgboost.settings import metrics_of

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venvs" / "xgboost" / "bin" / "python"
ROWS = 60

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="the training environment is missing; run: make setup")

# Labels that each kind of objective is made for.
LABELS = {
    "binary:hinge": "binary", "binary:logistic": "binary", "binary:logitraw": "binary", "count:poisson": "counts",
    "multi:softmax": "classes", "multi:softprob": "classes", "rank:map": "binary", "rank:ndcg": "ranks",
    "rank:pairwise": "ranks", "reg:logistic": "shares", "reg:squarederror": "numbers", "survival:cox": "times",
}  # fmt: skip
# Values that stand for each kind of labels of xgboost_rounds.py.
KINDS = {
    "positive": (1.5, 2.5), "binary": (0, 1), "classes": (0, 1, 2), "ranks": (0, 1, 4), "shares": (0, 0.3, 1),
    "counts": (0, 1, 8), "numbers": (11.5, 29.5), "times": (-3.5, 7.5),
}  # fmt: skip
NEEDED = {
    "multi:softmax": {"num_class": 3}, "multi:softprob": {"num_class": 3}, "reg:quantileerror": {"quantile_alpha": 0.5},
}  # fmt: skip
# What says nothing about whether a training runs, or what the trainings here have their own way of.
FIXED = ("num_round", "verbosity", "nthread", "seed", "save_model_on_termination", "csv_weights",
         "early_stopping_rounds", "device")  # fmt: skip
PARAMETER = {Suffix.POWER: "@1.5", Suffix.SHARE: "@0.15"}


@dataclass(frozen=True)
class Row:
    given: Mapping[str, Any]
    labels: str | tuple[float, ...]

    @property
    def expected(self) -> set[Effect]:
        return {found.outcome for found in clashes(self.given)}


def trained(rows: Sequence[Row], *, elsewhere: bool = False) -> list[dict[str, Any]]:
    """One answer for each row, from one process."""
    told = [{"given": dict(row.given), "labels": row.labels, "elsewhere": elsewhere} for row in rows]
    script = Path(__file__).with_name("xgboost_rounds.py")
    done = subprocess.run(
        [str(PYTHON), str(script)], input=json.dumps(told), capture_output=True, text=True,
        check=False, env={"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}/hook:{ROOT}/hook/xgboost_script"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def row(objective: str, **given: Any) -> Row:
    return Row({"objective": objective, **NEEDED.get(objective, {}), **given}, LABELS.get(objective, "positive"))


def suited(each: Row) -> Row | None:
    """The row with labels that its objective and its metrics take; None when no kind of labels suits both."""
    objective = OBJECTIVES[str(each.given["objective"])]
    domains = [objective.labels_of(3)]
    for metric in filter(None, map(metric_of, metrics_of(each.given))):
        if metric.outside is not Effect.DOUBTFUL and objective.predicts in metric.fits - {Predicts.CLASSES}:
            domains.append(metric.labels)
    for kind in (str(each.labels), *KINDS):
        if all(domain.accepts(value) for domain in domains for value in KINDS[kind]):
            return Row(each.given, kind)
    return None


def finite(values: Iterable[float]) -> bool:
    return all(math.isfinite(value) for value in values)


def disagreements(rows: Sequence[Row], *, elsewhere: bool = False) -> list[str]:
    found = []
    for each, answer in zip(rows, trained(rows, elsewhere=elsewhere), strict=True):
        wrong = disagreement(each, answer)
        if wrong:
            found.append(f"{dict(each.given)} ({each.labels}): {wrong}; XGBoost: {str(answer)[:200]}")
    return found


def disagreement(each: Row, answer: Mapping[str, Any]) -> str | None:
    """Where the table and XGBoost say different things of one row."""
    expected = each.expected - {Effect.DOUBTFUL}
    if expected == {Effect.CONTAINER}:
        return None if container_refuses(each.given) else "the container does not refuse it"
    if expected:
        return None if any(came_true(outcome, answer) for outcome in expected) else f"the table says {expected}"
    if "error" in answer or not all(map(finite, answer["values"].values())):
        return "the table accepts it"
    if each.given["objective"] == "binary:logistic" and "base_score" not in each.given and not answer["splits"]:
        return "nothing is learned"
    names = {canonical(name) for name in metrics_of(each.given)}
    return None if set(answer["values"]) == names else f"the table says that it prints {names}"


def came_true(outcome: Effect, answer: Mapping[str, Any]) -> bool:
    values: Mapping[str, list[float]] = answer.get("values", {})
    match outcome:
        case Effect.FAILS:
            return "error" in answer
        case Effect.NO_NUMBER:
            return any(not any(map(math.isfinite, of)) for of in values.values())
        case Effect.CONSTANT:
            return not answer.get("splits", True)
        case Effect.MISREAD:  # the value depends on the order of the rows
            return any(abs(value - values[name][-1]) > 1e-4 for name, value in answer.get("elsewhere", {}).items())
        case _:
            return False


def container_refuses(given: Mapping[str, Any]) -> bool:
    """The conditions of sagemaker_xgboost_container that the table follows where XGBoost has none."""
    updaters = [name for name in str(given.get("updater", "")).split(",") if name]
    metrics = str(given.get("eval_metric", "")).split(",")
    objective = str(given.get("objective", ""))
    # hyperparameter_validation.py, updater_validator and eval_metric_dep_validator; custom_metrics.py: scikit-learn's
    # scores with average="binary".
    return (
        sum(name in GROWING for name in updaters) > 1
        or any(name.startswith("grow_gpu") for name in updaters)
        or ("auc" in metrics and not objective.startswith(("binary:", "rank:")))
        or (objective.startswith("multi:") and bool({"f1_binary", "precision", "recall"} & set(metrics)))
    )


def test_every_objective_with_every_metric() -> None:
    rows = [row(objective) for objective in OBJECTIVES]
    for objective, (name, metric) in itertools.product(OBJECTIVES, METRICS.items()):
        rows.append(row(objective, eval_metric=name + PARAMETER.get(metric.suffix, ""), quantile_alpha=0.5))
    assert len(rows) > 600
    fitting = [each for each in map(suited, rows) if each is not None]
    assert disagreements(fitting, elsewhere=True) == []
    for each, answer in zip(rows, trained(rows), strict=True):  # and where no labels suit, none of them do
        values = answer.get("values", {})
        assert suited(each) or "error" in answer or not all(map(finite, values.values())), (each, answer)


def test_metrics_are_printed_as_the_table_says() -> None:
    thresholds = (
        "0.5",
        "0.50",
        ".5",
        "5e-1",
        "0.7",
        "0.70",
        "1",
        "1.0",
        "0",
        "1e-3",
        "1e-5",
        "0.333333333333",
        "-1",
        "-0",
        "1e-50",
        "1e5",
        "1e6",
        "123456.7",
    )
    rows = [row("binary:logistic", eval_metric=f"error@{threshold}") for threshold in thresholds]
    rows += [row("rank:ndcg", eval_metric=name) for name in ("ndcg-", "ndcg@10", "ndcg@10-", "ndcg@1", "ndcg@03")]
    rows += [
        row("rank:map", eval_metric=name)
        for name in ("map-", "map@5", "map@5-", "map@05-", "pre", "pre-", "pre@3", "pre@003")
    ]
    rows += [row("reg:tweedie", eval_metric=f"tweedie-nloglik@{power}") for power in ("1.50", "1.9", "1.123456789")]
    rows += [row("binary:logistic", eval_metric=f"ams@{share}") for share in ("0.150", "1", "1.0", "0", "1e-50")]
    rows += [row("reg:tweedie", tweedie_variance_power=power) for power in (1.1, 1.5, 1.123456789)]
    pairs = itertools.product(("rank:map", "rank:ndcg", "rank:pairwise"), ("mean", "topk"), (1, 5, 40))
    rows += [
        row(name, lambdarank_pair_method=method, lambdarank_num_pair_per_sample=pairs) for name, method, pairs in pairs
    ]
    assert disagreements(rows) == []


def test_what_is_no_metric_fails_or_prints_another_name() -> None:
    names = (
        "error@", "error@x", "tweedie-nloglik", "tweedie-nloglik@", "tweedie-nloglik@2", "tweedie-nloglik@0.5",
        "tweedie-nloglik@1", "ndcg@0", "ndcg@x", "map@0", "ams", "ams@x", "auc@1", "rmse@1", "rmse-", "Error", "AUC",
        "f1_weighted", "error @0.7", "error@0.5000001", "ndcg@", "mae@2", "auc-", "pre@0", "error@0_1",
        "tweedie-nloglik@1.99999999999", "tweedie-nloglik@1_1", "ndcg@4294967296",
    )  # fmt: skip
    assert [name for name in (*names, "error@nan", "error@inf", "ndcg@2.5") if canonical(name) is not None] == []
    rows = [row("rank:map" if name[:3] in ("map", "pre", "ndc") else "reg:tweedie", eval_metric=name) for name in names]
    for name, answer in zip(names, trained(rows), strict=True):
        values = answer.get("values", {})
        assert "error" in answer or name not in values or not finite(values[name]), name


def test_numbers_are_read_in_single_precision() -> None:
    """What is too large or too small for it fails or becomes another number, and is refused; what it holds runs."""
    floats = [name for name, kind in PARAMETERS.items() if isinstance(kind, Number) and not kind.whole]
    tried = list(itertools.product(floats, (1e-50, 1e-40, 3.5e38, 1e300, 2e-38, 3e38)))
    rows = [row("binary:logistic", booster="dart", **{name: value}) for name, value in tried]
    out_of_range = set()
    for (name, value), each, answer in zip(tried, rows, trained(rows), strict=True):
        fits = PARAMETERS[name].accepts(value) and not each.expected
        assert not fits or "error" not in answer, (each, answer)
        if "Out of range" in answer.get("error", ""):
            out_of_range.add((name, value))
    assert {value for _, value in out_of_range} == {1e-50, 1e-40, 3.5e38, 1e300}
    assert ("alpha", 1e-40) in out_of_range


def test_num_class_with_every_objective() -> None:
    rows = []
    for objective, classes in itertools.product(OBJECTIVES, (None, 2, 3, 4)):
        given = dict(row(objective).given)
        given.pop("num_class", None)
        labels = "binary" if objective.startswith("multi:") else LABELS.get(objective, "positive")
        rows.append(Row(given | ({"num_class": classes} if classes else {}), labels))
    assert disagreements(rows) == []


def test_base_score_with_every_objective() -> None:
    scores = (-2, -1, -0.001, 0, 0.01, 0.5, 0.99, 0.99999999, 1, 1.5, 20)
    rows = [row(objective, base_score=score) for objective, score in itertools.product(OBJECTIVES, scores)]
    assert disagreements(rows) == []
    assert row("binary:logistic", base_score=0.99999999).expected == {Effect.CONSTANT}  # read as 1


def test_rows_count_no_more_than_the_table_says() -> None:
    """With one row fewer than min_child_weight asks for no tree has a split, and with many more there is one."""
    for objective in [name for name, each in OBJECTIVES.items() if each.row_counts is not None]:
        least = float(OBJECTIVES[objective].row_counts or 0) * ROWS / 2
        given = row(objective, min_child_weight=least * 1.01)
        (target,) = targets_of([given.given])
        assert target.rows == ROWS + 1
        few, many = trained([given, row(objective, min_child_weight=least / 20)])
        assert (few["splits"], many["splits"]) == (False, objective != "reg:pseudohubererror"), objective


def test_pseudo_huber_begins_far_off() -> None:
    given = {"objective": "reg:pseudohubererror"}
    rows = [
        Row(given, "numbers"),
        Row(given | {"base_score": 20}, "numbers"),
        Row(given | {"huber_slope": 30}, "numbers"),
    ]
    assert [answer["splits"] for answer in trained(rows)] == [False, True, True]


def test_quantiles() -> None:
    rows = [row("reg:squarederror", eval_metric=name) for name in ("quantile", "rmse,quantile")]
    rows += [row("reg:squarederror", eval_metric=name, quantile_alpha=0.5) for name in ("quantile", "rmse,quantile")]
    for more in ({}, {"quantile_alpha": 0.2}, {"eval_metric": "mae"}, {"quantile_alpha": 0.9, "eval_metric": "mae"}):
        rows.append(Row({"objective": "reg:quantileerror", **more}, "positive"))
    for alpha, score in itertools.product((0.1, 0.9, 0.99999999, 1), (None, 1)):
        more = {"quantile_alpha": alpha} | ({"base_score": score} if score is not None else {})
        rows.append(Row({"objective": "reg:quantileerror", **more}, "positive"))
    assert disagreements(rows) == []
    begun = [each for each in rows if each.given["objective"] == "reg:quantileerror" and "quantile_alpha" in each.given]
    learning = [each for each in begun if "base_score" not in each.given and Effect.CONSTANT not in each.expected]
    assert [answer for answer in trained(learning) if not answer["splits"]] == []


BOOSTERS = ("gbtree", "dart", "gblinear")
UPDATERS = (
    "grow_colmaker", "grow_histmaker", "grow_quantile_histmaker", "grow_gpu_hist", "grow_gpu_approx", "sync", "refresh",
    "prune", *LINEAR_UPDATERS, "", "grow_colmaker,prune", "grow_histmaker,refresh", "grow_colmaker,grow_histmaker",
    "grow_colmaker,grow_colmaker", "prune,refresh", "refresh,grow_colmaker", "prune,grow_histmaker",
    "sync,grow_quantile_histmaker", "shotgun,coord_descent", "grow_colmaker,shotgun", "grow_colmaker, prune",
)  # fmt: skip


def product(**choices: Sequence[Any]) -> Iterable[dict[str, Any]]:
    """Every combination; None leaves a hyperparameter out."""
    for values in itertools.product(*choices.values()):
        yield {name: value for name, value in zip(choices, values, strict=True) if value is not None}


def test_boosters_and_updaters() -> None:
    choices = product(
        booster=(None, *BOOSTERS), updater=(None, *UPDATERS), process_type=(None, "default", "update"),
        tree_method=(None, "exact", "hist"),
    )  # fmt: skip
    assert disagreements([row("binary:logistic", **given) for given in choices]) == []


def test_the_exact_algorithm() -> None:
    choices = product(
        booster=(None, "dart", "gblinear"), tree_method=(None, "auto", "exact", "approx", "hist", "gpu_hist"),
        updater=(None, "grow_colmaker", "grow_histmaker,prune"), max_depth=(None, 0, 2),
        sampling_method=(None, "uniform", "gradient_based"), subsample=(None, 0.5, 1), colsample_bynode=(None, 0.9, 1),
    )  # fmt: skip
    rows = [row("binary:logistic", **given) for given in choices if given.get("booster") != "gblinear"
            or "updater" not in given]  # fmt: skip
    assert disagreements(rows) == []


def test_growth() -> None:
    choices = product(
        tree_method=("exact", "approx", "hist"), grow_policy=("depthwise", "lossguide"), max_leaves=(0, 4),
        max_depth=(0, 3), num_parallel_tree=(1, 2), booster=BOOSTERS,
    )  # fmt: skip
    assert disagreements([row("binary:logistic", **given) for given in choices]) == []


def test_linear_models() -> None:
    choices = product(
        booster=BOOSTERS, updater=(None, *LINEAR_UPDATERS),
        feature_selector=(None, "cyclic", "shuffle", "random", "greedy", "thrifty"), top_k=(None, 0, 2),
    )  # fmt: skip
    assert disagreements([row("binary:logistic", **given) for given in choices]) == []


@pytest.mark.parametrize("objective", ["binary:logistic", "multi:softprob", "multi:softmax", "reg:squarederror"])
def test_trees_of_several_outputs(objective: str) -> None:
    choices = product(
        multi_strategy=("one_output_per_tree", "multi_output_tree"), booster=BOOSTERS,
        tree_method=(None, "auto", "exact", "approx", "hist", "gpu_hist"),
        updater=(None, "grow_quantile_histmaker", "grow_histmaker", "grow_quantile_histmaker,refresh"),
        monotone_constraints=(None, "(1,0)"), interaction_constraints=(None, "[[0,1],[2,3]]"),
    )  # fmt: skip
    assert disagreements([row(objective, **given) for given in choices]) == []


def chosen(chance: random.Random, kind: Any) -> Any:
    """A value that the hyperparameter may have by itself."""
    match kind:
        case Choice():
            return chance.choice(kind.names)
        case Names():
            return ",".join(chance.sample(kind.names, chance.choice((1, 1, 2))))
        case Directions():
            return chance.choice(("(1,-1)", "(0,0,1,-1)", "()"))
        case Groups():
            return chance.choice(("[[0,1],[2]]", "[[0,1,2,3]]", "[]"))
        case Number() if kind.whole:
            return chance.randint(int(max(kind.low, -3)), int(min(kind.high, 5)))
    return round(chance.uniform(max(kind.low, -3) + 0.001, min(kind.high, 5) - 0.001), 3)


def test_random_settings_fail_where_the_table_says_so() -> None:
    """Of five hyperparameters at a time, which nobody thought of together."""
    chance, rows = random.Random(11), []
    free = [name for name in PARAMETERS if name not in (*FIXED, "objective", "eval_metric", "num_class")]
    for _ in range(1_000):
        objective = chance.choice(list(OBJECTIVES))
        given = {name: chosen(chance, PARAMETERS[name]) for name in chance.sample(free, 5)}
        if chance.random() < 0.5:
            name, metric = chance.choice(list(METRICS.items()))
            given["eval_metric"] = name + PARAMETER.get(metric.suffix, "")
        each = suited(row(objective, **given))
        if each is not None:
            rows.append(each)
    assert len(rows) > 800
    for each, answer in zip(rows, trained(rows), strict=True):
        if "error" in answer:
            assert each.expected & {Effect.FAILS, Effect.CONTAINER}, (each, answer)
        else:
            assert Effect.FAILS not in each.expected, (each, answer)


BEYOND = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 31.0, 32.0)


def planted(labels: str, value: float) -> tuple[float, ...]:
    """Labels of the kind, with this value in some rows."""
    base = {"binary": (0.0, 1.0), "classes": (0.0, 1.0, 2.0), "ranks": (0.0, 1.0, 2.0, 3.0), "shares": (0.2, 0.7),
            "counts": (0.0, 1.0, 4.0), "times": (2.0, -3.0, 4.0)}.get(labels, (1.5, 2.5, 4.0))  # fmt: skip
    return tuple(value if place % 9 == 4 else base[place % len(base)] for place in range(ROWS))


def test_labels_of_every_objective() -> None:
    """With a metric that takes any label, so that the objective alone is asked."""
    rows, allowed = [], []
    for (name, objective), value in itertools.product(OBJECTIVES.items(), BEYOND):
        if objective.predicts is Predicts.NOTHING:
            continue
        metric = "mlogloss" if objective.predicts is Predicts.CLASSES else "rmse"
        metric = "error,accuracy" if name == "binary:hinge" else metric
        each = row(name, eval_metric=metric)
        rows.append(Row(each.given, planted(str(each.labels), value)))
        allowed.append((objective.labels_of(3).accepts(value), objective.outside))
    for each, answer, (fits, outside) in zip(rows, trained(rows), allowed, strict=True):
        value = each.labels[4]
        values = next(iter(answer.get("values", {}).values()), [])
        if fits:
            assert "error" not in answer, (each.given, value, answer)
            assert finite(values), (each.given, value, answer)
        elif outside is Effect.UNFIT:
            # What is neither 0 nor 1 is counted as half an error, as two, or as less than none.
            error, accuracy = answer["values"].values()
            assert abs(error[-1] + accuracy[-1] - 1) > 0.001, (each.given, value, answer)
        else:
            assert "error" in answer, (each.given, value, answer)


def test_labels_of_which_none_is_above_0() -> None:
    """Allowed ones: what the table says of them happens, and where it says nothing the training runs."""
    names = [name for name in OBJECTIVES if OBJECTIVES[name].labels_of(3).accepts(0)]
    zeros = (0.0,) * ROWS
    rows = [Row(row(name).given, zeros) for name in names if OBJECTIVES[name].predicts is not Predicts.NOTHING]
    for each, answer in zip(rows, trained(rows), strict=True):
        outcome = OBJECTIVES[str(each.given["objective"])].without_positive
        if outcome is not None:
            assert came_true(outcome, answer), (each, answer)
        else:
            assert all(map(finite, answer["values"].values())), (each, answer)


def name_of(each: Row) -> str:
    return str(each.given["eval_metric"]).partition("@")[0]


def test_labels_of_every_metric() -> None:
    """Under reg:squarederror, which takes any label, and of classes under a multi: objective."""
    rows, allowed = [], []
    for (name, metric), value in itertools.product(METRICS.items(), BEYOND):
        if Predicts.NUMBER not in metric.fits:
            continue
        below_1 = name in ("aucpr", "error", "logloss", "map", "pre", "ams", "f1_binary", "precision", "recall")
        base = "binary" if below_1 else "ranks" if name == "ndcg" else "positive"
        given = {"objective": "reg:squarederror", "eval_metric": name + PARAMETER.get(metric.suffix, "")}
        rows.append(Row(given | {"quantile_alpha": 0.5, "base_score": 1.0}, planted(base, value)))
        allowed.append((metric.labels.accepts(value), metric.outside))
    for each, answer, (fits, outside) in zip(rows, trained(rows), allowed, strict=True):
        value = each.labels[4]
        values = next(iter(answer.get("values", {}).values()), [])
        if fits or outside is Effect.DOUBTFUL:
            assert "error" not in answer, (each.given, value, answer)
            assert finite(values) or outside is Effect.DOUBTFUL, (each.given, value, answer)
        elif outside is Effect.FAILS:
            assert "error" in answer, (each.given, value, answer)
        elif name_of(each) != "aucpr":  # whose sum may come out within 0 and 1 by chance
            assert not finite(values), (each.given, value, answer)


def test_every_clash_says_what_it_looks_at() -> None:
    """A clash finds the same when everything else of a setting is left out."""
    settings = [dict(row(objective, eval_metric=metric, base_score=2, num_class=3).given)
                for objective, metric in itertools.product(OBJECTIVES, ("auc", "rmse", "merror"))]  # fmt: skip
    settings += [{"objective": "multi:softprob", "num_class": 3, **given} for given in product(
        booster=BOOSTERS, updater=(None, *UPDATERS), process_type=(None, "update"), tree_method=(None, "exact"),
        max_depth=(0,), sampling_method=("gradient_based",), subsample=(0.5,), feature_selector=(None, "greedy"),
        multi_strategy=("multi_output_tree",), monotone_constraints=("(1)",),
    )]  # fmt: skip
    for setting, clash in itertools.product(settings, CLASHES):
        within = {name: value for name, value in setting.items() if name in clash.names}
        assert list(clash.look(within)) == list(clash.look(setting)), (clash.names, setting)


def test_areas_need_rows_of_every_class() -> None:
    """What preflight says of a class without rows."""
    rows = [
        Row(row("binary:logistic", eval_metric="auc").given, (1.0,) * ROWS),
        Row(row("multi:softprob", eval_metric="auc").given, (0.0, 2.0) * (ROWS // 2)),
        Row(row("multi:softprob", eval_metric="aucpr").given, (0.0, 2.0) * (ROWS // 2)),
    ]
    for each, answer in zip(rows, trained(rows), strict=True):
        assert not any(math.isfinite(value) for values in answer["values"].values() for value in values), each.given


def ends(kind: Any) -> Iterable[Any]:
    """The least and the most that a hyperparameter may be, and every choice."""
    match kind:
        case Choice() | Names():
            return kind.names
        case Number():
            inside = 1 if kind.whole else 0.001
            least = kind.low + inside if kind.open_low else kind.low
            most = kind.high - inside if kind.open_high else kind.high
            return [value for value in (least, most, 1, 50) if math.isfinite(value) and kind.accepts(value)]
    return ("(1,-1)",) if isinstance(kind, Directions) else ("[[0,1],[2]]",)


def test_each_value_that_is_taken_by_itself_trains() -> None:
    """Memory and time bound the largest counts, which is no matter of what is accepted."""
    counts = {"max_bin", "num_parallel_tree", "num_class", "max_depth", "max_leaves", "lambdarank_num_pair_per_sample"}
    rows = []
    for name, kind in PARAMETERS.items():
        if name in (*FIXED, "objective", "eval_metric"):
            continue
        rows += [
            row("binary:logistic", **{name: value})
            for value in ends(kind)
            if not (name in counts and isinstance(value, int) and value > 50)
        ]
    wrong = [
        (each.given, answer)
        for each, answer in zip(rows, trained(rows), strict=True)
        if ("error" in answer) != bool(each.expected & {Effect.FAILS, Effect.CONTAINER})
        and each.expected != {Effect.CONTAINER}
    ]
    assert wrong == []
