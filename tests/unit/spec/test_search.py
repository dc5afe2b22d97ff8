"""What a spec may say of its points, and what is wrong with them in its author's terms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import blobs, only_problem, problems


def searching(**search: Any) -> dict[str, Any]:
    document = blobs()
    del document["grid"]
    document["hyperparameters"] |= {"num_round": 10}
    for name in ("max_depth", "gamma"):
        document["hyperparameters"].pop(name, None)
    return document | {"search": search}


def test_instance_types_and_architectures_are_factors_like_any_other() -> None:
    document = searching(repeats=2) | {"grid": {"resources.instance_type": ["ml.m5.large", "ml.c5.xlarge"]}}
    plan = planned(document)
    made = requests(plan)
    assert [request["ResourceConfig"]["InstanceType"] for request in made] == [
        "ml.m5.large", "ml.m5.large", "ml.c5.xlarge", "ml.c5.xlarge",
    ]  # fmt: skip
    assert all("resources.instance_type" not in request["HyperParameters"] for request in made)
    assert len(set(plan.trial_ids)) == 4
    assert [fault for request in made for fault in faults("CreateTrainingJob", request)] == []


def test_a_list_a_zip_and_draws_make_the_points_that_they_say() -> None:
    document = searching(
        list=[{"eta": 0.1, "max_depth": 3}, {"eta": 0.3, "max_depth": 6}],
        zip=[{"subsample": [0.5, 0.9], "gamma": [1, 2]}],
        random={"samples": 3, "seed": 1, "parameters": {"lambda": {"log_uniform": [0.1, 10]}}},
        constraints=["!(eta == 0.3 && gamma == 2)"],
    )
    document["hyperparameters"].pop("eta", None)
    document["hyperparameters"].pop("subsample", None)
    plan = planned(document)
    assert plan.count == 9
    assert plan.trials[0].hyperparameters["lambda"] == plan.trials[3].hyperparameters["lambda"]


@pytest.mark.parametrize(
    ("search", "field", "message"),
    [
        ({"list": [{"gamma": 1}, {"max_depth": 2}]}, "search.list[1]", "has not the keys of the first point"),
        ({"list": [{"gamma": 1}, {"gamma": 1}]}, "search.list[1]", "is the point 0 once more"),
        ({"zip": [{"gamma": [1, 2], "max_depth": [3]}]}, "search.zip[0]", "must be equally many"),
        ({"zip": [{"gamma": [1]}]}, "search.zip[0]", "is too short"),
        ({"list": [{"num_round": 5}]}, "search.list[0].num_round", "is also under hyperparameters"),
        ({"list": [{"gamma": -1}]}, "search.list[0].gamma", "XGBoost does not take this value"),
        ({"list": [{"gama": 1}]}, "search.list[0].gama", "is no hyperparameter"),
        ({"when": {"gamma": "true"}}, "search.when.gamma", "no point has this hyperparameter"),
        ({"constraints": ["gamma >"]}, "search.constraints[0]", "is no CEL expression"),
        ({"constraints": ["false"]}, "search.constraints", "leave no point"),
        ({"repeats": 2_000}, "search.repeats.count", "is too large"),
        ({"lists": []}, "search.lists", "is not a field of search"),
        ({"list": [{"resources.volume_gb": 3}]}, "search.list[0].resources.volume_gb", "can differ between trials"),
        ({"list": [{"resources.instance_type": "ml.m5.lage"}]}, "search.list[0].resources.instance_type", "no such"),
        ({"list": [{"resources.instance_count": 2}]}, "search.list[0].resources.instance_count", "one instance"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_where_it_stands(search: dict[str, Any], field: str, message: str) -> None:
    told = problems(searching(**search))
    assert [(problem.field, message in problem.message) for problem in told] == [(field, True)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"uniform": [1, 0]}, "the range is empty"),
        ({"log_uniform": [0, 1]}, "a logarithm needs numbers above 0"),
        ({"uniform": [0, 1], "integer": [1, 2]}, "it is not clear how to draw"),
        ({}, "it is not clear how to draw"),
    ],
)
def test_a_distribution_that_cannot_be_drawn_from_is_refused(given: dict[str, Any], message: str) -> None:
    document = searching(random={"samples": 2, "seed": 1, "parameters": {"gamma": given}})
    assert only_problem(document).message == message


def test_a_search_over_its_limit_is_refused_before_its_points_are_made() -> None:
    huge = {"samples": 10_000, "seed": 1, "parameters": {"gamma": {"uniform": [0, 1]}}}
    problem = only_problem(searching(random=huge, repeats=1_000, constraints=["true"]))
    assert problem.found == "10,000,000 trials"
    assert problem.allowed == "100,000 before constraints"
    limit = only_problem(searching(random=huge, constraints=["gamma > 0.5"]))
    assert limit.allowed == "16 (limits.trials)"


def test_identities_of_specs_without_a_search_have_not_changed() -> None:
    """Recorded before there were searches: a change here trains every experiment of every team anew."""
    assert planned(blobs()).trial_ids[:2] == ("f4f62987cf", "b8e1109275")
