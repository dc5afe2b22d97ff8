"""The image map: which local command stands for which container image."""

import fnmatch
import json
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridwatch.localcloud.sagemaker.errors import validation_error
from gridwatch.project import project_root

_PACKAGE = Path(__file__).resolve().parent.parent
_BUILT_IN = _PACKAGE / "images" / "images.toml"
_KINDS = ("training", "evaluator")
_NUMBER = r"[-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?|nan|-?inf"


class ImageMapError(Exception):
    """The image map cannot be used; the message says which entry and why."""


@dataclass(frozen=True, slots=True)
class Image:
    """One entry: a glob over image addresses, and the command that runs in the container's place."""

    pattern: str
    kind: str
    command: tuple[str, ...]
    parameter: tuple[str, ...] = ()
    hint: str = ""
    metrics: tuple[str, ...] = ()

    @classmethod
    def parse(cls, entry: dict[str, Any], root: Path) -> "Image":
        """The map's entries. ``root`` is where the commands' relative paths start. Raises ImageMapError."""
        unknown = set(entry) - {"image", "kind", "command", "parameter", "hint", "metrics"}
        if unknown or not entry.get("image") or not entry.get("command") or entry.get("kind") not in _KINDS:
            raise ImageMapError(f"image entry {entry}: needs image, command and kind ({' or '.join(_KINDS)})")
        words = [
            _filled(word, {"package": str(_PACKAGE), "python": sys.executable, "root": str(root)})
            for word in entry["command"]
        ]
        program = words[0] if Path(words[0]).is_absolute() or "/" not in words[0] else str(root / words[0])
        parameter = tuple(entry.get("parameter", ()))
        metrics = tuple(entry.get("metrics", ()))
        return cls(entry["image"], entry["kind"], (program, *words[1:]), parameter, entry.get("hint", ""), metrics)

    def evaluator_command(self, rule: str, tensors: str, parameters: Mapping[str, str]) -> list[str]:
        """The command for one rule: ``{rule}`` and ``{tensors}`` replaced, ``parameter`` added for each parameter."""
        words = [_filled(word, {"rule": rule, "tensors": tensors}) for word in self.command]
        for name, value in parameters.items():
            words += [_filled(word, {"name": name, "value": value}) for word in self.parameter]
        return words

    def metric_definitions(self, request: Mapping[str, Any]) -> list[Mapping[str, str]]:
        """The request's own definitions; without them, and without a user's script, those that the algorithm has by
        itself.
        """
        own: list[Mapping[str, str]] = list(request["AlgorithmSpecification"].get("MetricDefinitions", []))
        if own or "sagemaker_program" in request.get("HyperParameters", {}):
            return own
        return [{"Name": name, "Regex": rf"\b{name.replace(':', '-')}:({_NUMBER})"} for name in self.metrics]

    def is_runnable(self) -> bool:
        return shutil.which(self.command[0]) is not None


@dataclass(frozen=True, slots=True)
class ImageMap:
    """All entries, in the order in which they are tried."""

    images: tuple[Image, ...]

    @classmethod
    def load(cls, custom: Path | None = None) -> "ImageMap":
        """The built-in map, with ``custom`` (TOML or JSON) before it. Raises ImageMapError."""
        images = cls._read(custom, custom.resolve().parent) if custom else []
        return cls(tuple(images + cls._read(_BUILT_IN, project_root())))

    @staticmethod
    def _read(path: Path, root: Path) -> list[Image]:
        try:
            content = _read_json(path) if path.suffix == ".json" else tomllib.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ImageMapError(f"{path}: {error}") from error
        return [Image.parse(entry, root) for entry in content.get("images", [])]

    def find(self, address: str, kind: str) -> Image:
        """The image's entry. Raises ValidationException, listing what exists, when there is none or it cannot run."""
        for image in self.images:
            if image.kind == kind and fnmatch.fnmatchcase(address, image.pattern):
                if image.is_runnable():
                    return image
                advice = f"; run: {image.hint}" if image.hint else ""
                raise validation_error(f"Image {address} is not built here: {image.command[0]} is missing{advice}")
        known = ", ".join(image.pattern for image in self.images if image.kind == kind)
        raise validation_error(
            f"Image {address} cannot run in the local cloud, which has no containers. Local {kind} images: {known}; "
            "others need an entry in the image map (--images)"
        )


def _filled(word: str, values: Mapping[str, str]) -> str:
    # One pass, so that a value that looks like a placeholder stays what it is.
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), word)


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content
