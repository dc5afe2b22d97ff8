"""Puts the carrier first on the path that SageMaker's training toolkits give to the user's script.

They put the script's own folder first, where a `sitecustomize.py` of the script would hide ours; ours loads that one.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import wrap
from gridwatch_hook.watch.start import ACTIVE


def install(module: ModuleType) -> None:
    """Watch `write_env_vars` of the toolkit's module of the environment."""
    wrap(module, "write_env_vars", _first)


def _first(original: Any) -> Any:
    def write_env_vars(env_vars: Any = None, *args: Any, **kwargs: Any) -> Any:
        result = original(env_vars, *args, **kwargs)
        folder = str(getattr(sys.modules.get(ACTIVE), "folder", ""))
        written = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if folder:
            os.environ["PYTHONPATH"] = os.pathsep.join([folder, *(each for each in written if each != folder)])
            if isinstance(env_vars, dict) and "PYTHONPATH" in env_vars:
                env_vars["PYTHONPATH"] = os.environ["PYTHONPATH"]
        return result

    return write_env_vars
