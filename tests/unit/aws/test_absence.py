"""Telling an object that is not there from one that may not be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.aws.absence import is_absent
from gridwatch.aws.table_bucket import S3TableBucket
from gridwatch.aws.tensor_source import S3Source
from gridwatch_rules.failures import NotFoundError, PermanentError
from gridwatch_rules.tensors.source import ByteRange


class Refusing:
    """S3 that refuses every object, and lists those that are there."""

    def __init__(self, *keys: str) -> None:
        self._keys = sorted(keys)

    def get_object(self, **_: str) -> None:
        error = {"Error": {"Code": "AccessDenied", "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(error, "GetObject")

    def list_objects_v2(self, Bucket: str, Prefix: str, MaxKeys: int) -> dict[str, Any]:  # noqa: N803  botocore's names
        assert Bucket == "artifacts"
        found = [key for key in self._keys if key.startswith(Prefix)][:MaxKeys]
        return {"Contents": [{"Key": key} for key in found]} if found else {}


@pytest.mark.parametrize(
    ("error", "absent"),
    [
        (NotFoundError("", code="NoSuchKey"), True),
        (PermanentError("", code="AccessDenied"), True),
        (PermanentError("", code="403"), True),
        (PermanentError("", code="InvalidRange"), False),
    ],
)
def test_of_a_key_that_is_not_there(error: PermanentError, *, absent: bool) -> None:
    # A longer key is another one.
    assert is_absent(Refusing("tables/a.parquet.old"), "artifacts", "tables/a.parquet", error) is absent


def test_a_key_that_is_there_is_refused() -> None:
    refused = PermanentError("", code="AccessDenied")
    assert not is_absent(Refusing("tables/a", "tables/ab"), "artifacts", "tables/a", refused)


def test_tables_and_tensors_that_are_not_there_yet(tmp_path: Path) -> None:
    there = Refusing("tables/a.parquet", "tensors/job/index/0.json")
    assert not S3TableBucket("artifacts", Refusing()).get("tables/a.parquet", tmp_path / "a")
    assert not (tmp_path / "a").exists()
    with pytest.raises(PermanentError):
        S3TableBucket("artifacts", there).get("tables/a.parquet", tmp_path / "a")
    assert S3Source(Refusing(), "artifacts", "tensors/job/").read([ByteRange("index/0.json")]) == [None]
    with pytest.raises(PermanentError):
        S3Source(there, "artifacts", "tensors/job/").read([ByteRange("index/0.json")])
