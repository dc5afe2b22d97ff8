"""In the SDK's environment: what its estimators send for the tutorials of tests/sdk/tutorials, as JSON.

`python tutorials.py REGION SOURCE`: SOURCE is the archive of a script, which the SDK then does not pack itself. Each
entry has the arguments that the public tutorial gives its estimator, its versions as they were.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import boto3
from sagemaker import Session, image_uris
from sagemaker.estimator import Estimator
from sagemaker.huggingface import HuggingFace
from sagemaker.inputs import FileSystemInput, ShuffleConfig, TrainingInput
from sagemaker.instance_group import InstanceGroup
from sagemaker.pytorch import PyTorch
from sagemaker.tensorflow import TensorFlow
from sagemaker.xgboost import XGBoost

ROLE = "arn:aws:iam::123456789012:role/training"
DATA = "s3://experiments-bucket/data"
VPC = {"subnets": ["subnet-0a1b2c3d"], "security_group_ids": ["sg-0a1b2c3d"]}


class Recorder:
    """Takes the place of SageMaker's client and keeps the request."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}

    def create_training_job(self, **request: Any) -> dict[str, str]:
        self.request = request
        return {"TrainingJobArn": "arn"}


class Tutorials:
    def __init__(self, region: str, source: str) -> None:
        self.region, self.source, self.recorder = region, source, Recorder()
        boto = boto3.Session(region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
        self.shared = {
            "role": ROLE, "output_path": "s3://artifacts-bucket/models", "enable_sagemaker_metrics": True,
            "disable_profiler": True, "debugger_hook_config": False,
            "sagemaker_session": Session(
                boto_session=boto, sagemaker_client=self.recorder, default_bucket="artifacts-bucket",
                sagemaker_runtime_client=MagicMock(),
            ),
        }  # fmt: skip

    def script(
        self, estimator: Callable[..., Any], entry_point: str, inputs: Any = None, **told: Any
    ) -> dict[str, Any]:
        code = {"source_dir": self.source, "code_location": "s3://artifacts-bucket/code", "entry_point": entry_point}
        return self.fitted(estimator, inputs, **code, **told)

    def fitted(self, estimator: Callable[..., Any], inputs: Any = None, **told: Any) -> dict[str, Any]:
        made = estimator(**{"instance_count": 1, **self.shared, **told})
        made.fit(inputs, wait=False, job_name="job")
        return self.recorder.request

    def distributed(self) -> dict[str, dict[str, Any]]:
        mpi = "-verbose -x orte_base_help_aggregate=0 --mca btl_vader_single_copy_mechanism none "
        pipeline = {
            "microbatches": 4, "placement_strategy": "spread", "pipeline": "interleaved", "optimize": "speed",
            "partitions": 2, "ddp": True,
        }  # fmt: skip
        tensor = {
            "ddp": True, "placement_strategy": "cluster", "pipeline_parallel_degree": 1, "tensor_parallel_degree": 8,
            "fp16": True, "shard_optimizer_state": True, "prescaled_batch": True, "skip_tracing": True,
            "active_microbatches": 1,
        }  # fmt: skip
        second = {
            "hybrid_shard_degree": 16, "sm_activation_offloading": True, "activation_loading_horizon": 4,
            "tensor_parallel_degree": 2,
        }  # fmt: skip
        loss = [{"Name": "test:loss", "Regex": "Average loss: ([0-9.]+)"}]
        lustre = FileSystemInput("fs-0123456789abcdef0", "FSxLustre", "/fsx/train", "ro")
        return {
            "smddp-mnist": self.script(
                PyTorch, "train_pytorch_smdataparallel_mnist.py", framework_version="1.11.0", py_version="py38",
                instance_type="ml.p3dn.24xlarge", metric_definitions=loss,
                distribution={"smdistributed": {"dataparallel": {"enabled": True}}},
            ),
            "smp-mnist": self.script(
                PyTorch, "pt_mnist.py", framework_version="1.6.0", py_version="py36", instance_type="ml.p3.16xlarge",
                metric_definitions=loss,
                distribution={
                    "smdistributed": {"modelparallel": {"enabled": True, "parameters": pipeline}},
                    "mpi": {"enabled": True, "processes_per_host": 2, "custom_mpi_options": mpi},
                },
            ),
            "smp-gptj": self.script(
                HuggingFace, "train_gptj_smp_tensor_parallel_script.py", {"train": f"{DATA}/gptj/train/"},
                transformers_version="4.17.0", pytorch_version="1.10.2", py_version="py38", volume_size=500,
                instance_type="ml.p4d.24xlarge", instance_count=2,
                metric_definitions=[{"Name": "loss", "Regex": "'loss': ([0-9.]+)"}],
                hyperparameters={"max_steps": 100, "seed": 12345, "fp16": 1, "lr": 2.0e-4, "zipped_data": 0},
                distribution={
                    "smdistributed": {"modelparallel": {"enabled": True, "parameters": tensor}},
                    "mpi": {"enabled": True, "processes_per_host": 8, "custom_mpi_options": "-x NCCL_DEBUG=WARN"},
                },
            ),
            "smp-llama": self.script(
                PyTorch, "train.py", {"train": lustre},
                framework_version="2.3.1", py_version="py311", volume_size=500, instance_type="ml.p4d.24xlarge",
                instance_count=4, checkpoint_s3_uri="s3://artifacts-bucket/checkpoints",
                checkpoint_local_path="/opt/ml/checkpoints", **VPC,
                metric_definitions=[{"Name": "loss", "Regex": "Loss: ([0-9.]+)"}],
                hyperparameters={"train_batch_size": 4, "use_smp_flash_attn": 1},
                distribution={
                    "torch_distributed": {"enabled": True},
                    "smdistributed": {"modelparallel": {"enabled": True, "parameters": second}},
                },
            ),
            "heterogeneous": self._heterogeneous(),
            "horovod": self.script(
                TensorFlow, "train_hvd.py",
                {name: f"{DATA}/cifar10/{name}/" for name in ("train", "validation", "eval")},
                framework_version="2.8.0", py_version="py39", instance_type="ml.p3.2xlarge", instance_count=2,
                keep_alive_period_in_seconds=1_800, model_dir=False,
                metric_definitions=[{"Name": "val:loss", "Regex": "val_loss: ([0-9.]+)"}],
                hyperparameters={"epochs": 10, "batch-size": 256},
                distribution={
                    "mpi": {
                        "enabled": True, "processes_per_host": 1,
                        "custom_mpi_options":
                            "-verbose --NCCL_DEBUG=INFO -x OMPI_MCA_btl_vader_single_copy_mechanism=none",
                    }
                },
            ),
            "parameter-server": self.script(
                TensorFlow, "mnist-2.py", {"training": f"{DATA}/mnist/"}, framework_version="2.2.2", py_version="py37",
                instance_type="ml.c5.xlarge", instance_count=2, model_dir=False,
                metric_definitions=[{"Name": "loss", "Regex": "loss: ([0-9.]+)"}],
                distribution={"parameter_server": {"enabled": True}},
            ),
        }  # fmt: skip

    def _heterogeneous(self) -> dict[str, Any]:
        feeding, training = (
            InstanceGroup("data_group", "ml.c5.18xlarge", 2),
            InstanceGroup("dnn_group", "ml.p4d.24xlarge", 1),
        )
        return self.script(
            TensorFlow, "launcher.py", {"train": TrainingInput(f"{DATA}/images/", instance_groups=["data_group"])},
            framework_version="2.11.0", py_version="py39", instance_count=None, instance_groups=[feeding, training],
            model_dir=False, hyperparameters={"num_of_data_workers": 1, "batch_size": 8192},
            metric_definitions=[{"Name": "loss", "Regex": "loss: ([0-9.]+)"}],
            distribution={
                "mpi": {"enabled": True, "processes_per_host": 8, "custom_mpi_options": "--NCCL_DEBUG WARN"},
                "instance_groups": [training],
            },
        )  # fmt: skip

    def alone(self) -> dict[str, dict[str, Any]]:
        number = r"([0-9]+(.|e\-)[0-9]+),?"
        keys = {"volume_kms_key": "alias/training", "output_kms_key": "alias/models"}
        checks = {"enable_infra_check": True, "enable_remote_debug": True, "enable_session_tag_chaining": True}
        protobuf = "application/x-recordio-protobuf"
        return {
            "hugging-face": self.script(
                HuggingFace, "train.py", {name: f"{DATA}/imdb/{name}/" for name in ("train", "test")},
                transformers_version="4.26.0", pytorch_version="1.13.1", py_version="py39",
                instance_type="ml.p3.2xlarge",
                max_run=36_000, use_spot_instances=True, max_wait=36_000,
                checkpoint_s3_uri="s3://artifacts-bucket/checkpoints", checkpoint_local_path="/opt/ml/checkpoints",
                metric_definitions=[
                    {"Name": "loss", "Regex": f"'loss': {number}"},
                    {"Name": "eval_loss", "Regex": f"'eval_loss': {number}"},
                ],
                hyperparameters={
                    "epochs": 1, "train_batch_size": 32, "model_name": "distilbert-base-uncased",
                    "output_dir": "/opt/ml/checkpoints",
                },
            ),
            "xgboost-two-hosts": self.script(
                XGBoost, "abalone.py",
                {
                    "train": TrainingInput(
                        f"{DATA}/abalone/train/", content_type="text/libsvm", distribution="ShardedByS3Key",
                        input_mode="FastFile",
                    ),
                    "validation": TrainingInput(
                        f"{DATA}/abalone/validation/", content_type="text/libsvm", compression="Gzip",
                        input_mode="Pipe", shuffle_config=ShuffleConfig(7),
                    ),
                },
                framework_version="3.0-5", instance_type="ml.m5.2xlarge", instance_count=2, max_retry_attempts=2,
                encrypt_inter_container_traffic=True, **keys, **checks, **VPC,
                metric_definitions=[{"Name": "validation:rmse", "Regex": "validation-rmse:([0-9.]+)"}],
                hyperparameters={
                    "max_depth": 5, "eta": 0.2, "gamma": 4, "min_child_weight": 6, "subsample": 0.7,
                    "objective": "reg:squarederror", "num_round": 50, "verbosity": 2,
                },
            ),
            "own-image": self.fitted(
                Estimator,
                {
                    "train": TrainingInput(
                        f"{DATA}/labels/train.manifest", s3_data_type="AugmentedManifestFile",
                        attribute_names=["source-ref", "class"], input_mode="Pipe", record_wrapping="RecordIO",
                        content_type="application/x-recordio",
                    ),
                    "listed": TrainingInput(f"{DATA}/labels/listed.manifest", s3_data_type="ManifestFile"),
                },
                image_uri="registry.example.com/team/trainer:7", instance_type="ml.g5.xlarge", volume_size=30,
                training_repository_access_mode="Vpc",
                training_repository_credentials_provider_arn=
                    "arn:aws:lambda:eu-west-1:123456789012:function:registry-credentials",
                container_entry_point=["python3", "/app/train.py"], container_arguments=["--verbose", "--epochs", "3"],
                metric_definitions=[{"Name": "accuracy", "Regex": "accuracy=([0-9.]+)"}], hyperparameters={"lr": 0.1},
                environment={"TOKENIZERS_PARALLELISM": "false"}, disable_output_compression=True,
                enable_network_isolation=True, **VPC,
            ),
            "algorithm-on-spot": self.fitted(
                Estimator,
                {
                    "train": TrainingInput(f"{DATA}/census/train/", content_type=protobuf, input_mode="Pipe"),
                    "validation": TrainingInput(f"{DATA}/census/validation/", content_type="text/csv"),
                },
                image_uri=image_uris.retrieve("linear-learner", self.region), instance_type="ml.m5.2xlarge",
                instance_count=2, max_run=1_800, use_spot_instances=True, max_wait=3_600,
                hyperparameters={
                    "predictor_type": "binary_classifier", "mini_batch_size": 1000, "normalize_data": "true",
                    "learning_rate": 0.01,
                },
            ),
        }  # fmt: skip


if __name__ == "__main__":
    tutorials = Tutorials(sys.argv[1], sys.argv[2])
    sys.stdout.write("ANSWER " + json.dumps({**tutorials.distributed(), **tutorials.alone()}) + "\n")
