"""A spec that reads the last days: its jobs get a manifest of what was there when it was uploaded."""

from __future__ import annotations

import json
from typing import Any

import yaml

from launch_grid.platform import UploadOutcome
from tests.unit.functions.world import World, example

DAYS = ("2026-10-30", "2026-10-31", "2026-11-01")


def windowed(**window: Any) -> str:
    document = yaml.safe_load(example())
    document["data"]["train"] |= {
        "uri": "s3://events/dt={date}/", "window": {"days": 3, "until": DAYS[-1], **window},
    }  # fmt: skip
    document["grid"] = {"num_round": [10]}
    return yaml.safe_dump(document)


def with_days(*days: str) -> World:
    world = World()
    for day in days:
        world.bucket.objects[f"s3://events/dt={day}/part-0.csv"] = f"etag of {day}"
    return world


def source(world: World) -> dict[str, Any]:
    world.start()
    channels = {each["ChannelName"]: each for each in world.training.requests[-1]["InputDataConfig"]}
    found: dict[str, Any] = channels["train"]["DataSource"]["S3DataSource"]
    return found


def test_the_jobs_read_the_objects_of_all_days_through_a_manifest() -> None:
    world = with_days(*DAYS, "2026-11-02")
    assert world.submit(windowed()).outcome is UploadOutcome.ACCEPTED
    found = source(world)
    ((key, content),) = world.bucket.windows.items()
    assert (found["S3DataType"], found["S3Uri"]) == ("ManifestFile", f"s3://experiments-bucket/{key}")
    assert key.startswith("data/windows/")
    assert json.loads(content) == [{"prefix": "s3://events/"}, *(f"dt={day}/part-0.csv" for day in DAYS)]


def test_new_days_make_new_trials_and_the_same_days_none() -> None:
    world = with_days(*DAYS)
    assert world.submit(windowed()).recorded == 1
    assert world.submit(windowed()).recorded == 0
    world.bucket.objects["s3://events/dt=2026-11-01/part-1.csv"] = "late"
    world.clock.advance(10)
    assert world.submit(windowed()).recorded == 1
    assert len(world.bucket.windows) == 2


def test_days_without_data_are_named_unless_they_may_lack() -> None:
    world = with_days(DAYS[0])
    assert world.submit(windowed()).outcome is UploadOutcome.REJECTED
    (problem,) = world.bucket.answers["status/experiments/blobs.yaml.error.json"]["problems"]
    assert problem["field"] == "data.train.window"
    assert problem["message"] == "of 2 of the 3 days there is no data"
    assert problem["found"] == "s3://events/dt=2026-10-31/, s3://events/dt=2026-11-01/"
    assert world.bucket.windows == {}
    world.clock.advance(10)
    assert world.submit(windowed(may_lack=2)).outcome is UploadOutcome.ACCEPTED
    empty = with_days()
    assert empty.submit(windowed(may_lack=2)).outcome is UploadOutcome.REJECTED
