"""Packs the XGBoost training script and the hook into the archive that SageMaker's script mode unpacks, and the hook
alone into the one that brings it into other jobs (`layers/build/training/hook/gridwatch_hook.zip`).

`layers/build/training/xgboost/sourcedir.tar.gz` holds `train.py` at its root and the package `gridwatch_hook` beside
it. Equal sources give an equal archive (order, times, owners and modes are fixed), because its digest is part of every
trial's identity.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

from gridwatch_hook.carrier.build import write_archive

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "hook" / "xgboost_script"
HOOK = ROOT / "hook" / "gridwatch_hook"
HOOK_ARCHIVE = ROOT / "layers" / "build" / "training" / "hook" / "gridwatch_hook.zip"
ARCHIVE = ROOT / "layers" / "build" / "training" / "xgboost" / "sourcedir.tar.gz"


def main() -> None:
    archive = pack(members())
    if not ARCHIVE.exists() or ARCHIVE.read_bytes() != archive:
        ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
        ARCHIVE.write_bytes(archive)
    HOOK_ARCHIVE.parent.mkdir(parents=True, exist_ok=True)
    write_archive(HOOK_ARCHIVE)


def members() -> dict[str, Path]:
    """The archive's members, name to file: the script's folder at the root, the hook as a package."""
    if not (SCRIPT / "train.py").is_file():
        raise SystemExit(f"{SCRIPT / 'train.py'} is missing: there is no training script to pack")
    script = {path.relative_to(SCRIPT).as_posix(): path for path in _sources(SCRIPT)}
    hook = {path.relative_to(HOOK.parent).as_posix(): path for path in _sources(HOOK)}
    return script | hook


def pack(files: dict[str, Path]) -> bytes:
    """A gzipped tar of `files` that depends on their names and contents alone."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for name, path in sorted(files.items()):
            content = path.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _sources(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]


if __name__ == "__main__":
    main()
