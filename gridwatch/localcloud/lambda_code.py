"""Function and layer archives, unpacked once by content instead of once per worker process."""

import hashlib
import io
import os
import shutil
import tempfile
import threading
import zipfile
from pathlib import Path


class CodeCache:
    """Unpacked archives below ``root``, named by their SHA-256. Modules compiled by one worker serve the next."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def folder(self, archive: bytes) -> Path:
        """The folder with the archive's content. Raises ValueError for a member that would leave it."""
        target = self._root / hashlib.sha256(archive).hexdigest()[:32]
        with self._lock:
            if not target.is_dir():
                self._unpack(archive, target)
        return target

    def _unpack(self, archive: bytes, target: Path) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=self._root))
        try:
            with zipfile.ZipFile(io.BytesIO(archive)) as bundle:
                for member in bundle.namelist():
                    if not (staging / member).resolve().is_relative_to(staging.resolve()):
                        raise ValueError(f"archive member {member} leaves its folder")
                bundle.extractall(staging)
            _keep_compiled(staging)
            # Renamed in one step, so that a killed run leaves no half-unpacked folder under the final name.
            staging.rename(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise


def _keep_compiled(folder: Path) -> None:
    """Give modules the modification time that their compiled files name: archives lose it, and Python would compile all
    again.

    Format: https://peps.python.org/pep-0552/ (flags 0: the source's time follows, in seconds).
    """
    for compiled in folder.rglob("__pycache__/*.pyc"):
        with compiled.open("rb") as file:
            header = file.read(12)
        source = compiled.parent.parent / f"{compiled.name.split('.')[0]}.py"
        if header[4:8] == b"\0\0\0\0" and source.exists():
            seconds = int.from_bytes(header[8:12], "little")
            os.utime(source, (seconds, seconds))
