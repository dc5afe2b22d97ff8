"""Build one dependency layer for one platform: `python -m scripts.build_layer --layer numeric --platform host`.

The result, `layers/build/<platform>/<layer>/`, is a Lambda layer as it lies: packages below `python/`, and the build
manifest `layer-build.json`, written last, that says what was built. Equal locks give equal files, so the asset's hash
moves only with the lock.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "layers" / "build"
MANIFEST = "layer-build.json"
HOST = "host"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--layer", required=True)
    arguments.add_argument("--platform", default=HOST, help="`host`, or a platform as uv names it")
    arguments.add_argument(
        "--python", default=platform.python_version(), help="version of the interpreter that will import it"
    )
    chosen = arguments.parse_args()
    build(chosen.layer, chosen.platform, chosen.python)


def build(layer: str, target_platform: str, python: str) -> None:
    """Replace `layers/build/<platform>/<layer>` by a new installation of the layer's lock."""
    lock = ROOT / "layers" / layer / "requirements.txt"
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        fresh = Path(scratch) / layer
        _install(lock, fresh / "python", target_platform, python)
        _drop_what_names_this_machine(fresh / "python")
        manifest = {
            "layer": layer,
            "platform": target_platform,
            "python": ".".join(python.split(".")[:2]),
            "requirements_sha256": hashlib.sha256(lock.read_bytes()).hexdigest(),
            "content_sha256": _content_digest(fresh / "python"),
        }
        (fresh / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n")
        final = BUILD / target_platform / layer
        shutil.rmtree(final, ignore_errors=True)
        final.parent.mkdir(exist_ok=True)
        fresh.rename(final)


def _install(lock: Path, target: Path, target_platform: str, python: str) -> None:
    where = [] if target_platform == HOST else ["--python-platform", target_platform, "--python-version", python]
    # Only here are the modules compiled: bytecode belongs to one interpreter, and this machine's is not Lambda's.
    compiled = "--compile-bytecode" if target_platform == HOST else "--no-compile-bytecode"
    done = subprocess.run(
        [
            find_uv_bin(), "pip", "install", "--quiet", "--python", sys.executable,
            "--target", str(target), "--require-hashes", "--no-deps", "--only-binary", ":all:",
            "--no-installer-metadata", compiled, *where, "--requirements", str(lock),
        ],
        check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the packages of {lock} could not be installed (uv's exit code: {done.returncode})")


def _drop_what_names_this_machine(target: Path) -> None:
    """Remove files that name this machine: console scripts hold the path of its interpreter, and the RECORD files their
    hashes.
    """
    shutil.rmtree(target / "bin", ignore_errors=True)
    (target / ".lock").unlink(missing_ok=True)
    for record in target.glob("*.dist-info/RECORD"):
        record.unlink()


def _content_digest(folder: Path) -> str:
    """A digest of every file's name and content, so that the infrastructure need not read them all again at each
    synthesis.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(
                f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode() + path.read_bytes()
            )
    return digest.hexdigest()


if __name__ == "__main__":
    main()
