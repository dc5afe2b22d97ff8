"""The events that carry rule statuses: ours against its schema, golden event and parser; SageMaker's as well."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.events.rule_status import rule_statuses, status_change_detail
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus, condition_met

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "docs/schema/rule-status-change.schema.json").read_text())


def golden(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((ROOT / "tests/events" / f"{name}.json").read_text())
    return event


OURS, SAGEMAKERS = golden("gridwatch_rule_status_change"), golden("sagemaker_training_job_rule_statuses")


def test_the_golden_event_follows_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(OURS["detail"], SCHEMA)


@pytest.mark.parametrize(
    "path",
    [["Version"], ["Findings", 0, "Finding", "mode"], ["DebugRuleEvaluationStatuses", 0, "RuleEvaluationStatus"]],
)
def test_the_schema_refuses_what_is_not_of_it(path: list[Any]) -> None:
    detail = copy.deepcopy(OURS["detail"])
    place = detail
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = "something"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(detail, SCHEMA)


def test_what_we_send_is_the_golden_event() -> None:
    detail = OURS["detail"]
    at = datetime(2026, 11, 20, 10, 3, 29, tzinfo=UTC)
    issue = RuleEvaluationRecord(
        job_name=detail["TrainingJobName"], rule_name="LossNotDecreasing", status=RuleStatus.ISSUES_FOUND,
        details=condition_met("LossNotDecreasing", 24), finding=detail["Findings"][0]["Finding"], updated_at=at,
    )  # fmt: skip
    other = RuleEvaluationRecord(
        job_name=detail["TrainingJobName"], rule_name="MetricNonFinite", status=RuleStatus.IN_PROGRESS,
        details=None, finding=None, updated_at=at.replace(minute=1, second=30),
    )  # fmt: skip
    arn = detail["TrainingJobArn"]
    sent = status_change_detail(detail["TrainingJobName"], arn, "blobs-debugger", "0a1b2c3d4e", [issue, other])
    assert json.loads(json.dumps(sent)) == detail
    without_arn = status_change_detail(detail["TrainingJobName"], None, "blobs-debugger", "0a1b2c3d4e", [issue])
    jsonschema.validate(json.loads(json.dumps(without_arn)), SCHEMA)


def test_a_rule_that_saw_nothing_travels_as_debuggers_error_and_arrives_as_what_it_is() -> None:
    details = "LossNotDecreasing looks for a loss; there was only validation-auc at 5 steps"
    blind = RuleEvaluationRecord(
        job_name="gridwatch-blobs-0a1b2c3d4e-1", rule_name="loss", status=RuleStatus.SAW_NOTHING, details=details,
        finding=None, updated_at=datetime(2026, 11, 20, 10, 3, 29, tzinfo=UTC),
    )  # fmt: skip
    sent = json.loads(json.dumps(status_change_detail(blind.job_name, None, "blobs", "0a1b2c3d4e", [blind])))
    jsonschema.validate(sent, SCHEMA)
    (told,) = sent["DebugRuleEvaluationStatuses"]
    assert (told["RuleEvaluationStatus"], told["StatusDetails"]) == ("Error", f"SawNothing: {details}")
    found = rule_statuses(OURS | {"detail": sent})
    assert found is not None
    assert (found.changes[0].status, found.changes[0].details) == (RuleStatus.SAW_NOTHING, details)


def test_ours_is_read_with_its_findings() -> None:
    found = rule_statuses(OURS)
    assert found is not None
    assert found.job_name == "gridwatch-blobs-debugger-0a1b2c3d4e-1"
    assert not found.managed
    issue, other = found.changes
    assert (issue.rule_name, issue.status, issue.step) == ("LossNotDecreasing", RuleStatus.ISSUES_FOUND, 24)
    assert issue.finding is not None
    assert issue.finding.as_json() == OURS["detail"]["Findings"][0]["Finding"]
    assert (other.rule_name, other.status, other.finding, other.step) == ("MetricNonFinite", "InProgress", None, None)


def test_sagemakers_is_read_with_the_step_of_its_details() -> None:
    found = rule_statuses(SAGEMAKERS)
    assert found is not None
    assert found.managed
    issue, other = found.changes
    assert (issue.rule_name, issue.status, issue.step) == ("LossNotDecreasing", RuleStatus.ISSUES_FOUND, 24)
    assert issue.finding is None
    assert issue.at == datetime(2026, 11, 20, 10, 3, 28, tzinfo=UTC)
    assert other.status is RuleStatus.IN_PROGRESS


def test_profiler_rules_are_read_too_and_new_statuses_are_left_out() -> None:
    event = copy.deepcopy(SAGEMAKERS)
    event["detail"]["ProfilerRuleEvaluationStatuses"] = [
        {
            "RuleConfigurationName": "LowGPUUtilization",
            "RuleEvaluationStatus": "IssuesFound",
            "LastModifiedTime": "1795169008000",
        },
        {"RuleConfigurationName": "New", "RuleEvaluationStatus": "SomethingNew"},
    ]
    found = rule_statuses(event)
    assert found is not None
    assert [change.rule_name for change in found.changes] == ["LossNotDecreasing", "Overfit", "LowGPUUtilization"]


def test_other_events_say_nothing() -> None:
    for name in ("sagemaker_training_job_state_change", "s3_index_created", "scheduled_event"):
        assert rule_statuses(golden(name)) is None
    assert rule_statuses({}) is None


@pytest.mark.parametrize(
    "detail",
    [
        None,
        [],
        {"DebugRuleEvaluationStatuses": ["x"]},
        {"DebugRuleEvaluationStatuses": [{"RuleEvaluationStatus": "Error"}]},
        {"DebugRuleEvaluationStatuses": [{"RuleConfigurationName": "x", "RuleEvaluationStatus": "Error"}]},
        {"TrainingJobName": "x", "Findings": [{}], "DebugRuleEvaluationStatuses": []},
    ],
)
def test_an_event_of_another_shape_is_an_error(detail: Any) -> None:
    event = {"source": "gridwatch", "detail-type": "Gridwatch Rule Status Change", "detail": detail}
    with pytest.raises(ValueError, match="unknown shape"):
        rule_statuses(event)


def test_a_step_is_found_in_details_alone() -> None:
    assert StatusChange.in_words("x", RuleStatus.ISSUES_FOUND, condition_met("x", 7)).step == 7
    assert StatusChange.in_words("x", RuleStatus.ISSUES_FOUND, "no number here").step is None


@pytest.mark.parametrize("damage", [{"mode": "NEWER"}, {"step": "soon"}, {"observed": {}}, {"curve": {"steps": [1]}}])
def test_a_finding_that_cannot_be_read_takes_nothing_from_its_status(damage: dict[str, Any]) -> None:
    event = copy.deepcopy(OURS)
    event["detail"]["Findings"][0]["Finding"] |= damage
    found = rule_statuses(event)
    assert found is not None
    issue, _ = found.changes
    assert (issue.status, issue.finding, issue.step) == (RuleStatus.ISSUES_FOUND, None, 24)


def test_a_finding_is_the_same_after_its_way_through_the_record_and_the_event() -> None:
    finding = Finding.from_json(OURS["detail"]["Findings"][0]["Finding"])
    change = StatusChange("loss", RuleStatus.ISSUES_FOUND, condition_met("LossNotDecreasing", 24), finding)
    record = RuleEvaluationRecord.of(
        "gridwatch-blobs-0a1b2c3d4e-1", "blobs", change, now=datetime(2026, 11, 20, tzinfo=UTC)
    )
    sent = json.loads(json.dumps(status_change_detail(record.job_name, None, "blobs", "0a1b2c3d4e", [record])))
    found = rule_statuses(OURS | {"detail": sent})
    assert found is not None
    (read,) = found.changes
    assert finding.curve is not None
    assert (read.rule_name, read.status, read.details, read.finding) == (
        change.rule_name, change.status, change.details, finding,
    )  # fmt: skip


def test_one_module_writes_what_rules_have_come_to() -> None:
    writers = {
        path.relative_to(ROOT).as_posix()
        for folder in ("gridwatch", "functions")
        for path in (ROOT / folder).rglob("*.py")
        if ".put_rule_evaluation(" in path.read_text()
    }
    assert writers == {"gridwatch/events/rule_status_publisher.py"}
