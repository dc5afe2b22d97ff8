"""The table of AWS's training images. `python -m scripts.image_addresses` writes it, images.json."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

# `sagemaker.image_uris.retrieve`, for p4d and SageMaker's distributed libraries.
_WITH_CUDA_11 = frozenset({
    "pytorch-training:1.6.0-gpu-py36", "tensorflow-training:2.3.1-gpu-py37", "tensorflow-training:2.3.2-gpu-py37",
    "tensorflow-training:1.15.4-gpu-py37", "tensorflow-training:1.15.5-gpu-py37",
})  # fmt: skip
_TABLE = Path(__file__).with_name("images.json")
_NUMBERS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Image:
    """An image. `tag` has `{processor}` in it when there is one image for each of `processors`; `accounts` by
    region.
    """

    repository: str
    tag: str
    processors: tuple[str, ...]
    accounts: Mapping[str, str]


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(_TABLE.read_text())
    return table


def algorithm_image(name: str) -> Image | None:
    """The image of a built-in algorithm, whose only version is 1."""
    entry = _table()["algorithms"].get(name)
    return _image(entry) if entry else None


def framework_image(framework: str, version: str) -> Image | None:
    """The image of a framework's version as AWS tags it, or of the newest patch of a shorter one (2.6 is 2.6.0)."""
    full = full_version(framework, version)
    return _image(_table()["frameworks"][framework][full]) if full else None


@cache
def framework_versions(framework: str) -> tuple[str, ...]:
    """The versions of a framework, the oldest first."""
    return tuple(sorted(_table()["frameworks"][framework], key=_order))


def full_version(framework: str, version: str) -> str | None:
    known = framework_versions(framework)
    patches = [each for each in known if each.startswith(f"{version}.")]
    return version if version in known else patches[-1] if patches else None


def with_cuda_11(repository: str, tag: str) -> str:
    """The tag of the image for these machines and libraries: a few old versions have two images for GPUs."""
    system = "cu110-ubuntu18.04"
    return f"{tag}-{system}" if f"{repository}:{tag}" in _WITH_CUDA_11 else tag


def algorithm_names() -> tuple[str, ...]:
    return tuple(_table()["algorithms"])


def image_accounts() -> frozenset[str]:
    """The accounts in which AWS keeps its images, over all regions."""
    return frozenset(account for registry in _table()["registries"].values() for account in registry.values())


def _image(entry: Mapping[str, Any]) -> Image:
    accounts = _table()["registries"][entry["registry"]]
    return Image(entry["repository"], entry["tag"], tuple(entry.get("processors", ())), accounts)


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in _NUMBERS.findall(version))
