"""Lists the packages that are installed where the training runs, so that a later run can be compared with it."""

from __future__ import annotations

import json
import platform
from importlib import metadata


def installed_packages() -> bytes:
    """The installed packages as JSON with `python`, `platform`, and `packages`, a map from names to versions."""
    found = {item.metadata["Name"]: item.version for item in metadata.distributions() if item.metadata["Name"]}
    document = {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": dict(sorted(found.items())),
    }
    return json.dumps(document, indent=1).encode()
