"""Makes one of the environments that Gridwatch's peers in tests and benchmarks need: `python -m
scripts.peer_environment NAME`.

Each lies in .venvs/NAME and comes from requirements/NAME.txt. What cannot be made on a machine leaves its reason in
`.venvs/NAME.skipped` and exit code 0: its tests are then skipped with that reason. A failure that is no property of
the machine (a lock that does not install) is an error.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.find_python import find

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venvs"
UV = str(Path(sys.executable).parent / "uv")
TORCH = "torch==2.13.0"
# Where a machine without a CPU build of its own finds one: the address of PyTorch's index of CPU wheels.
TORCH_INDEX = "GRIDWATCH_TORCH_INDEX"


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer's environment. `source_only` names a package that must be compiled; `finish` completes the environment or
    says why it cannot.
    """

    pythons: tuple[str, ...]
    source_only: str = ""
    finish: Callable[[Path], str] = lambda _: ""


def python_of(name: str) -> Path:
    """The environment's interpreter, whether or not it exists."""
    return ENVIRONMENTS / name / "bin" / "python"


def why_missing(name: str) -> str:
    """The reason to skip tests that need the environment; empty when it is there."""
    noted = ENVIRONMENTS / f"{name}.skipped"
    if noted.exists():
        return noted.read_text()
    return "" if python_of(name).exists() else f"the environment {name} is missing; see the make targets test-*"


def main() -> None:
    name = sys.argv[1]
    ENVIRONMENTS.mkdir(exist_ok=True)
    shutil.rmtree(ENVIRONMENTS / name, ignore_errors=True)
    noted = ENVIRONMENTS / f"{name}.skipped"
    noted.unlink(missing_ok=True)
    if reason := make(name, PEERS[name]):
        shutil.rmtree(ENVIRONMENTS / name, ignore_errors=True)
        noted.write_text(reason)
        print(f"{name}: {reason}")


def make(name: str, peer: Peer) -> str:
    """Create the environment; returns the reason when this machine cannot hold it."""
    interpreter = next((path for version in peer.pythons if (path := find(version))), None)
    if interpreter is None:
        return f"this machine has no Python {' or '.join(peer.pythons)}"
    if peer.source_only and not (shutil.which("cc") or shutil.which("gcc")):
        return f"{peer.source_only} is published as source alone, and this machine has no C compiler"
    target = ENVIRONMENTS / name
    subprocess.run([UV, "venv", "--quiet", "--seed", "--python", str(interpreter), str(target)], check=True)
    install = ["pip", "install", "--quiet", "--require-hashes", "--no-deps", "--compile-bytecode"]
    lock = ROOT / "requirements" / f"{name}.txt"
    subprocess.run([UV, *install, "--python", str(python_of(name)), "--requirements", str(lock)], check=True)
    return peer.finish(target)


def _patch_sagemaker_containers(target: Path) -> str:
    """Apply the image's own patch: collections.Mapping went with Python 3.10."""
    mapping = next(target.glob("lib/python*/site-packages/sagemaker_containers/_mapping.py"))
    patched = mapping.read_text().replace("import collections\n", "import collections.abc\n", 1)
    patched = patched.replace("(collections.Mapping)", "(collections.abc.Mapping)")
    if patched.count("collections.abc") != 2:
        raise SystemExit(f"{mapping} is not what the image's patch was made for")
    mapping.write_text(patched)
    return ""


def _install_torch(target: Path) -> str:
    """Install PyTorch's CPU build, through pip: the registry's own wheel for Linux brings gigabytes of CUDA and is
    never taken.
    """
    index = os.environ.get(TORCH_INDEX)  # noqa: TID251  (a build script's one setting)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pip += ["--index-url", index] if index else []
    asked = subprocess.run(
        [*pip, "--dry-run", "--ignore-installed", "--no-deps", "--report", "-", TORCH],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:
        return f"pip finds no {TORCH} for this machine: {asked.stderr.strip().splitlines()[-1]}"
    found = json.loads(asked.stdout)["install"][0]["download_info"]["url"]
    with_cuda = (
        platform.system() == "Linux" and "+cpu" not in found.replace("%2B", "+") and not found.startswith("file:")
    )
    if with_cuda:
        return f"pip would take PyTorch with CUDA; set {TORCH_INDEX} to the address of PyTorch's index of CPU wheels"
    # What PyTorch needs besides is in the lock.
    subprocess.run([*pip, "--no-deps", TORCH], check=True)
    return ""


PEERS = {
    "image-xgboost-3.2-0": Peer(("3.12",), "sagemaker-containers", _patch_sagemaker_containers),
    # smdebug's hooks import pyinstrument, whose pinned release does not load under later versions.
    "interop": Peer(("3.11", "3.12"), "pyinstrument-cext"),
    "sagemaker": Peer(("3.11", "3.12", "3.13")),
    "frameworks": Peer(("3.11", "3.12", "3.13"), finish=_install_torch),
    "oracles": Peer(("3.11", "3.12", "3.13")),
}


if __name__ == "__main__":
    main()
