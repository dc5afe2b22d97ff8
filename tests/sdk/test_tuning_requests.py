"""Gridwatch's tuning requests beside those of the SageMaker SDK's HyperparameterTuner (make test-sagemaker)."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.peer_environment import python_of, why_missing
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.test_requests import planned
from tests.unit.spec.specs import EXAMPLES

PEER = Path(__file__).parent / "peers" / "tuners.py"
DOCUMENTED = re.findall(r"```yaml\n(.*?)```", (EXAMPLES.parent / "docs" / "spec.md").read_text(), re.DOTALL)
# What only the SDK says: of its own classes, and a name that Gridwatch leaves to each job.
_THEIRS = ("sagemaker_job_name", "sagemaker_estimator_class_name", "sagemaker_estimator_module")
_MACHINES = "resources: {instance_type: ml.m5.xlarge, max_runtime: 1h}\n"
pytestmark = pytest.mark.skipif(bool(why_missing("sagemaker")), reason=why_missing("sagemaker") or "-")


def documented(name: str) -> str:
    return next(text for text in DOCUMENTED if f"name: {name}\n" in text)


@pytest.fixture(scope="module")
def theirs() -> dict[str, dict[str, Any]]:
    command = [str(python_of("sagemaker")), "-W", "ignore", str(PEER), DEPLOYMENT.region, DEPLOYMENT.xgboost_source_uri]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert finished.returncode == 0, finished.stderr[-3000:]
    answer: dict[str, dict[str, Any]] = json.loads(finished.stdout.rsplit("ANSWER ", 1)[-1])
    return answer


def comparable(request: dict[str, Any]) -> dict[str, Any]:
    """All but the name, the tags, and of the definitions what the jobs are told of the hook and of metrics' regexes."""
    told = json.loads(json.dumps(request))
    for name in ("HyperParameterTuningJobName", "Tags"):
        told.pop(name, None)
    # The SDK makes texts of a script's numbers, "\"32\"": for the script, which gets --batch-size 32, it is the same.
    for category in (
        told["HyperParameterTuningJobConfig"].get("ParameterRanges", {}).get("CategoricalParameterRanges", ())
    ):
        category["Values"] = [value.strip('"') for value in category["Values"]]
    if "TrainingJobDefinition" in told:
        told["TrainingJobDefinition"] = _definition(told["TrainingJobDefinition"])
    else:
        named = sorted(told["TrainingJobDefinitions"], key=lambda each: str(each["DefinitionName"]))
        told["TrainingJobDefinitions"] = [_definition(each) for each in named]
    return told


def _definition(definition: dict[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in definition.items() if name != "Environment"}
    kept["StaticHyperParameters"] = {
        name: value for name, value in kept["StaticHyperParameters"].items() if name not in _THEIRS
    }
    # The same fields: the SDK's name is for a choice of several kinds of machines, which neither makes here.
    kept["ResourceConfig"] = kept.pop("HyperParameterTuningResourceConfig", None) or kept["ResourceConfig"]
    algorithm = dict(kept["AlgorithmSpecification"])
    algorithm.pop("MetricDefinitions", None)
    return {**kept, "AlgorithmSpecification": algorithm}


# "Hyperparameter tuning with PyTorch": a script's ranges, on spot capacity.
SCRIPT = """
name: mnist
objective: {metric: average test loss, direction: minimize}
algorithm:
  framework: pytorch
  version: 1.13.1
  source: s3://experiments-bucket/code/sources/0.tar.gz
  entry_point: mnist.py
  metrics: {average test loss: 'Test set: Average loss: ([0-9.]+)'}
data:
  training: {uri: mnist/}
hyperparameters: {epochs: 6, backend: gloo}
tune:
  parameters:
    lr: {continuous: [0.001, 0.1]}
    batch-size: {categorical: [32, 64, 128, 256, 512]}
  strategy: hyperband
  hyperband: {min: 1, max: 6}
  jobs: 9
resources: {instance_type: ml.m5.xlarge, volume_gb: 10, max_runtime: 1h, spot: {max_wait: 2h}}
checkpoints: {uri: s3://artifacts-bucket/tuning}
limits: {parallel_jobs: 3}
"""
AUTOTUNE = """
name: autotuned
objective: {metric: validation-auc, direction: maximize}
algorithm: {name: xgboost, version: 3.2-0}
data:
  train: {uri: blobs/train.csv, content_type: text/csv}
  validation: {uri: blobs/validation.csv, content_type: text/csv}
hyperparameters: {objective: binary:logistic, eval_metric: auc, num_round: 50}
tune:
  autotune: true
  parameters:
    eta: {auto: 0.1}
    max_depth: {integer: [2, 10]}
  jobs: 30
  early_stopping: true
limits: {parallel_jobs: 3}
"""
SPECS = {
    "autotune": AUTOTUNE + _MACHINES,
    "script": SCRIPT,
    "four ranges": (EXAMPLES / "tuning.yaml").read_text(),
    "warm start": documented("tuned") + _MACHINES,
    "several algorithms": documented("two-algorithms").replace("      resources: {instance_type: ml.m5.xlarge}\n", "")
    + _MACHINES,
}


@pytest.mark.parametrize(("tutorial", "spec"), SPECS.items())
def test_a_tuning_job_is_what_the_sdk_sends(tutorial: str, spec: str, theirs: dict[str, dict[str, Any]]) -> None:
    tuning = planned(spec).tuning
    assert tuning is not None
    assert comparable(dict(tuning)) == comparable(theirs[tutorial])
