"""What a plan takes at most."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gridwatch.launch.preview import preview
from gridwatch.savings.prices import PriceTable
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.test_requests import planned
from tests.unit.launch.test_training_parts import script

PRICES = PriceTable(
    source="a test", date="2026-11-21", currency="USD", per_hour={"ml.c5.xlarge": 0.2, "ml.g5.xlarge": 1.5}
)


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
