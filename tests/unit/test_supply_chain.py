"""What comes from others: pinned, with hashes, from no registry by name; and the bill of materials has all of it."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from scripts import sbom

ROOT = Path(__file__).resolve().parents[2]
LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), *sorted((ROOT / "layers").glob("*/requirements.txt"))]
WISHES = [*sorted((ROOT / "requirements").glob("*.in")), *sorted((ROOT / "layers").glob("*/requirements.in"))]
# Of what is deployed: no licence that asks for more than notices.
PERMISSIVE = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0",
    "Zlib",
}  # fmt: skip


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_package_is_pinned_to_files_that_are_known(lock: Path) -> None:
    found = list(sbom.pins(lock))
    assert found
    assert [pin.name for pin in found if not pin.hashes] == []
    assert not re.search(r"https?://|--(index|extra-index|find-links|trusted-host)", lock.read_text())


@pytest.mark.parametrize("wish", WISHES, ids=lambda wish: str(wish.relative_to(ROOT)))
def test_every_wish_has_its_lock_and_names_no_registry(wish: Path) -> None:
    assert wish.with_suffix(".txt") in LOCKS
    wishes = [line for line in wish.read_text().splitlines() if line and not line.startswith("#")]
    assert not [line for line in wishes if re.search(r"https?://|^--|@ ", line)]


def test_what_is_installed_is_held_to_the_hashes() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "SYNC := pip sync --quiet --require-hashes" in makefile
    assert "--require-hashes" in (ROOT / "scripts" / "build_layer.py").read_text()
    assert "--generate-hashes" in makefile


def test_npms_packages_are_pinned_to_files_that_are_known_from_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {path: package for path, package in lock["packages"].items() if path}
    assert packages
    for path, package in packages.items():
        assert package["integrity"].startswith("sha512-"), path
        assert "resolved" not in package, path
    wished = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in wished.values())
    assert not re.search(r"https?://|registry\s*=|_auth", (ROOT / ".npmrc").read_text())


def test_a_requirement_without_a_pin_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("boto3>=1.0\n")
    with pytest.raises(ValueError, match="is not pinned"):
        list(sbom.pins(tmp_path / "x.txt"))


def test_the_bill_has_everything_that_is_deployed_with_a_licence_that_permits_it() -> None:
    bill = sbom.bill()
    components = {(each["name"], each["version"]): each for each in bill["components"]}
    for lock in sbom.DEPLOYED:
        for pin in sbom.pins(lock):
            if not pin.for_windows:
                assert components[pin.name, pin.version]["scope"] == "required"
    deployed = [each for each in bill["components"] if each["scope"] == "required"]
    for each in deployed:
        (licence,) = each["licenses"]
        assert set(re.split(r" (?:AND|OR) ", licence["expression"])) <= PERMISSIVE, each["name"]
        assert each["hashes"]
    assert {"boto3", "duckdb", "numpy", "pydantic", "echarts"} <= {each["name"] for each in deployed}
    version = json.loads((sbom.ROOT / "gridwatch/reports/assets/echarts.json").read_text())
    assert ("echarts", version["version"]) in components


def test_the_same_checkout_makes_the_same_bill() -> None:
    first, second = (json.dumps(sbom.bill()) for _ in range(2))
    assert hashlib.sha256(first.encode()).digest() == hashlib.sha256(second.encode()).digest()
    assert "timestamp" not in first
