"""Trainings that really run in the local cloud's own environments: scikit-learn's image, and XGBoost's algorithm."""

import io
import json
import random
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.localcloud.sagemaker.images import ImageMap
from tests.contract.localcloud_world import BUCKET, World, channel, interrupt, log_of, pack_source, unpacked, wait_for

REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
SCIKIT_LEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.4-2-cpu-py3"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:3.2-0"

_CLASSIFIER = """
import argparse, os, pathlib
import joblib, numpy
from sklearn.linear_model import LogisticRegression
parser = argparse.ArgumentParser()
parser.add_argument("--strength", type=float)
parser.add_argument("--state", type=pathlib.Path)
given = parser.parse_args()
rows = numpy.loadtxt(pathlib.Path(os.environ["SM_CHANNEL_TRAIN"], "points.csv"), delimiter=",")
model = LogisticRegression(C=given.strength).fit(rows[:, 1:], rows[:, 0])
print(f"accuracy: {model.score(rows[:, 1:], rows[:, 0]):.3f}")
assert given.state.parent == pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"]), given.state
joblib.dump(model, pathlib.Path(os.environ["SM_MODEL_DIR"], "model.joblib"))
"""

# A script of one's own with XGBoost: the hosts train one model together, through XGBoost's own tracker on the first.
_BOOSTER = """
import argparse, json, os, pathlib
import numpy, xgboost
from xgboost import collective
from xgboost.tracker import RabitTracker
parser = argparse.ArgumentParser()
parser.add_argument("--num_round", type=int)
given = parser.parse_args()
config = json.loads(pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"], "resourceconfig.json").read_text())
hosts, host = config["hosts"], config["current_host"]
declared = json.loads(os.environ["SM_INPUT_DATA_CONFIG"])["train"]["TrainingInputMode"]
place = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
files = [f"{place}_0"] if declared == "Pipe" else sorted(place.iterdir())
rows = numpy.concatenate([numpy.loadtxt(file, delimiter=",") for file in files])
address, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
if host == hosts[0]:
    tracker = RabitTracker(n_workers=len(hosts), host_ip=address, port=port)
    tracker.start()
with collective.CommunicatorContext(dmlc_tracker_uri=address, dmlc_tracker_port=port, dmlc_task_id=host):
    data = xgboost.DMatrix(rows[:, 1:], rows[:, 0])
    parameters = {"objective": "binary:logistic", "eval_metric": "error", "nthread": 1}
    model = xgboost.train(parameters, data, given.num_round, evals=[(data, "train")])
    pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], f"{host}.json").write_text(
        json.dumps({"rows": len(rows), "hosts": collective.get_world_size(), "model": model.save_raw("json").hex()}))
    if collective.get_rank() == 0:
        model.save_model(pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json"))
if host == hosts[0]:
    tracker.wait_for()
"""


@pytest.fixture(scope="module")
def points(world: World) -> str:
    """Two clusters that a line separates, the label first."""
    draw = random.Random(0)
    rows = [(label, draw.gauss(6 * label, 1), draw.gauss(6 * label, 1)) for label in (0, 1) for _ in range(100)]
    text = "".join(f"{label},{x:.4f},{y:.4f}\n" for label, x, y in rows)
    world.client("s3").put_object(Bucket=BUCKET, Key="points/points.csv", Body=text.encode())
    return f"s3://{BUCKET}/points/points.csv"


def _content(world: World, uri: str) -> bytes:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    body: bytes = world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def run(world: World, image: str, points: str, hyperparameters: dict[str, str], **changes: Any) -> dict[str, Any]:
    request = world.request(world.name("real"), **{"InputDataConfig": [channel("train", points)], **changes})
    metrics = [{"Name": "accuracy", "Regex": "accuracy: ([0-9.]+)"}] if "sagemaker_program" in hyperparameters else []
    request["AlgorithmSpecification"] = {
        "TrainingImage": image, "TrainingInputMode": "File", **({"MetricDefinitions": metrics} if metrics else {}),
    }  # fmt: skip
    request["HyperParameters"] = hyperparameters
    world.client("sagemaker").create_training_job(**request)
    return world.ended(request["TrainingJobName"], timeout=60)


def test_a_scikit_learn_script_trains(world: World, points: str) -> None:
    source = pack_source(world, "classifier", **{"train.py": _CLASSIFIER})
    job = run(
        world, SCIKIT_LEARN, points,
        {"sagemaker_program": json.dumps("train.py"), "sagemaker_submit_directory": json.dumps(source),
         "strength": "1.0", "state": json.dumps("/opt/ml/state")},
    )  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["FinalMetricDataList"][0]["Value"] > 0.99
    assert list(unpacked(world, job["ModelArtifacts"]["S3ModelArtifacts"])) == ["model.joblib"]
    assert log_of(world, job["TrainingJobName"])[0].startswith("local cloud: scikit-learn 1.")


def test_xgboosts_algorithm_trains_without_a_script(world: World, points: str) -> None:
    job = run(world, XGBOOST, points, {"num_round": "5", "objective": "binary:logistic", "eval_metric": "error"})
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    metrics = {found["MetricName"]: found["Value"] for found in job["FinalMetricDataList"]}
    assert metrics.keys() == {"train:error"}
    assert metrics["train:error"] < 0.05
    assert list(unpacked(world, job["ModelArtifacts"]["S3ModelArtifacts"])) == ["xgboost-model"]
    assert sum(line.startswith(f"[{number}]\ttrain-error:") for number in range(5)
               for line in log_of(world, job["TrainingJobName"])) == 5  # fmt: skip


def test_a_hyperparameter_that_the_algorithm_does_not_know_fails_the_job(world: World, points: str) -> None:
    job = run(world, XGBOOST, points, {"num_round": "5", "depth": "3"})
    assert job["TrainingJobStatus"] == "Failed"
    assert "hyperparameter 'depth' is unknown" in job["FailureReason"]


def test_xgboost_refuses_pipes_and_several_hosts(world: World, points: str) -> None:
    hyperparameters = {"num_round": "5"}
    piped = channel("train", points) | {"InputMode": "Pipe"}
    job = run(world, XGBOOST, points, hyperparameters, InputDataConfig=[piped])
    assert "'train' is in Pipe mode, and this script reads files" in job["FailureReason"]
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}
    job = run(world, XGBOOST, points, hyperparameters, ResourceConfig=two)
    assert "this script trains on one instance, and the job has 2" in job["FailureReason"]


@pytest.mark.parametrize("mode", ["File", "FastFile", "Pipe"])
def test_xgboost_in_script_mode_trains_one_model_on_two_hosts_in_each_input_mode(
    world: World, points: str, mode: str
) -> None:
    s3, lines = world.client("s3"), _content(world, points).splitlines(keepends=True)
    for number, share in enumerate((lines[:120], lines[120:])):
        s3.put_object(Bucket=BUCKET, Key=f"parts-of-points/{number}.csv", Body=b"".join(share))
    parts = channel("train", f"s3://{BUCKET}/parts-of-points/") | {"InputMode": mode}
    parts["DataSource"]["S3DataSource"]["S3DataDistributionType"] = "ShardedByS3Key"
    source = pack_source(world, "booster", **{"train.py": _BOOSTER})
    job = run(
        world, XGBOOST, points,
        {"sagemaker_program": "train.py", "sagemaker_submit_directory": source, "num_round": "3"},
        InputDataConfig=[parts],
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5},
    )  # fmt: skip
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    place = job["OutputDataConfig"]["S3OutputPath"]
    left = unpacked(world, f"{place}/{job['TrainingJobName']}/output/output.tar.gz")
    first, second = (json.loads(left[f"{host}.json"]) for host in ("algo-1", "algo-2"))
    assert (first["rows"], second["rows"], first["hosts"]) == (120, 80, 2)
    assert first["model"] == second["model"], "each trained a model of its own"
    assert list(unpacked(world, job["ModelArtifacts"]["S3ModelArtifacts"])) == ["model.json"]


def test_an_interrupted_xgboost_training_goes_on_from_its_checkpoint(world: World, points: str) -> None:
    request = world.request(
        world.name("spot"),
        InputDataConfig=[channel("train", points)],
        HyperParameters={"num_round": "600"},
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/rounds"},
    )
    request["AlgorithmSpecification"] = {"TrainingImage": XGBOOST, "TrainingInputMode": "File"}
    name = request["TrainingJobName"]
    world.client("sagemaker").create_training_job(**request)
    wait_for(lambda: world.describe(name).get("FinalMetricDataList"))
    assert interrupt(world, name)[0] == 200
    assert world.ended(name, timeout=60)["TrainingJobStatus"] == "Completed"
    rounds = [int(line[1:].partition("]")[0]) for line in log_of(world, name) if line.startswith("[")]
    assert rounds[0] == 0
    assert rounds.count(0) == 1, "it began anew"
    assert rounds[-1] == 599


def _own_wheel() -> bytes:
    """A package that is on no registry."""
    files = {
        "own_numbers.py": "ANSWER = 42\n",
        "own_numbers-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: own-numbers\nVersion: 1.0\n",
        "own_numbers-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "own_numbers-1.0.dist-info/RECORD": "",
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        for name, text in files.items():
            wheel.writestr(name, text)
    return packed.getvalue()


def _with_requirements(world: World, points: str, line: str) -> dict[str, Any]:
    script = 'import own_numbers; print(f"accuracy: {own_numbers.ANSWER}")'
    wheel = _own_wheel()
    source = pack_source(
        world, "requirements",
        **{"train.py": script, "requirements.txt": line, "own_numbers-1.0-py3-none-any.whl": wheel},
    )  # fmt: skip
    return run(world, SCIKIT_LEARN, points, {"sagemaker_program": "train.py", "sagemaker_submit_directory": source})


def test_requirements_are_installed_for_the_job(world: World, points: str) -> None:
    job = _with_requirements(world, points, "./own_numbers-1.0-py3-none-any.whl\n")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert job["FinalMetricDataList"][0]["Value"] == 42
    again = run(
        world, SCIKIT_LEARN, points,
        {"sagemaker_program": "train.py",
         "sagemaker_submit_directory": pack_source(world, "none", **{"train.py": "import own_numbers"})},
    )  # fmt: skip
    assert "No module named 'own_numbers'" in again["FailureReason"], "what one job installs, others find"


def test_requirements_that_cannot_be_installed_are_told(world: World, points: str) -> None:
    job = _with_requirements(world, points, "./missing-1.0-py3-none-any.whl\n")
    assert job["TrainingJobStatus"] == "Failed"
    assert "pip could not install requirements.txt" in job["FailureReason"]


def test_an_image_whose_environment_is_missing_names_the_command_that_makes_it(tmp_path: Any) -> None:
    path = tmp_path / "images.toml"
    path.write_text(
        '[[images]]\nimage = "*/pytorch-training:*"\nkind = "training"\n'
        'command = ["./nowhere/python"]\nhint = "make frameworks"\n'
    )
    with pytest.raises(Exception, match=r"nowhere/python is missing; run: make frameworks"):
        ImageMap.load(path).find(f"{REGISTRY}/pytorch-training:2.10-cpu-py312", "training")


@pytest.mark.parametrize("image", ["tensorflow-training:2.19-cpu-py312", "kmeans:1"])
def test_what_has_no_local_twin_is_refused_with_what_has(world: World, image: str) -> None:
    request = world.request(world.name())
    request["AlgorithmSpecification"]["TrainingImage"] = f"{REGISTRY}/{image}"
    with pytest.raises(ClientError, match=r"cannot run in the local cloud.*sagemaker-scikit-learn.*pytorch-training"):
        world.client("sagemaker").create_training_job(**request)
