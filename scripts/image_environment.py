"""Make .venvs/image-xgboost-3.2-0: Python 3.12 with the packages of AWS's XGBoost 3.2-0 image, patched as the image
patches them.

Where that cannot be done, the reason goes to `.venvs/image-xgboost-3.2-0.skipped` and the exit code is 0: `make
test-image` then skips its tests with that reason. A failure that is no property of the machine (a lock that does not
install) is an error.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from scripts.find_python import find

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "image-xgboost-3.2-0.txt"
TARGET = ROOT / ".venvs" / "image-xgboost-3.2-0"
SKIPPED = TARGET.with_name(f"{TARGET.name}.skipped")
PYTHON_VERSION = "3.12"


def main() -> None:
    shutil.rmtree(TARGET, ignore_errors=True)
    SKIPPED.unlink(missing_ok=True)
    TARGET.parent.mkdir(exist_ok=True)
    interpreter = find(PYTHON_VERSION)
    missing = "" if interpreter else f"this machine has no Python {PYTHON_VERSION}"
    if not missing and not (shutil.which("cc") or shutil.which("gcc")):
        missing = "sagemaker-containers is published as source alone, and this machine has no C compiler"
    if missing:
        SKIPPED.write_text(missing)
        print(f"image environment: {missing}")
        return
    uv = str(Path(sys.executable).parent / "uv")
    subprocess.run([uv, "venv", "--quiet", "--python", str(interpreter), str(TARGET)], check=True)
    install = ["pip", "sync", "--quiet", "--require-hashes", "--python", str(TARGET / "bin" / "python"), str(LOCK)]
    subprocess.run([uv, *install], check=True)
    _patch(next(TARGET.glob("lib/python*/site-packages/sagemaker_containers/_mapping.py")))


def _patch(mapping: Path) -> None:
    """The image's own patch: collections.Mapping went with Python 3.10."""
    source = mapping.read_text()
    patched = source.replace("import collections\n", "import collections.abc\n", 1)
    patched = patched.replace("(collections.Mapping)", "(collections.abc.Mapping)")
    if patched.count("collections.abc") != 2:
        raise SystemExit(f"{mapping} is not what the image's patch was made for")
    mapping.write_text(patched)


if __name__ == "__main__":
    main()
