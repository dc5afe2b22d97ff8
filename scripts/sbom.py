"""Writes the software bill of materials, CycloneDX 1.6 as JSON: `python -m scripts.sbom FILE`, or `--licences` for a
table.

It is made from the locks, so that the same checkout gives the same bytes (no time, no random number). `scope` is
`required` for what is deployed (the layers and the reports' plotting library) and `excluded` for what builds and tests
it. Licences are those that the installed packages state.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DEPLOYED = tuple(sorted((ROOT / "layers").glob("*/requirements.txt")))
BUILDING = (ROOT / "requirements" / "dev.txt",)
PLOTTING = ("echarts", "tslib", "zrender")  # copied into the package by scripts.plot_library
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
# What packages without a licence expression say instead, in SPDX's terms.
_SPDX = {
    "apache": "Apache-2.0", "apache 2.0": "Apache-2.0", "apache license 2.0": "Apache-2.0", "apache-2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0", "apache software license": "Apache-2.0", "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause", "bsd-3-clause": "BSD-3-Clause", "3-clause bsd license": "BSD-3-Clause",
    "mit": "MIT", "mit license": "MIT", "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0", "mpl-2.0": "MPL-2.0",
    "isc license (iscl)": "ISC", "isc": "ISC", "python software foundation license": "PSF-2.0", "psf-2.0": "PSF-2.0",
    "lgpl with exceptions": "LGPL-3.0-or-later", "epl-2.0 or gpl-2.0-or-later": "EPL-2.0 OR GPL-2.0-or-later",
    "the unlicense (unlicense)": "Unlicense", "dual license": "Apache-2.0 OR BSD-3-Clause",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pin:
    """One locked package: the SHA-256 sums of all files that may be installed for it."""

    name: str
    version: str
    hashes: tuple[str, ...]
    for_windows: bool = False  # which nothing that is deployed runs on


def pins(lock: Path) -> Iterator[Pin]:
    """The pins in a requirements file as uv writes it. Raises ValueError for a requirement that is not pinned."""
    for entry in re.split(r"\n(?=\S)", lock.read_text()):
        line = entry.strip()
        if not line or line.startswith("#"):
            continue
        found = _PIN.match(line)
        if found is None:
            raise ValueError(f"{lock.name}: {line.splitlines()[0]} is not pinned")
        yield Pin(_normal(found[1]), found[3], tuple(_HASH.findall(line)), "sys_platform == 'win32'" in line)


def bill() -> dict[str, Any]:
    """The bill of materials as a document."""
    deployed = {pin.name: pin for lock in DEPLOYED for pin in pins(lock) if not pin.for_windows}
    building = {pin.name: pin for lock in BUILDING for pin in pins(lock) if pin.name not in deployed}
    components = [
        *(_python(pin, "required") for pin in deployed.values()),
        *(_python(pin, "excluded") for pin in building.values()),
        *_node(),
    ]
    ordered = sorted(components, key=lambda each: str(each["bom-ref"]))
    about = {"type": "application", "name": "gridwatch", "version": _version(), "licenses": _licences("Apache-2.0")}
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(ordered, sort_keys=True))}",
        "version": 1,
        "metadata": {"component": {"bom-ref": "gridwatch", **about}},
        "components": ordered,
    }


def _python(pin: Pin, scope: str) -> dict[str, Any]:
    address = f"pkg:pypi/{pin.name}@{pin.version}"
    return {
        "type": "library", "bom-ref": address, "name": pin.name, "version": pin.version, "scope": scope,
        "hashes": [{"alg": "SHA-256", "content": digest} for digest in sorted(set(pin.hashes))],
        "licenses": _licences(licence_of(pin.name)), "purl": address,
    }  # fmt: skip


def _node() -> Iterator[dict[str, Any]]:
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    for path, package in packages.items():
        if not path:
            continue
        name = path.rpartition("node_modules/")[2]
        address = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
        digest = _hexadecimal(package["integrity"])
        yield {
            "type": "library", "bom-ref": address, "name": name, "version": package["version"],
            "scope": "required" if name in PLOTTING else "excluded",
            "hashes": [{"alg": "SHA-512", "content": digest}], "licenses": _licences(package.get("license")),
            "purl": address,
        }  # fmt: skip


def _hexadecimal(integrity: str) -> str:
    return base64.b64decode(integrity.removeprefix("sha512-")).hex()


def licence_of(package: str) -> str | None:
    """The SPDX expression of an installed package; None where it is not installed here or names no known licence."""
    try:
        about = metadata.metadata(package).json
    except metadata.PackageNotFoundError:
        return None
    if expression := about.get("license_expression"):
        return str(expression)
    classifiers = [each.rpartition("::")[2] for each in about.get("classifier", ()) if each.startswith("License")]
    for said in (str(about.get("license", "")), *classifiers):
        if known := _SPDX.get(said.strip().lower()):
            return known
    return None


def _licences(expression: str | None) -> list[dict[str, str]]:
    return [{"expression": expression}] if expression else []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _version() -> str:
    return metadata.version("gridwatch")


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts.sbom")
    parser.add_argument("file", nargs="?", type=Path, help="where the document goes")
    parser.add_argument("--licences", action="store_true", help="a table of what is deployed, instead")
    asked = parser.parse_args()
    document = bill()
    if asked.licences:
        for each in document["components"]:
            if each["scope"] == "required":
                told = each["licenses"][0]["expression"] if each["licenses"] else "not stated"
                sys.stdout.write(f"{each['name']:<32}{each['version']:<16}{told}\n")
    if asked.file:
        asked.file.parent.mkdir(parents=True, exist_ok=True)
        asked.file.write_text(json.dumps(document, indent=1) + "\n")
        sys.stdout.write(f"{len(document['components'])} components in {asked.file}\n")


if __name__ == "__main__":
    main()
