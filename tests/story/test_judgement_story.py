"""A grid whose bad trials are stopped because the others are better."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gridwatch.aws.state_table import StateTable
from gridwatch.cli.demo.dataset import Dataset
from tests.story.deployed import Deployed, Mailbox

GOOD, BAD = [0.3, 0.2, 0.25], [0.000001, 0.000002]
SPEC: dict[str, Any] = {
    "name": "judged",
    "objective": {"metric": "validation-logloss", "direction": "minimize"},
    "algorithm": {"name": "xgboost", "version": "3.2-0"},
    "data": {
        "train": {"uri": "judged/train.csv", "content_type": "text/csv"},
        "validation": {"uri": "judged/validation.csv", "content_type": "text/csv"},
    },
    "hyperparameters": {"objective": "binary:logistic", "eval_metric": "logloss", "num_round": 2000, "seed": 1},
    "collect": {"metrics": {"save_interval": 10}},  # few messages for long jobs: the verdict comes while they train
    "grid": {"eta": [*GOOD, *BAD]},
    "rules": [
        {
            "rule": "KatibMedianStopping",
            "on_issue": "stop",
            "parameters": {"resource": "rounds", "start_step": 5, "min_trials_required": 2},
        },
        {"rule": "GridDefault", "mode": "shadow", "on_issue": "stop"},
    ],
    "limits": {"parallel_jobs": 1},
}


@pytest.fixture(scope="module")
def data(deployed: Deployed, blobs: Dataset) -> None:
    for name, points in blobs.channels.items():
        deployed.put(f"data/judged/{name}.csv", "".join(f"{label},{a!r},{b!r}\n" for label, a, b in points))


@pytest.mark.usefixtures("data")
def test_trials_worse_than_the_others_are_stopped_and_people_are_told_what_they_were_compared_with(
    deployed: Deployed, mailbox: Mailbox
) -> None:
    deployed.put("experiments/judged.json", json.dumps(SPEC))
    jobs = deployed.wait_for_jobs("judged", 5, 120)
    store = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb"))
    eta = {trial.job_name: trial.hyperparameters["eta"] for trial in store.list_trials("judged")}
    assert len(jobs) == 5

    def judged() -> dict[float, list[str]] | None:
        records = {job: store.list_rule_evaluations(job) for job in eta}
        over = all(
            len(found) == 2 and {each.status for each in found}.isdisjoint({"InProgress"}) for found in records.values()
        )
        return {eta[job]: [each.status for each in found] for job, found in records.items()} if over else None

    found = deployed.wait(judged, "all verdicts", 60)
    assert {value for value, statuses in found.items() if "IssuesFound" in statuses} == set(BAD)
    reactions = {eta[job]: store.list_reactions(job) for job in eta}
    outcomes = {value: [(each.action, each.outcome) for each in made] for value, made in reactions.items()}
    assert outcomes == {**{value: [] for value in GOOD}, **{value: [("stop", "stop requested")] for value in BAD}}
    stopped = {job["TrainingJobName"] for job in jobs if job["TrainingJobStatus"] == "Stopped"}
    assert {eta[name] for name in stopped} == set(BAD)

    (mail, *_) = deployed.wait(lambda: mailbox.about("Stopped judged"), "the alert", 20)
    assert "worse than the median running average of " in mail["Message"]
    assert "completed trials" in mail["Message"]

    (mail, *_) = deployed.wait(lambda: mailbox.about("judged has ended"), "the digest", 120)
    text = " ".join(mail["Message"].split())
    assert "In shadow GridDefault would have stopped none of 3 completed trials" in text
    assert "where the 2 stopped trials would have ended was not seen" in text


@pytest.mark.usefixtures("data")
def test_points_that_wait_in_a_doomed_region_are_cancelled(deployed: Deployed, mailbox: Mailbox) -> None:
    rule = {
        "when": "step > 10 && value > 0.99 * first",
        "name": "stuck",
        "parameters": {"collection_names": "metrics"},
        "on_issue": "stop",
    }
    document = {
        **SPEC,
        "name": "doomed",
        # Rounds that take as long as those of real trainings, and enough trials that are doomed, for the region to be
        # found on a slow machine before all have run.
        "hyperparameters": {**SPEC["hyperparameters"], "num_round": 1000, "num_parallel_tree": 20},
        "grid": {"eta": [0.3, 0.000001], "max_depth": [2, 3, 4, 5, 6, 7, 8, 9, 10]},
        "search": {"constraints": ["eta < 0.1 || max_depth <= 3"]},
        "rules": [rule],
        "doomed_regions": {"confidence": 0.5, "share": 0.5, "min_failures": 2},
    }
    deployed.put("experiments/doomed.json", json.dumps(document))
    store = StateTable(deployed.outputs["StateTable"], dynamodb=deployed.client("dynamodb"))

    def ended() -> list[str] | None:
        trials = store.list_trials("doomed")
        return [trial.reason or "" for trial in trials] if trials and all(t.state.is_finished for t in trials) else None

    reasons = deployed.wait(ended, "the end of the experiment", 240)
    assert sum(reason.startswith("stopped by stuck") for reason in reasons) >= 2  # the evidence
    assert "its point lies in a doomed region: eta = 1e-06" in reasons
    (mail, *_) = deployed.wait(lambda: mailbox.about("doomed: trials with eta"), "the alert", 20)
    assert "gridwatch retry doomed --region" in mail["Message"]
