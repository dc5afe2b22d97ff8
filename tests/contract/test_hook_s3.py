"""The hook with S3: what lies in the bucket, and what a bucket that refuses does to the training."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gridwatch_hook.hook import Hook
from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.sinks import open_sink
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from tests.contract.localcloud_world import BUCKET, World
from tests.tensor_folder import MemorySource


@pytest.fixture
def s3(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in world.cloud.environment().items():
        monkeypatch.setenv(name, value)
    return world.client("s3")


def objects(s3: Any, prefix: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for listed in page.get("Contents", []):
            body = s3.get_object(Bucket=BUCKET, Key=listed["Key"])["Body"].read()
            found[listed["Key"].removeprefix(prefix)] = body
    return found


def test_steps_reach_the_bucket_in_few_uploads_and_all_can_be_read(s3: Any) -> None:
    hook = Hook.create(f"s3://{BUCKET}/hook/job/debug-output")
    for step in range(400):
        hook.save_scalar("loss", float(step))
        hook.next_step()
    report = hook.close()
    found = objects(s3, "hook/job/debug-output/")
    assert report.clean
    assert sum(key.startswith("events/") for key in found) <= 10
    assert sum(key.startswith("index/") for key in found) == 400
    reader = TensorReader(MemorySource(found))
    steps = list(reader.new_steps(Cursor(), ended=True))
    assert [reader.value(saved, "scalar/loss").item() for saved in steps] == [float(step) for step in range(400)]
    assert json.loads(found["gridwatch_hook.json"])["steps_written"] == 400
    assert "training_job_end.ts" in found


def test_a_restarted_job_takes_its_end_marker_away(s3: Any) -> None:
    uri = f"s3://{BUCKET}/hook/restarted/debug-output"
    Hook.create(uri).close()
    hook = Hook.create(uri)
    hook.forget_end()
    assert "training_job_end.ts" not in objects(s3, "hook/restarted/debug-output/")
    hook.close()


def test_a_bucket_that_does_not_exist_costs_the_tensors_and_nothing_else(
    s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = Hook.create("s3://no-such-bucket-here/job")
    hook.save_scalar("loss", 1.0)
    report = hook.close(seconds=0.0)
    assert report.steps_lost == 1
    assert "NoSuchBucket" in report.last_error
    assert "1 steps LOST" in capsys.readouterr().err


def test_an_address_without_a_bucket_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match="names no bucket"):
        open_sink("s3://", "us-east-1")
