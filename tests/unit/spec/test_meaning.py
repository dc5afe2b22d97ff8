"""What a right spec means: short forms, defaults, and the schema that editors use."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
import yaml

from gridwatch.domain.rules import Action
from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.metrics import evaluation_metrics, reported_metrics
from gridwatch.spec.parse import normalized, policies_of
from gridwatch.spec.problems import SpecError
from gridwatch.spec.schema import experiment_schema
from gridwatch.spec.search_space import factors_of
from gridwatch.spec.xgboost.metrics import METRICS, canonical
from gridwatch.spec.xgboost.objectives import OBJECTIVES, default_metric
from tests.unit.spec.specs import EXAMPLES, blobs, parsed

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "docs" / "schema" / "experiment.schema.json"
ALL_EXAMPLES = sorted(EXAMPLES.glob("*.yaml"))


def test_json_and_yaml_mean_the_same() -> None:
    assert parsed(json.dumps(blobs())).spec == parsed(blobs()).spec


@pytest.mark.parametrize(
    ("written", "seconds"), [(90, 90), ("90s", 90), ("90m", 5400), ("1h30m", 5400), ("2d", 172_800), ("1h 5s", 3605)]
)
def test_a_runtime_is_seconds_or_a_duration(written: Any, seconds: int) -> None:
    document = blobs()
    document["resources"]["max_runtime"] = written
    assert parsed(document).spec.resources.max_runtime == seconds


def test_several_metrics_may_be_a_list() -> None:
    assert parsed(blobs()).spec.hyperparameters["eval_metric"] == "error,logloss"


def test_values_keep_their_types() -> None:
    document = blobs()
    document["grid"]["gamma"] = [3, 4.0, 4.5]
    del document["grid"]["eta"]
    spec = parsed(document | {"grid": {"gamma": [3, 4.5], "num_round": [10]}}).spec
    assert [type(value) for value in factors_of(spec)["gamma"]] == [int, float]


def test_the_normalized_document_is_a_spec_of_the_same_meaning() -> None:
    document = normalized(parsed(blobs()).spec)
    limits = {"parallel_jobs": 4, "trials": 16, "deadline": None, "budget": None, "max_failures": None}
    assert document["limits"] == limits
    assert document["hypothesis"]["text"].startswith("Shallow trees")
    without_nothing = json.loads(
        json.dumps(document), object_hook=lambda o: {k: v for k, v in o.items() if v is not None}
    )
    assert normalized(parsed(without_nothing).spec) == document


def test_rules_become_policies_with_names_of_their_own() -> None:
    document = blobs()
    document["rules"] = [
        {"rule": "LossNotDecreasing", "on_issue": "stop", "parameters": {"num_steps": 2}},
        {"rule": "LossNotDecreasing", "name": "slow", "parameters": {"num_steps": 50}},
    ]
    first, second = policies_of(parsed(document).spec)
    assert (first.name, first.on_issue, first.parameters) == ("LossNotDecreasing", Action.STOP, {"num_steps": 2})
    assert (second.name, second.rule, second.on_issue) == ("slow", "LossNotDecreasing", Action.ALERT)


def test_the_reported_metrics_follow_eval_metric_or_the_objective() -> None:
    assert evaluation_metrics({"eval_metric": "error@0.7, auc"}, {}) == ("error@0.7", "auc")
    assert evaluation_metrics({"objective": "multi:softmax"}, {}) == ("mlogloss",)
    assert evaluation_metrics({}, {}) == ("rmse",)
    assert evaluation_metrics({}, {"eval_metric": ["error", "auc,error"]}) == ("error", "auc")
    assert reported_metrics(("error",), ["validation", "train", "other"]) == ("train-error", "validation-error")
    assert reported_metrics(("error",), ["train"]) == ("train-error",)


def test_every_objective_has_a_metric_that_is_known() -> None:
    defaults = {name: default_metric({"objective": name}) for name in OBJECTIVES}
    assert all(name == canonical(name) for name in defaults.values() if name)
    assert defaults["reg:gamma"] == "gamma-deviance"
    assert defaults["rank:ndcg"] == "ndcg@32"
    assert default_metric({"objective": "reg:none"}) is None
    assert {row.partition("@")[0] for row in filter(None, defaults.values())} <= set(METRICS)


def test_the_default_metric_follows_what_its_name_depends_on() -> None:
    tweedie = {"objective": "reg:tweedie"}
    assert evaluation_metrics(tweedie, {"tweedie_variance_power": [1.1, 1.9]}) == (
        "tweedie-nloglik@1.1", "tweedie-nloglik@1.9",
    )  # fmt: skip
    assert evaluation_metrics({"objective": "rank:map", "lambdarank_pair_method": "mean"}, {}) == ("map",)


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("error@0.5", "error"), ("error@5e-1", "error"), ("error@0.70", "error@0.7"), ("error@1.0", "error@1"),
        ("error@1e-5", "error@1e-05"), ("error@0.333333333333", "error@0.333333"), ("error@-1", "error@-1"),
        ("ndcg", "ndcg"), ("ndcg-", "ndcg-"), ("ndcg@10", "ndcg@10"), ("map@5-", "map@5-"), ("pre@03", "pre@03"),
        ("tweedie-nloglik@1.50", "tweedie-nloglik@1.5"), ("ams@0.150", "ams@0.15"), ("f1_macro", "f1_macro"),
        ("aft-nloglik", "aft-nloglik"), ("interval-regression-accuracy", "interval-regression-accuracy"),
        ("tweedie-nloglik", None), ("tweedie-nloglik@2", None), ("tweedie-nloglik@1", None), ("ams", None),
        ("error@", None), ("error@nan", None), ("error@1e999", None), ("error@0.5000001", None), ("auc@1", None),
        ("ndcg@0", None), ("ndcg@2.5", None), ("ndcg@5--", None), ("rmse-", None), ("", None), ("@", None), ("-", None),
        ("ndcg@99999999999999999999", None), ("AUC", None), ("error@0_1", None), ("error@٣", None),
        ("tweedie-nloglik@1.99999999999", None), ("ams@0", "ams@0"), ("ams@-1", None), ("ams@2", None),
    ],
)  # fmt: skip
def test_metrics_are_spelt_as_xgboost_prints_them(given: str, printed: str | None) -> None:
    assert canonical(given) == printed
    assert printed is None or canonical(printed) == printed


def test_the_instance_types_are_those_of_sagemaker() -> None:
    model = botocore.session.get_session().get_service_model("sagemaker")
    assert set(INSTANCE_TYPES) == set(model.shape_for("TrainingInstanceType").enum)


def test_the_committed_schema_is_current() -> None:
    current = json.loads(SCHEMA.read_text())
    assert current == experiment_schema(), "run: python -m gridwatch.spec.schema > docs/schema/experiment.schema.json"


def test_each_bound_in_the_schema_is_one_that_json_schema_knows() -> None:
    assert re.findall(r'"(?:gt|ge|lt|le|multiple_of|min_length|max_length)":', SCHEMA.read_text()) == []


@pytest.mark.parametrize("example", ALL_EXAMPLES, ids=lambda path: path.stem)
def test_the_schema_accepts_every_example_and_each_points_to_it(example: Path) -> None:
    text = example.read_text()
    jsonschema.Draft202012Validator(experiment_schema()).validate(yaml.safe_load(text))
    assert text.startswith("# yaml-language-server: $schema=../docs/schema/experiment.schema.json\n")


@pytest.mark.parametrize(
    "change",
    [
        {"nam": 1},
        {"name": "a_b"},
        {"grid": {}},
        {"grid": {"eta": []}},
        {"rules": [{"rule": "X"}]},
        {"limits": {"trials": 0}},
    ],
)
def test_the_schema_refuses_what_the_spec_refuses(change: dict[str, Any]) -> None:
    validator = jsonschema.Draft202012Validator(experiment_schema())
    assert not validator.is_valid(blobs() | change)


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("deadline: 2026-12-01T08:00:00", "has no time zone"),
        ("deadline: 2026", "is not a moment"),
        ("deadline: soon", "is not a moment"),
        ("deadline: 9999-12-31T23:59:59-23:59", "is not a moment"),
        ("deadline: 0001-01-01T00:00:00+23:59", "is not a moment"),
        ("budget: 0", "greater than 0"),
        ("max_failures: 0", "is too small"),
    ],
)
def test_limits_that_cannot_be_meant(limit: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parsed((EXAMPLES / "blobs.yaml").read_text() + f"  {limit}\n")
    (problem,) = caught.value.problems
    assert message in problem.message
