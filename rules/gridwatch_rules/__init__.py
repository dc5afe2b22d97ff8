"""Rules over what a training job saves: tensors, the rules that look at them, and judgement across trials.

`check` evaluates one rule over a folder of tensors, `backtest` replays rules on trials that trained to their end, and
`open_tensors` reads a folder. Importing this package imports nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridwatch_rules.checking import check
    from gridwatch_rules.replays import backtest, open_tensors

__version__ = "0.1.0"
__all__ = ["backtest", "check", "open_tensors"]

_HOMES = {"check": "checking", "backtest": "replays", "open_tensors": "replays"}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Import a function of this package on first use, because it needs numpy."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
