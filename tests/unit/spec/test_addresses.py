"""Addresses in S3, in every field of a spec that has one, as SageMaker's own pattern takes them."""

from __future__ import annotations

import pytest

from gridwatch.spec.addresses import is_archive, is_object, is_prefix
from gridwatch.spec.channels import channel_problem, channel_uri
from gridwatch.storage.layout import is_spec_key, split_s3_uri

KEYS = ["my data/train/", "été/日本.csv", "a+b (1)/x#y?.csv", "dt=2026-11-29/", "50%/", "a/b;c", "trailing /"]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_may_hold_what_s3_lets_it(key: str) -> None:
    uri = f"s3://bucket-a/{key}"
    assert is_prefix(uri)
    assert is_object(uri)
    assert channel_problem(uri) is None
    assert split_s3_uri(channel_uri(uri, "experiments")) == ("bucket-a", key)


@pytest.mark.parametrize("uri", ["s3://bucket-a", "s3://bucket-a/"])
def test_a_bucket_alone_is_a_channel_and_no_object(uri: str) -> None:
    assert channel_problem(uri) is None
    assert split_s3_uri(uri) == ("bucket-a", "")
    assert not is_object(uri)
    assert not is_archive(uri)


@pytest.mark.parametrize("place", ["my data/train", "été/x.csv", "x#y.csv"])
def test_a_place_below_data_may_too(place: str) -> None:
    assert channel_problem(place) is None
    assert channel_uri(place, "experiments") == f"s3://experiments/data/{place}"


@pytest.mark.parametrize(
    "uri",
    [
        "s3://",
        "s3:///key",
        "s3://UPPER/key",
        "s3://bucket-a/line\nbreak",
        "s3://bucket-a/\x1b[2J",
        "/data/train",
        " train",
        "train ",
        "gs://bucket/train",
        "a/../../b",
        "tab\tin",
    ],
)
def test_what_is_no_address_is_told(uri: str) -> None:
    assert channel_problem(uri) is not None


def test_a_web_address_is_told_as_one() -> None:
    assert channel_problem("https://s3.amazonaws.com/bucket/train/") == (
        "is a web address; write it as s3://bucket/prefix"
    )


def test_an_archive_is_told_by_its_name() -> None:
    assert is_archive("s3://bucket-a/my code/v 1.tar.gz")
    assert not is_archive("s3://bucket-a/code.zip")


@pytest.mark.parametrize("name", ["UP.YAML", "a.Yml", "deep/b.JSON", "c.yaml"])
def test_a_spec_is_one_however_its_suffix_is_written(name: str) -> None:
    assert is_spec_key(f"experiments/{name}")
    assert not is_spec_key(f"data/{name}")
    assert not is_spec_key(f"experiments/{name}.txt")
