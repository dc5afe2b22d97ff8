"""Reads the file assets of a synthesized app: which archive goes to which key of the staging bucket."""

import io
import json
import platform
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridwatch.project import project_root

LAYER_MANIFEST = "layer-build.json"
_HOST = "host"
# Timestamps in an archive would change its bytes, and with them the names of unpacked code.
_EPOCH = (1980, 1, 1, 0, 0, 0)


class AssetError(Exception):
    """An asset cannot be staged; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file or folder of cdk.out and where it belongs. Bucket and key may hold ``${AWS::AccountId}`` and the like."""

    source: Path
    packaging: str
    bucket: str
    key: str

    def body(self) -> bytes:
        """The bytes to upload. Raises AssetError when a layer does not fit this machine."""
        if self.packaging == "zip" and self.source.is_dir():
            return _archive(for_this_machine(self.source))
        return self.source.read_bytes()


def read_assets(manifest: Path, names: Mapping[str, str]) -> Iterator[Asset]:
    """The file assets of an ``*.assets.json``; ``names`` replaces ``${...}`` in buckets and keys."""
    for entry in json.loads(manifest.read_text())["files"].values():
        source = entry["source"]
        if "path" not in source:
            raise AssetError(
                f"asset {entry.get('displayName', source)} is built by a command; only files and folders are staged"
            )
        for destination in entry["destinations"].values():
            bucket, key = fill(destination["bucketName"], names), fill(destination["objectKey"], names)
            yield Asset(manifest.parent / source["path"], source["packaging"], bucket, key)


def fill(text: str, names: Mapping[str, str]) -> str:
    """The text with each ``${name}`` replaced by its value."""
    for name, value in names.items():
        text = text.replace(f"${{{name}}}", value)
    return text


def for_this_machine(folder: Path, host_layers: Path | None = None) -> Path:
    """The folder itself or, for a dependency layer built for another platform, its twin built for this machine."""
    if not (folder / LAYER_MANIFEST).exists():
        return folder
    return twin_for_this_machine(_manifest(folder), str(folder), host_layers) or folder


def twin_for_this_machine(wanted: Mapping[str, Any], where: str, host_layers: Path | None = None) -> Path | None:
    """The folder that stands in for a dependency layer with that manifest, which lies at ``where``; None where the
    layer was built for this machine. Raises AssetError when nothing fits.
    """
    if wanted["platform"] == _HOST:
        _check_python(wanted, where)
        return None
    twin = (host_layers or project_root() / "layers" / "build" / _HOST) / str(wanted["layer"])
    advice = f"layer {wanted['layer']}: run `make layers`"
    if not (twin / LAYER_MANIFEST).exists():
        raise AssetError(f"{advice}, {twin} is missing")
    found = _manifest(twin)
    if found["requirements_sha256"] != wanted["requirements_sha256"]:
        raise AssetError(f"{advice} and synthesize again, its packages differ between {where} and {twin}")
    _check_python(found, str(twin))
    return twin


def _manifest(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / LAYER_MANIFEST).read_text())
    return manifest


def _check_python(manifest: Mapping[str, Any], where: str) -> None:
    here = ".".join(platform.python_version_tuple()[:2])
    if manifest["python"] != here:
        raise AssetError(f"{where} was built for Python {manifest['python']}, this is {here}: run `make layers`")


def _archive(folder: Path) -> bytes:
    buffer = io.BytesIO()
    # Stored, not compressed: packing a layer for a server on this machine would cost seconds and save nothing.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as bundle:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                entry.external_attr = path.stat().st_mode << 16
                bundle.writestr(entry, path.read_bytes())
    return buffer.getvalue()
