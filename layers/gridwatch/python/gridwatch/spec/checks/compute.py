"""What must hold of the machines."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Problem, did_you_mean, shown


def check_compute(spec: ExperimentSpec) -> Iterator[Problem]:
    wanted = spec.resources.instance_type
    if wanted not in INSTANCE_TYPES:
        yield Problem(
            path=("resources", "instance_type"), message="SageMaker has no such instance type for training",
            found=shown(wanted), allowed="such as ml.m5.large, ml.c5.xlarge, ml.g5.xlarge",
            advice=did_you_mean(wanted if wanted.startswith("ml.") else f"ml.{wanted}", INSTANCE_TYPES),
        )  # fmt: skip

    if spec.resources.instance_count > 1:
        message = "XGBoost's training script runs on one instance"
        found = str(spec.resources.instance_count)
        yield Problem(path=("resources", "instance_count"), message=message, found=found, allowed="1")
