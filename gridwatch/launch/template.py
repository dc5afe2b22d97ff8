"""The template of CreateTrainingJob requests: what all trials of an experiment share. `launch.request` fills it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch.domain.rules import RulePolicy
from gridwatch.launch.deployment import Deployment
from gridwatch.launch.parts.algorithm import algorithm_part
from gridwatch.launch.parts.checkpoints import checkpoints_part
from gridwatch.launch.parts.compute import compute_part
from gridwatch.launch.parts.data import data_part
from gridwatch.launch.parts.debugger import debugger_part
from gridwatch.launch.parts.distribution import distribution_part
from gridwatch.launch.parts.incremental import incremental_part
from gridwatch.launch.parts.tracking import tracking_part
from gridwatch.spec.model import ExperimentSpec

OWN_HOOK = "gridwatch_hook"
# What several parts may add to.
_SHARED = ("HyperParameters", "Environment", "InputDataConfig", "Tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The inputs found for a spec before it is planned.

    `etags`: for each channel its objects' keys and etags. `source_uri`: the archive of the spec's own script, and
    `source_digest` its digest. `model_uri`: the model that the jobs continue from. `hooks`: the packages of the hooks
    that the spec's own script makes; None when nobody can tell.
    """

    etags: Mapping[str, Mapping[str, str]]
    source_uri: str | None = None
    source_digest: str = ""
    model_uri: str | None = None
    hooks: frozenset[str] | None = None

    @property
    def hook(self) -> bool | None:
        """Whether the script makes any hook; None when nobody can tell."""
        return None if self.hooks is None else bool(self.hooks)

    @property
    def own_hook(self) -> bool | None:
        """Whether the script makes a hook of Gridwatch's."""
        return None if self.hooks is None else OWN_HOOK in self.hooks


def build_template(
    spec: ExperimentSpec,
    policies: Sequence[RulePolicy],
    deployment: Deployment,
    inputs: Inputs,
    *,
    managed: bool = False,
) -> dict[str, Any]:
    """The CreateTrainingJob request without what differs between trials. With `managed`, it configures SageMaker
    Debugger.
    """
    parts = (
        algorithm_part(spec, deployment, inputs.source_uri),
        data_part(spec, deployment, inputs.etags),
        incremental_part(spec, inputs.model_uri),
        compute_part(spec),
        distribution_part(spec),
        checkpoints_part(spec),
        debugger_part(spec, policies, deployment, managed=managed),
        tracking_part(spec, deployment),
    )
    return {"RoleArn": spec.resources.role or deployment.job_role_arn, **_merged(parts)}


def _merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parts as one request: each field comes from one part; mappings and lists that several parts add to are
    joined.
    """
    merged: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if name not in merged:
                merged[name] = value
            elif name in _SHARED:
                merged[name] = [*merged[name], *value] if isinstance(value, list) else {**merged[name], **value}
            else:
                raise ValueError(f"two parts of the request say {name}")
    return merged
