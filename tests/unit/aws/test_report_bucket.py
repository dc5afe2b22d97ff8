"""Pages in the artifacts bucket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from gridwatch.aws.report_bucket import ReportBucket
from gridwatch.storage.report_store import ReportPlace
from gridwatch_rules.failures import PermanentError, TransientError


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="artifacts")
        yield client


class Answering:
    """S3 that answers HeadObject with an error."""

    def __init__(self, code: str, status: int) -> None:
        self._error = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def head_object(self, **_: str) -> None:
        raise ClientError(self._error, "HeadObject")


def test_a_page_is_kept_as_html_and_found(s3: Any) -> None:
    bucket = ReportBucket("artifacts", s3)
    assert bucket.find_experiment("blobs") is None
    assert bucket.put_experiment("blobs", "<p>ü", None) == "s3://artifacts/reports/experiments/blobs.html"
    kept = s3.get_object(Bucket="artifacts", Key="reports/experiments/blobs.html")
    assert (kept["Body"].read().decode(), kept["ContentType"]) == ("<p>ü", "text/html; charset=utf-8")
    key = "reports/experiments/blobs.html"
    assert bucket.find_experiment("blobs") == ReportPlace("artifacts", key)
    bucket.put_experiment("blobs", "<p>ü", "ASHA would have saved 39 %")
    assert bucket.find_experiment("blobs") == ReportPlace("artifacts", key, "ASHA would have saved 39 %")
    assert bucket.put("job-1", "report", "x") == "s3://artifacts/reports/job-1/report.html"


def test_without_the_right_to_list_nothing_is_there() -> None:
    assert ReportBucket("artifacts", Answering("403", 403)).find_experiment("blobs") is None


@pytest.mark.parametrize(
    ("code", "status", "raised"), [("SlowDown", 503, TransientError), ("InvalidRequest", 400, PermanentError)]
)
def test_what_else_goes_wrong_is_told(code: str, status: int, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        ReportBucket("artifacts", Answering(code, status)).find_experiment("blobs")
