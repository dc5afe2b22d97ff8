"""Makes the stand-in for smdebug importable under smdebug's own names, in this process."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from gridwatch_rules.rules.custom import smdebug
from gridwatch_rules.rules.custom.recorded import TensorAccess, reset_access, set_access

_NAME = "smdebug"


def install(given: TensorAccess) -> None:
    """Make `import smdebug` and its submodules give the stand-in, even where smdebug is installed. `given` is its
    trials' access to tensors.
    """
    set_access(given)
    sys.modules.update(_modules())


@contextmanager
def installed(given: TensorAccess) -> Iterator[None]:
    """Make the stand-in importable within the block, and restore the former modules afterwards."""
    before = {name: module for name, module in sys.modules.items() if _is_smdebug(name)}
    _take_away()
    install(given)
    try:
        yield
    finally:
        reset_access()
        _take_away()
        sys.modules.update(before)


def _modules() -> dict[str, ModuleType]:
    root = smdebug.__name__
    names = [root, *(found.name for found in pkgutil.walk_packages(smdebug.__path__, f"{root}."))]
    return {f"{_NAME}{name.removeprefix(root)}": importlib.import_module(name) for name in names}


def _take_away() -> None:
    for name in [name for name in sys.modules if _is_smdebug(name)]:
        del sys.modules[name]


def _is_smdebug(name: str) -> bool:
    return name.partition(".")[0] == _NAME
