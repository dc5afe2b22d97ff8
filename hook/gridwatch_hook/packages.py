"""Which packages are installed where the training runs, so that a later run can be compared with this one."""

from __future__ import annotations

import json
import platform
from importlib import metadata


def installed_packages() -> bytes:
    """JSON: `python`, `platform`, and `packages` by name with their versions."""
    found = {item.metadata["Name"]: item.version for item in metadata.distributions() if item.metadata["Name"]}
    document = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(found.items())),
    }
    return json.dumps(document, indent=1).encode()
