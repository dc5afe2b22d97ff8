"""The things of an account that a spec may name only if the deployment allows them: roles, images, networks, keys,
MLflow.

A spec is untrusted input. Buckets need no list: the training role reads only those that the deployment names.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from gridwatch.launch.deployment import Deployment
from gridwatch.launch.evaluators import is_foreign
from gridwatch.spec.checks.tracking import region_of
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, enumerated, shown


def not_allowed(spec: ExperimentSpec, deployment: Deployment) -> Iterator[Problem]:
    """Everything that the spec names and that matches no pattern of the deployment."""
    if not deployment.is_known:
        return
    for path, named in _named(spec):
        if not any(fnmatchcase(named, pattern) for pattern in deployment.allowed_in_specs):
            yield Problem(
                path=path, message="this deployment does not let specs use it", found=shown(named),
                allowed=enumerated(deployment.allowed_in_specs) or "nothing of the kind",
                advice="its administrator can allow it (allowed_in_specs)",
            )  # fmt: skip


def elsewhere(spec: ExperimentSpec, deployment: Deployment) -> Iterator[Problem]:
    """A problem for each MLflow server in another region than the jobs."""
    mlflow = spec.tracking.mlflow
    if mlflow is None or region_of(mlflow.resource) == deployment.region:
        return
    yield Problem(
        path=("tracking", "mlflow", "resource"), message="MLflow must be in the region of the training jobs",
        found=shown(mlflow.resource), allowed=deployment.region,
    )  # fmt: skip


def _named(spec: ExperimentSpec) -> Iterator[tuple[Path, str]]:
    resources = spec.resources
    single: dict[Path, str | None] = {
        ("algorithm", "image"): spec.algorithm.image,
        ("algorithm", "registry", "credentials"): spec.algorithm.registry.credentials
        if spec.algorithm.registry
        else None,
        ("resources", "role"): resources.role,
        ("resources", "volume_key"): resources.volume_key,
        ("resources", "output_key"): resources.output_key,
        ("resources", "training_plan"): resources.training_plan,
        ("tracking", "mlflow", "resource"): spec.tracking.mlflow.resource if spec.tracking.mlflow else None,
    }
    yield from ((path, named) for path, named in single.items() if named is not None)
    if resources.network is not None:
        for field in ("subnets", "security_groups"):
            names = getattr(resources.network, field)
            yield from ((("resources", "network", field, index), named) for index, named in enumerate(names))
    if (configuration := spec.debugger.configuration) is not None:
        own = [rule.image for rule in configuration.all_rules if rule.image and is_foreign(rule.image)]
        yield from ((("debugger", "configuration"), image) for image in own)
    for name, channel in spec.data.items():
        if channel.file_system is not None:
            yield ("data", name, "file_system", "id"), channel.file_system.id
