"""Adapters of the watching side against moto: logs, rule sets, prices, recorded metrics."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws.price_table import deployed_prices, read_price_table
from gridwatch.aws.rule_sets import S3RuleSets
from gridwatch.aws.tensor_folder import S3MetricRecord
from gridwatch.aws.training_log import GROUP, CloudWatchLog
from gridwatch.launch.watching import RuleSetError
from gridwatch.savings.prices import PriceTable, PriceTableError
from gridwatch.state.store import ConflictError
from gridwatch.storage.layout import log_position_key
from gridwatch_rules.failures import PermanentError
from gridwatch_rules.tensors.log_metrics import LogPosition, PositionExpiredError

REGION, BUCKET, JOB = "eu-west-1", "a-bucket", "others-1"
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[boto3.Session]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield boto3.Session("testing", "testing", region_name=REGION)


@pytest.fixture
def s3(session: boto3.Session) -> Any:
    client = session.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def say(logs: Any, stream: str, *lines: str) -> None:
    at = round(time.time() * 1000)  # events that are too old or too new are refused
    events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)


def read_all(log: CloudWatchLog, stream: str = "", token: str = "") -> tuple[list[str], str, str]:
    lines: list[str] = []
    for _ in range(20):
        page = log.page(JOB, stream, token)
        lines += [line.text for line in page.lines]
        stream, token = page.stream, page.token
        if not page.more:
            return lines, stream, token
    raise AssertionError("the log does not come to an end")


def test_a_log_is_read_on_from_where_the_last_call_ended(session: boto3.Session) -> None:
    logs = session.client("logs")
    log = CloudWatchLog(logs)
    assert read_all(log) == ([], "", "")  # not even the group is there
    logs.create_log_group(logGroupName=GROUP)
    assert read_all(log) == ([], "", "")
    first, second = f"{JOB}/algo-1-1795168800", f"{JOB}/algo-1-1795169900"
    for stream in (first, f"{JOB}/algo-2-1795168800", "others-10/algo-1-1795168800"):
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        say(logs, stream, f"loss=1 of {stream}", "loss=2\nloss=3")
    lines, stream, token = read_all(log)
    assert lines == [f"loss=1 of {first}", "loss=2", "loss=3"]
    assert read_all(log, stream, token)[0] == []
    say(logs, first, "loss=4")
    logs.create_log_stream(logGroupName=GROUP, logStreamName=second)
    say(logs, second, "loss=5")
    assert read_all(log, stream, token)[0] == ["loss=4", "loss=5"]


def test_a_token_that_is_no_longer_known_is_told_apart() -> None:
    from botocore.stub import Stubber

    logs = boto3.client("logs", REGION, aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(logs) as stubbed:
        for stream, token in ((f"{JOB}/algo-1-1", "f/old"), ("", "")):
            if not stream:  # no position: the streams are listed
                stubbed.add_response("describe_log_streams", {"logStreams": [{"logStreamName": f"{JOB}/algo-1-1"}]})
            stubbed.add_client_error(
                "get_log_events", "InvalidParameterException", "The specified nextToken is invalid."
            )
            with pytest.raises(PositionExpiredError if token else PermanentError) as refused:
                CloudWatchLog(logs).page(JOB, stream, token)
            assert isinstance(refused.value, PositionExpiredError) is bool(token)


def test_positions_are_kept(s3: Any) -> None:
    record = S3MetricRecord(BUCKET, s3)
    assert record.position(JOB) == LogPosition()
    position = LogPosition(stream="a", token="b", steps=3, read_at=NOW)
    record.move(JOB, position)
    kept = record.position(JOB)
    assert replace(kept, version="") == position
    record.move(JOB, replace(kept, closed=True))
    for late in (kept, position):  # of a look that began before
        with pytest.raises(ConflictError):
            record.move(JOB, late)
    assert record.position(JOB).closed
    s3.put_object(Bucket=BUCKET, Key=log_position_key(JOB), Body=b"{")
    record.move(JOB, replace(record.position(JOB), steps=4))
    assert record.position(JOB).steps == 4


@pytest.mark.parametrize("steps", ["-1", "1e999", "1000000000000", "9223372036854775807", "NaN", "[]"])
def test_an_impossible_position_is_none(s3: Any, steps: str) -> None:
    record = S3MetricRecord(BUCKET, s3)
    s3.put_object(Bucket=BUCKET, Key=log_position_key(JOB), Body=b'{"stream": "a", "steps": %s}' % steps.encode())
    assert replace(record.position(JOB), version="") == LogPosition()


def test_every_bit_that_flips_in_a_position_makes_it_none_or_changes_nothing(s3: Any) -> None:
    record = S3MetricRecord(BUCKET, s3)
    position = LogPosition(stream="job/algo-1-1", token="f/3", steps=33, read_at=NOW)
    record.move("other", position)
    written = s3.get_object(Bucket=BUCKET, Key=log_position_key("other"))["Body"].read()
    for bit in range(0, len(written) * 8, 3):
        content = bytearray(written)
        content[bit // 8] ^= 1 << bit % 8
        s3.put_object(Bucket=BUCKET, Key=log_position_key(JOB), Body=bytes(content))
        assert replace(record.position(JOB), version="") in (position, LogPosition()), content
    former = b'{"stream": "job/algo-1-1", "token": "f/3", "steps": 33}'  # written without a checksum
    s3.put_object(Bucket=BUCKET, Key=log_position_key(JOB), Body=former)
    assert record.position(JOB).steps == 33


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "InvalidParameterException"])
def test_a_position_in_a_stream_that_is_not_there_is_told_apart(code: str) -> None:
    from botocore.stub import Stubber

    logs = boto3.client("logs", REGION, aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(logs) as stubbed:
        stubbed.add_client_error("get_log_events", code, "The specified log stream does not exist.")
        with pytest.raises(PositionExpiredError):
            CloudWatchLog(logs).page(JOB, "no such stream", "")


def test_rule_sets(s3: Any) -> None:
    s3.put_object(Bucket=BUCKET, Key="rule-sets/careful.yml", Body=b"rules:\n  - rule: MetricPlateau\n")
    s3.put_object(Bucket=BUCKET, Key="rule-sets/wrong.json", Body=b'{"rules": [{"rule": "NoSuchRule"}]}')
    loaded = S3RuleSets(BUCKET, s3).load("careful")
    assert (loaded.key, loaded.policies[0].rule) == ("rule-sets/careful.yml", "MetricPlateau")
    for name, word in (("wrong", "NoSuchRule"), ("absent", "there is no"), ("../status/x", "letters")):
        with pytest.raises(RuleSetError, match=word):
            S3RuleSets(BUCKET, s3).load(name)


def test_prices(s3: Any) -> None:
    assert read_price_table(BUCKET, s3) is None
    key = "settings/instance-prices.json"
    s3.put_object(
        Bucket=BUCKET, Key=key, Body=b'{"source": "us", "date": "d", "currency": "EUR", "per_hour": {"ml.m5.large": 1}}'
    )
    found = read_price_table(BUCKET, s3)
    assert found is not None
    assert found.per_hour == {"ml.m5.large": 1.0}
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"[]")
    with pytest.raises(PriceTableError):
        read_price_table(BUCKET, s3)


def test_prices_that_cannot_be_used_are_told_and_the_packages_are_taken(s3: Any) -> None:
    told: list[str] = []

    def log_error(message: str, *, reason: str) -> None:
        told.append(f"{message}: {reason}")

    assert deployed_prices(BUCKET, log_error, s3) == PriceTable.built_in()
    assert told == []
    s3.put_object(Bucket=BUCKET, Key="settings/instance-prices.json", Body=b"no prices")
    assert deployed_prices(BUCKET, log_error, s3) == PriceTable.built_in()
    (line,) = told
    assert line.startswith("the deployment's prices cannot be used, the package's are: ")
