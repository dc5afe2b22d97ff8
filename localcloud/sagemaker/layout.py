"""A CreateTrainingJob request as the directory tree that a SageMaker container finds under ``/opt/ml``.

Usable alone (the image contract lays out a request with it): it needs no running cloud and no network.
File formats: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONTAINER_BASE = "/opt/ml"
HOST = "algo-1"


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
        """Where a path given for the container lies: paths under ``/opt/ml`` move, others are kept out of the host."""
        inside = re.sub(rf"^{CONTAINER_BASE}(?=/|$)", "", container_path.rstrip("/")).lstrip("/")
        return self.base / inside

    @property
    def channels(self) -> list[Path]:
        return sorted(path for path in self.data.iterdir() if path.is_dir())


def lay_out(request: Mapping[str, Any], base: Path) -> Layout:
    """Create the tree under ``base`` and write every configuration file; channels are empty folders."""
    layout = Layout(base)
    channels = request.get("InputDataConfig", [])
    for folder in (layout.config, layout.data, layout.model, layout.output / "data", layout.code):
        folder.mkdir(parents=True, exist_ok=True)
    for channel in channels:
        (layout.data / channel["ChannelName"]).mkdir(exist_ok=True)
    _write(layout, "hyperparameters", dict(request.get("HyperParameters", {})))
    _write(layout, "inputdataconfig", {channel["ChannelName"]: _channel(channel, request) for channel in channels})
    _write(layout, "resourceconfig", _resources(request.get("ResourceConfig", {})))
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
    default_mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    described = {
        "TrainingInputMode": channel.get("InputMode", default_mode),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return described | ({"ContentType": channel["ContentType"]} if "ContentType" in channel else {})


def _resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    instance_type = resources.get("InstanceType", "ml.m5.large")
    group = "homogeneousCluster"
    return {
        "current_host": HOST,
        "current_instance_type": instance_type,
        "current_group_name": group,
        "hosts": [HOST],
        "instance_groups": [{"instance_group_name": group, "instance_type": instance_type, "hosts": [HOST]}],
        "network_interface_name": "lo",
    }


def _write(layout: Layout, name: str, content: Mapping[str, Any]) -> None:
    (layout.config / f"{name}.json").write_text(json.dumps(content))
