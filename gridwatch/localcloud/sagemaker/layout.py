"""Lays out a CreateTrainingJob request as the directory tree that a SageMaker container finds under ``/opt/ml``.

Usable alone (the image contract lays out a request with it): it needs no running cloud and no network.
File formats: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTAINER_BASE = "/opt/ml"
_PATHS = "PYTHONPATH"  # a variable with several paths
# A value that is a path below /opt/ml, also as a JSON string.
_OWN_PATH = re.compile(rf'("?){CONTAINER_BASE}(?=/|"|$)')


@dataclass(frozen=True, slots=True)
class Host:
    """One machine of a job's cluster."""

    name: str
    instance_type: str
    group: str


def hosts_of(resources: Mapping[str, Any]) -> tuple[Host, ...]:
    """The hosts ``algo-1`` to ``algo-N``, numbered through the instance groups where there are any."""
    single = {
        "InstanceType": resources.get("InstanceType", "ml.m5.large"),
        "InstanceCount": resources.get("InstanceCount", 1),
        "InstanceGroupName": "homogeneousCluster",
    }
    places = [
        (group["InstanceType"], group["InstanceGroupName"])
        for group in resources.get("InstanceGroups") or [single]
        for _ in range(group["InstanceCount"])
    ]
    return tuple(Host(f"algo-{number}", kind, group) for number, (kind, group) in enumerate(places, 1))


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one job. ``base`` stands for the container's ``/opt/ml``."""

    base: Path

    @property
    def config(self) -> Path:
        return self.base / "input" / "config"

    @property
    def data(self) -> Path:
        return self.base / "input" / "data"

    @property
    def model(self) -> Path:
        return self.base / "model"

    @property
    def output(self) -> Path:
        return self.base / "output"

    @property
    def failure(self) -> Path:
        return self.output / "failure"

    @property
    def code(self) -> Path:
        return self.base / "code"

    def local(self, container_path: str) -> Path:
        """The place of a container's path: paths under ``/opt/ml`` are moved, others are kept off the host."""
        inside = re.sub(rf"^{CONTAINER_BASE}(?=/|$)", "", container_path.rstrip("/")).lstrip("/")
        return self.base / inside

    def moved(self, values: Mapping[str, str]) -> dict[str, str]:
        """The values (of hyperparameters, of variables), with paths below ``/opt/ml`` replaced by their places here."""
        return {
            name: ":".join(map(self._moved, value.split(":"))) if name == _PATHS else self._moved(value)
            for name, value in values.items()
        }

    def _moved(self, value: str) -> str:
        return _OWN_PATH.sub(rf"\g<1>{self.base}", value, 1) if _OWN_PATH.match(value) else value

    @property
    def channels(self) -> list[Path]:
        return sorted(path for path in self.data.iterdir() if path.is_dir())


def input_mode(channel: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    """File, FastFile or Pipe: the channel's own, else the job's."""
    mode: str = channel.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"])
    return mode


def channels_of(request: Mapping[str, Any], host: Host) -> list[Mapping[str, Any]]:
    """The channels of the host: those of its instance group, and those that name no groups."""
    named = (
        (channel, channel["DataSource"].get("S3DataSource", {}).get("InstanceGroupNames"))
        for channel in request.get("InputDataConfig", [])
    )
    return [channel for channel, groups in named if not groups or host.group in groups]


def lay_out(request: Mapping[str, Any], base: Path, host: Host | None = None) -> Layout:
    """Create the tree of one host (the first) under ``base`` and write every configuration file.

    Channels are empty folders; those in Pipe mode have none.
    """
    layout = Layout(base)
    hosts = hosts_of(request.get("ResourceConfig", {}))
    host = host or hosts[0]
    channels = channels_of(request, host)
    for folder in (layout.config, layout.data, layout.model, layout.output / "data", layout.code):
        folder.mkdir(parents=True, exist_ok=True)
    for channel in channels:
        if input_mode(channel, request) != "Pipe":
            (layout.data / channel["ChannelName"]).mkdir(exist_ok=True)
    _write(layout, "hyperparameters", layout.moved(request.get("HyperParameters", {})))
    _write(layout, "inputdataconfig", {channel["ChannelName"]: _channel(channel, request) for channel in channels})
    _write(layout, "resourceconfig", _resources(hosts, host))
    if hook := request.get("DebugHookConfig"):
        _write_hook(layout, hook)
    if checkpoint := request.get("CheckpointConfig"):
        local = layout.local(checkpoint.get("LocalPath", f"{CONTAINER_BASE}/checkpoints"))
        local.mkdir(parents=True, exist_ok=True)
        _write(layout, "checkpointconfig", {"S3Uri": checkpoint["S3Uri"], "LocalPath": str(local)})
    if profiler := request.get("ProfilerConfig"):
        _write(layout, "profilerconfig", dict(profiler))
    return layout


def _write_hook(layout: Layout, hook: Mapping[str, Any]) -> None:
    """Debugger's own configuration file, which smdebug and our hook read."""
    local = layout.local(hook.get("LocalPath", f"{CONTAINER_BASE}/output/tensors"))
    local.mkdir(parents=True, exist_ok=True)
    _write(
        layout,
        "debughookconfig",
        {
            "S3OutputPath": hook["S3OutputPath"],
            "LocalPath": str(local),
            "HookParameters": dict(hook.get("HookParameters", {})),
            "CollectionConfigurations": list(hook.get("CollectionConfigurations", [])),
        },
    )


def _channel(channel: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, str]:
    source = channel["DataSource"].get("S3DataSource", {})
    described = {
        "TrainingInputMode": input_mode(channel, request),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return described | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})


def _resources(hosts: Sequence[Host], current: Host) -> dict[str, Any]:
    groups = dict.fromkeys((host.group, host.instance_type) for host in hosts)
    return {
        "current_host": current.name,
        "current_instance_type": current.instance_type,
        "current_group_name": current.group,
        "hosts": [host.name for host in hosts],
        "instance_groups": [
            {
                "instance_group_name": group,
                "instance_type": kind,
                "hosts": [host.name for host in hosts if host.group == group],
            }
            for group, kind in groups
        ],
        "network_interface_name": "lo",
    }


def _write(layout: Layout, name: str, content: Mapping[str, Any]) -> None:
    (layout.config / f"{name}.json").write_text(json.dumps(content))
