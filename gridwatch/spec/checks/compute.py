"""Checks of the machines."""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.instance_types import INSTANCE_TYPES, has_local_storage
from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.problems import Path, Problem, did_you_mean, shown
from gridwatch.spec.search_space import INSTANCE_COUNT, INSTANCE_TYPE, SETTINGS, names_of, varied
from gridwatch.spec.values import Scalar

# What does what Gridwatch's script for XGBoost does not.
ELSEWHERE = "use framework: xgboost with a script of your own, or AWS's own algorithm by its algorithm.image"
MAX_KEEP_ALIVE = 3_600  # the service's quota, whatever CreateTrainingJob's model says
PENDING = (7_200, 2_419_200)  # StoppingCondition, MaxPendingTimeInSeconds
# Built-in algorithms that write no checkpoints may wait for spot capacity no longer than this.
MAX_WAIT_WITHOUT_CHECKPOINTS = 3_600


def check_compute(spec: ExperimentSpec) -> Iterator[Problem]:
    yield from _types(spec)
    yield from _counts(spec)
    yield from _groups(spec)
    yield from _times(spec)
    yield from _keys(spec)
    if spec.resources.isolated and spec.engine != "debugger" and (spec.algorithm.is_own_xgboost or spec.collect):
        message = "the hook sends its tensors to S3, which isolated containers do not reach"
        yield Problem(path=("resources", "isolated"), message=message, advice="use network, without isolated")


def warn_of_compute(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.resources.spot is not None and spec.checkpoints is None:
        message = "a job that loses its spot capacity begins from the start: there are no checkpoints"
        yield Problem(
            path=("resources", "spot"), message=message, advice="say checkpoints, and let the script use them"
        )
    if spec.resources.encrypted_traffic and spec.resources.instance_count == 1 and not spec.resources.groups:
        message = "one instance has nobody to talk to"
        yield Problem(path=("resources", "encrypted_traffic"), message=message, advice="leave it out")


def _types(spec: ExperimentSpec) -> Iterator[Problem]:
    groups = (
        (("resources", "groups", name, "instance_type"), group.instance_type)
        for name, group in spec.resources.groups.items()
    )
    given: Iterator[tuple[Path, str]] = iter([(("resources", "instance_type"), spec.resources.instance_type), *groups])
    for path, wanted in given:
        if wanted not in INSTANCE_TYPES:
            yield Problem(
                path=path, message="SageMaker has no such instance type for training",
                found=shown(wanted), allowed="such as ml.m5.large, ml.c5.xlarge, ml.g5.xlarge",
                advice=did_you_mean(wanted if wanted.startswith("ml.") else f"ml.{wanted}", INSTANCE_TYPES),
            )  # fmt: skip


def _counts(spec: ExperimentSpec) -> Iterator[Problem]:
    if not spec.algorithm.is_own_xgboost:
        return
    if spec.resources.groups:
        message = "Gridwatch's training script for XGBoost runs on one instance"
        yield Problem(path=("resources", "groups"), message=message, allowed="instance_type", advice=ELSEWHERE)
    fixed: tuple[Path, Scalar] = (("resources", "instance_count"), spec.resources.instance_count)
    for path, count in (fixed, *((path, value) for path, name, value in varied(spec) if name == INSTANCE_COUNT)):
        if isinstance(count, int) and count > 1:
            message = "Gridwatch's training script for XGBoost runs on one instance"
            yield Problem(path=path, message=message, found=str(count), allowed="1", advice=ELSEWHERE)


def _groups(spec: ExperimentSpec) -> Iterator[Problem]:
    resources = spec.resources
    if not resources.groups:
        return
    for name in ("instance_type", "instance_count"):
        if name in resources.model_fields_set:
            yield Problem(path=("resources", name), message="groups say this", advice="leave it out")
    for path, name in names_of(spec):
        if name in SETTINGS:
            yield Problem(path=path, message="with groups, the instances cannot differ between trials")
    if resources.keep_alive is not None:
        message = "instances of several kinds are not kept warm"
        yield Problem(
            path=("resources", "keep_alive"), message=message, advice="leave it out, or use one instance type"
        )


def _times(spec: ExperimentSpec) -> Iterator[Problem]:
    resources = spec.resources
    if resources.keep_alive is not None:
        path = ("resources", "keep_alive")
        if resources.keep_alive > MAX_KEEP_ALIVE:
            found, allowed = f"{resources.keep_alive} s", f"at most {MAX_KEEP_ALIVE} s"
            yield Problem(path=path, message="is over SageMaker's limit", found=found, allowed=allowed)
        if resources.spot is not None:
            message = "spot instances are not kept warm: their capacity goes back when a job ends"
            yield Problem(path=path, message=message, advice="keep one of keep_alive and spot")
    if resources.max_pending is not None and not PENDING[0] <= resources.max_pending <= PENDING[1]:
        found = f"{resources.max_pending} s"
        path = ("resources", "max_pending")
        yield Problem(path=path, message="is out of range", found=found, allowed="2h to 28d")
    if resources.spot is not None:
        yield from _spot(spec, resources.spot.max_wait)


def _spot(spec: ExperimentSpec, max_wait: int) -> Iterator[Problem]:
    path: Path = ("resources", "spot", "max_wait")
    if max_wait < spec.resources.max_runtime:
        allowed = f"at least max_runtime, {spec.resources.max_runtime} s"
        message = "waiting and training together cannot be shorter than training"
        yield Problem(path=path, message=message, found=f"{max_wait} s", allowed=allowed)
    writes_none = spec.algorithm.name is not None and not spec.algorithm.is_own_xgboost
    if writes_none and spec.checkpoints is None and max_wait > MAX_WAIT_WITHOUT_CHECKPOINTS:
        allowed = f"at most {MAX_WAIT_WITHOUT_CHECKPOINTS} s, with max_runtime below"
        message = f"SageMaker lets {spec.algorithm.name} wait no longer without checkpoints"
        yield Problem(path=path, message=message, found=f"{max_wait} s", allowed=allowed)


def _keys(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.resources.volume_key is None:
        return
    varying = [str(value) for _, name, value in varied(spec) if name == INSTANCE_TYPE]
    grouped = [group.instance_type for group in spec.resources.groups.values()]
    for instance_type in dict.fromkeys(varying or grouped or [spec.resources.instance_type]):
        if has_local_storage(instance_type):
            message = f"{instance_type} has local NVMe storage, which SageMaker encrypts with keys of its own"
            advice = "leave volume_key out, or use another instance type"
            yield Problem(path=("resources", "volume_key"), message=message, advice=advice)
