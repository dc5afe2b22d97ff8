"""The calls that a script may make itself: `log` for loops that no watcher sees, and `on_checkpoint`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gridwatch_hook.watch.guard import number, quietly
from gridwatch_hook.watch.recorder import LOGS
from gridwatch_hook.watch.reported import report, report_next
from gridwatch_hook.watch.start import ACTIVE


def log(*, step: int | None = None, **values: Any) -> None:
    """Hand numbers to the watch of this process; without one nothing happens.

    In a loop that no watcher sees each call is a step, numbered by `step` or by the order of calls. Where a watcher
    counts the steps, the numbers join the last one. Tensors of one element are welcome.
    """
    if ACTIVE in sys.modules:
        quietly("what the script logs", _log, step, values)


def on_checkpoint(save: Callable[[], Any]) -> None:
    """Name a function that saves the training's state, for a stop that waits for it. Today it is only kept."""
    active = sys.modules.get(ACTIVE)
    if active is not None:
        active.save = save  # type: ignore[attr-defined]


def logged(current: Any, step: int | None, values: dict[str, Any], read: Callable[[Any], Any]) -> None:
    """Note logged numbers. Where no watcher counts steps each call is one, unless it names the step of the last."""
    recorder = current.recorder
    passed = step is not None and step < recorder.step
    if recorder.by not in (None, LOGS) or (passed and recorder.by == LOGS):
        report(current, values, read)
        return
    if step is not None:
        recorder.align(step)
    report_next(current, values, read)
    current.step_ended(LOGS, "any")


def _log(step: int | None, values: dict[str, Any]) -> None:
    package = getattr(sys.modules[ACTIVE], "package", "gridwatch_hook")
    # The copy of this package that watches need not be this one.
    current = import_module(f"{package}.watch.session").session()
    import_module(f"{package}.watch.calls").logged(current, step, values, _number)


def _number(value: Any) -> float | None:
    plain = number(value)
    return float(value.detach().float().item()) if plain is None and hasattr(value, "detach") else plain
