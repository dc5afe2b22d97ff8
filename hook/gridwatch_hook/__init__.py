"""Writes a training job's tensors while it trains, in the layout that smdebug, TensorBoard's event reader and
Gridwatch read.

Depends on numpy alone; boto3 is imported when tensors go to S3. `gridwatch_hook.xgboost` holds the XGBoost callback;
`Hook` serves any other training loop. `gridwatch_hook.watch` watches scripts that do not know of it, and `log` hands it
what it cannot see by itself.

Nothing is imported before it is used: the watch starts in every Python process of a container.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing `typing` would be most of the time that a watched process takes longer to start
if TYPE_CHECKING:
    from typing import Any

    from gridwatch_hook.config import ConfigError, HookConfig
    from gridwatch_hook.hook import Hook
    from gridwatch_hook.modes import Mode
    from gridwatch_hook.watch.calls import log, on_checkpoint

__version__ = "0.1.0"
__all__ = ["ConfigError", "Hook", "HookConfig", "Mode", "log", "on_checkpoint"]

_HOMES = {
    "ConfigError": "config",
    "Hook": "hook",
    "HookConfig": "config",
    "Mode": "modes",
    "log": "watch.calls",
    "on_checkpoint": "watch.calls",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  (as above)

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
