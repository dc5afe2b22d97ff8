"""AlgorithmSpecification, and what SageMaker's containers read before they run a script."""

from __future__ import annotations

import json
from typing import Any

from gridwatch.launch.deployment import Deployment
from gridwatch.launch.images import xgboost_image
from gridwatch.spec.metrics import evaluation_metrics, metric_definitions, reported_metrics
from gridwatch.spec.model import ExperimentSpec

PROGRAM = "train.py"  # at the root of the source archive


def algorithm_part(spec: ExperimentSpec, deployment: Deployment) -> dict[str, Any]:
    reported = reported_metrics(evaluation_metrics(spec.hyperparameters, spec.factors), list(spec.data))
    return {
        "AlgorithmSpecification": {
            "TrainingImage": xgboost_image(spec.algorithm.version, deployment.region),
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions(reported),
            "EnableSageMakerMetricsTimeSeries": True,
        },
        "HyperParameters": _script_mode(deployment),
    }


def _script_mode(deployment: Deployment) -> dict[str, str]:
    """What SageMaker's containers read before they run a script; every value is JSON."""
    values = {
        "sagemaker_program": PROGRAM,
        "sagemaker_submit_directory": deployment.xgboost_source_uri,
        "sagemaker_region": deployment.region,
        "sagemaker_container_log_level": 20,
    }
    return {name: json.dumps(value) for name, value in values.items()}
