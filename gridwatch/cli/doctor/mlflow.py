"""The MLflow apps and servers on SageMaker that specs will name: whether each exists and can be written to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from gridwatch.cli.doctor.checks import Check, Result, looked
from gridwatch.cli.session import Session
from gridwatch.spec.checks.tracking import region_of

_NAME = "MLflow"
_READY = ("Created", "Updated", "UpdateFailed", "Started", "StopFailed", "MaintenanceComplete", "MaintenanceFailed")
_SOON = ("Creating", "Updating", "Starting", "MaintenanceInProgress")
_STOPPED = ("Stopping", "Stopped", "StartFailed")  # of tracking servers alone


def mlflow_checks(session: Session, resources: Sequence[str]) -> list[Check]:
    """The checks of each MLflow app or tracking server, by its ARN."""
    found = []
    for resource in resources:
        found += looked(_NAME, partial(_look, session, resource))
    return found


def _look(session: Session, resource: str) -> Iterator[Check]:
    region = region_of(resource)
    if region != session.region:
        advice = "give the ARN of an MLflow app or tracking server in the region of the training jobs"
        found = f"{resource} is in {region}, not in {session.region}" if region else f"{resource} is no ARN of MLflow's"
        yield Check(_NAME, Result.FAILED, found, advice)
        return
    sagemaker = session.client("sagemaker")
    try:
        status, version = _described(sagemaker, resource)
    except sagemaker.exceptions.ResourceNotFound:
        yield Check(_NAME, Result.FAILED, f"there is no {resource}", "create it, in Studio or with the AWS CLI")
        return
    found = f"{resource} is {status}" + (f", MLflow {version}" if version else "")
    if status in _READY:
        yield Check(_NAME, Result.OK, found)
    elif status in _SOON:
        yield Check(_NAME, Result.WARNING, found, "wait until that is over before jobs write into it")
    elif status in _STOPPED:
        yield Check(_NAME, Result.FAILED, found, "start it (aws sagemaker start-mlflow-tracking-server)")
    else:
        yield Check(_NAME, Result.FAILED, found, "create another")


def _described(sagemaker: Any, resource: str) -> tuple[str, str]:
    """Its status and its version of MLflow."""
    if ":mlflow-app/" in resource:
        app = sagemaker.describe_mlflow_app(Arn=resource)
        return app["Status"], app.get("MlflowVersion", "")
    name = resource.rpartition("/")[2]
    server = sagemaker.describe_mlflow_tracking_server(TrackingServerName=name)
    return server["TrackingServerStatus"], server.get("MlflowVersion", "")
