"""The phases of a training that tensors are saved in; names and numbers are smdebug's."""

from __future__ import annotations

from enum import Enum


class Mode(Enum):
    TRAIN = 1
    EVAL = 2
    PREDICT = 3
    GLOBAL = 4  # used by frameworks without phases, such as XGBoost
