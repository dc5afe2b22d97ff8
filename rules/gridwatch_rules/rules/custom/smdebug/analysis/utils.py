"""Small functions for rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_refresh(trials: Any) -> Iterator[Any]:
    """Keep trials from looking for new data within the block. As in smdebug, this stays so after an exception."""
    _set(trials, False)
    yield trials
    _set(trials, True)


@contextmanager
def refresh(trials: Any) -> Iterator[Any]:
    """Let trials look for new data within the block, and not afterwards."""
    _set(trials, True)
    yield trials
    _set(trials, False)


def _set(trials: Any, dynamic: bool) -> None:
    for trial in trials if isinstance(trials, list) else [trials]:
        trial.dynamic_refresh = dynamic


def _tensor_name_sorter(t_name: str) -> int:
    """The number at the end of a name; 0 where there is none."""
    return int((t_name if re.match(r".+_\d+", t_name) else f"{t_name}_0").split("_")[-1])


def parse_list_from_str(arg: Any, delimiter: str = ",") -> Any:
    """Split a text at delimiters. A list is returned unchanged."""
    if arg is None or arg == "":
        return []
    if isinstance(arg, str):
        return arg.split(delimiter)
    if isinstance(arg, list):
        return arg
    # This repeats smdebug's own slip, on which a rule may rely:
    raise UnboundLocalError("cannot access local variable 'rval' where it is not associated with a value")


def parse_bool(arg: Any, default: bool) -> Any:
    if arg is None:
        return default
    if arg in [False, True]:
        return arg
    if arg in ["False", "false"]:
        return False
    if arg in ["True", "true"]:
        return True
    raise ValueError(f"boolean argument expected, but found {arg}")
