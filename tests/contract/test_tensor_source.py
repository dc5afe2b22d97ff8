"""The contract of gridwatch_rules.tensors.source.TensorSource, held against every implementation of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws import tensor_source
from gridwatch.aws.tensor_source import S3Source
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import ByteRange, LocalSource, TensorSource
from tests.tensor_folder import MemorySource, TensorFolder

OBJECTS = {
    "collections/000000000/worker_0_collections.json": b"{}",
    "events/000000000000/000000000000_worker_0.tfevents": b"0123456789",
    "index/000000000/000000000000_worker_0.json": b"first",
    "index/000000000/000000000002_worker_0.json": b"second",
    "index/000000001/000000001000_worker_0.json": b"third",
    "training_job_end.ts": b"",
}
EVENTS = "events/000000000000/000000000000_worker_0.tfevents"


def on_disk(folder: Path, objects: dict[str, bytes]) -> LocalSource:
    for key, data in objects.items():
        path = folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return LocalSource(folder)


def in_s3(objects: dict[str, bytes]) -> S3Source:
    client = boto3.client("s3", region_name="eu-west-1")
    client.create_bucket(Bucket="tensors", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_object(Bucket="tensors", Key="job/other/index/000000000/000000000000_worker_0.json", Body=b"no")
    for key, data in objects.items():
        client.put_object(Bucket="tensors", Key=f"job/debug-output/{key}", Body=data)
    return S3Source.at(client, "s3://tensors/job/debug-output/")


@pytest.fixture(params=["memory", "disk", "s3"])
def source(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TensorSource]:
    if request.param == "memory":
        yield MemorySource(OBJECTS)
    elif request.param == "disk":
        yield on_disk(tmp_path, OBJECTS)
    else:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        with mock_aws():
            yield in_s3(OBJECTS)


def test_no_more_is_read_at_once_than_a_function_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many, whole or in parts, and whatever an index says of them: what S3 is about to send counts."""
    monkeypatch.setattr(tensor_source, "_MOST", 18)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        source = in_s3(OBJECTS)
        whole = [ByteRange(key) for key in OBJECTS]
        assert len(source.read(whole[:3])) == 3
        assert source.read([ByteRange(EVENTS, 0, 2**40)]) == [b"0123456789"]
        for ranges in (whole, [ByteRange(EVENTS, 0, 10), ByteRange(EVENTS, 1, 9)], [ByteRange(EVENTS)] * 2):
            with pytest.raises(CorruptTensorError, match="at once"):
                source.read(ranges)
        assert source.read(whole[3:]) == [b"second", b"third", b""]


class TestTensorSource:
    def test_keys_are_those_of_the_prefix_in_order(self, source: TensorSource) -> None:
        assert list(source.keys("index/")) == [key for key in sorted(OBJECTS) if key.startswith("index/")]
        assert list(source.keys("training_job_end.ts")) == ["training_job_end.ts"]
        assert list(source.keys("nothing/")) == []

    def test_keys_come_after_a_key_that_need_not_be_there(self, source: TensorSource) -> None:
        assert list(source.keys("index/", "index/000000000/000000000001~")) == sorted(OBJECTS)[3:5]
        assert list(source.keys("index/", "index/000000000/000000000002_worker_0.json")) == sorted(OBJECTS)[4:5]
        assert list(source.keys("index/", "index/000000001/000000001000~")) == []

    def test_the_first_keys_alone(self, source: TensorSource) -> None:
        assert list(source.keys("index/", limit=2)) == sorted(OBJECTS)[2:4]

    def test_ranges_come_in_the_order_asked_for(self, source: TensorSource) -> None:
        wanted = [ByteRange(EVENTS, 4, 3), ByteRange(EVENTS), ByteRange(EVENTS, 0, 1), ByteRange("index/nothing")]
        assert list(source.read(wanted)) == [b"456", b"0123456789", b"0", None]

    def test_what_ends_early_gives_what_there_is(self, source: TensorSource) -> None:
        assert list(source.read([ByteRange(EVENTS, 8, 10)])) == [b"89"]
        assert list(source.read([ByteRange(EVENTS, 50, 10)])) == [b""]
        assert list(source.read([])) == []


@mock_aws
def test_a_job_in_s3_is_read_in_few_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """One LIST and one GET for the collections, one LIST to see that no flush objects tell of the steps and one for the
    index, one GET per index object, and one per events file however many tensors are wanted of it.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    folder = TensorFolder({"metrics": ["metric"]})
    for step in range(20):
        folder.save(step, {f"metric-{number}": [float(step)] for number in range(5)})
    source = in_s3(folder.objects)
    calls: list[str] = []
    meta: Any = source._client.meta
    meta.events.register("before-call.s3", lambda model, **_: calls.append(model.name))
    reader = TensorReader(source)
    steps = list(reader.new_steps(Cursor()))
    assert len(steps) == 20
    assert not reader.prefetch(place for saved in steps for place in map(saved.place, saved.names) if place)
    assert [reader.value(saved, "metric-3").item() for saved in steps] == [float(step) for step in range(20)]
    assert (calls.count("ListObjectsV2"), calls.count("GetObject")) == (3, 1 + 20 + 20)


@mock_aws
def test_a_bucket_that_may_not_be_read_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    source = S3Source(boto3.client("s3", region_name="eu-west-1"), "nobodys", "x")
    with pytest.raises(PermanentError):
        source.keys("index/")
    with pytest.raises(ValueError, match="no S3 address"):
        S3Source.at(None, "http://bucket/prefix")
