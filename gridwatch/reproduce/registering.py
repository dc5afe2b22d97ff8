"""Builds the requests that put a trial's model into SageMaker's model registry: CreateModelPackageGroup,
CreateModelPackage.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.launch.request import IMAGE
from gridwatch.state.accepted_spec import spec_of

MAX_GROUP = 63
MAX_PROPERTIES = 50
JOB_PROPERTY = "gridwatch.job"
_MAX_KEY, _MAX_VALUE = 128, 256
# What CustomerMetadataKey and CustomerMetadataValue take beside letters, digits and spaces.
_FORBIDDEN = re.compile(r"[^\w .:/=+@-]")
_GROUP = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
# Repositories of AWS whose images only train; what serves lies in another one, under other tags.
_TRAINS_ONLY = re.compile(r"/[a-z-]*-training(:|@|$)")


class CannotRegisterError(Exception):
    """The model cannot be registered; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationOptions:
    """What a person chooses about a registration. `image` serves the model where the training image does not."""

    group: str | None = None
    image: str | None = None
    approved: bool = False
    content_types: tuple[str, ...] = ("text/csv",)
    response_types: tuple[str, ...] = ("text/csv",)


class Registry(Protocol):
    """SageMaker's model registry. Raises gridwatch_rules.failures errors."""

    def ensure_group(self, name: str, description: str, tags: Mapping[str, str]) -> None:
        """Create the group unless it exists."""
        ...

    def find(self, group: str, properties: Mapping[str, str], model_uri: str) -> str | None:
        """The ARN of the newest package of the group with these properties and this model."""
        ...

    def create(self, request: Mapping[str, Any]) -> str:
        """Create a package and return its ARN."""
        ...


@dataclass(frozen=True, slots=True)
class Registered:
    arn: str
    group: str
    is_new: bool


def group_name(name_prefix: str, experiment: str) -> str:
    """The default group of an experiment's models: `<prefix>-<experiment>`, cut to fit."""
    name = f"{name_prefix}-{experiment}"
    if len(name) <= MAX_GROUP:
        return name
    # Cut, two long names could be the same.
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: MAX_GROUP - 7].rstrip('-')}-{digest}"


def package_request(
    experiment: ExperimentRecord,
    trial: TrialRecord,
    options: RegistrationOptions,
    *,
    group: str,
    metrics_uri: str,
    fingerprint: str | None,
) -> dict[str, Any]:
    """The CreateModelPackage request. `fingerprint`: its key; `metrics_uri`: the address of the trial's metrics as
    JSON. Raises CannotRegisterError.
    """
    if _GROUP.fullmatch(group) is None:
        raise CannotRegisterError(f"--group {group!r}: a group's name has letters, digits and hyphens, 63 at most")
    if not trial.model_uri:
        raise CannotRegisterError(f"{trial.job_name} has no model: it is {trial.shown_state}")
    container = {"Image": options.image or _serving_image(experiment, trial), "ModelDataUrl": trial.model_uri}
    properties = dict(_properties(experiment, trial, fingerprint))
    request: dict[str, Any] = {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": f"trial {trial.trial_id} of experiment {trial.experiment}, job {trial.training_job}",
        "InferenceSpecification": {
            "Containers": [container],
            "SupportedContentTypes": list(options.content_types),
            "SupportedResponseMIMETypes": list(options.response_types),
        },
        "ModelApprovalStatus": "Approved" if options.approved else "PendingManualApproval",
        "CustomerMetadataProperties": properties,
        "ModelMetrics": {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": metrics_uri}}},
        "ClientToken": client_token(group, trial),
    }
    if trial.job_arn and ":training-job/" in trial.job_arn:
        request["MetadataProperties"] = {"GeneratedBy": trial.job_arn}
    return request


def client_token(group: str, trial: TrialRecord) -> str:
    """A token that is the same for the same model in the same group, so that a repeated call makes one package."""
    return hashlib.sha256(f"{group} {trial.job_name} {trial.model_uri}".encode()).hexdigest()[:36]


def identity_of(trial: TrialRecord) -> Mapping[str, str]:
    """The properties that identify a package as this trial's."""
    return {"gridwatch.trial": trial.trial_id, JOB_PROPERTY: _value(trial.job_name)}


def metrics_document(trial: TrialRecord) -> bytes:
    metrics = {name: {"value": value} for name, value in sorted(trial.final_metrics.items())}
    return json.dumps({"training_job": trial.training_job, "metrics": metrics}, indent=1).encode()


def _serving_image(experiment: ExperimentRecord, trial: TrialRecord) -> str:
    address = str(trial.settings.get(IMAGE) or experiment.template["AlgorithmSpecification"]["TrainingImage"])
    own = spec_of(experiment).algorithm.image is not None
    if own or _TRAINS_ONLY.search(address):
        raise CannotRegisterError(f"it is not known which image serves what {address} trains: say it with --image")
    return address


def _properties(experiment: ExperimentRecord, trial: TrialRecord, fingerprint: str | None) -> Iterator[tuple[str, str]]:
    """The package's properties: the lineage first, then metrics and hyperparameters as far as there is room."""
    lineage = {
        "gridwatch.experiment": trial.experiment,
        **identity_of(trial),
        "gridwatch.spec": experiment.spec_key,
        "gridwatch.spec_version": experiment.spec_version,
        "gridwatch.fingerprint": fingerprint or "none",
        **({"gridwatch.rerun_of": trial.rerun_of} if trial.rerun_of else {}),
        **({"gridwatch.parent": trial.parent} if trial.parent else {}),
    }
    further = {f"metric.{name}": value for name, value in trial.final_metrics.items()}
    further |= {f"hyperparameter.{name}": value for name, value in trial.hyperparameters.items()}
    every = {_key(name): _value(value) for name, value in {**lineage, **further}.items()}
    yield from list(every.items())[:MAX_PROPERTIES]


def _key(name: str) -> str:
    return _FORBIDDEN.sub("_", name)[:_MAX_KEY]


def _value(value: object) -> str:
    return _FORBIDDEN.sub("_", str(value))[:_MAX_VALUE] or "none"


def register(
    experiment: ExperimentRecord, trial: TrialRecord, request: Mapping[str, Any], registry: Registry
) -> Registered:
    """Register the model; repeating it finds the existing package. Raises gridwatch_rules.failures errors."""
    group = str(request["ModelPackageGroupName"])
    tags = {"gridwatch:experiment": experiment.name}
    registry.ensure_group(group, f"models of experiment {experiment.name}", tags)
    known = registry.find(group, identity_of(trial), str(trial.model_uri))
    if known is not None:
        return Registered(known, group, is_new=False)
    return Registered(registry.create(request), group, is_new=True)
