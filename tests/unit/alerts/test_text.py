"""Alerts as people get them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gridwatch.alerts.content import Alert, Fact, Severity, spec_rejected, trial_failed, trial_refused
from gridwatch.alerts.links import job_links, logs_command, object_link
from gridwatch.alerts.rule_issue import Reacted, rule_issue, rule_issue_id
from gridwatch.alerts.sparkline import sparkline
from gridwatch.alerts.text import LONGEST_BODY, RenderedAlert, render
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.codec import from_document
from gridwatch.verdicts.decision import Decision, Response
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus

NOW = datetime(2026, 11, 21, 3, 12, tzinfo=UTC)
JOB_NAME = "gridwatch-blobs-debugger-0a1b2c3d4e-1"
ARN = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{JOB_NAME}"
JOB = JobRecord(
    job_name=JOB_NAME, experiment="blobs-debugger", trial_id="0a1b2c3d4e", attempt=1, policies=(),
    hyperparameters={"num_round": 10000, "max_depth": 16, "objective": "binary:logistic"},
    objective_metric="validation:error", objective_direction="minimize",
)  # fmt: skip
TRIAL = TrialRecord(
    experiment="blobs", trial_id="0a1b2c3d4e", index=0, attempt=2, state=TrialState.FAILED, job_name=JOB_NAME,
    hyperparameters={"eta": 0.2}, created_at=NOW, updated_at=NOW, job_arn=ARN, reason="AlgorithmError: out of memory",
)  # fmt: skip
FINDING: dict[str, Any] = {
    "rule": "LossNotDecreasing", "step": 24, "mode": "GLOBAL", "tensor": "train-error",
    "observed": 0.0, "threshold": 5.0,
    "sentence": "train-error did not change over 2 steps, it stayed at 0.0523333 (a decrease of 5 % is wanted)",
    "curve": {"steps": [16, 18, 20, 22, 24], "values": [0.071, 0.0643333, 0.058, 0.0523333, 0.0523333]},
}  # fmt: skip
STOPPED = Reacted(
    decision=Decision(Response.STOP, "the spec asks to stop on an issue of this rule"),
    outcome="stop requested",
    stopped=True,
)


def issue(change: StatusChange | None = None, reacted: Reacted = STOPPED, job: JobRecord = JOB) -> AlertRecord:
    return rule_issue(
        job=job,
        job_arn=ARN,
        change=change or StatusChange("LossNotDecreasing", RuleStatus.ISSUES_FOUND, finding=Finding.from_json(FINDING)),
        reacted=reacted,
        tensors_uri=f"s3://artifacts/tensors/{JOB_NAME}/debug-output/",
        now=NOW,
    )


def rendered(record: AlertRecord) -> RenderedAlert:
    return render(from_document(Alert, record.content), record.alert_id)


def test_a_stopped_job_as_it_is_read_at_night() -> None:
    record = issue()
    text = rendered(record)
    assert text.subject == "[Gridwatch] Stopped blobs-debugger/0a1b2c3d4e: LossNotDecreasing"
    group = "$252Faws$252Fsagemaker$252FTrainingJobs"
    assert text.body == (
        f"Gridwatch stopped the training job {JOB_NAME}.\n"
        "\n"
        "  LossNotDecreasing: train-error did not change over 2 steps, it stayed at 0.0523333"
        " (a decrease of 5 % is wanted).\n"
        "\n"
        "  train-error  █▆▃▁▁\n"
        "  from 0.071 at step 16 to 0.0523333 at step 24\n"
        "\n"
        "Experiment  blobs-debugger\n"
        "Trial       0a1b2c3d4e (attempt 1)\n"
        "Rule        LossNotDecreasing at step 24\n"
        "Tensor      train-error\n"
        "Observed    0, threshold 5\n"
        "Parameters  max_depth=16, num_round=10000, objective=binary:logistic\n"
        "Action      stop, because the spec asks to stop on an issue of this rule\n"
        "Outcome     stop requested\n"
        "\n"
        "Look closer:\n"
        "  gridwatch inspect gridwatch-blobs-debugger-0a1b2c3d4e-1\n"
        f"  gridwatch logs {JOB_NAME}\n"
        "\n"
        f"Job: https://eu-west-1.console.aws.amazon.com/sagemaker/home?region=eu-west-1#/jobs/{JOB_NAME}\n"
        "Logs: https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#logsV2:log-groups/log-group/"
        f"{group}$3FlogStreamNameFilter$3D{JOB_NAME}$2F\n"
        f"Tensors: s3://artifacts/tensors/{JOB_NAME}/debug-output/\n"
        "\n"
        "-- \n"
        f"Gridwatch alert {record.alert_id}\n"
    )


def test_an_alert_has_one_id_for_a_job_and_rule() -> None:
    assert (
        issue().alert_id
        == issue(reacted=Reacted(decision=Decision(Response.ALERT, "x"), outcome="y", stopped=False)).alert_id
    )
    assert issue().alert_id == rule_issue_id(JOB_NAME, "LossNotDecreasing")
    assert rule_issue_id(JOB_NAME, "Overfit") != rule_issue_id(JOB_NAME, "LossNotDecreasing")
    assert rule_issue_id("a|b", "c") != rule_issue_id("a", "b|c")


def test_an_issue_that_stops_nothing_says_so() -> None:
    reacted = Reacted(
        decision=Decision(Response.ALERT, "the training job had completed already"),
        outcome="not stopped",
        stopped=False,
    )
    text = rendered(issue(reacted=reacted))
    assert text.subject == "[Gridwatch] LossNotDecreasing in blobs-debugger/0a1b2c3d4e"
    assert "which Gridwatch did not stop" in " ".join(text.body.split())
    assert "Action      alert, because the training job had completed already" in text.body


def test_a_rule_that_failed_is_told_as_such() -> None:
    guarded = replace(JOB, policies=(RulePolicy(name="Overfit", rule="Overfit", on_issue=Action.STOP),))
    record = issue(StatusChange("Overfit", RuleStatus.ERROR, "KeyError: 'loss'"), job=guarded)
    text = rendered(record)
    assert text.subject == "[Gridwatch] Rule Overfit failed: it does not watch blobs-debugger/0a1b2c3d4e"
    assert "KeyError: 'loss'" in text.body
    assert record.content["severity"] == "critical"
    assert issue(StatusChange("Overfit", RuleStatus.ERROR, "x")).content["severity"] == "warning"  # it guards nothing


def test_a_managed_rule_without_a_finding_still_tells_its_step() -> None:
    details = "RuleEvaluationConditionMet: Evaluation of the rule Overfit at step 7 resulted in the condition being met"
    body = rendered(issue(StatusChange.in_words("Overfit", RuleStatus.ISSUES_FOUND, details))).body
    assert "Overfit at step 7" in body
    assert "Observed" not in body


def test_values_that_are_not_finite_can_be_told() -> None:
    finding = FINDING | {"observed": "nan", "threshold": None, "curve": {"steps": [1, 2], "values": [0.5, "inf"]}}
    body = rendered(
        issue(StatusChange("MetricNonFinite", RuleStatus.ISSUES_FOUND, finding=Finding.from_json(finding)))
    ).body
    assert "Observed    nan\n" in body
    assert "▄!" in body


def test_a_rejected_spec_shows_its_problems() -> None:
    record = spec_rejected(
        spec_key="experiments/a.yaml", spec_version="v", total=1,
        problems=["line 3: grid.eta: empty", "  allowed: numbers"],
        answer_key="status/experiments/a.yaml.error.json", now=NOW,
    )  # fmt: skip
    text = rendered(record)
    assert text.subject == "[Gridwatch] Spec experiments/a.yaml was not launched: one problem"
    assert "  line 3: grid.eta: empty\n    allowed: numbers\n" in text.body
    assert "status/experiments/a.yaml.error.json" in text.body


def test_refused_and_failed_trials() -> None:
    refused = trial_refused(trial=TRIAL, code="ValidationException", reason="no such role", spec_version="v", now=NOW)
    assert rendered(refused).subject == "[Gridwatch] SageMaker refuses training jobs of blobs"
    assert "no such role" in rendered(refused).body
    failed = rendered(trial_failed(trial=TRIAL, now=NOW))
    assert failed.subject == "[Gridwatch] blobs/0a1b2c3d4e failed: AlgorithmError: out of memory"
    assert "AlgorithmError: out of memory" in failed.body
    assert "Trial       0a1b2c3d4e (attempt 2)" in failed.body


@pytest.mark.parametrize("title", ["ü" * 300, "a\nb\r\nSubject: forged", "x" * 500, "", "\x07\u2028", "数" * 50])
def test_subjects_are_what_sns_takes(title: str) -> None:
    subject = render(Alert(kind="k", severity=Severity.WARNING, title=title, summary="s"), "id").subject
    assert 0 < len(subject) <= 100
    assert subject.isascii()
    assert subject.isprintable()


def test_users_text_cannot_forge_lines_or_break_the_limit() -> None:
    facts = (Fact("Parameters", "a\r\nOutcome     all is well\x1b[2J" + "ü" * 300_000),)
    body = render(Alert(kind="k", severity=Severity.WARNING, title="t", summary="s\nOutcome x", facts=facts), "id").body
    assert "\nOutcome" not in body
    assert "\x1b" not in body
    assert len(body.encode()) < LONGEST_BODY + 200
    assert body.endswith("Gridwatch alert id\n")


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], ""),
        ([1.0], "▄"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([3, 3, 3], "▄▄▄"),
        ([math.nan, 1, 2, math.inf], "!▁█!"),
        ([math.nan] * 3, "!!!"),
        ([-1.7e308, 0.0, 1.7e308], "▁▅█"),
        ([5e-324, 0.0], "▄▄"),
        (list(range(100)), "▁▁▁▁▂▂▂▂▃▃▃▃▄▄▄▄▅▅▅▅▆▆▆▆▇▇▇▇████"),
    ],
)
def test_sparklines(values: list[float], bars: str) -> None:
    assert sparkline(values) == bars


def test_links_follow_the_partition() -> None:
    chinese = job_links("arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/x")
    assert chinese[0].address == "https://cn-north-1.console.amazonaws.cn/sagemaker/home?region=cn-north-1#/jobs/x"
    american = job_links("arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:training-job/x")
    assert american[0].address.startswith("https://us-gov-west-1.console.amazonaws-us-gov.com/")
    for other in ("", "arn:aws-iso:sagemaker:us-iso-east-1:123456789012:training-job/x", "arn:aws:s3:::bucket"):
        assert job_links(other) == ()
    assert logs_command("x") == "gridwatch logs x"


def test_the_embedded_clouds_jobs_have_no_links_that_lead_nowhere() -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:training-job/x"
    assert job_links(arn) == ()
    assert object_link("Report", "artifacts", "reports/x.html", arn) is None
