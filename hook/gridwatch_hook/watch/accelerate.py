"""Watches what scripts log by Accelerate's trackers; PyTorch's watcher sees the rest of their training."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gridwatch_hook.watch.calls import logged
from gridwatch_hook.watch.guard import before
from gridwatch_hook.watch.loggers import read
from gridwatch_hook.watch.session import session


def install(module: ModuleType) -> None:
    """Watch `Accelerator.log`."""
    before(module.Accelerator, "log", _log, "what Accelerate logs")


def _log(_: Any, values: dict[str, Any], step: int | None = None, *__: Any, **___: Any) -> None:
    current = session()
    current.hears_loggers = False  # it passes them on to the trackers
    logged(current, step, values, read)
