"""Brings the hook into training jobs: as a channel with its archive and its configuration, and by PYTHONPATH.

What is brought is the same for all jobs of an upload. A job's name stands in the configuration as a placeholder that
each container fills in, and its pace is a variable of the job (see gridwatch.launch.paces).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from gridwatch.launch.watched_images import LEAST_PYTHON, image_path, image_python
from gridwatch.storage.layout import HOOK_CHANNEL, HOOK_PLACE, TENSOR_PREFIX, hook_prefix, s3_uri

if TYPE_CHECKING:  # pydantic takes a while to import, and who reads a plan's answer needs no specs
    from gridwatch.launch.deployment import Deployment
    from gridwatch.spec.model import ExperimentSpec

CONFIG = "gridwatch_watch.json"  # gridwatch_hook.watch.settings.CONFIG_FILE: it lies beside the archive
PATH_KEY = "PYTHONPATH"
MAX_CHANNELS = 20  # CreateTrainingJob, InputDataConfig
MAX_VARIABLES = 100  # CreateTrainingJob, Environment
MAX_VALUE = 512
_PER_JOB = 2  # variables that a job gets when it is created: its tensors' place, and its pace
_OF_DEBUGGER = "SageMaker Debugger's own hook writes the tensors, to the same place"
_JOB_PLACEHOLDER = "{TRAINING_JOB_NAME}"


class Bringing(StrEnum):
    """How the hook comes into a job."""

    CARRIED = "carried"  # by the channel
    OWN = "own"  # the script brings it
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """The objects of the channel: the archive at `source_uri` and the configuration, under the address `uri`, which is
    made from both. `image_path` is the PYTHONPATH that the image sets itself.
    """

    version: str
    source_uri: str
    config: bytes
    uri: str
    image_path: str = ""
    groups: tuple[str, ...] = ()  # of instances, all of which get the channel


@dataclass(frozen=True, slots=True, kw_only=True)
class HookUse:
    """How the hook comes into the jobs of one algorithm, and why it does not where it is not brought. `algorithm` is
    its name where a tuning job has several.
    """

    bringing: Bringing
    reason: str = ""
    carrier: Carrier | None = None
    framework: str | None = None
    algorithm: str | None = None


class HookStore(Protocol):
    """The port to where jobs find the hook. Raises gridwatch_rules.failures errors."""

    def put(self, carrier: Carrier) -> None:
        """See to it that the carrier's objects are there. Putting them again changes nothing."""
        ...


def hook_use(
    spec: ExperimentSpec,
    template: Mapping[str, Any],
    deployment: Deployment,
    *,
    own: bool | None,
    engine: str = "gridwatch",
    algorithm: str | None = None,
    room: int | None = None,
) -> HookUse:
    """How the hook comes into the jobs with this template. `own`: whether the script is known to make a hook itself;
    None when nobody can tell. `engine` is that of the template. `room`: how many more variables there may be; None: as
    many as a training job has.
    """
    told: dict[str, Any] = {"framework": spec.algorithm.trained_with, "algorithm": algorithm}
    if spec.algorithm.is_own_xgboost:
        return HookUse(bringing=Bringing.OWN, reason="Gridwatch's script for XGBoost has it", **told)
    if spec.hook == "off":
        return HookUse(bringing=Bringing.NONE, reason="hook: off", **told)
    if spec.hook == "own":
        return HookUse(bringing=Bringing.OWN, reason="hook: own", **told)
    if own:
        return HookUse(bringing=Bringing.OWN, reason="the script imports a hook itself", **told)
    reason = _OF_DEBUGGER if engine != "gridwatch" else _why_not(spec, template, deployment, room)
    if reason:
        return HookUse(bringing=Bringing.NONE, reason=reason, **told)
    return HookUse(bringing=Bringing.CARRIED, carrier=_carrier(spec, template, deployment), **told)


def _why_not(spec: ExperimentSpec, template: Mapping[str, Any], deployment: Deployment, room: int | None) -> str | None:
    """The reason why the hook cannot be brought; None when it can."""
    algorithm = spec.algorithm
    if algorithm.name is not None:
        return f"{algorithm.name} is SageMaker's own algorithm, in whose container no hook can be started"
    if not deployment.hook_source_uri:
        return "the deployment is older than the hook that comes by itself: deploy it anew"
    if spec.resources.isolated:
        return (
            "resources.isolated: the container reaches no network, so that a hook could send nothing; a script with a "
            "hook of its own may write to a folder that SageMaker syncs, such as /opt/ml/checkpoints/tensors"
        )
    if spec.resources.role is not None and "hook" not in spec.model_fields_set:
        return (
            "the jobs run in a role of your own (resources.role), and fail where it may not read hook/ of the bucket "
            f"{deployment.artifacts_bucket}: let it, and say hook: auto"
        )
    python = image_python(algorithm)
    said = template["Environment"].get(PATH_KEY)
    if python is None and said is None:
        return (
            f"nothing is known of the image {algorithm.image}, whose own PYTHONPATH would be replaced: if Python 3.10 "
            "or later trains in it, name under algorithm.environment the PYTHONPATH that it has, or an empty one"
        )
    if python is not None and python < LEAST_PYTHON:
        return f"the image of {algorithm.title} has an older Python than 3.10, which is not watched"
    return _no_room(template, merged_path(image_path(algorithm), said), room)


def _no_room(template: Mapping[str, Any], path: str, room: int | None) -> str | None:
    channels, variables = len(template.get("InputDataConfig", ())), template["Environment"]
    room = MAX_VARIABLES - len(variables) - _PER_JOB if room is None else room
    if channels >= MAX_CHANNELS:
        return f"it takes a channel, and the job has {channels} already, of {MAX_CHANNELS}: leave one out"
    if PATH_KEY not in variables and room < 1:
        return "it takes an environment variable, and there are as many as a job may have: leave one out"
    if len(path) > MAX_VALUE:
        return f"with it PYTHONPATH is {len(path)} characters long, and {MAX_VALUE} are allowed: shorten it"
    return None


def _carrier(spec: ExperimentSpec, template: Mapping[str, Any], deployment: Deployment) -> Carrier:
    # Imported for a plan alone: the rules that it knows take a while, and most calls of a function make no plan.
    from gridwatch.launch.hook import told_document  # noqa: PLC0415

    place = s3_uri(deployment.artifacts_bucket, f"{TENSOR_PREFIX}{_JOB_PLACEHOLDER}")
    document = {"place": place, "hook": told_document(template), "region": deployment.region}
    config = (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
    digest = hashlib.sha256(f"{deployment.hook_source_uri.rpartition('/')[2]}\0".encode() + config).hexdigest()
    return Carrier(
        version=deployment.hook_version,
        source_uri=deployment.hook_source_uri,
        config=config,
        uri=s3_uri(deployment.artifacts_bucket, hook_prefix(deployment.hook_version, digest)),
        image_path=image_path(spec.algorithm),
        groups=tuple(spec.resources.groups),
    )


def merged_path(image: str, said: str | None) -> str:
    """The PYTHONPATH with the hook first, then the one that the spec says, which has always replaced the image's."""
    rest = image if said is None else said
    return ":".join([HOOK_PLACE, *(part for part in rest.split(":") if part)])


def with_hook(part: Mapping[str, Any], carrier: Carrier) -> dict[str, Any]:
    """A template, or a definition of a tuning job, with the hook's channel and its place on PYTHONPATH."""
    environment = part["Environment"]
    source: dict[str, Any] = {
        "S3DataType": "S3Prefix",
        "S3Uri": carrier.uri,
        "S3DataDistributionType": "FullyReplicated",
    }
    if carrier.groups:
        source["InstanceGroupNames"] = list(carrier.groups)
    # File, whatever the job's own mode is: Python reads the archive at random.
    channel = {"ChannelName": HOOK_CHANNEL, "DataSource": {"S3DataSource": source}, "InputMode": "File"}
    path = merged_path(carrier.image_path, environment.get(PATH_KEY))
    return {
        **part,
        "InputDataConfig": [*part.get("InputDataConfig", ()), channel],
        "Environment": {**environment, PATH_KEY: path},
    }


def with_uses(part: Mapping[str, Any], uses: Sequence[HookUse]) -> dict[str, Any]:
    """The template, or the definition, as the use of its hook wants it."""
    for use in uses:
        if use.carrier is not None:
            part = with_hook(part, use.carrier)
    return dict(part)


def brought(uses: Sequence[HookUse]) -> tuple[Carrier, ...]:
    """The different carriers, in their order."""
    return tuple({use.carrier.uri: use.carrier for use in uses if use.carrier is not None}.values())
