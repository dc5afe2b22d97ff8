"""Manifests: read, refused for what is wrong with them, and their files looked at as any others are."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from gridwatch.domain.notices import Level
from gridwatch.preflight.manifests import LookedInto, ManifestError, augmented_uris, listed_uris, look_into
from gridwatch.storage.data_source import DataSource
from gridwatch_rules.failures import PermanentError
from tests.fakes.experiment_bucket import FakeData

PREFIX = "s3://bucket-a/data/train/"
BUCKETS = {
    "bucket-a": {"data/train/a.csv": b"1,2\n", "data/train/b c#.csv": b"0,3\n", "data/other.csv": b"1,1\n"},
    "bucket-b": {"x/y.jpg": b"JPG"},
}


def open_uri(uri: str) -> DataSource:
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    if bucket not in BUCKETS:
        raise PermanentError("not authorized", code="AccessDenied")
    return FakeData({key: content for key, content in BUCKETS[bucket].items() if key.startswith(prefix)})


def looked(content: object, attributes: Sequence[str] | None = None) -> LookedInto:
    raw = content if isinstance(content, bytes) else dumped(content)
    return look_into("train", FakeData({"data/m.manifest": raw}), attributes, open_uri)


def dumped(document: object) -> bytes:
    return json.dumps(document).encode()


def test_what_it_lists_becomes_the_channels_data() -> None:
    found = looked([{"prefix": PREFIX}, "a.csv", "b c#.csv"])
    assert found.notices == ()
    assert found.source is not None
    assert [file.key for file in found.source.files()] == ["data/train/a.csv", "data/train/b c#.csv"]
    assert found.source.read("data/train/a.csv", 0, 9) == b"1,2\n"
    assert found.looked_at == "train: a manifest of 2 objects, 2 of which were looked for: 0 are not there"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"prefix": "s3://bucket-a/data/train/"}, "a.csv",]', "it is no JSON"),
        (b"", "it is no JSON"),
        ('[{"prefix": "s3://bucket-a/data/train/"}, "a.csv"]'.encode("utf-16-le"), "it is no JSON"),
        ('[{"prefix": "s3://bucket-a/data/train/"}, "a.csv"]'.encode("utf-16"), "it is no JSON"),
        (b'[{"prefix": "s3://bucket-a/data/train/"}, "a.csv", NaN]', "NaN is no value of JSON"),
        (b"\xff\xfe[\x00", "it is no JSON"),
        (b'\xef\xbb\xbf[{"prefix": "s3://bucket-a/"}, "a"]', "byte order mark"),
        (b"[" * 100_000, "it is no JSON"),
        ([], "an empty array"),
        ({}, "a JSON object"),
        (None, "a JSON null"),
        (["a.csv"], 'its first element is "a.csv", and no prefix'),
        ([{"Prefix": PREFIX}, "a.csv"], "and no prefix"),
        ([{"prefix": 5}, "a.csv"], "and no prefix"),
        ([{"prefix": "data/train/"}, "a.csv"], "is no S3 address"),
        ([{"prefix": PREFIX}], "lists no object"),
        ([{"prefix": PREFIX}, "a.csv", 7], "its element 3 is 7"),
        ([{"prefix": PREFIX}, "a.csv", ""], "its element 3 is"),
        ([{"prefix": PREFIX}, {"prefix": PREFIX}], "its element 2 is"),
        ([{"prefix": PREFIX}, "a.csv", "a.csv"], "1 object more than once"),
    ],
)
def test_what_is_wrong_with_it_is_refused(content: object, told: str) -> None:
    found = looked(content)
    (notice,) = found.notices
    assert notice.check == "manifest"
    assert notice.level is None, "as the check weighs: refused"
    assert told in notice.message
    assert notice.advice
    assert (notice.channel, notice.file) == ("train", "m.manifest")
    assert found.source is None
    assert "cannot be read" in found.looked_at


def test_objects_that_are_not_there_are_told_one_by_one_at_first() -> None:
    found = looked([{"prefix": PREFIX}, "a.csv", *(f"gone-{n}.csv" for n in range(5))])
    messages = [notice.message for notice in found.notices]
    assert messages[0] == "it lists s3://bucket-a/data/train/gone-0.csv, which is not there"
    assert messages[3:] == ["and 2 more that are not there"]
    assert found.source is None
    assert "5 are not there" in found.looked_at


def test_a_prefix_of_a_bucket_alone_and_names_that_leave_no_key() -> None:
    assert listed_uris(dumped([{"prefix": "s3://bucket-a/"}, "data/other.csv"])) == ["s3://bucket-a/data/other.csv"]
    with pytest.raises(ManifestError, match="no S3 address after its prefix"):
        listed_uris(dumped([{"prefix": "s3://bucket-a"}, "other_file"]))


def test_what_may_not_be_read_from_here_is_a_warning_and_no_refusal() -> None:
    found = looked([{"prefix": "s3://others-bucket/data/"}, "a.csv"])
    (notice,) = found.notices
    assert notice.level is Level.WARN
    assert "out of reach" in found.looked_at


def test_without_a_way_to_the_objects_it_is_said_that_they_were_not_looked_for() -> None:
    content = dumped([{"prefix": PREFIX}, "gone.csv"])
    found = look_into("train", FakeData({"m": content}), None, None)
    assert found.notices == ()
    assert found.looked_at == "train: a manifest of 1 object, which were not looked for"


def test_several_objects_at_the_address_are_no_manifest() -> None:
    found = look_into("train", FakeData({"a": b"[]", "b": b"[]"}), None, open_uri)
    assert "a manifest is one object, here are 2" in found.notices[0].message


LINES = [
    {"image-ref": "s3://bucket-a/data/train/a.csv", "label": 1},
    {"image-ref": "s3://bucket-b/x/y.jpg", "label": 0},
]


def lines(*documents: object) -> bytes:
    return b"\n".join(map(dumped, documents)) + b"\n\n"


def test_an_augmented_manifest_is_read_line_by_line() -> None:
    assert augmented_uris(lines(*LINES), ["image-ref", "label"]) == [line["image-ref"] for line in LINES]
    found = looked(lines(*LINES), ["image-ref", "label"])
    assert found.notices == ()
    assert found.looked_at == "train: a manifest of 2 objects, 2 of which were looked for: 0 are not there"
    assert looked(lines({"text": "hello"}), ["text"]).looked_at == "train: a manifest with its data"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"\n\n", "it has no line"),
        (lines(LINES[0])[:-1] + b"{,}", "line 2 is no JSON"),
        (lines(LINES[0], [1]), "line 2 is a JSON array"),
        (lines(LINES[0], {"label": 1}), "line 2 has no 'image-ref'; it has 'label'"),
        (lines({"image-ref": "a.jpg", "label": 1}), "line 1: 'image-ref' is \"a.jpg\", no S3 address"),
        (lines({"image-ref": "s3://bucket-b/x/gone.jpg", "label": 1}), "s3://bucket-b/x/gone.jpg, which is not there"),
    ],
)
def test_what_is_wrong_with_an_augmented_one_is_refused(content: bytes, told: str) -> None:
    (notice,) = looked(content, ["image-ref", "label"]).notices
    assert told in notice.message
