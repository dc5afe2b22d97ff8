"""Supports the former names of the engine's modules, which users' rules import from before it was a distribution of its
own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

FORMER = "gridwatch"
_ENGINE = __name__.partition(".")[0]
# Packages and modules that were in `gridwatch` and are in the engine now.
MOVED = frozenset(
    [
        "clock",
        "expressions",
        "failures",
        "judgement",
        "patterns",
        "rules",
        "suggestions",
        "tensors",
        "visible",
        "wording",
    ]
)


class FormerNames(MetaPathFinder, Loader):
    """An import finder that resolves `gridwatch.rules.rule` and the like to the engine's present module itself, not a
    copy.
    """

    def __init__(self) -> None:
        self._own: dict[str, ModuleSpec | None] = {}  # the specs of the engine's modules, by former name

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        package, _, below = fullname.partition(".")
        if package != FORMER or below.partition(".")[0] not in MOVED:
            return None
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"{_ENGINE}{spec.name.removeprefix(FORMER)}")
        self._own[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Restore the module's own spec, which the import replaced. The module itself was executed before."""
        former = module.__spec__.name if module.__spec__ else ""
        module.__spec__ = self._own.pop(former, module.__spec__)


def install() -> None:
    """Make the engine importable under its former names as well, in this process."""
    if not any(isinstance(finder, FormerNames) for finder in sys.meta_path):
        sys.meta_path.insert(0, FormerNames())
