"""In the SDK's environment: the CreateTrainingJob requests that its estimators send for the tutorials, as JSON.

`python estimators.py REGION SOURCE`: SOURCE is the archive of a script, which the SDK then does not pack itself.
`python estimators.py images`: every image address that it knows of the frameworks and algorithms of Gridwatch's table,
asked for as JSON on stdin: [[name, version or null, region, instance type, Python or null], ...].
"""

from __future__ import annotations

import json
import sys
from functools import cache
from typing import Any
from unittest.mock import MagicMock

import boto3
from sagemaker import Session, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.pytorch import PyTorch

ROLE = "arn:aws:iam::123456789012:role/training"
DATA = "s3://experiments-bucket/data/mnist/"
LOSS = [{"Name": "validation:loss", "Regex": "validation loss: ([0-9.eE+-]+)"}]
TRAINING = [{"Name": "training:loss", "Regex": "training loss: ([0-9.eE+-]+)"}]


class Recorder:
    """Takes the place of SageMaker's client and keeps the request."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}

    def create_training_job(self, **request: Any) -> dict[str, str]:
        self.request = request
        return {"TrainingJobArn": "arn"}


def fitted(estimator: Any, recorder: Recorder, inputs: Any) -> dict[str, Any]:
    estimator.fit(inputs, wait=False, job_name="job")
    return recorder.request


def requests(region: str, source: str) -> dict[str, Any]:
    recorder = Recorder()
    boto = boto3.Session(region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    session = Session(
        boto_session=boto, sagemaker_client=recorder, default_bucket="artifacts-bucket",
        sagemaker_runtime_client=MagicMock(),
    )  # fmt: skip
    shared = {
        "role": ROLE, "sagemaker_session": session, "output_path": "s3://artifacts-bucket/models",
        "enable_sagemaker_metrics": True, "disable_profiler": True, "debugger_hook_config": False,
    }  # fmt: skip
    script = {**shared, "entry_point": "train.py", "source_dir": source, "code_location": "s3://artifacts-bucket/code"}
    made = {}
    made["pytorch-data-parallel"] = fitted(
        PyTorch(
            framework_version="2.0.1", py_version="py310", instance_type="ml.p4d.24xlarge", instance_count=2,
            volume_size=50, max_run=14_400, metric_definitions=LOSS,
            hyperparameters={"epochs": 5, "backend": "smddp", "batch_size": 64},
            distribution={"smdistributed": {"dataparallel": {"enabled": True}}}, **script,
        ),
        recorder, {"train": DATA},
    )  # fmt: skip
    model = {"partitions": 2, "microbatches": 4, "pipeline": "interleaved", "optimize": "speed", "ddp": True}
    made["pytorch-model-parallel"] = fitted(
        PyTorch(
            framework_version="1.13.1", py_version="py39", instance_type="ml.p3.16xlarge", instance_count=1,
            volume_size=50, max_run=7_200, metric_definitions=TRAINING,
            hyperparameters={"epochs": 2, "batch_size": 64, "lr": 0.001},
            distribution={
                "smdistributed": {"modelparallel": {"enabled": True, "parameters": model}},
                "mpi": {"enabled": True, "processes_per_host": 8},
            },
            **script,
        ),
        recorder, {"train": DATA},
    )  # fmt: skip
    made["spot-checkpoints"] = fitted(
        PyTorch(
            image_uri="763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.10.0-gpu-py313",
            instance_type="ml.g5.xlarge", instance_count=1, volume_size=30, max_run=21_600,
            use_spot_instances=True, max_wait=43_200, checkpoint_s3_uri="s3://artifacts-bucket/checkpoints/x",
            checkpoint_local_path="/opt/ml/checkpoints", metric_definitions=LOSS,
            hyperparameters={"epochs": 50, "lr": 0.001}, **script,
        ),
        recorder, {"train": DATA},
    )  # fmt: skip
    made["architectures"] = fitted(
        PyTorch(
            image_uri="763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.10.0-gpu-py313",
            instance_type="ml.g5.xlarge", instance_count=1, volume_size=30, max_run=3_600, metric_definitions=LOSS,
            hyperparameters={
                "batch_size": 128, "lr": 0.01, "architecture": "small", "optimizer": "sgd", "epochs": 5
            },
            **script,
        ),
        recorder, {"train": DATA},
    )  # fmt: skip
    records = "s3://experiments-bucket/data/mnist-records"
    kind = {"content_type": "application/x-recordio-protobuf", "input_mode": "Pipe"}
    made["pipe-mode"] = fitted(
        Estimator(
            image_uri=image_uris.retrieve("kmeans", region), instance_type="ml.c5.xlarge", instance_count=2,
            volume_size=20, max_run=3_600,
            hyperparameters={"feature_dim": 784, "mini_batch_size": 500, "epochs": 1, "k": 10}, **shared,
        ),
        recorder,
        {
            "train": TrainingInput(f"{records}/train/", distribution="ShardedByS3Key", **kind),
            "test": TrainingInput(f"{records}/test/", **kind),
        },
    )  # fmt: skip
    return made


def images(asked: list[list[Any]]) -> list[str | None]:
    # Each reads files at every call.
    image_uris.config_for_framework = cache(image_uris.config_for_framework)
    image_uris.utils._botocore_resolver = cache(image_uris.utils._botocore_resolver)
    return [_image(*each) for each in asked]


def _image(name: str, version: str | None, region: str, instance_type: str, python: str | None) -> str | None:
    """The image's address; None where this release of the SDK knows no such image, because it is older than Gridwatch's
    table.
    """
    extra = {"base_framework_version": version.split(" ")[1]} if version and " " in version else {}
    try:
        return image_uris.retrieve(
            name, region, version=version.split(" ")[0] if version else None, instance_type=instance_type,
            image_scope="training",
            py_version=python, **extra,
        )  # fmt: skip
    except (ValueError, KeyError):
        return None


def main() -> None:
    answer = images(json.load(sys.stdin)) if sys.argv[1] == "images" else requests(sys.argv[1], sys.argv[2])
    sys.stdout.write("ANSWER " + json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
