"""What AWS's errors mean here, and what is sent to SQS and read from S3."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ParamValidationError, ReadTimeoutError
from moto import mock_aws

from gridwatch.aws.errors import translate, translated
from gridwatch.aws.experiment_bucket import S3ExperimentBucket
from gridwatch.aws.queues import SqsQueue
from gridwatch.aws.tuning_service import SageMakerTuning
from gridwatch.cli.refusals import UNREADABLE, refusal_of
from gridwatch.events.messages import EvaluateJob, StartTrials
from gridwatch.launch.tuning_ports import TunedJob
from gridwatch_rules.failures import (
    NameTakenError,
    NotFoundError,
    NotYetError,
    PermanentError,
    ThrottledError,
    TransientError,
)


def refusal(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "CreateTrainingJob")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, ThrottledError),
        ("TooManyRequestsException", 429, ThrottledError),
        ("SlowDown", 503, ThrottledError),
        ("ResourceLimitExceeded", 400, NotYetError),
        ("ResourceInUse", 400, NameTakenError),
        ("NoSuchKey", 404, NotFoundError),
        ("ValidationException", 400, PermanentError),
        ("AccessDeniedException", 403, PermanentError),
        ("ExpiredTokenException", 403, TransientError),
        ("InternalFailure", 500, TransientError),
        ("SomethingNew", 400, PermanentError),
        ("SomethingNew", 500, TransientError),
        ("SomethingNew", 0, TransientError),
    ],
)
def test_each_code_says_what_happens_next(code: str, status: int, kind: type[Exception]) -> None:
    error = translate(refusal(code, status))
    assert type(error) is kind
    assert (str(error), error.code) == ("why", code)


def test_an_unreachable_service_is_passing_and_a_malformed_request_is_not() -> None:
    assert type(translate(EndpointConnectionError(endpoint_url="https://x"))) is TransientError
    assert type(translate(ReadTimeoutError(endpoint_url="https://x"))) is TransientError
    assert type(translate(ParamValidationError(report="bad"))) is PermanentError


def test_other_errors_are_not_touched() -> None:
    with pytest.raises(KeyError), translated():
        raise KeyError("x")


class RecordingSqs:
    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def send_message(self, **request: Any) -> None:
        self.requests.append(request)


class BatchSqs:
    """Takes ten messages in a request, and none whose body holds `refused`."""

    def __init__(self, refused: str = "nothing", *, sender_fault: bool = False) -> None:
        self.batches: list[list[str]] = []
        self._refused, self._fault = refused, sender_fault

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 0 < len(Entries) <= 10
        assert len({entry["Id"] for entry in Entries}) == len(Entries)
        self.batches.append([json.loads(entry["MessageBody"])["reason"] for entry in Entries])
        failed = [entry for entry in Entries if self._refused in entry["MessageBody"]]
        told = {"Code": "InternalError", "Message": "unwell", "SenderFault": self._fault}
        return {"Successful": [], "Failed": [{"Id": entry["Id"], **told} for entry in failed]}


def test_many_messages_go_ten_in_a_request() -> None:
    sqs = BatchSqs()
    queue = SqsQueue("https://sqs/1/evaluate", sqs)
    queue.send_all(StartTrials(str(number)) for number in range(23))
    assert [len(batch) for batch in sqs.batches] == [10, 10, 3]
    assert [each for batch in sqs.batches for each in batch] == [str(number) for number in range(23)]
    queue.send_all([])
    assert len(sqs.batches) == 3


@pytest.mark.parametrize(("sender_fault", "kind"), [(False, TransientError), (True, PermanentError)])
def test_a_message_that_is_not_taken_is_an_error(sender_fault: bool, kind: type[Exception]) -> None:
    queue = SqsQueue("https://sqs/1/evaluate", BatchSqs("17", sender_fault=sender_fault))
    with pytest.raises(kind, match="1 of 10 messages were not taken"):
        queue.send_all(StartTrials(str(number)) for number in range(23))


def test_messages_to_a_fifo_queue_go_one_by_one() -> None:
    with pytest.raises(ValueError, match="FIFO"):
        SqsQueue("https://sqs/1/start.fifo", BatchSqs()).send_all([StartTrials("x")])


def test_a_fifo_queue_gets_an_id_that_sqs_takes() -> None:
    sqs = RecordingSqs()
    queue = SqsQueue("https://sqs/1/start.fifo", sqs)
    queue.send(StartTrials("x"), deduplication_id="experiments/ä b.yaml v1" * 30)
    queue.send(StartTrials("x"), deduplication_id="another")
    first, second = sqs.requests
    assert json.loads(first["MessageBody"]) == {"type": "StartTrials", "reason": "x"}
    assert first["MessageGroupId"] == second["MessageGroupId"]
    assert first["MessageDeduplicationId"] != second["MessageDeduplicationId"]
    assert len(first["MessageDeduplicationId"]) <= 128
    with pytest.raises(ValueError, match="deduplication"):
        queue.send(StartTrials("x"))


def test_a_standard_queue_gets_none() -> None:
    sqs = RecordingSqs()
    SqsQueue("https://sqs/1/evaluate", sqs).send(EvaluateJob("j", ended=True))
    (request,) = sqs.requests
    assert set(request) == {"QueueUrl", "MessageBody"}


@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"1e999", b"\xff", b"[" * 100_000])
@mock_aws
def test_a_damaged_answer_counts_as_none_and_is_replaced(content: bytes) -> None:
    s3 = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket="bucket")
    bucket = S3ExperimentBucket("bucket", s3)
    for key in ("status/x.json", "status/experiments/x.yaml.error.json"):
        s3.put_object(Bucket="bucket", Key=key, Body=content)
    assert bucket.read_answer("status/x.json") is None
    assert refusal_of(s3, "bucket", "x") == UNREADABLE
    bucket.revise_answer("status/x.json", lambda former: {"former": former})
    assert bucket.read_answer("status/x.json") == {"former": None}


@mock_aws
def test_the_experiments_bucket() -> None:
    s3 = boto3.client("s3", "us-east-1")
    s3.create_bucket(Bucket="bucket")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="bucket", Key="experiments/a.yaml", Body=b"one")["VersionId"]
    second = s3.put_object(Bucket="bucket", Key="experiments/a.yaml", Body=b"two")["VersionId"]
    bucket = S3ExperimentBucket("bucket", s3)

    assert bucket.read_spec("experiments/a.yaml", first, max_bytes=10).content == b"one"
    assert bucket.read_spec("experiments/a.yaml", None, max_bytes=1).content == b"tw"
    assert bucket.current_version("experiments/a.yaml") == second
    assert bucket.current_version("experiments/none.yaml") is None
    with pytest.raises(NotFoundError):
        bucket.read_spec("experiments/none.yaml", None, max_bytes=10)

    bucket.write_answer("status/x.json", {"ä": 1})
    assert json.loads(s3.get_object(Bucket="bucket", Key="status/x.json")["Body"].read()) == {"ä": 1}
    bucket.delete_answer("status/x.json")
    bucket.delete_answer("status/x.json")

    s3.put_object(Bucket="bucket", Key="data/set/", Body=b"")
    assert bucket.etags("s3://bucket/data/set/") == {}
    etag = s3.put_object(Bucket="bucket", Key="data/set/part-0", Body=b"x")["ETag"].strip('"')
    assert bucket.etags("s3://bucket/data/set") == {"data/set/part-0": etag}
    with pytest.raises(NotFoundError):
        bucket.etags("s3://no-such-bucket/x")


class PagedS3:
    """A listing in two pages."""

    def get_paginator(self, operation: str) -> PagedS3:
        assert operation == "list_objects_v2"
        return self

    def paginate(self, **request: str) -> list[dict[str, Any]]:
        assert request == {"Bucket": "bucket", "Prefix": "data/"}
        return [{"Contents": [{"Key": f"data/{n}", "ETag": f'"e{n}"'}]} for n in range(2)] + [{"KeyCount": 0}]


def test_every_page_of_a_listing_counts() -> None:
    assert S3ExperimentBucket("b", PagedS3()).etags("s3://bucket/data/") == {"data/0": "e0", "data/1": "e1"}


class TuningWithPages:
    """Three training jobs, two to a page."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def list_training_jobs_for_hyper_parameter_tuning_job(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if "NextToken" in request:
            return {"TrainingJobSummaries": [{"TrainingJobName": "a"}]}
        young = [{"TrainingJobName": name, "TrainingJobDefinitionName": "large"} for name in ("c", "b")]
        return {"TrainingJobSummaries": young, "NextToken": "more"}


def test_a_tuning_jobs_jobs_are_listed_page_by_page_as_far_as_they_are_looked_at() -> None:
    sagemaker = TuningWithPages()
    jobs = SageMakerTuning(sagemaker).tuned_jobs("tuning")
    assert [next(jobs), next(jobs)] == [TunedJob(name=name, definition="large") for name in ("c", "b")]
    assert len(sagemaker.asked) == 1
    assert list(jobs) == [TunedJob(name="a")]
    first, second = sagemaker.asked
    assert (first["SortBy"], first["SortOrder"]) == ("CreationTime", "Descending")
    assert second == {**first, "NextToken": "more"}
