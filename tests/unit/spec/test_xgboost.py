"""What a spec of XGBoost is told by the table of gridwatch.spec.xgboost: where, what, and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch_rules.rules.metrics import is_score
from tests.unit.spec.specs import parsed, problems


def spec(**changes: Any) -> dict[str, Any]:
    """A sound spec of two channels; `hyperparameters` are added to its own."""
    hyperparameters = {"objective": "binary:logistic", "eval_metric": "error", "num_round": 5}
    channel = {"uri": "t/data", "content_type": "text/csv"}
    return {
        "name": "table",
        "objective": {"metric": "validation-error", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {"train": channel, "validation": channel},
        **changes,
        "hyperparameters": hyperparameters | changes.get("hyperparameters", {}),
    }


def judged_by(metric: str, **hyperparameters: Any) -> dict[str, Any]:
    direction = "maximize" if is_score(metric) else "minimize"
    return spec(objective={"metric": metric, "direction": direction}, hyperparameters=hyperparameters)


def ranked(metric: str, **hyperparameters: Any) -> dict[str, Any]:
    """By queries, which libsvm has."""
    channel = {"uri": "t/data", "content_type": "text/libsvm"}
    return judged_by(metric, **hyperparameters) | {"data": {"train": channel, "validation": channel}}


def told(document: dict[str, Any]) -> dict[str, str]:
    return {problem.field: problem.as_text("spec") for problem in problems(document)}


def accepted(document: dict[str, Any]) -> list[str]:
    """The warnings of what is not refused."""
    return [warning.as_text("spec") for warning in parsed(document).warnings]


@pytest.mark.parametrize(
    ("document", "field", "says"),
    [
        (judged_by("validation-error@0.5", eval_metric="error@0.5"), "hyperparameters.eval_metric", "write error"),
        (judged_by("validation-error@0.5", eval_metric="error"), "objective.metric", "prints it as validation-error"),
        (judged_by("validation-error@0.70", eval_metric="error@0.7"), "objective.metric", "validation-error@0.7"),
        (judged_by("train-error@0.70", eval_metric="error@0.70"), "hyperparameters.eval_metric", "write error@0.7"),
        (
            judged_by("validation-tweedie-nloglik", objective="reg:tweedie", eval_metric="tweedie-nloglik"),
            "hyperparameters.eval_metric",
            "@ and a power above 1 and below 2, which is needed",
        ),
        (
            judged_by("validation-rmse", objective="multi:softmax", num_class=3, eval_metric="rmse"),
            "hyperparameters.eval_metric",
            "rmse does not fit the objective multi:softmax",
        ),
        (spec(hyperparameters={"num_class": 2}), "hyperparameters.num_class", "not to binary:logistic"),
        (
            judged_by("validation-merror", eval_metric="merror"),
            "hyperparameters.eval_metric",
            "need a multi: objective",
        ),
        (spec(grid={"base_score": [0.01, 1]}), "grid.base_score[1]", "above 0 and below 1"),
        (
            judged_by("validation-aft-nloglik", objective="survival:aft", eval_metric="aft-nloglik"),
            "hyperparameters.objective",
            "no format of a channel can carry",
        ),
        (spec(grid={"updater": ["grow_histmaker", "shotgun"]}), "grid.updater[1]", "is for the booster gblinear"),
        (spec(hyperparameters={"tree_method": "exact", "max_depth": 0}), "hyperparameters.max_depth", "at least 1"),
        (spec(hyperparameters={"process_type": "update"}), "hyperparameters.process_type", "allowed: default"),
        (
            judged_by("validation-auc", objective="reg:squarederror", eval_metric="auc"),
            "hyperparameters.eval_metric",
            "SageMaker's container for XGBoost refuses it",
        ),
        (
            judged_by("validation-quantile", objective="reg:quantileerror", eval_metric="quantile"),
            "hyperparameters.objective",
            "needs quantile_alpha",
        ),
        (spec(hyperparameters={"monotone_constraints": "[1,-1]"}), "hyperparameters.monotone_constraints", "(1,-1)"),
        (
            spec(hyperparameters={"interaction_constraints": "[0,1]"}),
            "hyperparameters.interaction_constraints",
            "[[0,1]",
        ),
        (
            judged_by("validation-mlogloss", objective="multi:softmax", eval_metric="mlogloss"),
            "hyperparameters.objective",
            "num_class is missing",
        ),
        (
            spec(hyperparameters={"booster": "gblinear"}, grid={"feature_selector": ["cyclic", "greedy"]}),
            "grid.feature_selector[1]",
            "set updater: coord_descent",
        ),
    ],
)
def test_what_would_fail_is_refused_where_it_stands(document: dict[str, Any], field: str, says: str) -> None:
    found = told(document)
    assert says in found.get(field, ""), found


@pytest.mark.parametrize(
    "document",
    [
        ranked("validation-ndcg-", objective="rank:ndcg", eval_metric="ndcg-,map-"),
        ranked("validation-ndcg@10-", objective="rank:ndcg", eval_metric="ndcg@10-"),
        ranked("validation-ndcg@32", objective="rank:ndcg", eval_metric=""),
        judged_by("validation-tweedie-nloglik@1.5", objective="reg:tweedie", eval_metric="tweedie-nloglik@1.5"),
        judged_by("train-ams@0.15", eval_metric="ams@0.15"),
        judged_by("validation-auc", objective="multi:softprob", num_class=3, eval_metric="auc,merror,f1_macro"),
        judged_by("validation-gamma-deviance", objective="reg:gamma", eval_metric=""),
        spec(hyperparameters={"booster": "gblinear", "updater": "coord_descent", "feature_selector": "greedy"}),
        spec(hyperparameters={"monotone_constraints": "(1,-1)", "interaction_constraints": "[[0,1],[2]]"}),
        spec(hyperparameters={"base_score": 0.5, "tree_method": "exact", "max_depth": 2}),
    ],
)
def test_what_trains_is_accepted_without_a_word(document: dict[str, Any]) -> None:
    assert accepted(document) == []


def test_points_that_do_not_occur_are_not_complained_of() -> None:
    """Conditions and constraints decide which hyperparameters come together."""
    varied = {
        "list": [{"booster": "gbtree", "updater": "grow_histmaker"}, {"booster": "gblinear", "updater": "shotgun"}]
    }
    assert accepted(spec(search=varied)) == []
    apart = {"constraints": ['booster == "gblinear" || updater != "shotgun"']}
    grid = {"booster": ["gbtree", "gblinear"], "updater": ["shotgun"]}
    assert accepted(spec(grid=grid, search=apart)) == []
    assert "is for the booster gblinear" in told(spec(grid=grid))["grid.updater[0]"]
    other = spec(grid={"updater": ["shotgun"], "eta": [0.1, 0.3]}, search={"constraints": ["eta < 0.2"]})
    assert "is for the booster gblinear" in told(other)["grid.updater[0]"]
    without = {"when": {"updater": 'booster == "gblinear"'}}
    assert accepted(spec(grid=grid, search=without)) == []


def test_the_categories_of_a_tuning_job_come_together_in_any_way() -> None:
    tune = {"parameters": {"booster": {"categorical": ["gbtree", "dart"]}, "base_score": {"continuous": [0, 0.5]}}}
    found = told(spec(tune=tune | {"jobs": 4}))
    assert "above 0 and below 1" in found["tune.parameters.base_score.continuous[0]"]


def test_trials_that_do_not_report_the_objective_are_told_of() -> None:
    document = spec(
        objective={"metric": "validation-logloss", "direction": "minimize"},
        hyperparameters={"eval_metric": ""},
        grid={"objective": ["binary:logistic", "reg:logistic"]},
    )
    del document["hyperparameters"]["objective"]
    (warning,) = accepted(document)
    assert "trials with objective reg:logistic do not report this metric" in warning


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("reg:liniear", "reg:squarederror is its name now"),
        ("reg:linear", "reg:squarederror is its name now"),
        ("reg:squarederor", "did you mean reg:squarederror?"),
        ("binary-logistic", "did you mean binary:logistic?"),
        ("reg:logit", None),
        ("reg:mae", None),
        ("regression", None),
        ("softmax", None),
    ],
)
def test_no_other_kind_of_objective_is_proposed(given: str, advice: str | None) -> None:
    (problem,) = [each for each in problems(spec(hyperparameters={"objective": given})) if "objective" in each.field]
    assert problem.advice == advice


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("lerning_rate", "SageMaker calls it eta"),
        ("max_dept", "did you mean max_depth?"),
        ("depth", None),
        ("xyz", None),
    ],
)
def test_names_of_other_libraries_lead_to_ours(given: str, advice: str | None) -> None:
    (problem,) = problems(spec(hyperparameters={given: 0.1}))
    assert problem.advice == advice


@pytest.mark.parametrize("name", ["vaildation", "val", "valid", "Validation", "eval", "validatoin"])
def test_a_misspelt_channel_is_told_by_name(name: str) -> None:
    channel = {"uri": "t/data", "content_type": "text/csv"}
    found = told(spec(data={"train": channel, name: channel}))
    assert "did you mean validation?" in found[f"data.{name}"]
    assert "did you mean train" not in found["objective.metric"]
    assert f"the channels are train, {name}" in found["objective.metric"]


def test_a_ranking_without_queries_is_told_of() -> None:
    warnings = accepted(judged_by("validation-ndcg@5", objective="rank:pairwise", eval_metric="ndcg@5"))
    assert [warning.partition(": ")[2].partition(":")[0] for warning in warnings] == [
        "data.train.content_type", "data.validation.content_type",
    ]  # fmt: skip
    assert "as one query" in warnings[0]


def test_channels_of_other_algorithms_are_told_by_name() -> None:
    channel = {"uri": "t/data", "content_type": "text/csv"}
    document = {
        "name": "lines", "objective": {"metric": "validation:objective_loss", "direction": "minimize"},
        "algorithm": {"name": "linear-learner"}, "data": {"train": channel, "vaildation": channel},
        "hyperparameters": {"predictor_type": "regressor"},
    }  # fmt: skip
    assert [warning for warning in accepted(document) if "data.vaildation" in warning and "validation?" in warning]


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        ("error0.7", "did you mean error@0.7?"),
        ("error @0.70", "did you mean error@0.7?"),
        ("ndcg@10.0", "did you mean ndcg@10?"),
        ("ndcg10", "did you mean ndcg@10?"),
        ("NDCG@5-", "did you mean ndcg@5-?"),
        ("precision@5", "did you mean pre@5?"),
        ("recall@5", None),
        ("rmse2", "did you mean rmse?"),
    ],
)
def test_a_metric_whose_parameter_is_written_otherwise(given: str, advice: str | None) -> None:
    document = ranked("validation-ndcg", objective="rank:ndcg", eval_metric=f"ndcg,{given}")
    (problem,) = [each for each in problems(document) if each.field == "hyperparameters.eval_metric"]
    assert problem.advice == advice


@pytest.mark.parametrize("device", ["gpu", "cuda:0"])
def test_the_gpu_is_not_taken_for_the_cpu(device: str) -> None:
    (problem,) = problems(spec(hyperparameters={"device": device}))
    assert problem.advice == "cuda is its name here"


@pytest.mark.parametrize("rounds", [5, "5"])
def test_what_is_saved_once_is_told_of_also_where_rounds_are_a_text(rounds: object) -> None:
    document = spec(hyperparameters={"num_round": rounds}, collect={"metrics": {"save_interval": 9}})
    assert [each for each in accepted(document) if "of 5 rounds only the first is saved" in each]


def test_a_bound_that_nobody_meets_is_not_told() -> None:
    (problem,) = problems(spec(hyperparameters={"seed": 1.5}))
    assert problem.allowed == "whole numbers"


def test_an_unused_channel_is_told_by_name() -> None:
    channel = {"uri": "t/data", "content_type": "text/csv"}
    (warning,) = accepted(spec(data={"train": channel, "validation": channel, "holdout": channel}))
    assert "data.holdout" in warning
    assert "neither trained on nor reported" in warning


@pytest.mark.parametrize(
    ("metric", "advice"),
    [
        ("validation:error", "did you mean validation-error?"),
        ("validaton-error", "did you mean validation-error?"),
        ("validation-eror", "did you mean validation-error?"),
        ("validation-auc", "add auc to eval_metric"),
        ("accuracy", None),
        ("val-error", "did you mean validation-error?"),
        ("eval-error", "did you mean validation-error?"),
        ("training-error", "did you mean train-error?"),
        ("error", "did you mean validation-error?"),
        ("test-error", "XGBoost reports the channels train and validation: give the test's data as validation"),
    ],
)
def test_an_objective_that_is_not_reported(metric: str, advice: str | None) -> None:
    document = spec(objective={"metric": metric, "direction": "minimize"})
    (problem,) = problems(document)
    assert (problem.field, problem.advice) == ("objective.metric", advice)


@pytest.mark.parametrize("value", [1e-50, "1e-40", 1e39])
def test_numbers_beyond_single_precision_are_refused(value: Any) -> None:
    """XGBoost calls them out of range, in every trial."""
    for name in ("alpha", "lambda", "gamma", "max_delta_step"):
        said = told(spec(hyperparameters={name: value}))[f"hyperparameters.{name}"]
        assert "in single precision: 0, or 1.2e-38 to 3.4e+38 away from it" in said
    assert accepted(spec(hyperparameters={"alpha": 1e-37, "lambda": 0, "gamma": 3e38})) == []


def test_what_single_precision_rounds_to_a_limit_is_refused() -> None:
    power = {"objective": "reg:tweedie", "tweedie_variance_power": 1.99999999999}
    document = judged_by("validation-rmse", eval_metric="rmse", **power)
    assert "above 1 below 2" in told(document)["hyperparameters.tweedie_variance_power"]


@pytest.mark.parametrize("asked", ['["error", "auc"]', "['error','auc']", "error, auc", ["error", "auc"]])
def test_metrics_may_be_listed_in_every_way_that_the_training_reads(asked: Any) -> None:
    assert accepted(judged_by("validation-auc", eval_metric=asked)) == []


def test_metrics_with_blanks_between_are_told_to_take_commas() -> None:
    said = told(judged_by("validation-error", eval_metric="error auc"))
    assert "did you mean error, auc?" in said["hyperparameters.eval_metric"]


@pytest.mark.parametrize("asked", ["AUC", "error;auc", "error auc", "acuracy"])
def test_a_misspelt_metric_is_reported_once_and_allowed_nowhere(asked: str) -> None:
    said = told(judged_by("validation-auc", eval_metric=asked))
    assert list(said) == ["hyperparameters.eval_metric"]
    said = told(judged_by("dev-auc", eval_metric=asked))
    assert asked not in said["objective.metric"]


def test_a_list_that_the_training_reads_is_told_to_be_a_text() -> None:
    said = told(spec(hyperparameters={"interaction_constraints": [[0, 1], [2]]}))
    assert 'is a text, such as "[[0, 1], [2]]"' in said["hyperparameters.interaction_constraints"]


@pytest.mark.parametrize(("content_type", "fits"), [
    ("text/csv; label_size=1", True), ("text/csv;charset=utf-8", True), ("csv; label_size=1", True),
    ("text/csv; label_size=0", False), ("text/csv;label_size=2", False), ("csv;label_size=0", False),
])  # fmt: skip
def test_a_row_has_one_label(content_type: str, fits: bool) -> None:
    document = spec()
    document["data"]["train"] = document["data"]["train"] | {"content_type": content_type}
    if fits:
        assert accepted(document) == []
    else:
        assert "allowed: label_size=1" in told(document)["data.train.content_type"]
