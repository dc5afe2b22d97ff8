"""Which losses belong to training and which to validation, and which two belong together."""

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
    """`metric` is the same for the training loss and the validation loss that are compared."""

    phase: Phase
    metric: str


_XGBOOST = re.compile(r"^(?P<data>[A-Za-z0-9_]+)-(?P<metric>.+)$")  # <evaluation set>-<metric>
_KERAS = re.compile(r"^(?P<path>.*/)?val_(?P<metric>.+)$")


def phased(name: str, mode: Mode) -> PhasedLoss | None:
    """The phase of a loss: by the mode of its step, or where steps have no mode by its name (`train-error` and
    `validation-error` as XGBoost writes them, `loss` and `val_loss` as Keras does). None for what is better when
    higher.
    """
    if is_score(name):
        return None
    if mode in (Mode.TRAIN, Mode.EVAL):
        keras = _KERAS.match(name)
        metric = f"{keras['path'] or ''}{keras['metric']}" if keras else name
        return PhasedLoss(Phase.TRAINING if mode is Mode.TRAIN else Phase.VALIDATION, metric)
    if mode is not Mode.GLOBAL:
        return None
    if found := _KERAS.match(name):
        return PhasedLoss(Phase.VALIDATION, f"{found['path'] or ''}{found['metric']}")
    if found := _XGBOOST.match(name):
        return PhasedLoss(Phase.TRAINING if found["data"].startswith("train") else Phase.VALIDATION, found["metric"])
    return PhasedLoss(Phase.TRAINING, name)
