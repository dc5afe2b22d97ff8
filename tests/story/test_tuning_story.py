"""A spec that tunes: SageMaker chooses the points, and its jobs are watched, stopped, told of and in the tables."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from gridwatch.cli.demo.dataset import Dataset
from tests.story.deployed import Deployed, Mailbox
from tests.story.tearing import torn_down

# Two jobs: one that ends by itself, and one that would go on for long and is stopped by its rule.
SPEC: dict[str, Any] = {
    "name": "tuned",
    "objective": {"metric": "validation-logloss", "direction": "minimize"},
    "algorithm": {"name": "xgboost", "version": "3.2-0"},
    "data": {
        "train": {"uri": "tuned/train.csv", "content_type": "text/csv"},
        "validation": {"uri": "tuned/validation.csv", "content_type": "text/csv"},
    },
    "hyperparameters": {"objective": "binary:logistic", "eval_metric": "logloss", "eta": 0.1, "seed": 1},
    "tune": {"strategy": "grid", "parameters": {"num_round": {"categorical": [10, 20000]}}},
    "limits": {"parallel_jobs": 2},
    "rules": [{"when": "step > 50", "name": "long", "on_issue": "stop"}],
}


def test_a_tuning_job_is_watched_to_its_end(
    deployed: Deployed, mailbox: Mailbox, blobs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, points in blobs.channels.items():
        deployed.put(f"data/tuned/{name}.csv", "".join(f"{label},{a!r},{b!r}\n" for label, a, b in points))
    deployed.put("experiments/tuned.json", json.dumps(SPEC))
    answer = deployed.wait(lambda: deployed.get_json("status/experiments/tuned.json.json"), "the answer", 20)
    jobs = deployed.wait_for_jobs("tuned", 2, 60)

    assert all(job["TrainingJobName"].startswith(f"{answer['tuning_job']}-") for job in jobs)
    states = {json.loads(job["HyperParameters"]["num_round"]): job["TrainingJobStatus"] for job in jobs}
    assert states == {10: "Completed", 20000: "Stopped"}
    assert all("hyper-parameter-tuning-job/" in job["TuningJobArn"] for job in jobs)

    told = deployed.client("sagemaker").describe_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=answer["tuning_job"]
    )
    assert told["HyperParameterTuningJobConfig"]["Strategy"] == "Grid"
    deployed.wait(lambda: mailbox.about("long"), "the alert of the stop", 30)
    deployed.wait(lambda: mailbox.about("tuned has ended"), "the digest", 120)

    deployed.snapshot("tuned")
    trials = deployed.query("SELECT state, job_name FROM trials WHERE experiment = 'tuned' ORDER BY state")
    assert [trial["state"] for trial in trials] == ["completed", "stopped"]
    chosen = deployed.query(
        "SELECT value_double FROM parameters WHERE experiment = 'tuned' AND name = 'num_round' ORDER BY value_double"
    )
    assert [float(row["value_double"] or 0) for row in chosen] == [10, 20000]
    curves = deployed.query("SELECT count(*) AS points FROM metrics WHERE experiment = 'tuned'")
    assert int(curves[0]["points"] or 0) > 20

    gone = torn_down(deployed, "tuned", monkeypatch)
    names = {job["TrainingJobName"] for job in jobs}
    assert {(key.split("/")[0], key.split("/")[1]) for key in gone} >= {
        (root, name) for root in ("tensors", "models") for name in names
    }
    assert {key.split("/")[1] for key in gone} == names, "nobody else's"


def test_of_several_algorithms_it_is_told_which_each_trial_is_of(
    deployed: Deployed, mailbox: Mailbox, blobs: Dataset
) -> None:
    for name, points in blobs.channels.items():
        deployed.put(f"data/tuned/{name}.csv", "".join(f"{label},{a!r},{b!r}\n" for label, a, b in points))
    # In one of them the rounds are enough for the rule.
    algorithms = {
        "short": {"hyperparameters": {"num_round": 5}, "parameters": {"eta": {"continuous": [0.1, 0.3]}}},
        "long": {"hyperparameters": {"num_round": 60}, "parameters": {"eta": {"continuous": [0.1, 0.3]}}},
    }
    given = {name: value for name, value in SPEC["hyperparameters"].items() if name != "eta"}
    tune = {"strategy": "random", "jobs": 2, "seed": 1, "algorithms": algorithms}
    rule = {"when": "step > 50", "name": "past-fifty", "on_issue": "alert"}
    spec = {**SPEC, "name": "several", "hyperparameters": given, "tune": tune, "rules": [rule]}
    spec["collect"] = {"metrics": {"save_interval": 5}}
    deployed.put("experiments/several.json", json.dumps(spec))
    jobs = deployed.wait_for_jobs("several", 2, 60)
    deployed.wait(lambda: mailbox.about("several has ended"), "the digest", 120)
    deployed.snapshot("several")
    rounds = {job["TrainingJobName"]: json.loads(job["HyperParameters"]["num_round"]) for job in jobs}
    assert set(rounds.values()) == {5, 60}
    trials = deployed.query("SELECT job_name, algorithm FROM trials WHERE experiment = 'several'")
    assert {trial["job_name"]: {"short": 5, "long": 60}[str(trial["algorithm"])] for trial in trials} == rounds
    told = deployed.wait(lambda: mailbox.about("Algorithm"), "the alert of the rule", 30)
    assert [re.search(r"Algorithm:? +(\w+)", mail["Message"])[1] for mail in told] == ["long"]  # type: ignore[index]
