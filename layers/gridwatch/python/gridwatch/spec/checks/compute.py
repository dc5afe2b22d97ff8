"""What must hold of the machines."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.instance_types import INSTANCE_TYPES
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, did_you_mean, shown
from gridwatch.spec.search_space import INSTANCE_COUNT, varied
from gridwatch.spec.values import Scalar


def check_compute(spec: ExperimentSpec) -> Iterator[Problem]:
    wanted = spec.resources.instance_type
    if wanted not in INSTANCE_TYPES:
        yield Problem(
            path=("resources", "instance_type"), message="SageMaker has no such instance type for training",
            found=shown(wanted), allowed="such as ml.m5.large, ml.c5.xlarge, ml.g5.xlarge",
            advice=did_you_mean(wanted if wanted.startswith("ml.") else f"ml.{wanted}", INSTANCE_TYPES),
        )  # fmt: skip

    fixed: tuple[Path, Scalar] = (("resources", "instance_count"), spec.resources.instance_count)
    for path, count in (fixed, *((path, value) for path, name, value in varied(spec) if name == INSTANCE_COUNT)):
        if isinstance(count, int) and count > 1:
            message = "XGBoost's training script runs on one instance"
            yield Problem(path=path, message=message, found=str(count), allowed="1")
