"""The demo's two specs, from upload to leaderboard: eight trials complete, one is stopped by its rule and told of."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from gridwatch.cli.demo.dataset import Dataset
from gridwatch.tables.queries import leaderboard_of
from tests.story.deployed import Deployed, Mailbox

_ROUND = re.compile(r"\[(\d+)\].*validation-error:([0-9.]+)")


def _rounds(deployed: Deployed, job: dict[str, Any]) -> list[tuple[int, float]]:
    """Round and validation error of every line that the job logged about a round."""
    matches = (_ROUND.search(line) for line in deployed.log(job["TrainingJobName"]))
    return [(int(match[1]), float(match[2])) for match in matches if match]


def test_the_demos_story(deployed: Deployed, mailbox: Mailbox, blobs: Dataset, example: Callable[[str], str]) -> None:
    for name, points in blobs.channels.items():
        deployed.put(f"data/blobs/{name}.csv", "".join(f"{label},{a!r},{b!r}\n" for label, a, b in points))

    deployed.put("experiments/blobs.yaml", example("blobs"))
    grid = deployed.wait_for_jobs("blobs", 8, 120)
    assert [job["TrainingJobStatus"] for job in grid] == ["Completed"] * 8

    deployed.put("experiments/blobs-debugger.yaml", example("blobs-debugger"))
    (failing,) = deployed.wait_for_jobs("blobs-debugger", 1, 90)
    assert failing["TrainingJobStatus"] == "Stopped"
    rounds = _rounds(deployed, failing)
    assert 0 < rounds[-1][0] < 5000, "stopped long before its 10,000 rounds"

    (mail,) = deployed.wait(lambda: _of_kind(mailbox, "rule_issue"), "the alert", 20)
    for word in ("LossNotDecreasing", failing["TrainingJobName"]):
        assert word in mail["Message"]

    _the_stop_is_marked_where_people_look(deployed, failing)
    _each_trial_was_trained_exactly_once(deployed, grid)
    _the_leaderboard_is_what_the_jobs_logged(deployed, grid)
    _the_finding_is_in_the_tables(deployed, failing)
    _the_same_upload_launches_nothing(deployed, example)
    (ended,) = deployed.wait(lambda: _of_kind(mailbox, "experiment_ended", "blobs has ended"), "the digest", 120)
    assert "8 completed" in ended["Subject"]
    assert len(_of_kind(mailbox, "rule_issue")) == 1, "one alert, told once"
    assert {_kind(mail) for mail in mailbox.about("")} == {"rule_issue", "experiment_ended"}


def _the_stop_is_marked_where_people_look(deployed: Deployed, job: dict[str, Any]) -> None:
    """On the job and on SageMaker's own trial."""
    arn = job["TrainingJobArn"]
    trial = f"{arn.rpartition(':')[0]}:experiment-trial/{job['ExperimentConfig']['TrialName']}"
    for resource in (arn, trial):
        tags = deployed.client("sagemaker").list_tags(ResourceArn=resource)["Tags"]
        marks = [tag["Value"] for tag in tags if tag["Key"] == "gridwatch:stopped-by"]
        assert [mark.partition("@")[0] for mark in marks] == ["LossNotDecreasing"], resource


def _of_kind(mailbox: Mailbox, kind: str, word: str = "") -> list[dict[str, Any]]:
    return [mail for mail in mailbox.about(word) if _kind(mail) == kind]


def _kind(mail: dict[str, Any]) -> str:
    kind: str = mail["MessageAttributes"]["kind"]["Value"]
    return kind


def _each_trial_was_trained_exactly_once(deployed: Deployed, jobs: list[dict[str, Any]]) -> None:
    asked = {tuple(sorted(job["HyperParameters"].items())) for job in jobs}
    assert len(asked) == len(jobs) == 8
    for job in jobs:
        rounds = [number for number, _ in _rounds(deployed, job)]
        assert rounds == list(range(int(job["HyperParameters"]["num_round"])))


def _the_leaderboard_is_what_the_jobs_logged(deployed: Deployed, jobs: list[dict[str, Any]]) -> None:
    deployed.snapshot("blobs")
    logged = {job["TrainingJobName"]: _rounds(deployed, job)[-1][1] for job in jobs}
    rows = deployed.query(leaderboard_of("blobs"))
    assert {row["job_name"]: float(row["objective_value"] or "nan") for row in rows} == logged
    values = [float(row["objective_value"] or "nan") for row in rows]
    assert values == sorted(values)
    curves = deployed.query(
        "SELECT job_name, step, value FROM metrics WHERE experiment = 'blobs' AND name = 'validation-error'"
        " AND source = 'hook'"
    )
    by_job = {(row["job_name"], int(row["step"] or -1)): float(row["value"] or "nan") for row in curves}
    said = {(job["TrainingJobName"], number): value for job in jobs for number, value in _rounds(deployed, job)}
    assert by_job == pytest.approx(said, abs=1e-5), "every round, whatever interval the collections ask for"


def _the_finding_is_in_the_tables(deployed: Deployed, failing: dict[str, Any]) -> None:
    deployed.snapshot("blobs-debugger")
    (finding,) = deployed.query("SELECT job_name, rule, action, step FROM findings WHERE experiment = 'blobs-debugger'")
    assert (finding["job_name"], finding["rule"], finding["action"]) == (
        failing["TrainingJobName"],
        "LossNotDecreasing",
        "stop",
    )
    (evaluation,) = deployed.query("SELECT status FROM rule_evaluations WHERE experiment = 'blobs-debugger'")
    assert evaluation["status"] == "IssuesFound"
    assert int(finding["step"] or -1) <= 5000


def _the_same_upload_launches_nothing(deployed: Deployed, example: Callable[[str], str]) -> None:
    before = deployed.get_json("status/experiments/blobs.yaml.json")
    deployed.put("experiments/blobs.yaml", example("blobs"))

    def answered() -> Any:
        answer = deployed.get_json("status/experiments/blobs.yaml.json")
        return answer if answer["spec"]["version"] != before["spec"]["version"] else None

    answer = deployed.wait(answered, "the answer to the second upload", 20)
    assert (answer["trials"], answer["recorded"]) == (8, 0)
    assert len(deployed.jobs("blobs")) == 8
