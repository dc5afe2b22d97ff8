"""`tune`: what is refused with its reason, and what AWS advises against."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.launch.test_tuning import tuned
from tests.unit.spec.specs import parsed, problems

RANGE = {"continuous": [0.1, 0.5]}


def told(document: Any) -> str:
    return "\n".join(problem.as_text("spec") for problem in problems(document))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"parameters": {}}, "what is tuned must be said once"),
    ({"parameters": {"eta": {}}}, "it is not clear what it is chosen from"),
    ({"parameters": {"eta": {**RANGE, "integer": [1, 2]}}}, "it is not clear what it is chosen from"),
    ({"parameters": {"eta": {"continuous": [0.5, 0.1]}}}, "the range is empty"),
    ({"parameters": {"gamma": {"continuous": [0, 5], "scaling": "log"}}}, "needs numbers above 0"),
    ({"parameters": {"gamma": {"continuous": [0, 5], "scaling": "reverse_log"}}}, "from 0 to below 1"),
    ({"parameters": {"booster": {"categorical": ["dart", "dart"]}}}, "the same category is there twice"),
    ({"parameters": {"booster": {"categorical": ["dart"], "scaling": "log"}}}, "no order to scale"),
    ({"parameters": {"max_depth": {"continuous": [2, 8]}}}, "XGBoost does not take this value"),
    ({"parameters": {"objective": {"categorical": ["reg:nothing"]}}}, "XGBoost does not take this value"),
    ({"parameters": {"num_round": {"integer": [1, 9]}}}, "is also under hyperparameters"),
    ({"parameters": {"resources.instance_count": {"integer": [1, 2]}}}, "only hyperparameters can be tuned"),
    ({"parameters": {"eta": {"auto": 0.1}}}, "SageMaker chooses ranges only when it is asked to"),
    ({"autotune": True, "parameters": {"eta": {"auto": 0.1, "scaling": "log"}}}, "chooses the scale with the range"),
    ({"autotune": True, "parameters": {"eta": {**RANGE, "auto": 0.1}}}, "it is not clear what it is chosen from"),
    ({"autotune": True, "parameters": {"eta": {"auto": 7}}}, "XGBoost does not take this value"),
    ({"autotune": True, "parameters": {}}, "what is tuned must be said once"),
    ({"jobs": None}, "nothing ends the tuning job"),
    ({"jobs": 751}, "is over the limit of the strategy bayesian"),
    ({"strategy": "grid"}, "the strategy grid walks categories alone"),
    ({"strategy": "hyperband"}, "how much a job may take is not known"),
    ({"strategy": "hyperband", "hyperband": {"max": 9}, "early_stopping": True}, "stops jobs in a way of its own"),
    ({"strategy": "hyperband", "hyperband": {"min": 9, "max": 2}}, "min is greater than max"),
    ({"hyperband": {"max": 9}}, "is only for the strategy hyperband"),
    ({"max_runtime": 60}, "is too short"),
    ({"algorithms": {"one": {"parameters": {"eta": RANGE}}}}, "what is tuned must be said once"),
]


@pytest.mark.parametrize(
    ("tune", "reason"), REFUSED, ids=[reason + str(index) for index, (_, reason) in enumerate(REFUSED)]
)
def test_a_tuning_job_that_cannot_be_is_refused_with_the_reason(tune: dict[str, Any], reason: str) -> None:
    assert reason in told(tuned(**tune))


@pytest.mark.parametrize(
    ("part", "value", "reason"),
    [
        ("grid", {"gamma": [1, 2]}, "SageMaker chooses the points"),
        ("search", {"repeats": 2}, "SageMaker chooses the points"),
        ("limits", {"budget": 5.0}, "launches the jobs of a tuning job by itself"),
        ("limits", {"parallel_jobs": 101}, "runs no more at one time"),
        ("checkpoints", {}, "one place for all"),
        ("resources", {"remote_debug": True}, "a tuning job cannot say this of its jobs"),
        ("repair", {"rules": ["Overfit"], "hyperparameter": "eta", "times": 0.5}, "repairs none"),
        ("doomed_regions", {"action": "cancel"}, "wait to be spared"),
    ],
)
def test_what_only_gridwatchs_own_launching_does_is_refused(part: str, value: Any, reason: str) -> None:
    assert reason in told({**tuned(), part: value})


def test_ranges_count_over_all_algorithms() -> None:
    names = ["eta", "gamma", "alpha", "lambda", "subsample", "colsample_bytree", "colsample_bylevel",
             "colsample_bynode", "min_child_weight", "max_delta_step", "rate_drop", "skip_drop", "base_score",
             "scale_pos_weight", "tweedie_variance_power", "huber_slope"]  # fmt: skip
    ranges = {name: {"continuous": [1.1, 1.9]} if name.startswith("tweedie") else RANGE for name in names}
    document = tuned()
    document["tune"] = {"jobs": 10, "algorithms": {name: {"parameters": ranges} for name in ("one", "two")}}
    assert "too many ranges" in told(document)
    assert "32" in told(document)


def test_a_problem_of_one_algorithm_is_told_where_it_stands() -> None:
    document = tuned()
    wrong = {"parameters": {"eta": RANGE}, "hyperparameters": {"max_depth": -1}, "metric": "validation-auc"}
    document["tune"] = {"jobs": 10, "algorithms": {"good": {"parameters": {"eta": RANGE}}, "bad": wrong}}
    fields = {problem.field for problem in problems(document)}
    assert fields == {"tune.algorithms.bad.hyperparameters.max_depth", "tune.algorithms.bad.metric"}


def warnings(document: Any) -> str:
    return "\n".join(problem.as_text("spec") for problem in parsed(document).warnings)


def test_a_sound_tuning_job_is_not_warned_of() -> None:
    assert warnings(tuned()) == ""


def test_a_linear_scale_over_orders_of_magnitude_is_warned_of() -> None:
    wide = {"continuous": [0.0001, 1.0], "scaling": "linear"}
    assert "largest order of magnitude" in warnings(tuned(parameters={"eta": wide}))
    assert warnings(tuned(parameters={"eta": {**wide, "scaling": "auto"}})) == ""
    assert warnings(tuned(parameters={"eta": {**wide, "continuous": [0.1, 1.0]}})) == ""


def test_many_parallel_jobs_under_bayesian_search_are_warned_of() -> None:
    document = {**tuned(), "limits": {"parallel_jobs": 5}}
    assert "Bayesian search learns from finished jobs" in warnings(document)
    assert "at most 2 here" in warnings(document)
    document["tune"]["strategy"] = "random"
    assert warnings(document) == ""
    assert "a fresh account's quota" in warnings({**document, "limits": {"parallel_jobs": 11}})


def script(**changes: Any) -> dict[str, Any]:
    document = tuned(parameters={"lr": RANGE})
    document["algorithm"] = {
        "framework": "pytorch", "version": "2.10", "source": "s3://code/train.tar.gz", "entry_point": "train.py",
        "metrics": {"loss": "loss ([0-9.eE+-]+)"},
    }  # fmt: skip
    document["objective"] = {"metric": "loss", "direction": "minimize"}
    document["collect"] = {}
    return document | changes


def test_many_hosts_where_one_larger_would_do_are_warned_of() -> None:
    several = script(resources={"instance_type": "ml.g5.12xlarge", "instance_count": 2})
    assert "use one ml.g5.48xlarge" in warnings(several)
    largest = script(resources={"instance_type": "ml.g5.48xlarge", "instance_count": 2})
    assert warnings(largest) == ""


def test_a_batch_too_small_for_its_gpus_is_warned_of() -> None:
    machine = {"instance_type": "ml.g5.48xlarge"}  # eight GPUs
    small = script(hyperparameters={"batch_size": 32}, resources=machine)
    assert "32 over 8 GPUs" in warnings(small)
    assert warnings(script(hyperparameters={"batch_size": 64}, resources=machine)) == ""
    small["hyperparameters"] = {}
    small["tune"]["parameters"]["batch_size"] = {"categorical": [16, 128]}
    assert "16 over 8 GPUs" in warnings(small)


def test_more_than_twenty_hyperparameters_are_warned_of() -> None:
    ranges = {f"p{number}": RANGE for number in range(21)}
    document = script()
    document["tune"]["parameters"] = ranges
    assert "finds less the more it searches" in warnings(document)
    del ranges["p0"]
    assert warnings(document) == ""
