"""Scripts that know nothing of Gridwatch train with its hook: their metrics and tensors are in S3, rules see them, and
a script with a hook of its own, or a spec that wants none, is left alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from tests.story.deployed import Deployed
from tests.story.examples import submit

# As somebody writes it who fits noise with deep trees; it ends by itself.
TREES = """
import argparse
import numpy as np
import xgboost as xgb

parser = argparse.ArgumentParser()
parser.add_argument("--depth", type=int)
given = parser.parse_args()
draw = np.random.default_rng(0)
x, y = draw.normal(size=(400, 6)), draw.integers(0, 2, 400)
train, validation = xgb.DMatrix(x[:300], y[:300]), xgb.DMatrix(x[300:], y[300:])
told = {}
xgb.train(
    {"objective": "binary:logistic", "max_depth": given.depth, "eta": 0.5, "eval_metric": "logloss", "nthread": 1},
    train, 40, evals=[(train, "train"), (validation, "validation")], evals_result=told, verbose_eval=False,
)
print(f"final: {told['validation']['logloss'][-1]:.5f}", flush=True)
"""
# A loop of numpy that no watcher knows: one line tells of a step.
LOOP = """
import numpy as np
import gridwatch_hook

draw = np.random.default_rng(1)
x = draw.normal(size=(200, 4))
y = x @ np.array([1.0, -2.0, 0.5, 3.0])
weights = np.zeros(4)
for step in range(30):
    error = x @ weights - y
    gridwatch_hook.log(loss=float((error ** 2).mean()))
    weights -= 0.1 * x.T @ error / len(x)
print(f"final: {float((error ** 2).mean()):.5f}", flush=True)
"""
# With a sitecustomize of its own, which has to run as well.
OWN_START = 'import os\nos.environ["OWN_START"] = "ran"\n'
NETWORK = """
import os
import numpy as np
from sklearn.neural_network import MLPClassifier

assert os.environ["OWN_START"] == "ran"
draw = np.random.default_rng(2)
x = draw.normal(size=(300, 5))
y = (x.sum(axis=1) > 0).astype(int)
network = MLPClassifier(hidden_layer_sizes=(8,), max_iter=12, random_state=0).fit(x, y)
print(f"final: {network.loss_:.5f}", flush=True)
"""


def spec(name: str, framework: str, version: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "objective": {"metric": "final", "direction": "minimize"},
        "algorithm": {
            "framework": framework, "version": version, "source": name, "entry_point": "train.py",
            "metrics": {"final": "final: ([0-9.eE+-]+)"},
        },
        "resources": {"instance_type": "ml.m5.large", "volume_gb": 5, "max_runtime": "30m"},
        **changes,
    }  # fmt: skip


def launched(deployed: Deployed, folder: Path, document: dict[str, Any], **files: str) -> dict[str, Any]:
    """Submit a spec with its source, and return the answer to its upload."""
    source = folder / document["name"]
    source.mkdir()
    for name, content in files.items():
        (source / f"{name}.py").write_text(content)
    path = folder / f"{document['name']}.json"
    path.write_text(json.dumps(document))
    submit(deployed, path)
    key = f"status/experiments/{path.name}.json"
    answer: dict[str, Any] = deployed.wait(lambda: deployed.get_json(key), "the answer to the upload", 30)
    assert answer["outcome"] == "accepted", answer
    return answer


def saved(deployed: Deployed, job: str, folder: Path) -> TensorReader:
    """What the job's hook wrote, read from a copy."""
    s3, bucket, prefix = deployed.client("s3"), deployed.outputs["ArtifactsBucket"], f"tensors/{job}/debug-output/"
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            target = folder / job / item["Key"].removeprefix(prefix)
            target.parent.mkdir(parents=True, exist_ok=True)
            s3.download_file(bucket, item["Key"], str(target))
    (folder / job).mkdir(exist_ok=True)
    return TensorReader(LocalSource(folder / job))


def names(reader: TensorReader) -> set[str]:
    return {name for step in reader.new_steps(Cursor(), ended=True) for name in step.names}


def judged(deployed: Deployed, experiment: str, count: int) -> list[dict[str, str | None]]:
    """What each rule has found of each job, once all are over."""

    def over() -> list[dict[str, str | None]] | None:
        deployed.snapshot(experiment)
        rows = deployed.query(
            f"SELECT rule, status, details, job_name FROM rule_evaluations WHERE experiment = '{experiment}'"
        )
        return rows if len(rows) == count and all(row["status"] not in (None, "InProgress") for row in rows) else None

    return deployed.wait(over, "the ends of all rules", 60)


def test_a_plain_script_is_seen_and_a_rule_finds_what_is_wrong_with_it(deployed: Deployed, tmp_path: Path) -> None:
    rules = [{"rule": "Overfit", "parameters": {"patience": 2, "ratio_threshold": 1.0}, "on_issue": "alert"},
             {"rule": "TreeDepth", "parameters": {"depth": 3}, "on_issue": "record"}]  # fmt: skip
    document = spec("plain-trees", "xgboost", "3.2-0", grid={"depth": [1, 9]}, rules=rules)
    answer = launched(deployed, tmp_path, document, train=TREES)
    assert [each["brought"] for each in answer["hook"]] == ["carried"]
    assert answer["preflight"]["notices"] == []
    jobs = deployed.wait_for_jobs("plain-trees", 2, 120)
    assert [job.get("FailureReason", job["TrainingJobStatus"]) for job in jobs] == ["Completed"] * 2
    for job in jobs:
        assert "gridwatch" in {channel["ChannelName"] for channel in job["InputDataConfig"]}
        found = names(saved(deployed, job["TrainingJobName"], tmp_path))
        assert {"train-logloss", "validation-logloss", "step_seconds"} <= found
        assert any(name.startswith("trees/") for name in found), found
    rows = judged(deployed, "plain-trees", 4)
    depth = {job["TrainingJobName"]: json.loads(job["HyperParameters"]["depth"]) for job in jobs}
    told = {(row["rule"], depth[str(row["job_name"])]): row["status"] for row in rows}
    assert told[("Overfit", 9)] == "IssuesFound", rows
    assert told[("TreeDepth", 9)] == "IssuesFound"
    assert told[("TreeDepth", 1)] == "NoIssuesFound"
    curves = deployed.query(
        "SELECT count(*) AS points FROM metrics WHERE experiment = 'plain-trees' AND source = 'hook'"
        " AND name = 'validation-logloss'"
    )
    assert curves == [{"points": "80"}]
    assert_what_the_trial_was_made_of(deployed, answer)


def assert_what_the_trial_was_made_of(deployed: Deployed, answer: dict[str, Any]) -> None:
    """The fingerprint names the hook and its objects."""
    s3, bucket = deployed.client("s3"), deployed.outputs["ExperimentsBucket"]
    (item,) = s3.list_objects_v2(Bucket=bucket, Prefix="fingerprints/plain-trees/")["Contents"]
    made = json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read())
    assert made["hook_version"] == answer["hook"][0]["version"] == deployed.outputs["HookVersion"]
    assert made["hook"]["count"] == 2
    assert f"/hook/{made['hook_version']}-" in made["hook"]["uri"]


def test_a_loop_of_ones_own_tells_of_its_steps_by_one_line(deployed: Deployed, tmp_path: Path) -> None:
    document = spec("plain-loop", "sklearn", "1.9-0", rules=[{"rule": "LossNotDecreasing"}], grid={"a": [1]})
    answer = launched(deployed, tmp_path, document, train=LOOP)
    assert answer["hook"][0]["brought"] == "carried"
    (job,) = deployed.wait_for_jobs("plain-loop", 1, 60)
    assert job.get("FailureReason", job["TrainingJobStatus"]) == "Completed"
    reader = saved(deployed, job["TrainingJobName"], tmp_path)
    steps = [step for step in reader.new_steps(Cursor(), ended=True) if step.place("loss")]
    losses = [float(reader.value(step, "loss").reshape(-1)[0]) for step in steps]
    assert len(losses) == 30
    assert losses[-1] < losses[0] / 10


def test_a_sitecustomize_of_the_scripts_own_runs_too(deployed: Deployed, tmp_path: Path) -> None:
    document = spec("plain-network", "sklearn", "1.9-0", grid={"a": [1]})
    launched(deployed, tmp_path, document, train=NETWORK, sitecustomize=OWN_START)
    (job,) = deployed.wait_for_jobs("plain-network", 1, 60)
    assert job.get("FailureReason", job["TrainingJobStatus"]) == "Completed"
    assert "loss" in names(saved(deployed, job["TrainingJobName"], tmp_path))


def test_a_spec_may_want_none(deployed: Deployed, tmp_path: Path) -> None:
    document = spec("plain-off", "xgboost", "3.2-0", grid={"depth": [2]}, hook="off")
    answer = launched(deployed, tmp_path, document, train=TREES)
    assert [(each["brought"], each["reason"]) for each in answer["hook"]] == [("none", "hook: off")]
    (job,) = deployed.wait_for_jobs("plain-off", 1, 60)
    assert job["TrainingJobStatus"] == "Completed"
    assert not job.get("InputDataConfig")
    assert names(saved(deployed, job["TrainingJobName"], tmp_path)) == set()


def test_each_job_of_a_tuning_job_writes_to_its_own_place(deployed: Deployed, tmp_path: Path) -> None:
    tune = {"strategy": "grid", "parameters": {"depth": {"categorical": [1, 3]}}}
    document = spec("plain-tuned", "xgboost", "3.2-0", tune=tune, limits={"parallel_jobs": 2})
    answer = launched(deployed, tmp_path, document, train=TREES)
    assert [each["brought"] for each in answer["hook"]] == ["carried"]
    jobs = deployed.wait_for_jobs("plain-tuned", 2, 90)
    assert [job.get("FailureReason", job["TrainingJobStatus"]) for job in jobs] == ["Completed"] * 2
    for job in jobs:
        assert job["TrainingJobName"].startswith(answer["tuning_job"])
        assert "validation-logloss" in names(saved(deployed, job["TrainingJobName"], tmp_path))
