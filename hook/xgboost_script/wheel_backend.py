"""A build backend (PEP 517) for this folder alone, which zips its Python files into a wheel with only the standard
library.
"""

from __future__ import annotations

import base64
import hashlib
import zipfile
from pathlib import Path
from typing import Any

_NAME = "gridwatch_xgboost_training-1.0.0"
_METADATA = "Metadata-Version: 2.1\nName: gridwatch-xgboost-training\nVersion: 1.0.0\n"
_WHEEL = "Wheel-Version: 1.0\nGenerator: gridwatch\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_NOT_INSTALLED = ("setup.py", Path(__file__).name)  # SageMaker generates the first of these files


def build_wheel(wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None) -> str:
    """Build the wheel and return its file name. pip calls this in the folder."""
    modules = (path for path in sorted(Path().rglob("*.py")) if path.as_posix() not in _NOT_INSTALLED)
    content = {path.as_posix(): path.read_bytes() for path in modules if "build" not in path.parts}
    content[f"{_NAME}.dist-info/METADATA"] = _METADATA.encode()
    content[f"{_NAME}.dist-info/WHEEL"] = _WHEEL.encode()
    record = "".join(f"{name},sha256={_digest(data)},{len(data)}\n" for name, data in content.items())
    content[f"{_NAME}.dist-info/RECORD"] = f"{record}{_NAME}.dist-info/RECORD,,\n".encode()
    wheel = f"{_NAME}-py3-none-any.whl"
    with zipfile.ZipFile(Path(wheel_directory) / wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return wheel


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
