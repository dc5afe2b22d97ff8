"""The forms that alerts are told in: as they were read and found good, and within what the services take."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gridwatch.alerts.chat import chat_notification
from gridwatch.alerts.content import Alert, Curve, Fact, Severity
from gridwatch.alerts.digest import Ended, digest, digest_id, is_over
from gridwatch.alerts.incident import incident_event
from gridwatch.alerts.links import Link
from gridwatch.alerts.shared_values import shared_values
from gridwatch.alerts.slack import slack_message
from gridwatch.domain.trials import TrialState
from gridwatch.storage.report_store import ReportPlace
from tests.unit.alerts.cases import PRICES, cases, experiment, grid
from tests.unit.alerts.rendering import GOLDEN, renderings
from tests.unit.alerts.test_text import NOW

HOSTILE = "<!channel> <@U1> <http://evil|click> ``` & \r\n\x1b[2J " + "ü" * 40_000
LARGE = Alert(
    kind="rule_issue", severity=Severity.CRITICAL, title=HOSTILE, summary=HOSTILE,
    facts=tuple(Fact(f"Label {number}", HOSTILE) for number in range(30)), details=(HOSTILE,) * 100,
    curve=Curve("<!here>", (1, 2), (0.5, "nan")), action=HOSTILE, outcome=HOSTILE,
    links=(Link("Job", "https://a.example/" + "x" * 4000), Link("Logs", "https://b.example/"), Link("Tensors", "s3://c")),
    commands=(HOSTILE, "gridwatch status blobs"),
)  # fmt: skip


@pytest.mark.parametrize("name", cases())
def test_as_it_was_read(name: str) -> None:
    for ending, text in renderings(cases()[name]).items():
        assert (GOLDEN / f"{name}.{ending}").read_text() == text, ending


def test_no_golden_file_is_left_over() -> None:
    expected = {f"{name}.{ending}" for name, record in cases().items() for ending in renderings(record)}
    assert {path.name for path in GOLDEN.iterdir()} == expected


def notifies_nobody(text: str) -> bool:
    """Slack reads `<!`, `<@`, `<#` and `<address|label>`; ours are the only links."""
    return not re.search(r"<(?!https://b\.example/)", text)


def test_amazon_q_takes_it_however_long_it_is() -> None:
    notification = chat_notification(LARGE, "id", "blobs")
    content: dict[str, Any] = notification["content"]
    assert (notification["version"], notification["source"]) == ("1.0", "custom")
    assert len(content["title"]) <= 250
    assert 0 < len(content["description"]) <= 8000
    assert content["nextSteps"] == ["`gridwatch status blobs`", "<https://b.example/|Logs>"]
    assert all(len(keyword) <= 75 for keyword in content["keywords"])
    assert content["description"].count("```") == 4
    assert all(notifies_nobody(text) for text in (content["title"], content["description"], *content["nextSteps"]))


def test_one_thread_for_each_experiment() -> None:
    threads = {
        name: json.loads(renderings(record)["chat.json"])["metadata"]["threadId"] for name, record in cases().items()
    }
    assert threads["follow_up"] == threads["digest"] == threads["trial_failed"] == "gridwatch-blobs"
    assert threads["stopped"] == "gridwatch-blobs-debugger"


def test_slack_takes_it_however_long_it_is() -> None:
    message = slack_message(LARGE, "id")
    assert len(message["blocks"]) <= 50
    for part in message["blocks"]:
        if part["type"] == "section":
            assert 0 < len(part["text"]["text"]) <= 3000
            assert notifies_nobody(part["text"]["text"])
            assert part["text"]["text"].count("```") in (0, 2)
    assert len(message["blocks"][0]["text"]["text"]) <= 150
    assert message["blocks"][0]["text"]["type"] == "plain_text"
    assert notifies_nobody(message["text"])


def test_an_incident_for_each_alert() -> None:
    event = incident_event(LARGE, "id", "blobs", source="gridwatch", at=NOW)
    assert (event["event_action"], event["dedup_key"]) == ("trigger", "id")
    assert "routing_key" not in event
    assert len(event["payload"]["summary"]) <= 1024
    assert event["payload"]["severity"] in ("critical", "error", "warning", "info")


def test_the_experiment_is_over_when_every_point_is() -> None:
    trials = grid()
    assert is_over(experiment(), trials)
    assert not is_over(experiment(), trials[:-1])
    assert not is_over(experiment(), [*trials[:-1], replace(trials[-1], state=TrialState.STOPPING)])


def test_one_digest_for_each_version_of_the_spec() -> None:
    ended = Ended(experiment=experiment(), trials=grid(), reactions=[])
    assert digest(ended, PRICES, NOW).alert_id == digest(ended, PRICES, NOW + timedelta(hours=1)).alert_id
    assert digest(ended, PRICES, NOW).alert_id == digest_id(experiment())
    assert digest_id(replace(experiment(), spec_version="v2")) != digest_id(experiment())


def test_the_digest_links_the_page_that_was_written() -> None:
    arn = "arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/gridwatch-blobs-1"
    ended = Ended(experiment=experiment(), trials=[replace(grid()[0], job_arn=arn)], reactions=[])
    assert digest(ended, PRICES, NOW).content["links"] == []
    place = ReportPlace("pages", "reports/experiments/blobs.html")
    (link,) = digest(replace(ended, report=place), PRICES, NOW).content["links"]
    assert link == {
        "label": "Report",
        "address": "https://cn-north-1.console.amazonaws.cn/s3/object/pages?region=cn-north-1"
        "&prefix=reports/experiments/blobs.html",
    }


def test_an_experiment_without_values_has_no_best_trial() -> None:
    for reported, said in (
        ({"validation:error": float("nan")}, "no last value of validation:error is finite"),
        ({}, "none has a value of validation:error"),
    ):
        trials = [replace(trial, final_metrics=reported) for trial in grid()]
        content = digest(Ended(experiment=experiment(), trials=trials, reactions=[]), PRICES, NOW).content
        assert {"label": "Best trial", "value": said} in content["facts"]


def test_shared_values_against_a_known_answer() -> None:
    """Fisher's tea: of 8 cups 4 had the milk first; all 4 found: p = 1/70."""
    with_milk, without = [{"milk": "first"}] * 4, [{"milk": "last"}] * 4
    (found,), compared = shared_values(with_milk, without)
    assert (found.name, found.value, found.affected, found.with_value, found.elsewhere) == ("milk", "first", 4, 4, 0)
    assert found.probability == pytest.approx(1 / 70)
    assert compared == 2
    assert shared_values([{"milk": "first"}] * 3 + [{"milk": "last"}], [{"milk": "first"}, *without[:3]])[0] == []


def test_what_all_trials_have_is_not_shared() -> None:
    assert shared_values([{"a": 1, "b": True}] * 4, [{"a": 1, "b": 1}] * 4)[0][0].name == "b"  # True is not 1
