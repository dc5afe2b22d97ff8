"""Every way to fail in silence has its alarm, and every alarm a place in docs/operations.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gridwatch.aws.unreadable_records import telling
from gridwatch.state.unreadable import UnreadableRecordError
from infra.settings import DeploymentSettings, DeploymentSettingsError
from tests.template.conftest import Synthesize
from tests.template.synthesized import Synthesized

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"


def alarms(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    found = synthesized.of_type("AWS::CloudWatch::Alarm").values()
    return {alarm["AlarmName"].removeprefix("gridwatch-"): alarm for alarm in found}


def queue_names(synthesized: Synthesized) -> set[str]:
    queues = synthesized.of_type("AWS::SQS::Queue").values()
    return {queue["QueueName"].removeprefix("gridwatch-").removesuffix(".fifo") for queue in queues}


def test_every_dead_letter_every_late_queue_and_every_failing_function_has_its_alarm(synthesized: Synthesized) -> None:
    dead = {name for name in queue_names(synthesized) if name.endswith(("-dead", "-events", "-invocations"))}
    functions = {name.replace("_", "-") for name in synthesized.functions}
    assert set(alarms(synthesized)) == {
        *(f"{name}-not-empty" for name in dead),
        *(f"{name}-late" for name in queue_names(synthesized) - dead),
        *(f"{name}-{what}" for name in functions for what in ("failing", "throttled")),
        "records-unreadable",
    }


def test_the_alarm_of_unreadable_records_hears_what_the_functions_count(
    synthesized: Synthesized, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[object] = []
    telling(lambda message, **fields: told.append((message, fields)))(UnreadableRecordError("job#a job", "no JSON"))
    assert told == [("record cannot be read", {"record": "job#a job", "reason": "no JSON"})]
    counted = json.loads(capsys.readouterr().out)
    (directive,) = counted["_aws"]["CloudWatchMetrics"]
    alarm = alarms(synthesized)["records-unreadable"]
    (dimension,) = alarm["Dimensions"]
    assert (directive["Namespace"], directive["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    assert directive["Dimensions"] == [[dimension["Name"]]]
    assert counted[dimension["Name"]] == dimension["Value"]
    assert counted[alarm["MetricName"]] == [1]


def test_every_function_that_reads_the_state_table_tells_of_unreadable_records() -> None:
    for handler in (Path(__file__).resolve().parents[2] / "functions").glob("*/handler.py"):
        source = handler.read_text()
        assert source.count("StateTable(") == source.count("noted=telling(logger.error))"), handler


def test_alarms_watch_what_they_are_named_after(synthesized: Synthesized) -> None:
    for name, alarm in alarms(synthesized).items():
        if name == "records-unreadable":
            continue  # the test above
        (dimension,) = alarm["Dimensions"]
        subject = name.rpartition("-late")[0] or re.sub("-(not-empty|failing|throttled)$", "", name)
        named = dimension["Value"].lower().replace("_", "-")
        # A function by its logical id, a queue by what GetAtt gives.
        assert subject.replace("-", "") in named.replace("-", ""), name


def test_every_alarm_tells_people_when_it_begins_and_ends(synthesized: Synthesized) -> None:
    (topic,) = [
        name
        for name, properties in synthesized.of_type("AWS::SNS::Topic").items()
        if properties["TopicName"] == "gridwatch-alarms"
    ]
    for alarm in alarms(synthesized).values():
        assert alarm["AlarmActions"] == alarm["OKActions"]
        assert [topic in str(action) or "gridwatch-alarms" in str(action) for action in alarm["AlarmActions"]] == [True]
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_topic_of_alarms_is_one_that_cloudwatch_may_use(synthesized: Synthesized, synthesize: Synthesize) -> None:
    """It may not use the key that AWS manages for SNS, whose policy nobody can change."""

    def key(found: Synthesized) -> Any:
        topics = found.of_type("AWS::SNS::Topic").values()
        return next(topic.get("KmsMasterKeyId") for topic in topics if topic["TopicName"] == "gridwatch-alarms")

    assert key(synthesized) is None
    assert key(synthesize(create_kms_key=True)).startswith("arn:of:Key")


def test_the_operations_page_has_a_place_for_every_alarm_and_no_other(synthesized: Synthesized) -> None:
    page = OPERATIONS.read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall("`([a-z-]+)`", row)} == set(alarms(synthesized))


def test_mails_are_subscribed_or_a_topic_is_given_not_both(synthesize: Synthesize) -> None:
    found = synthesize(alarm_emails="ops@example.com")
    mails = [each["Endpoint"] for each in found.of_type("AWS::SNS::Subscription").values()]
    assert mails == ["ops@example.com"]
    arn = "arn:aws:sns:eu-west-1:123456789012:platform"
    with pytest.raises(DeploymentSettingsError, match="alarm_emails and alarm_topic_arn"):
        DeploymentSettings.from_context({"alarm_emails": "ops@example.com", "alarm_topic_arn": arn})
