"""In the SDK's environment: the CreateHyperParameterTuningJob requests that its HyperparameterTuner sends, as JSON.

`python tuners.py REGION XGBOOST_SOURCE`: the archive of the script that trains XGBoost.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest.mock import MagicMock

import boto3
from sagemaker import Session, image_uris
from sagemaker.estimator import Estimator
from sagemaker.inputs import TrainingInput
from sagemaker.parameter import CategoricalParameter, ContinuousParameter, IntegerParameter
from sagemaker.pytorch import PyTorch
from sagemaker.tuner import (
    HyperbandStrategyConfig,
    HyperparameterTuner,
    StrategyConfig,
    TuningJobCompletionCriteriaConfig,
    WarmStartConfig,
    WarmStartTypes,
)
from sagemaker.xgboost import XGBoost

ROLE = "arn:aws:iam::123456789012:role/gridwatch-training"
SOURCE = "s3://experiments-bucket/code/sources/0.tar.gz"  # of a script of one's own
IMAGE = "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0"
# Left out, the SDK would have SageMaker tune these as well.
TOOLKIT = [
    f"sagemaker_{name}" for name in ("submit_directory", "program", "container_log_level", "job_name", "region",
                                     "estimator_class_name", "estimator_module")
]  # fmt: skip
METRICS = [{"Name": "validation-auc", "Regex": "auc:([0-9.]+)"}]


class Recorder:
    """Takes the place of SageMaker's client and keeps the request."""

    def __init__(self) -> None:
        self.request: dict[str, Any] = {}

    def create_hyper_parameter_tuning_job(self, **request: Any) -> dict[str, str]:
        self.request = request
        return {"HyperParameterTuningJobArn": "arn"}


def requests(region: str, source: str) -> dict[str, Any]:
    recorder = Recorder()
    boto = boto3.Session(region_name=region, aws_access_key_id="x", aws_secret_access_key="x")
    session = Session(
        boto_session=boto, sagemaker_client=recorder, default_bucket="artifacts-bucket",
        sagemaker_runtime_client=MagicMock(),
    )  # fmt: skip
    shared = {"role": ROLE, "sagemaker_session": session, "output_path": "s3://artifacts-bucket/models",
              "instance_type": "ml.m5.xlarge", "instance_count": 1, "volume_size": 10, "max_run": 3_600,
              "disable_profiler": True, "debugger_hook_config": False}  # fmt: skip

    def xgboost(hyperparameters: dict[str, Any]) -> XGBoost:
        return XGBoost(
            entry_point="train.py", source_dir=source, image_uri=IMAGE, framework_version="1.7-1",
            hyperparameters=hyperparameters, code_location="s3://artifacts-bucket/code", **shared,
        )  # fmt: skip

    def inputs(where: str) -> dict[str, TrainingInput]:
        place = f"s3://experiments-bucket/data/{where}"
        return {name: TrainingInput(f"{place}/{name}.csv", content_type="text/csv") for name in ("train", "validation")}

    def sent(tuner: HyperparameterTuner, given: Any, **options: Any) -> dict[str, Any]:
        tuner.fit(given, job_name="job", wait=False, **options)
        return recorder.request

    static = {"objective": "binary:logistic", "eval_metric": "auc,logloss", "num_round": 100, "rate_drop": 0.3}
    ranges = {
        "eta": ContinuousParameter(0, 1), "min_child_weight": ContinuousParameter(1, 10),
        "alpha": ContinuousParameter(0, 2), "max_depth": IntegerParameter(1, 10),
    }  # fmt: skip
    made = {}
    spot = {"use_spot_instances": True, "max_wait": 7_200, "checkpoint_s3_uri": "s3://artifacts-bucket/tuning"}
    made["script"] = sent(
        HyperparameterTuner(
            PyTorch(
                entry_point="mnist.py", source_dir=SOURCE, code_location="s3://artifacts-bucket/code",
                framework_version="1.13.1", py_version="py39", hyperparameters={"epochs": 6, "backend": "gloo"},
                checkpoint_local_path="/opt/ml/checkpoints", **spot, **shared,
            ),
            "average test loss",
            {"lr": ContinuousParameter(0.001, 0.1), "batch-size": CategoricalParameter([32, 64, 128, 256, 512])},
            [{"Name": "average test loss", "Regex": "Test set: Average loss: ([0-9.]+)"}], objective_type="Minimize",
            max_jobs=9, max_parallel_jobs=3, strategy="Hyperband",
            strategy_config=StrategyConfig(HyperbandStrategyConfig(max_resource=6, min_resource=1)),
        ),
        {"training": "s3://experiments-bucket/data/mnist/"},
    )  # fmt: skip
    made["four ranges"] = sent(
        HyperparameterTuner(
            xgboost(static), "validation-auc", ranges, METRICS, objective_type="Maximize", max_jobs=20,
            max_parallel_jobs=3, early_stopping_type="Auto",
        ),
        inputs("marketing"),
    )  # fmt: skip
    made["warm start"] = sent(
        HyperparameterTuner(
            xgboost({"objective": "binary:logistic", "eval_metric": "auc", "num_round": 50}), "validation-auc",
            {
                "eta": ContinuousParameter(0.001, 0.5, "Logarithmic"), "max_depth": IntegerParameter(2, 10),
                "grow_policy": CategoricalParameter(["depthwise", "lossguide"]),
            },
            METRICS, objective_type="Maximize", max_jobs=30, max_parallel_jobs=3, max_runtime_in_seconds=21_600,
            early_stopping_type="Auto", random_seed=7,
            warm_start_config=WarmStartConfig(WarmStartTypes.IDENTICAL_DATA_AND_ALGORITHM, {"an-earlier-tuning-job"}),
            completion_criteria_config=TuningJobCompletionCriteriaConfig(
                max_number_of_training_jobs_not_improving=10, complete_on_convergence=True,
                target_objective_metric_value=0.97,
            ),
        ),
        inputs("blobs"),
    )  # fmt: skip
    made["autotune"] = sent(
        HyperparameterTuner(
            xgboost({"objective": "binary:logistic", "eval_metric": "auc", "num_round": 50, "eta": 0.1}),
            "validation-auc", {"max_depth": IntegerParameter(2, 10)}, METRICS, objective_type="Maximize",
            max_jobs=30, max_parallel_jobs=3, early_stopping_type="Auto", autotune=True,
            hyperparameters_to_keep_static=["objective", "eval_metric", "num_round", *TOOLKIT],
        ),
        inputs("blobs"),
    )  # fmt: skip
    linear = Estimator(
        image_uri=image_uris.retrieve("linear-learner", region),
        hyperparameters={"predictor_type": "binary_classifier"}, **shared,
    )  # fmt: skip
    trees = {"objective": "binary:logistic", "eval_metric": "auc", "num_round": 50}
    made["several algorithms"] = sent(
        HyperparameterTuner.create(
            {"trees": xgboost(trees), "linear": linear},
            {"trees": "validation-auc", "linear": "validation:roc_auc_score"},
            {
                "trees": {"max_depth": IntegerParameter(2, 10)},
                "linear": {"learning_rate": ContinuousParameter(0.0001, 0.1, "Logarithmic")},
            },
            {"trees": METRICS}, strategy="Random", objective_type="Maximize", max_jobs=20, max_parallel_jobs=4,
        ),
        {"trees": inputs("blobs"), "linear": inputs("blobs")}, include_cls_metadata={},
    )  # fmt: skip
    return made


if __name__ == "__main__":
    sys.stdout.write("ANSWER " + json.dumps(requests(sys.argv[1], sys.argv[2])) + "\n")
