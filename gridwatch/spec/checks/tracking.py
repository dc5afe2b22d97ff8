"""Checks of MLflow: its address, and that the training can reach it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gridwatch.spec.builtin_algorithms import BUILT_IN
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, shown
from gridwatch.spec.variants import variants

# CreateTrainingJob's own pattern takes any mlflow-…/; these two are what SageMaker has (AIMlflowConfig names them).
RESOURCE = re.compile(r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]+):[0-9]{12}:mlflow-(app|tracking-server)/\S+")
# What MLflow's client reads by itself ("Environment variables" of its documentation).
URI_VARIABLE = "MLFLOW_TRACKING_URI"
EXPERIMENT_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
VARIABLES = (URI_VARIABLE, EXPERIMENT_VARIABLE)


def region_of(resource: str) -> str | None:
    """The region in the ARN of an MLflow app or tracking server; None for any other text."""
    found = RESOURCE.fullmatch(resource)
    return found["region"] if found else None


def check_tracking(spec: ExperimentSpec) -> Iterator[Problem]:
    mlflow = spec.tracking.mlflow
    if mlflow is None:
        return
    path = ("tracking", "mlflow")
    if region_of(mlflow.resource) is None:
        yield Problem(
            path=(*path, "resource"), message="is no ARN of MLflow on SageMaker", found=shown(mlflow.resource),
            allowed="arn:aws:sagemaker:<region>:<account>:mlflow-app/<id>, or …:mlflow-tracking-server/<name>",
            advice="aws sagemaker list-mlflow-apps, or list-mlflow-tracking-servers, tells it",
        )  # fmt: skip
    for variant in variants(spec):
        said = next((name for name in VARIABLES if name in variant.spec.algorithm.environment), None)
        if said is not None:
            message = f"tracking.mlflow sets {said}"
            problem = Problem(path=("algorithm", "environment"), message=message, advice="keep one of the two")
            yield variant.placed(problem)
        if variant.spec.resources.isolated:
            message = "isolated containers do not reach MLflow"
            advice = "use network, without isolated, or leave tracking.mlflow out"
            yield variant.placed(Problem(path=("resources", "isolated"), message=message, advice=advice))


def warn_of_tracking(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.tracking.mlflow is None:
        return
    path = ("tracking", "mlflow")
    for variant in variants(spec):
        algorithm = variant.spec.algorithm
        if algorithm.is_own_xgboost or algorithm.name in BUILT_IN:
            message = f"{algorithm.name} writes nothing into MLflow: only what SageMaker itself does will be there"
            yield Problem(path=path, message=message, advice="a script of your own can (entry_point)")
        if variant.spec.resources.role:
            message = "the role that the spec names must be allowed to write into MLflow"
            yield Problem(path=path, message=message, advice="docs/mlflow.md has the actions")
    if spec.tune is not None:
        message = "a tuning job's definition has no place for MlflowConfig: only the scripts are told of MLflow"
        advice = f"they find {' and '.join(VARIABLES)} in their environment, and make the runs themselves"
        yield Problem(path=path, message=message, advice=advice)
