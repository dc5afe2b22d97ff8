"""Watches checkpoints that are saved as safetensors."""

from __future__ import annotations

from types import ModuleType

from gridwatch_hook.watch.guard import during


def install(module: ModuleType) -> None:
    """Watch the module `safetensors.torch`."""
    during(module, "save_file", "checkpoint")
