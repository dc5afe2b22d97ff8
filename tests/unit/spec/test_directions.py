"""A direction against what the metric's name says is warned of, wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.spec.rule_set import parse_rule_set
from tests.unit.spec.specs import parsed
from tests.unit.spec.test_xgboost import spec


def told(document: dict[str, Any]) -> dict[str, str]:
    return {warning.field: warning.as_text("spec") for warning in parsed(document).warnings}


def script(metric: str, direction: str, *rules: dict[str, Any]) -> dict[str, Any]:
    algorithm = {
        "framework": "sklearn", "version": "1.9-0", "source": "src", "entry_point": "train.py",
        "metrics": {metric: r"value=(\S+)"},
    }  # fmt: skip
    objective = {"metric": metric, "direction": direction}
    return {"name": "directed", "objective": objective, "algorithm": algorithm, "rules": list(rules)}


@pytest.mark.parametrize(
    ("metric", "direction", "meant"),
    [
        ("mIoU", "minimize", "maximize"),
        ("val/mAP50", "minimize", "maximize"),
        ("R@5", "minimize", "maximize"),
        ("neg_mean_squared_error", "minimize", "maximize"),
        ("explained_variance", "minimize", "maximize"),
        ("episode_reward", "minimize", "maximize"),
        ("validation:wer", "maximize", "minimize"),
        ("fid", "maximize", "minimize"),
        ("eval_perplexity", "maximize", "minimize"),
        ("val_loss", "maximize", "minimize"),
    ],
)
def test_an_objective_that_would_rank_the_worst_first(metric: str, direction: str, meant: str) -> None:
    assert f"did you mean {meant}?" in told(script(metric, direction))["objective.direction"]
    assert "objective.direction" not in told(script(metric, meant))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_metric_without_a_known_sense_is_no_matter(direction: str) -> None:
    assert told(script("quux", direction)) == {}


def test_xgboosts_metrics_and_the_rules_on_them() -> None:
    objective = {"metric": "validation-auc", "direction": "minimize"}
    rules = [
        {"rule": "ASHA", "on_issue": "stop", "parameters": {"direction": "min"}},
        {"rule": "MedianStopping", "parameters": {"metric": "validation-logloss", "direction": "max"}},
        {"rule": "MetricPlateau", "parameters": {"tensor_regex": "-auc$", "direction": "min"}},
        {"rule": "MetricPlateau", "name": "fine", "parameters": {"tensor_regex": "-auc$", "direction": "max"}},
        {"rule": "MetricPlateau", "name": "mixed", "parameters": {"direction": "min"}},
        {"rule": "GridDefault"},
    ]
    found = told(spec(objective=objective, hyperparameters={"eval_metric": "auc,logloss"}, rules=rules))
    directed = {field for field in found if "direction" in field}
    assert directed == {"objective.direction", *(f"rules[{place}].parameters.direction" for place in (0, 1, 2))}
    assert "use max, or auto" in found["rules[0].parameters.direction"]
    assert "validation-logloss is better when it is lower" in found["rules[1].parameters.direction"]


def test_a_rule_against_the_objective_of_unknown_sense() -> None:
    found = told(script("quux", "maximize", {"rule": "ASHA", "parameters": {"direction": "min"}}))
    assert "the objective says maximize" in found["rules[0].parameters.direction"]


def test_an_objective_of_unknown_sense_is_no_loss_to_rules_that_cannot_know() -> None:
    rules: list[dict[str, Any]] = [
        {"rule": "LossNotDecreasing"},
        {"rule": "MetricPlateau"},
        {"rule": "Divergence", "parameters": {"tensor_regex": "loss"}},
        {"rule": "MetricPlateau", "name": "told", "parameters": {"direction": "max"}},
    ]
    found = told(script("quux", "maximize", *rules))
    assert "takes quux for a loss" in found["rules[0]"]
    assert "say direction: max" in found["rules[1]"]
    assert not [field for field in found if field.startswith(("rules[2]", "rules[3]"))]
    assert not [field for field in told(script("quux", "minimize", *rules[:2])) if field.startswith("rules")]
    assert not [field for field in told(script("mIoU", "maximize", *rules[:2])) if "takes" in field]


def test_a_tuning_job_of_several_algorithms() -> None:
    channel = {"uri": "t/data", "content_type": "text/csv"}
    algorithms = {
        "trees": {"hyperparameters": {"objective": "binary:logistic", "eval_metric": "auc", "num_round": 5},
                  "parameters": {"max_depth": {"integer": [2, 10]}}},
        "lines": {"algorithm": {"name": "linear-learner"}, "metric": "validation:objective_loss",
                  "hyperparameters": {"predictor_type": "binary_classifier"},
                  "parameters": {"l1": {"continuous": [0.1, 1]}}},
    }  # fmt: skip
    document = {
        "name": "several",
        "objective": {"metric": "validation-auc", "direction": "maximize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {"train": channel, "validation": channel},
        "tune": {"strategy": "random", "jobs": 5, "algorithms": algorithms},
    }
    assert "validation:objective_loss is better when it is lower" in told(document)["objective.direction"]


def test_rule_sets() -> None:
    text = """
objective: {metric: "validation:accuracy", direction: minimize}
rules:
  - rule: ASHA
    parameters: {direction: min}
  - rule: MetricPlateau
    parameters: {tensor_regex: "loss", direction: max}
"""
    lines = [warning.as_text("set") for warning in parse_rule_set(text.encode()).warnings]
    assert len(lines) == 3
    assert all("better when it is" in line for line in lines)
    right = (
        text.replace("minimize", "maximize").replace("direction: min}", "direction: max}").replace("loss", "accuracy")
    )
    assert parse_rule_set(right.encode()).warnings == ()
