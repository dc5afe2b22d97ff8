"""Tells training losses from validation losses, and which two belong together."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.tensors.modes import Mode


class Phase(StrEnum):
    TRAINING = "training"
    VALIDATION = "validation"


class PhasedLoss(NamedTuple):
    """A loss with its phase. `metric` is the same for the training loss and the validation loss that are compared."""

    phase: Phase
    metric: str


_DATA = r"(?P<data>train(?:ing)?|val(?:id(?:ation)?)?|eval(?:uation)?|test(?:ing)?|dev|holdout)"
_BEFORE = re.compile(rf"^(?P<path>.*/)?{_DATA}[-_:./ ](?P<metric>.+)$", re.IGNORECASE)  # val_loss, train:loss
_BEHIND = re.compile(rf"^(?P<metric>.+)[-_:./ ]{_DATA}$", re.IGNORECASE)  # loss/train, loss_val
_XGBOOST = re.compile(r"^(?P<data>[A-Za-z0-9_]+)-(?P<metric>.+)$")  # <evaluation set>-<metric>


def phased(name: str, mode: Mode) -> PhasedLoss | None:
    """Find the phase of a loss by the mode of its step, or where steps have no mode, by its name (`train-error` and
    `validation-error` as XGBoost writes them, `loss` and `val_loss` as Keras does, `train:loss` or `loss/train` as
    scripts do). Returns None for a metric that is better when higher.
    """
    if is_score(name):
        return None
    if mode in (Mode.TRAIN, Mode.EVAL):
        _, metric = _parted(name) or ("", name)
        return PhasedLoss(Phase.TRAINING if mode is Mode.TRAIN else Phase.VALIDATION, metric)
    if mode is not Mode.GLOBAL:
        return None
    if (parted := _parted(name)) is not None:
        data, metric = parted
    elif found := _XGBOOST.match(name):
        data, metric = found["data"], found["metric"]
    else:
        data, metric = "train", name
    return PhasedLoss(Phase.TRAINING if data.lower().startswith("train") else Phase.VALIDATION, metric)


def _parted(name: str) -> tuple[str, str] | None:
    """Split a name into the data set and the metric; None when it names no data set."""
    if found := _BEFORE.match(name):
        return found["data"], f"{found['path'] or ''}{found['metric']}"
    found = _BEHIND.match(name)
    return (found["data"], found["metric"]) if found else None
