"""Divides what scripts and frameworks report into metrics, which rules judge, and numbers about the training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch_hook.watch.guard import number
from gridwatch_hook.watch.session import Session

_ABOUT = frozenset({"learning_rate", "lr", "grad_norm", "epoch", "step", "global_step", "total_flos", "num_tokens"})
_ABOUT_ENDINGS = ("runtime", "_per_second", "_seconds", "num_input_tokens_seen")


def report(current: Session, values: Mapping[str, Any], read: Any = number) -> None:
    """Note reported numbers about the last step that is done; `read` makes a number of a value, or None."""
    current.recorder.report(*_divided(values, read))


def report_next(current: Session, values: Mapping[str, Any], read: Any = number) -> None:
    """Note reported numbers about the step that is under way."""
    curves, about = _divided(values, read)
    row = current.recorder.row
    row.curves.update(curves)
    row.scalars.update(about)
    row.reported = True


def _divided(values: Mapping[str, Any], read: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    found = {str(name): value for name, given in values.items() if (value := read(given)) is not None}
    about = {name: value for name, value in found.items() if is_about(name)}
    return {name: value for name, value in found.items() if name not in about}, about


def is_about(name: str) -> bool:
    """Whether a number says how the training goes, not how good the model is."""
    last = name.rpartition("/")[2]
    return last in _ABOUT or last.startswith("lr-") or last.endswith(_ABOUT_ENDINGS)
