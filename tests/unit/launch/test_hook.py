"""What the hook is told to save: what is asked for, and what rules need so that none of them is blind."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.hook import MAX_VALUE, WHOLE_CURVES, environment, hook_document, looks_at_every, whole_curves
from gridwatch_hook.collection import ANY_LOOP, CURVES, KERAS, PYTORCH, XGBOOST, FrameworkCollections
from gridwatch_hook.config import HookConfig
from gridwatch_hook.modes import Mode


def policy(rule: str, **parameters: Any) -> RulePolicy:
    return RulePolicy(name=rule, rule=rule, parameters=parameters)


def collections(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {item["CollectionName"]: item["CollectionParameters"] for item in document["CollectionConfigurations"]}


def test_without_rules_exactly_what_is_asked_for_is_saved() -> None:
    document = hook_document({"metrics": {"save_interval": "5"}}, [])
    assert document == {
        "HookParameters": {},
        "CollectionConfigurations": [{"CollectionName": "metrics", "CollectionParameters": {"save_interval": "5"}}],
    }


@pytest.mark.parametrize("framework", [XGBOOST, PYTORCH, KERAS, ANY_LOOP])
def test_every_hook_takes_what_every_launch_asks_for(framework: FrameworkCollections) -> None:
    named = {each.name for each in HookConfig.parse(hook_document({}, []), framework).collections}
    assert "metrics" in named


def test_what_a_rule_looks_at_is_saved_as_often_as_it_looks_and_metrics_each_round() -> None:
    rule = policy("LossNotDecreasing", collection_names="metrics", num_steps=2)
    saved = collections(hook_document({}, [rule]))
    assert saved["metrics"]["save_interval"] == "1"
    assert saved["losses"]["save_interval"] == "2"


def test_a_rule_that_looks_seldom_still_has_the_hooks_own_interval() -> None:
    saved = collections(hook_document({}, [policy("LossNotDecreasing", num_steps=500)]))
    assert saved["losses"]["save_interval"] == "10"


def test_what_was_asked_for_is_not_changed_by_a_rule() -> None:
    rule = policy("LossNotDecreasing", collection_names="metrics", num_steps=2)
    saved = collections(hook_document({"metrics": {"save_interval": "50", "start_step": "7"}}, [rule]))
    assert saved["metrics"] == {"save_interval": "50", "start_step": "7"}


def test_of_two_rules_the_more_frequent_one_decides() -> None:
    rules = [policy("LossNotDecreasing", num_steps=8), policy("LossNotDecreasing", num_steps=3)]
    assert collections(hook_document({}, rules))["losses"]["save_interval"] == "3"


def test_tensors_found_by_name_become_a_collection_of_their_own() -> None:
    rule = policy("LossNotDecreasing", tensor_regex="train-.*,^valid", num_steps=4)
    saved = collections(hook_document({}, [rule]))
    assert saved["LossNotDecreasing_tensors"] == {"include_regex": "(?:train-.*)|(?:^valid)", "save_interval": "4"}


def test_a_rule_that_looks_at_everything_has_everything_saved() -> None:
    similar = policy("SimilarAcrossRuns", other_trials="s3://artifacts/tensors/job/debug-output")
    assert hook_document({}, [similar])["HookParameters"] == {"save_all": "true"}


def test_metrics_that_nobody_speaks_of_are_saved_each_round() -> None:
    assert collections(hook_document({}, []))["metrics"] == {"save_interval": "1"}
    assert collections(hook_document({}, [policy("ExplodingTensor")]))["metrics"] == {"save_interval": "1"}


def test_exploding_tensor_has_everything_saved_but_trees() -> None:
    _, collection = hook_document({}, [policy("ExplodingTensor")])["CollectionConfigurations"]
    wanted = re.compile(collection["CollectionParameters"]["include_regex"])
    assert [name for name in ("train-error", "gradient/dense", "trees/Split") if wanted.search(name)] == [
        "train-error",
        "gradient/dense",
    ]


def test_a_long_document_is_cut_into_values_that_sagemaker_takes() -> None:
    document = hook_document({f"c{n}": {"include_regex": "\u00e4" * 100} for n in range(8)}, [])

    variables = environment(document)

    assert list(variables) == [
        "GRIDWATCH_HOOK_CONFIG",
        *(f"GRIDWATCH_HOOK_CONFIG_{n}" for n in range(1, len(variables))),
    ]
    assert len(variables) > 5
    assert all(len(value) <= MAX_VALUE for value in variables.values())
    assert json.loads("".join(variables.values())) == document


@pytest.mark.parametrize(
    ("rule", "parameters", "every"),
    [
        ("MetricNonFinite", {}, 1),
        ("MetricNonFinite", {"patience": 3}, 10),
        ("MetricThreshold", {"above": 0.9}, 1),
        ("MetricThreshold", {"above": 0.9, "patience": 2}, 10),
        ("MetricPlateau", {}, 10),
        ("LossNotDecreasing", {"num_steps": 4}, 4),
    ],
)
def test_no_value_is_passed_over_where_one_is_enough(rule: str, parameters: dict[str, Any], every: int) -> None:
    """Metrics are saved each round; what counts saved values counts those of each tenth round, as it always did."""
    policy = RulePolicy(name="r", rule=rule, parameters=parameters)
    assert looks_at_every(policy, {}) == every
    assert looks_at_every(policy, {"trees": {"save_interval": "50"}}) == every


@pytest.mark.parametrize(
    ("rule", "parameters", "asked", "every", "finest"),
    [
        ("MetricNonFinite", {}, {"save_interval": "25"}, 1, 1),  # each value is judged by itself
        ("LossNotDecreasing", {"collection_names": "metrics"}, {"save_interval": "25"}, 10, 5),  # at losses too
        ("LossNotDecreasing", {"collection_names": "metrics"}, {"global.save_interval": "4"}, 4, 2),
        ("LossNotDecreasing", {"collection_names": "metrics", "num_steps": 2}, {"save_interval": "2"}, 2, 2),
        ("LossNotDecreasing", {"collection_names": "metrics"}, {"train.save_interval": "4"}, 10, 10),
        ("LossNotDecreasing", {"num_steps": 4}, {"save_interval": "25"}, 4, 4),  # of losses nothing was asked
        ("MetricPlateau", {}, {"save_interval": "25"}, 10, 5),
        ("LossNotDecreasing", {"collection_names": "metrics"}, {"save_interval": "2", "start_step": "50"}, 1, 1),
        ("LossNotDecreasing", {"collection_names": "metrics"}, {"save_steps": "1,5"}, 1, 1),
        ("LossNotDecreasing", {"collection_names": "metrics"}, {}, 1, 1),
    ],
)
def test_rules_look_at_the_rounds_that_a_spec_asks_for(
    rule: str, parameters: dict[str, Any], asked: dict[str, str], every: int, finest: int
) -> None:
    policy = RulePolicy(name="r", rule=rule, parameters=parameters)
    assert looks_at_every(policy, {"metrics": asked}) == every
    assert looks_at_every(policy, {"metrics": asked}, finest=True) == finest


@pytest.mark.parametrize("asked", [{"save_interval": "25"}, {"train.save_interval": "5"}])
def test_curves_are_whole_where_a_spec_asks_for_some_rounds(asked: dict[str, str]) -> None:
    document = whole_curves(hook_document({"metrics": asked}, []))
    assert collections(document)["metrics"] == asked, "what is asked for is not changed"
    config = HookConfig.parse(document, XGBOOST)
    saving = [each for each in config.collections if each.holds("validation-error@0.7")]
    assert all(any(each.saves(Mode.GLOBAL, step) for each in saving) for step in range(30))
    (own,) = (each for each in config.collections if each.name == CURVES)
    assert not any(map(own.holds, ("trees/Gain", "predictions", "feature_importance/gain/f-1", "hyperparameters/a-b")))


@pytest.mark.parametrize(
    "asked", [{}, {"save_interval": "1"}, {"save_steps": "3"}, {"save_interval": "5", "start_step": "50"}]
)
def test_nothing_is_added_where_curves_are_whole_or_steps_are_named(asked: dict[str, str]) -> None:
    document = hook_document({"metrics": asked}, [])
    assert whole_curves(document) == document
    ending = {**hook_document({"metrics": {"save_interval": "5"}}, []), "HookParameters": {"end_step": "100"}}
    assert whole_curves(ending) == ending


def test_hook_and_launch_call_the_added_collection_alike() -> None:
    assert WHOLE_CURVES == CURVES
