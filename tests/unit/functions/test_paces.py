"""Stories of the pace: each job is told what its price allows, and the schedule looks at it as often."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import EvaluateJob
from gridwatch.launch.paces import EMBEDDED_ACCOUNT, Pacing, RequestedMachines, log_of
from gridwatch.launch.tuning import paced
from gridwatch.pace import FREE, PACE_KEY, Bounds, Log, pace_of
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.watching import WatchingTable, look_prices
from gridwatch_rules.tensors.metric_definition import LogMetric
from start_trials.tuning import TuningLauncher
from tests.unit.functions.test_tuning import Tuned
from tests.unit.functions.watching import JOB
from tests.unit.functions.watching import World as Watched
from tests.unit.functions.world import World, example

LOOKS = look_prices(WatchingTable.built_in())


def pacing(**bounds: Any) -> Pacing:
    return Pacing(prices=PriceTable.built_in, looks=LOOKS, bounds=Bounds(**bounds))


def launched(**sections: Any) -> World:
    world = World()
    world.pacing = pacing()
    world.submit(yaml.safe_dump({**yaml.safe_load(example()), **sections}))
    world.start()
    return world


def told(request: Mapping[str, Any]) -> Mapping[str, Any]:
    return json.loads(request["Environment"][PACE_KEY])


def test_a_launched_job_is_told_its_pace_and_its_records_have_it() -> None:
    world = launched(resources={"instance_type": "ml.m5.large", "max_runtime": "1h"}, collect={})
    expected = pace_of(0.115, 3_600, LOOKS, Bounds(), log=Log.CHECKED)
    request = world.training.requests[0]
    assert told(request)["look_seconds"] == pytest.approx(expected.look_seconds, abs=0.001)
    job = world.store.get_job(request["TrainingJobName"])
    assert job is not None
    assert job.look_seconds == expected.log_seconds
    (trial, *_) = world.trials(TrialState.RUNNING)
    assert trial.check_seconds == expected.check_seconds > 60


def test_a_job_whose_log_is_followed_has_half_of_the_looks_for_it() -> None:
    job = launched().store.get_job(launched().training.requests[0]["TrainingJobName"])
    assert job is not None
    followed = replace(job, log_metrics=(LogMetric(name="loss", regex="(.*)"),), log_repeats_hook=False)
    assert log_of(followed) is Log.FOLLOWED
    assert log_of(replace(followed, log_repeats_hook=True)) is Log.CHECKED
    assert log_of(replace(followed, log_metrics=())) is Log.NEVER
    machine = RequestedMachines("ml.m5.large", 1)
    half, whole = (pacing().of(machine, longest=3_600, log=each) for each in (Log.FOLLOWED, Log.NEVER))
    assert half.least_seconds == pytest.approx(2 * whole.least_seconds)
    assert half.log_seconds > whole.log_seconds


def test_what_a_spec_says_counts() -> None:
    machine = {"instance_type": "ml.p5.48xlarge", "max_runtime": "1h"}
    assert told(launched(resources=machine).training.requests[0])["look_seconds"] < 3
    wished = launched(resources=machine, watching={"every": "20s"})
    assert told(wished.training.requests[0])["look_seconds"] == 20.0
    small = launched(resources=machine, watching="0.001 %")
    assert told(small.training.requests[0])["look_seconds"] > 30


def test_jobs_are_expected_to_take_as_long_as_those_before_them() -> None:
    world = launched(resources={"instance_type": "ml.p5.48xlarge", "max_runtime": "1d"}, limits={"parallel_jobs": 2})
    for trial in world.trials(TrialState.RUNNING):
        began = world.clock.now()
        world.clock.advance(600)
        world.finish(trial.job_name, started_at=began, ended_at=world.clock.now())
    world.clock.advance(3_600)
    world.start()
    before, after = (told(world.training.requests[index])["look_seconds"] for index in (0, -1))
    assert after < before / 5


def test_spot_costs_less_so_looks_are_fewer() -> None:
    machine = {"instance_type": "ml.g5.12xlarge", "max_runtime": "1h"}
    spot = {**machine, "spot": {"max_wait": "2h"}}
    usual, cheap = (
        told(launched(resources=each, checkpoints={}).training.requests[0])["look_seconds"] for each in (machine, spot)
    )
    assert cheap == pytest.approx(usual / 0.3**0.5, rel=0.01)


def test_machines_of_groups_cost_together() -> None:
    groups = [
        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "b", "InstanceType": "ml.p5.48xlarge", "InstanceCount": 2},
        {"InstanceGroupName": "c", "InstanceType": "ml.m5.large", "InstanceCount": 2},
    ]
    found = RequestedMachines.of({"InstanceGroups": groups})
    assert PriceTable.built_in().hourly(found) == pytest.approx(3 * 0.115 + 2 * 98.32)
    assert RequestedMachines.of({"InstanceType": "ml.m5.large", "InstanceCount": 2}).instance_count == 2


def test_the_embedded_cloud_is_quick_unless_it_is_told_otherwise() -> None:
    def found(pace: str, account: str) -> Bounds:
        return Pacing.of_deployment(
            prices=PriceTable.built_in, looks=LOOKS, share=0.02, every_seconds=0, pace=pace, account=account
        ).bounds

    assert found("auto", EMBEDDED_ACCOUNT).free
    assert found("free", "123456789012").free
    assert found("price", EMBEDDED_ACCOUNT) == found("auto", "123456789012") == Bounds(share=0.02)
    free = pacing(free=True)
    assert free.of(RequestedMachines("ml.m5.large", 1), longest=None) == FREE


def test_the_jobs_of_a_tuning_job_are_told_theirs_when_it_is_created() -> None:
    world = Tuned()
    record = world.submit_tuning()
    name = record.name
    assert PACE_KEY not in record.request["TrainingJobDefinition"]["Environment"]
    launcher = TuningLauncher(
        store=world.store, tuning=world.tuning, alerts=world.alerts, snapshot_queue=world.snapshot_queue,
        clock=world.clock, name_prefix="gridwatch", pacing=pacing(),
    )  # fmt: skip
    launcher.start_waiting()
    (created,) = world.tuning.requests
    assert created["HyperParameterTuningJobName"] == name
    assert json.loads(created["TrainingJobDefinition"]["Environment"][PACE_KEY])["look_seconds"] > 1


def test_a_tuning_job_without_room_for_the_variable_goes_without_it() -> None:
    full = {f"V{number}": "1" for number in range(48)}
    request = {"TrainingJobDefinition": {"Environment": full}}
    assert paced(request, pacing(), None) == request
    several = {"TrainingJobDefinitions": [{"Environment": {"A": "1"}}, {"Environment": {}}]}
    assert all(PACE_KEY in each["Environment"] for each in paced(several, pacing(), None)["TrainingJobDefinitions"])


def checks(world: Watched, minutes: int) -> int:
    for _ in range(minutes):
        world.clock.advance(60)
        world.sweeper().wake_evaluations()
    return sum(message == EvaluateJob(JOB) for message in world.evaluate_queue.messages)


def test_the_schedule_looks_as_often_as_the_price_allows() -> None:
    world = Watched()
    assert checks(world, 60) == 60
    cheap = Watched()
    slow = replace(cheap.trial, check_seconds=150.0, updated_at=cheap.clock.now())
    cheap.store.update_trial(slow, expected=cheap.trial)
    assert checks(cheap, 60) == 24
    before = len(cheap.evaluate_queue.messages)
    cheap.sweep()
    assert len(cheap.evaluate_queue.messages) == before
