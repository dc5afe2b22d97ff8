"""What is wrong with a spec: found all at once, with line, field, what was found, what is allowed and what to do."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from gridwatch.spec.problems import SpecError
from tests.unit.spec.specs import blobs, only_problem, parsed, problems, yaml_of

Document = dict[str, Any]


def changed(path: str, value: Any) -> Document:
    """The example with one field set (or, with None, taken out)."""
    document = blobs()
    *sections, name = path.split(".")
    section = document
    for step in sections:
        section = section.setdefault(step, {})
    if value is None:
        del section[name]
    else:
        section[name] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "field", "says"),
    [
        ("nam", "x", "nam", "did you mean name?"),
        ("name", "blobs_1", "name", "did you mean blobs-1?"),
        ("name", "a" * 65, "name", "at most 64 characters"),
        ("name", "-a", "name", "letters, digits and hyphens"),
        ("name", None, "name", "required and missing"),
        ("objective", None, "objective", "required and missing"),
        ("objective.direction", "min", "objective.direction", "did you mean minimize?"),
        ("objective.metric", "validation:error", "objective.metric", "did you mean validation-error?"),
        ("algorithm.name", "xgbost", "algorithm.name", "did you mean xgboost?"),
        ("algorithm.version", "3.0-5", "algorithm.version", "2026-11-17"),
        ("algorithm.version", "3.0-5", "algorithm.version", "3.2-0 replaces it"),
        ("algorithm.version", "1.7-1", "algorithm.version", "3.2-0 replaces it"),
        ("algorithm.version", "4.0-1", "algorithm.version", "is no version"),
        ("algorithm.version", 3.2, "algorithm.version", "allowed: a text"),
        ("data.train", None, "data", "there is no train channel"),
        ("data.train.uri", "/etc/passwd", "data.train.uri", "s3://bucket/prefix"),
        ("data.train.uri", "../status/x", "data.train.uri", "leaves data/"),
        ("data.train.uri", "https://x/y", "data.train.uri", "neither"),
        ("data.train.uri", "s3://", "data.train.uri", "is not an S3 address"),
        (
            "data",
            {"train": {"uri": "a", "content_type": "csv"}, "..": {"uri": "a", "content_type": "csv"}},
            "data...",
            "leaves the folder",
        ),
        ("data.train.content_typ", "x", "data.train.content_typ", "did you mean content_type?"),
        ("hyperparameters.max_dept", 3, "hyperparameters.max_dept", "did you mean max_depth?"),
        ("hyperparameters.skip_drop", 1.5, "hyperparameters.skip_drop", "numbers from 0 to 1"),
        ("hyperparameters.max_leaves", 2.5, "hyperparameters.max_leaves", "whole numbers from 0"),
        ("hyperparameters.booster", "gbtre", "hyperparameters.booster", "did you mean gbtree?"),
        ("hyperparameters.objective", "binary:logistics", "hyperparameters.objective", "did you mean binary:logistic?"),
        ("hyperparameters.eval_metric", ["error", "logloss", "acuracy"], "hyperparameters.eval_metric", "no metric"),
        ("hyperparameters.eval_metric", ["error", "auc@3"], "hyperparameters.eval_metric", "no metric"),
        ("hyperparameters.learning_rate", 0.1, "hyperparameters.learning_rate", "SageMaker calls it eta"),
        ("hyperparameters.seed", 2.0, "hyperparameters.seed", "whole numbers"),
        ("data.train.content_type", "text/cvs", "data.train.content_type", "did you mean text/csv?"),
        ("resources.instance_count", 2, "resources.instance_count", "use framework: xgboost"),
        ("data.train.input_mode", "Pipe", "data.train.input_mode", "use framework: xgboost"),
        ("hyperparameters.seed", {"a": 1}, "hyperparameters.seed", "must be one value"),
        ("hyperparameters.seed", [1, 2], "hyperparameters.seed", "several values go under grid"),
        ("hyperparameters.max_depth", 3, "grid.max_depth", "also under hyperparameters"),
        (
            "hyperparameters.interaction_constraints",
            "[" + " " * 2_499 + "]",
            "hyperparameters.interaction_constraints",
            "2,500",
        ),
        ("grid", {}, "grid", "is empty"),
        ("grid.eta", [], "grid.eta", "is empty"),
        ("grid.eta", 0.2, "grid.eta", "one value is a list of one: [value]"),
        ("grid.eta", [0.2, 0.2], "grid.eta[1]", "twice"),
        ("grid.eta", [0.2, [0.3]], "grid.eta[1]", "must be one value"),
        ("grid.eta", [0.2, 3], "grid.eta[1]", "numbers from 0 to 1"),
        ("grid.num_round", None, "hyperparameters", "num_round is missing"),
        ("limits.trials", 7, "grid", "8 trials (2 x 1 x 2 x 1 x 1 x 2)"),
        ("limits.trials", 10_001, "limits.trials", "at most 10,000"),
        ("limits.parallel_jobs", 0, "limits.parallel_jobs", "at least 1"),
        ("resources.instance_type", "ml.m5.larg", "resources.instance_type", "did you mean ml.m5.large?"),
        ("resources.max_runtime", "1h90", "resources.max_runtime", '"1h30m"'),
        ("resources.max_runtime", 29 * 86_400, "resources.max_runtime", "28 days"),
        ("resources.volume_gb", True, "resources.volume_gb", "a whole number"),
        ("collect.metrics.save_interval", 0, "collect.metrics.save_interval", "at least 1"),
        ("collect.metrics.save_intervall", 2, "collect.metrics.save_intervall", "did you mean save_interval?"),
        ("collect.metrics.include_regex", "train-(", "collect.metrics.include_regex", "is not a regular expression"),
        ("collect.metrics", {"start_step": 5, "end_step": 5}, "collect.metrics.end_step", "more than start_step"),
        ("rules", [{"rule": "LossNotDecreesing"}], "rules[0].rule", "did you mean LossNotDecreasing?"),
        (
            "rules",
            [{"rule": "LossNotDecreasing", "on_issue": "kill"}],
            "rules[0].on_issue",
            "'stop', 'alert' or 'record'",
        ),
        (
            "rules",
            [{"rule": "LossNotDecreasing", "parameters": {"num_step": 2}}],
            "rules[0].parameters.num_step",
            "num_steps",
        ),
        (
            "rules",
            [{"rule": "LossNotDecreasing", "parameters": {"num_steps": 0}}],
            "rules[0].parameters.num_steps",
            "at least 1",
        ),
        ("rules", [{"rule": "LossNotDecreasing"}] * 2, "rules[1]", "give each a name of its own"),
        ("tags", {"aws:x": "1"}, "tags.aws:x", "reserved"),
        ("tags", {"owner": "1"}, "tags.owner", "keep one of the two"),
        ("owner", "a;b", "owner", "characters that SageMaker refuses"),
        ("hyperparameters.silent", 0, "hyperparameters.silent", "verbosity: 0"),
        ("hyperparameters.n_estimators", 5, "hyperparameters.n_estimators", "SageMaker calls it num_round"),
        ("hyperparameters.objective", "reg:linear", "hyperparameters.objective", "reg:squarederror is its name now"),
        ("algorithm.version", "0.90-2", "algorithm.version", "3.2-0 replaces it"),
        ("algorithm.version", 3.2, "algorithm.version", "put it into quotes"),
        ("search", {"zip": [{"eta": [0.1, 0.2]}]}, "search.zip[0]", "is too short"),
        ("resources.role", "training", "resources.role", "arn:aws:iam::123456789012:role/training"),
        ("resources.training_plan", "mine", "resources.training_plan", "training-plan/name"),
        ("resources.volume_key", "a key", "resources.volume_key", "alias/training"),
        ("checkpoints", {"path": "checkpoints"}, "checkpoints.path", "an absolute path"),
        ("hypothesis", {"text": "x", "expression": "eta >"}, "hypothesis.expression", "is no CEL expression"),
        ("hypothesis", 3, "hypothesis", "wrong type"),
        ("revision", -1, "revision", "at least 0"),
    ],
)
def test_one_thing_wrong_is_one_problem_that_says_what_to_do(path: str, value: Any, field: str, says: str) -> None:
    problem = only_problem(changed(path, value))

    assert problem.field == field
    assert problem.line is not None
    assert says in problem.as_text("blobs.yaml")


def test_a_problem_names_its_line_and_column() -> None:
    text = "name: blobs\nobjective:\n  metric: train-error\n  direction: down\n"
    found = {problem.field: problem for problem in problems(text)}
    direction = found["objective.direction"]
    assert (direction.line, direction.column) == (4, 3)
    assert direction.as_text("a.yaml").startswith("a.yaml:4:3: objective.direction: is not one of the choices; found")


def test_all_problems_are_told_not_the_first() -> None:
    document = blobs()
    document["objectiv"] = 1
    document["algorithm"]["version"] = "1.7-1"
    document["limits"]["trials"] = 0
    document["resources"]["instance_type"] = "m5.large"
    document["rules"] = [{"rule": "Nothing"}, {"rule": "LossNotDecreasing", "on_issue": "x"}]

    fields = {problem.field for problem in problems(document)}

    assert fields == {
        "objectiv", "algorithm.version", "limits.trials", "resources.instance_type", "rules[0].rule",
        "rules[1].on_issue",
    }  # fmt: skip


def test_a_wrong_field_is_not_blamed_for_others() -> None:
    document = blobs()
    document["grid"]["num_round"] = []  # num_round is not missing because of it
    document["hyperparameters"]["eval_metric"] = {"a": 1}  # and the objective's metric not unknown

    assert {problem.field for problem in problems(document)} == {"grid.num_round", "hyperparameters.eval_metric"}


def test_a_grid_is_counted_without_making_its_points() -> None:
    document = blobs()
    document["grid"] = {name: list(range(1, 1000)) for name in ("max_depth", "max_leaves", "num_round", "seed")}

    assert "996,005,996,001 trials" in (only_problem(document).found or "")


def test_too_many_hyperparameters_are_counted_with_those_of_script_mode() -> None:
    document = blobs()
    document["hyperparameters"] |= {f"unknown_{number}": 1 for number in range(88)}
    found = problems(document)
    assert any(problem.message == "too many hyperparameters" and problem.found == "96" for problem in found)
    del document["hyperparameters"]["unknown_0"]
    assert not any(problem.message == "too many hyperparameters" for problem in problems(document))


def test_a_version_past_its_support_warns_while_there_is_none_to_replace_it() -> None:
    assert parsed(blobs(), date(2027, 5, 13)).warnings == ()
    (warning,) = parsed(blobs(), date(2027, 5, 14)).warnings
    assert "2027-05-13" in warning.message


def test_what_is_hardly_meant_is_a_warning() -> None:
    document = blobs()
    document["hyperparameters"]["predictor"] = "cpu_predictor"
    document["collect"]["metrics"]["save_interval"] = 20
    del document["data"]["validation"]
    document["objective"]["metric"] = "train-error"

    fields = {warning.field for warning in parsed(document).warnings}

    assert fields == {"hyperparameters.predictor", "collect.metrics.save_interval", "data"}


def test_thousands_of_problems_are_cut() -> None:
    with pytest.raises(SpecError) as caught:
        parsed({f"unknown-{number}": 1 for number in range(3000)})
    assert len(caught.value.problems) == 100
    assert "and 2903 more" in caught.value.as_text("x")
    assert caught.value.as_document()["count"] == 3003


@pytest.mark.parametrize("text", ["[1, 2]", "just words", "3", "null"])
def test_a_document_that_is_no_spec_is_one_problem(text: str) -> None:
    assert only_problem(text).message == "a spec is keys with values"


@pytest.mark.parametrize("name", ["a=b", "=", "a\u202eb", "a\u200bb"])
@pytest.mark.parametrize("place", ["hyperparameters", "grid"])
def test_a_hyperparameter_has_a_name_that_a_process_can_be_given(name: str, place: str) -> None:
    document = yaml_of("scikit-learn")
    document.setdefault(place, {})[name] = 1 if place == "hyperparameters" else [1, 2]
    (problem,) = [each for each in problems(document) if "argument" in each.message]
    assert problem.path[-1] == name
    assert "\u202e" not in str(problem)


@pytest.mark.parametrize("name", ["a-b", "a.b", "learning_rate", "名前"])
def test_other_names_of_hyperparameters_are_taken(name: str) -> None:
    document = yaml_of("scikit-learn")
    document.setdefault("hyperparameters", {})[name] = 1
    parsed(document)
