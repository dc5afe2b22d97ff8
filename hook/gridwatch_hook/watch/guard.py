"""Wraps functions of frameworks so that our part can fail without harm, and theirs as it always did."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from gridwatch_hook.watch.session import session

_MARK = "__gridwatch_wrapped__"


class UnsupportedVersionError(Exception):
    """The framework's version is none that the watcher was made for."""


def require(module: Any, name: str, least: tuple[int, int], below: tuple[int, int]) -> None:
    """Raise UnsupportedVersionError unless least <= version of the framework < below."""
    text = str(getattr(module, "__version__", ""))
    found = re.match(r"(\d+)\.(\d+)", text)
    if found is None or not least <= (int(found[1]), int(found[2])) < below:
        allowed = f"from {least[0]}.{least[1]} to before {below[0]}.{below[1]}"
        raise UnsupportedVersionError(
            f"{name} {text or 'of an unknown version'} is installed; watched are versions {allowed}"
        )


def wrap(owner: Any, name: str, make: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace `owner.name` by what `make` makes of it, once."""
    original = getattr(owner, name)
    if getattr(original, _MARK, False):
        return
    wrapper = wraps(original)(make(original))
    setattr(wrapper, _MARK, True)
    setattr(owner, name, wrapper)


def after(owner: Any, name: str, see: Callable[..., None], what: str) -> None:
    """Call `see(result, *args, **kwargs)` after each call of `owner.name` that returns."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            quietly(what, see, result, *args, **kwargs)
            return result

        return wrapper

    wrap(owner, name, make)


def before(owner: Any, name: str, see: Callable[..., None], what: str) -> None:
    """Call `see(*args, **kwargs)` before each call of `owner.name`."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            quietly(what, see, *args, **kwargs)
            return original(*args, **kwargs)

        return wrapper

    wrap(owner, name, make)


def during(owner: Any, name: str, phase: str) -> None:
    """Let the phase be `phase` while `owner.name` runs, and afterwards what it was."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            recorder = session().recorder
            former = recorder.phase
            recorder.enter(phase)
            try:
                return original(*args, **kwargs)
            finally:
                recorder.enter(former)

        return wrapper

    wrap(owner, name, make)


def quietly(what: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call our own function. Its errors are told once and go no further."""
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001  (a watcher must never stop the training it watches)
        session().problem(what, error)
        return None


def number(value: Any) -> float | None:
    """A plain number as a float; None for anything else, also for a value on a device."""
    if isinstance(value, float | int):  # bool is an int, and a flag that is reported counts as 0 or 1
        return float(value)
    if type(value).__module__ == "numpy" and getattr(value, "size", 0) == 1 and value.dtype.kind in "fiu":
        return float(value.reshape(-1)[0])
    return None
