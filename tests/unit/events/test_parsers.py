"""Events as AWS sends them, and what is read from them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridwatch.events.spec_upload import SpecUpload, spec_upload, unwrapped
from gridwatch.events.sqs import QueuedBody
from gridwatch.events.training_job import job_description, moment, training_job_change

EVENTS = Path(__file__).resolve().parents[2] / "events"


def golden(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return event


def test_an_uploaded_spec() -> None:
    assert spec_upload(golden("s3_spec_created")) == SpecUpload(
        "gridwatch-experiments-123456789012-eu-west-1",
        "experiments/blobs.yaml",
        "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
        "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e",
    )


def test_without_versions_the_etag_tells_uploads_apart() -> None:
    event = golden("s3_spec_created")
    del event["detail"]["object"]["version-id"]
    upload = spec_upload(event)
    assert upload is not None
    assert (upload.version, upload.version_id) == ("b1946ac92492d2347c6235b4d2611184", None)


@pytest.mark.parametrize(
    "key",
    [
        "status/experiments/a.yaml.json",
        "data/a.yaml",
        "experiments/a.txt",
        "Experiments/a.yaml",
        "experiments",
        "a.yaml",
    ],
)
def test_other_objects_are_no_specs(key: str) -> None:
    event = golden("s3_spec_created")
    event["detail"]["object"]["key"] = key
    assert spec_upload(event) is None


@pytest.mark.parametrize("name", ["s3_index_created", "sagemaker_training_job_state_change", "scheduled_event"])
def test_other_events_are_no_uploads(name: str) -> None:
    assert spec_upload(golden(name)) is None


def test_a_key_is_taken_as_it_is() -> None:
    event = golden("s3_spec_created")
    event["detail"]["object"]["key"] = "experiments/my blobs+%41\u00e4.yaml"
    upload = spec_upload(event)
    assert upload is not None
    assert upload.key == "experiments/my blobs+%41\u00e4.yaml"


def test_events_come_alone_or_through_sqs() -> None:
    event = golden("s3_spec_created")
    assert list(unwrapped(event)) == [event]
    assert list(unwrapped({"Records": [{"messageId": "1", "body": json.dumps(event)}] * 2})) == [event, event]


def test_a_training_jobs_news() -> None:
    news = training_job_change(golden("sagemaker_training_job_state_change"))
    assert news is not None
    assert (news.job_name, news.status, news.secondary_status) == (
        "gridwatch-blobs-0a1b2c3d4e-1",
        "Completed",
        "Completed",
    )
    assert news.modified_at == datetime.fromtimestamp(1795169110, UTC)
    assert news.started_at == datetime.fromtimestamp(1795168890, UTC)
    assert news.ended_at == datetime.fromtimestamp(1795169105, UTC)
    assert (news.instance_type, news.instance_count) == ("ml.m5.large", 1)


def test_news_of_a_job_with_the_least_that_may_be_there() -> None:
    event = golden("sagemaker_training_job_state_change")
    event["detail"] = {key: event["detail"][key] for key in ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus")}
    news = training_job_change(event)
    assert news is not None
    assert news.modified_at == datetime(2026, 11, 20, 10, 5, 10, tzinfo=UTC)
    del event["time"]
    with pytest.raises(ValueError, match="has no time"):
        training_job_change(event)
    del event["detail"]["TrainingJobStatus"]
    with pytest.raises(ValueError, match="TrainingJobStatus"):
        training_job_change(event)


def test_other_events_are_no_news_of_a_job() -> None:
    assert training_job_change(golden("s3_spec_created")) is None
    assert training_job_change(golden("scheduled_event")) is None


def test_the_answer_of_describe_has_more() -> None:
    described = job_description(
        {
            "TrainingJobName": "j", "TrainingJobArn": "a", "TrainingJobStatus": "Failed", "SecondaryStatus": "Failed",
            "LastModifiedTime": datetime(2026, 1, 1, tzinfo=UTC), "BillableTimeInSeconds": 7,
            "FinalMetricDataList": [{"MetricName": "validation-error", "Value": 0.25, "Timestamp": 1}],
            "ModelArtifacts": {"S3ModelArtifacts": "s3://m/model.tar.gz"}, "FailureReason": "AlgorithmError",
        }
    )  # fmt: skip
    assert described.billable_seconds == 7
    assert described.final_metrics == {"validation-error": 0.25}
    assert described.model_uri == "s3://m/model.tar.gz"
    assert described.failure_reason == "AlgorithmError"


@pytest.mark.parametrize("value", ["1795168800000", 1795168800000, 1795168800000.0, "2026-11-20T10:00:00Z"])
def test_times_come_in_many_ways(value: object) -> None:
    expected = (
        datetime.fromtimestamp(1795168800, UTC) if "T" not in str(value) else datetime(2026, 11, 20, 10, tzinfo=UTC)
    )
    assert moment(value) == expected


@pytest.mark.parametrize("value", [None, ""])
def test_no_time_is_none(value: object) -> None:
    assert moment(value) is None


@pytest.mark.parametrize(
    "wrong",
    [{"detail": None}, {"detail": "a"}, {"detail": {"object": [], "bucket": 1}}, {"detail": {"object": {"key": 1}}},
     {"detail": {"bucket": {"name": "b"}, "object": {"key": "experiments/a.yaml", "version-id": [1]}}},
     {"detail": {"bucket": {"name": "b"}, "object": {"key": "experiments/a.yaml", "etag": 7}}}],
)  # fmt: skip
def test_an_upload_of_another_shape_is_none(wrong: dict[str, Any]) -> None:
    assert spec_upload({"source": "aws.s3", "detail-type": "Object Created", **wrong}) is None


def test_a_message_that_is_nested_too_deeply_is_refused_as_any_other() -> None:
    with pytest.raises(ValueError, match="message m is nested too deeply"):
        QueuedBody("m", "[" * 100_000).parsed()
