"""Every kind of rule, from the spec to the verdict: expressions, the machine's, reports, users' own, between jobs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.demo.dataset import Dataset
from gridwatch.cli.experiments import blind_lines, trial_status
from tests.story.deployed import Deployed, Mailbox

ROOT = Path(__file__).resolve().parents[2]
OWN = {"source": "story/loss_above.py", "class": "LossAbove"}
CRASHING = """
from smdebug.rules.rule import Rule

class Crashes(Rule):
    def invoke_at_step(self, step):
        return self.base_trial.tensor("no such tensor").value(step)

    def set_required_tensors(self, step):
        raise ZeroDivisionError("at step %d" % step)
"""


def spec(name: str, *rules: dict[str, Any]) -> str:
    document = {
        "name": name,
        "objective": {"metric": "validation-logloss", "direction": "minimize"},
        "algorithm": {"name": "xgboost", "version": "3.2-0"},
        "data": {
            "train": {"uri": "rules/train.csv", "content_type": "text/csv"},
            "validation": {"uri": "rules/validation.csv", "content_type": "text/csv"},
        },
        "hyperparameters": {"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 20, "seed": 1},
        "collect": {"metrics": {"save_interval": 1}},
        "rules": list(rules),
    }
    return json.dumps(document, indent=1)


@pytest.fixture(scope="module")
def data(deployed: Deployed, blobs: Dataset) -> None:
    for name, points in blobs.channels.items():
        deployed.put(f"data/rules/{name}.csv", "".join(f"{label},{a!r},{b!r}\n" for label, a, b in points))
    deployed.put("code/story/loss_above.py", (ROOT / "examples/rules/loss_above.py").read_text())
    deployed.put("code/story/crashes.py", CRASHING)


def verdicts(deployed: Deployed, job_name: str) -> dict[str, tuple[str, str]]:
    """Of each rule the status and its details, when all have come to one."""
    store = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb"))

    def look() -> dict[str, tuple[str, str]] | None:
        records = store.list_rule_evaluations(job_name)
        found = {record.rule_name: (record.status, record.details or "") for record in records}
        job = store.get_job(job_name)
        there = job is not None and {policy.name for policy in job.policies} <= found.keys()  # put one after the other
        return found if there and "InProgress" not in {status for status, _ in found.values()} else None

    return deployed.wait(look, "all verdicts", 60)


def page_at(deployed: Deployed, details: str) -> str:
    bucket, _, key = details.rpartition("report is at s3://")[2].partition("/")
    content: bytes = deployed.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return content.decode()


@pytest.mark.usefixtures("data")
def test_every_kind_of_rule_comes_to_its_verdict(deployed: Deployed, mailbox: Mailbox) -> None:
    rules = spec(
        "all-rules",
        {"when": "value < 0.9 * first", "name": "fell", "parameters": {"collection_names": "metrics"}},
        {"rule": "MaxInitializationTime", "parameters": {"threshold": 0}, "on_issue": "record"},
        {"rule": "ProfilerReport", "on_issue": "record"},
        {"rule": "CreateXgboostReport"},
        {**OWN, "name": "own", "parameters": {"metric": "train-logloss", "limit": 0.01}},
        {"source": "story/crashes.py", "class": "Crashes"},
        {"rule": "DeadRelu", "on_issue": "stop"},
    )
    deployed.put("experiments/all-rules.json", rules)
    (job,) = deployed.wait_for_jobs("all-rules", 1, 60)
    assert job["TrainingJobStatus"] == "Completed"

    job_name = job["TrainingJobName"]
    found = verdicts(deployed, job_name)
    assert {name: status for name, (status, _) in found.items()} == {
        "fell": "IssuesFound", "MaxInitializationTime": "IssuesFound", "ProfilerReport": found["ProfilerReport"][0],
        "CreateXgboostReport": "NoIssuesFound", "own": "IssuesFound", "Crashes": "Error",
        "DeadRelu": "SawNothing",
    }  # fmt: skip
    assert found["ProfilerReport"][0] in ("IssuesFound", "NoIssuesFound")
    assert found["own"][1].endswith("Evaluation of the rule LossAbove at step 2 resulted in the condition being met")
    assert found["Crashes"][1] == "ZeroDivisionError: at step 0 (crashes.py, line 9)"

    profile, training = (page_at(deployed, found[name][1]) for name in ("ProfilerReport", "CreateXgboostReport"))
    assert f"ProfilerReport of {job_name}" in profile
    assert "Where the time went" in profile
    assert "CPU" in profile
    assert "Learning curves" in training
    assert "Confusion matrix" in training

    (mail,) = deployed.wait(lambda: mailbox.about("Rule Crashes failed"), "the alert about the rule that failed", 20)
    assert "ZeroDivisionError: at step 0" in mail["Message"]
    assert deployed.wait(lambda: mailbox.about("LossAbove fired at step 2"), "the alert of the own rule", 20)

    _the_blind_rule_is_shown_as_such(deployed, mailbox)

    # The same training once more, compared with the first one.
    other = {"rule": "SimilarAcrossRuns", "parameters": {"other_trials": job_name, "collection_names": "metrics"}}
    same = {**other, "name": "same", "parameters": {**other["parameters"], "fires_when": "similar"}}
    deployed.put("experiments/again.json", spec("again", *({**rule, "on_issue": "record"} for rule in (other, same))))
    (job,) = deployed.wait_for_jobs("again", 1, 60)
    again = {name: status for name, (status, _) in verdicts(deployed, job["TrainingJobName"]).items()}
    assert again == {"SimilarAcrossRuns": "NoIssuesFound", "same": "IssuesFound"}


def _the_blind_rule_is_shown_as_such(deployed: Deployed, mailbox: Mailbox) -> None:
    """In the upload's answer before the launch; then in the alert, the status, the tables and the digest."""
    answer = deployed.get_json("status/experiments/all-rules.json.json")
    (warning,) = (each for each in answer["preflight"]["notices"] if each["check"] == "intervals")
    assert (warning["field"], warning["level"]) == ("rules[6]", "warn")
    (mail,) = deployed.wait(
        lambda: mailbox.about("DeadRelu saw nothing to judge by"), "the alert of the blind rule", 20
    )
    assert "DeadRelu looks for batches saved whole in the collection relu_output" in mail["Message"]

    store = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb"))
    experiment = store.get_experiment("all-rules")
    assert experiment is not None
    (trial,) = store.list_trials("all-rules")
    assert blind_lines([trial_status(store, experiment, trial)]) == [
        "DeadRelu saw nothing to judge by in 1 of 1 job: it says nothing about them"
    ]
    deployed.snapshot("all-rules")
    (row,) = deployed.query(
        "SELECT status, details FROM rule_evaluations WHERE experiment = 'all-rules' AND rule_name = 'DeadRelu'"
    )
    assert row["status"] == "SawNothing"
    assert str(row["details"]).startswith("DeadRelu looks for ")
    found = deployed.query("SELECT rule_name FROM findings WHERE experiment = 'all-rules'")
    assert "DeadRelu" not in {each["rule_name"] for each in found}
    (ended,) = deployed.wait(lambda: mailbox.about("all-rules has ended"), "the digest", 120)
    assert "DeadRelu in 1 of 1 job: DeadRelu looks for" in " ".join(ended["Message"].split())


@pytest.mark.usefixtures("data")
def test_code_and_tensors_from_elsewhere_are_problems_of_the_spec(deployed: Deployed) -> None:
    elsewhere = {"rule": "SimilarAcrossRuns", "parameters": {"other_trials": "s3://of-others/tensors/a/debug-output"}}
    rules = [{**OWN, "source": "s3://somebody-elses/rules/loss_above.py"}, elsewhere]
    deployed.put("experiments/elsewhere.json", spec("elsewhere", *rules))
    key = "status/experiments/elsewhere.json.error.json"
    answer = deployed.wait(lambda: deployed.get_json(key), "the answer", 30)
    fields = [problem["field"] for problem in answer["problems"]]
    assert fields == ["rules[0].source", "rules[1].parameters.other_trials"]
    assert deployed.outputs["ExperimentsBucket"] in answer["problems"][0]["allowed"]

    deployed.put("experiments/absent.json", spec("absent", {**OWN, "source": "story/not_there.py"}))
    answer = deployed.wait(lambda: deployed.get_json(key.replace("elsewhere", "absent")), "the answer", 30)
    assert [problem["message"] for problem in answer["problems"]] == ["there is no such file"]
    assert deployed.jobs("elsewhere") + deployed.jobs("absent") == []
