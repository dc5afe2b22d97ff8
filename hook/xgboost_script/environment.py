"""Reads what SageMaker hands to the container: folders, channels and hyperparameters, from SM_* variables or from the
files behind them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failure import UserError


@dataclass(frozen=True, slots=True)
class Channel:
    """One input channel: its folder, and the content type it was declared with."""

    folder: Path
    content_type: str | None


@dataclass(frozen=True, slots=True)
class TrainingEnvironment:
    """The inputs and folders of one training. Folders are those of the container contract (/opt/ml/...), wherever they
    lie on this machine.
    """

    hyperparameters: Mapping[str, Any]
    channels: Mapping[str, Channel]
    model_folder: Path
    output_folder: Path
    checkpoint_folder: Path | None  # None: no checkpoints are kept
    hosts: int

    @classmethod
    def read(cls, arguments: list[str]) -> TrainingEnvironment:
        """Read the environment. `arguments` are the command line's `--name value` pairs, used when SM_HPS is not set.
        Raises UserError.
        """
        base = Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml")
        config = Path(os.environ.get("SM_INPUT_CONFIG_DIR") or base / "input" / "config")
        return cls(
            hyperparameters=_hyperparameters(config, arguments),
            channels=_channels(base, config),
            model_folder=Path(os.environ.get("SM_MODEL_DIR") or base / "model"),
            output_folder=Path(os.environ.get("SM_OUTPUT_DIR") or base / "output"),
            checkpoint_folder=_checkpoint_folder(base, config),
            hosts=len(_variable("SM_HOSTS") or _file(config / "resourceconfig.json").get("hosts") or [""]),
        )


def output_folder() -> Path:
    """The folder for the reason of a failure, known even when the environment cannot be read."""
    return Path(os.environ.get("SM_OUTPUT_DIR") or Path(os.environ.get("SAGEMAKER_BASE_DIR") or "/opt/ml") / "output")


def _variable(name: str) -> Any:
    text = os.environ.get(name)
    return json.loads(text) if text else None


def _file(path: Path) -> Any:
    return json.loads(path.read_text()) if path.is_file() else {}


def _hyperparameters(config: Path, arguments: list[str]) -> dict[str, Any]:
    """The hyperparameters, from SM_HPS if possible, because values lose their types as arguments."""
    given = _variable("SM_HPS")
    if given is not None:
        return dict(given)
    stored = {name: _decoded(value) for name, value in _file(config / "hyperparameters.json").items()}
    return {**stored, **_pairs(arguments)}


def _decoded(value: Any) -> Any:
    """Decode a value of the hyperparameters file. In script mode values are JSON in strings; a string that is not JSON
    stands for itself.
    """
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def _pairs(arguments: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    waiting = list(arguments)
    while waiting:
        name = waiting.pop(0)
        if not name.startswith("-"):
            raise UserError(f"argument {name!r} is not understood; expected --name value")
        key, equals, value = name.lstrip("-").partition("=")
        if not equals:
            if not waiting:
                raise UserError(f"argument {name!r} has no value")
            value = waiting.pop(0)
        pairs[key] = value
    return pairs


def _channels(base: Path, config: Path) -> dict[str, Channel]:
    declared = _variable("SM_INPUT_DATA_CONFIG") or _file(config / "inputdataconfig.json")
    channels: dict[str, Channel] = {}
    for name in ("train", "validation"):
        folder = os.environ.get(f"SM_CHANNEL_{name.upper()}")
        if folder or name in declared:
            if declared.get(name, {}).get("TrainingInputMode") == "Pipe":
                raise UserError(f"channel {name!r} is in Pipe mode, and this script reads files: use File or FastFile")
            content_type = declared.get(name, {}).get("ContentType")
            channels[name] = Channel(Path(folder or base / "input" / "data" / name), content_type)
    return channels


def _checkpoint_folder(base: Path, config: Path) -> Path | None:
    """The folder for checkpoints: the one that SageMaker names, or the usual one when it exists."""
    named = _file(config / "checkpointconfig.json").get("LocalPath")
    usual = base / "checkpoints"
    if named:
        return Path(named)
    return usual if usual.is_dir() else None
