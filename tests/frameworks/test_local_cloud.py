"""PyTorch jobs in the local cloud, launched by the whole stack: the examples as they are, an interruption, two hosts,
and a trial whose units die and which a rule stops.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scripts.peer_environment import why_missing
from tests.story.deployed import Deployed
from tests.story.examples import EXAMPLES, submit

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(bool(why_missing("frameworks")), reason=why_missing("frameworks") or "present")


@pytest.fixture(scope="module", autouse=True)
def digits(deployed: Deployed, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("digits")
    subprocess.run([sys.executable, str(EXAMPLES / "digits.py"), str(folder)], check=True)
    for name in ("images.npy", "labels.npy"):
        deployed.put(f"data/mnist/{name}", (folder / "mnist" / name).read_bytes())


def changed(folder: Path, example: str, **replaced: str) -> Path:
    """A copy of an example and its source, with words of the spec replaced."""
    shutil.copytree(EXAMPLES / "pytorch", folder / "pytorch")
    text = (EXAMPLES / f"{example}.yaml").read_text()
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    spec = folder / f"{example}.yaml"
    spec.write_text(text)
    return spec


def hyperparameters(job: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in job["HyperParameters"].items()}


def test_eighteen_points_of_architecture_optimizer_and_epochs_train(deployed: Deployed) -> None:
    submit(deployed, EXAMPLES / "architectures.yaml")
    jobs = deployed.wait_for_jobs("architectures", 18, 400)
    assert [job.get("FailureReason", job["TrainingJobStatus"]) for job in jobs] == ["Completed"] * 18
    losses = {
        (given["architecture"], given["optimizer"], given["epochs"]): job["FinalMetricDataList"][0]["Value"]
        for job in jobs
        for given in [hyperparameters(job)]
    }
    assert len(losses) == 18
    assert min(losses.values()) < 0.5
    assert deployed.log(jobs[0]["TrainingJobName"])[0].startswith("local cloud: torch 2.")


def test_a_spot_trial_goes_on_from_its_checkpoint(deployed: Deployed, tmp_path: Path) -> None:
    submit(deployed, changed(tmp_path, "spot-checkpoints", **{"epochs: 50": "epochs: 300"}))

    def trained() -> str | None:
        """A job that has trained so far that its first checkpoint is in S3."""
        for job in deployed.jobs("spot-checkpoints"):
            if job["SecondaryStatus"] == "Training" and job.get("FinalMetricDataList"):
                bucket, _, prefix = job["CheckpointConfig"]["S3Uri"].removeprefix("s3://").partition("/")
                if deployed.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("KeyCount"):
                    return str(job["TrainingJobName"])
        return None

    name = deployed.wait(trained, "a checkpoint", 90)
    url = f"{deployed.endpoint}/_localcloud/training-jobs/{name}/interrupt"
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=10).close()
    job = {job["TrainingJobName"]: job for job in deployed.wait_for_jobs("spot-checkpoints", 2, 180)}[name]
    assert job["TrainingJobStatus"] == "Completed"
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]].count("Interrupted") == 1
    assert job["BillableTimeInSeconds"] < job["TrainingTimeInSeconds"]
    epochs = [int(line.split()[1].rstrip(":")) for line in deployed.log(name) if line.startswith("epoch ")]
    begins = [later for earlier, later in pairwise(epochs) if later != earlier + 1]
    assert epochs[-1] == 299
    assert all(begin > 0 for begin in begins), "it began anew"
    assert len(epochs) < 600


def test_two_hosts_train_one_model_with_torchrun(deployed: Deployed, tmp_path: Path) -> None:
    spec = changed(
        tmp_path,
        "architectures",
        **{
            "name: architectures": "name: two-hosts",
            "batch_size: 128": "batch_size: 128, backend: gloo",
            "[small, wide, deep]": "[small]",
            "[sgd, adam, rmsprop]": "[adam]",
            "[5, 10]": "[5]",
            "instance_type: ml.g5.xlarge": "instance_type: ml.g5.xlarge, instance_count: 2",
            "limits: {": "distribution: {torchrun: {}}\nlimits: {",
        },
    )
    submit(deployed, spec)
    (job,) = deployed.wait_for_jobs("two-hosts", 1, 120)
    assert job.get("FailureReason", job["TrainingJobStatus"]) == "Completed"
    assert job["ResourceConfig"]["InstanceCount"] == 2
    # The first rank alone tells its epochs: had the hosts not found each other, both would.
    lines = [line for line in deployed.log(job["TrainingJobName"]) if line.startswith("epoch ")]
    assert len(lines) == 5


TRAINING = """
import argparse, time
import torch
from torch import nn
from gridwatch_hook.pytorch import PyTorchHook
parser = argparse.ArgumentParser()
parser.add_argument("--first_bias", type=float)
parser.add_argument("--steps", type=int)
given = parser.parse_args()
torch.manual_seed(0)
model, criterion = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2)), nn.CrossEntropyLoss()
nn.init.constant_(model[0].bias, given.first_bias)
hook = PyTorchHook.from_environment()
hook.register_module(model)
hook.register_loss(criterion)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
x = torch.randn(512, 8)
y = (x.sum(dim=1) > 0).long()
for step in range(given.steps):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    print(f"loss: {loss.item():.5f}", flush=True)
    time.sleep(0.05)
hook.close()
"""
SPEC = """
name: dying
objective: {metric: loss, direction: minimize}
algorithm:
  framework: pytorch
  version: "2.10"
  source: source
  entry_point: train.py
  dependencies: [gridwatch_hook]
  metrics: {loss: 'loss: ([0-9.]+)'}
data: {train: {uri: mnist/}}
hyperparameters: {steps: 400}
grid: {first_bias: [0.0, -1000.0]}
resources: {instance_type: ml.m5.large, volume_gb: 5, max_runtime: 30m}
collect: {relu_output: {save_interval: 1}}
rules: [{rule: DeadRelu, on_issue: stop}]
"""


def test_a_trial_whose_units_die_is_stopped_by_a_rule(deployed: Deployed, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "hook" / "gridwatch_hook", tmp_path / "gridwatch_hook")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(TRAINING)
    (tmp_path / "dying.yaml").write_text(SPEC)
    submit(deployed, tmp_path / "dying.yaml")
    jobs = deployed.wait_for_jobs("dying", 2, 180)
    ended = {hyperparameters(job)["first_bias"]: job["TrainingJobStatus"] for job in jobs}
    assert ended == {0.0: "Completed", -1000.0: "Stopped"}, [job.get("FailureReason") for job in jobs]


# As a tutorial has it: no line of Gridwatch's, and in one point of the grid a layer that is dead from the beginning.
PLAIN = """
import argparse
import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--first_bias", type=float)
given = parser.parse_args()
torch.manual_seed(0)
torch.set_num_threads(1)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.act = nn.Linear(8, 32), nn.Linear(32, 2), nn.ReLU()

    def forward(self, x):
        return self.second(self.act(self.first(x)))


model, criterion = Net(), nn.CrossEntropyLoss()
nn.init.constant_(model.first.bias, given.first_bias)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
x = torch.randn(256, 8)
y = (x.sum(dim=1) > 0).long()
for epoch in range(60):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    if epoch % 10 == 0:
        print(f"loss: {loss.item():.5f}", flush=True)
"""
UNCHANGED = """
name: unchanged
objective: {metric: loss, direction: minimize}
algorithm:
  framework: pytorch
  version: "2.10"
  source: source
  entry_point: train.py
  metrics: {loss: 'loss: ([0-9.]+)'}
grid: {first_bias: [0.0, -1000.0]}
resources: {instance_type: ml.m5.large, volume_gb: 5, max_runtime: 30m}
rules: [{rule: DeadRelu, on_issue: alert}, {rule: VanishingGradient, on_issue: alert}]
"""


def test_a_dead_layer_of_a_script_that_knows_of_nothing_is_found(deployed: Deployed, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "train.py").write_text(PLAIN)
    (tmp_path / "unchanged.yaml").write_text(UNCHANGED)
    submit(deployed, tmp_path / "unchanged.yaml")
    jobs = deployed.wait_for_jobs("unchanged", 2, 180)
    assert [job.get("FailureReason", job["TrainingJobStatus"]) for job in jobs] == ["Completed"] * 2
    bias = {job["TrainingJobName"]: hyperparameters(job)["first_bias"] for job in jobs}

    def over() -> dict[tuple[str, float], str] | None:
        deployed.snapshot("unchanged")
        rows = deployed.query("SELECT rule, status, job_name FROM rule_evaluations WHERE experiment = 'unchanged'")
        told = {(str(row["rule"]), bias[str(row["job_name"])]): str(row["status"]) for row in rows}
        return told if len(told) == 4 and not {"None", "InProgress"} & set(told.values()) else None

    assert deployed.wait(over, "the ends of all rules", 60) == {
        ("DeadRelu", 0.0): "NoIssuesFound",
        ("DeadRelu", -1000.0): "IssuesFound",
        ("VanishingGradient", 0.0): "NoIssuesFound",
        ("VanishingGradient", -1000.0): "IssuesFound",
    }
    curve = deployed.query(
        "SELECT DISTINCT name FROM metrics WHERE experiment = 'unchanged' AND source = 'hook' ORDER BY name"
    )
    assert "loss" in {row["name"] for row in curve}
