"""What a plan takes at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gridwatch.launch.preview import preview
from gridwatch.savings.prices import PriceTable
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.test_requests import planned
from tests.unit.launch.test_training_parts import script
from tests.unit.spec.specs import blobs

PRICES = PriceTable(
    source="a test", date="2026-11-21", currency="USD", per_hour={"ml.c5.xlarge": 0.2, "ml.g5.xlarge": 1.5}
)

BUILT_IN = PriceTable.built_in()


def made(**sections: Any) -> Any:
    return preview(planned(script(**sections), replace(DEPLOYMENT, allowed_in_specs=("*",))), PRICES)


def test_the_bounds_are_of_jobs_that_take_all_their_time() -> None:
    resources = {"instance_type": "ml.c5.xlarge", "instance_count": 2, "max_runtime": "30m"}
    told = made(grid={"a": [1, 2, 3, 4, 5]}, resources=resources, limits={"parallel_jobs": 2})
    assert told.seconds == 3 * 1_800
    assert told.instance_hours == 5.0
    assert told.cost == 1.0
    assert told.quotas == ()
    assert told.launch_seconds == 5


def test_machines_that_differ_between_trials_count_each_at_its_own_price() -> None:
    grid = {"resources.instance_type": ["ml.c5.xlarge", "ml.g5.xlarge"]}
    assert made(grid=grid, resources={"instance_type": "ml.c5.xlarge", "max_runtime": "1h"}).cost == 1.7


def test_without_a_price_there_is_no_cost_and_the_type_is_named() -> None:
    told = made(resources={"instance_type": "ml.p4d.24xlarge"})
    assert (told.cost, told.unpriced) == (None, ("ml.p4d.24xlarge",))


def test_quotas_that_bind_are_named() -> None:
    resources = {
        "instance_type": "ml.c5.xlarge", "instance_count": 3, "max_runtime": "6d", "spot": {"max_wait": "7d"},
        "volume_gb": 2_000,
    }  # fmt: skip
    told = made(grid={"a": [1, 2]}, resources=resources, checkpoints={})
    assert [quota.split(";")[0] for quota in told.quotas] == [
        "6 instances at one time", "2,000 GB an instance", "jobs of 518,400 s"
    ]  # fmt: skip
    assert "L-93958082" in told.quotas[0]
    assert told.seconds == 7 * 86_400  # waiting for capacity included


def test_watching_is_bounded_by_what_is_saved_and_by_what_the_job_costs() -> None:
    few = preview(planned(boosted(rounds=20, interval=10)), BUILT_IN)
    many = preview(planned(boosted(rounds=10_000, interval=10)), BUILT_IN)
    endless = preview(planned(boosted(rounds=10_000_000, interval=1)), BUILT_IN)
    assert few.watching.cost < many.watching.cost == endless.watching.cost
    assert endless.cost is not None
    assert 0.005 * endless.cost < endless.looks_cost <= 0.01 * endless.cost
    assert 40 < endless.look_seconds < 120


def test_a_dear_job_is_looked_at_often_and_a_spec_may_say_how_often() -> None:
    document = boosted(rounds=10_000_000, interval=1)
    document["resources"]["instance_type"] = "ml.p5.48xlarge"
    dear = preview(planned(document), BUILT_IN)
    assert dear.look_seconds < 3
    assert preview(planned({**document, "watching": {"every": "30s"}}), BUILT_IN).look_seconds == 30
    cheap = boosted(rounds=10_000_000, interval=1)
    generous = preview(planned({**cheap, "watching": "10 %"}), BUILT_IN)
    assert generous.look_seconds == pytest.approx(preview(planned(cheap), BUILT_IN).look_seconds, rel=0.4)
    assert preview(planned({**cheap, "watching": "0.1 %"}), BUILT_IN).look_seconds > 500


def test_of_a_script_that_writes_no_tensors_only_its_minutes_are_watched() -> None:
    plan = planned(script())
    silent = replace(plan, template={**plan.template, "Environment": {}})
    assert preview(silent, PRICES).watching.tensor_gb == 0.0
    assert 0 < preview(silent, PRICES).watching.cost < preview(plan, PRICES).watching.cost


def boosted(*, rounds: int, interval: int) -> dict[str, Any]:
    document = blobs()
    document["grid"] = {"max_depth": [2]}
    document["hyperparameters"]["num_round"] = rounds
    document["resources"]["max_runtime"] = "1h"
    document["collect"] = {"metrics": {"save_interval": interval}}
    return document


def test_a_script_whose_log_is_read_too_is_looked_at_half_as_often() -> None:
    resources = {"instance_type": "ml.m5.large", "max_runtime": "1h"}
    plan = planned(script(resources=resources))
    assert plan.template["AlgorithmSpecification"]["MetricDefinitions"]
    followed = preview(plan, BUILT_IN)
    boosting = boosted(rounds=10_000_000, interval=1)
    alone = preview(planned(boosting), BUILT_IN)
    assert followed.look_seconds == pytest.approx(2 * alone.look_seconds)
    for each in (followed, alone):
        assert each.cost is not None
        assert each.looks_cost <= 0.01 * each.cost
