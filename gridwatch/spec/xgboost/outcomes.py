"""What happens to a training whose settings do not fit, and the values that fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum


class Effect(StrEnum):
    """What happens when a setting is tried all the same. All but DOUBTFUL are refused."""

    FAILS = "the training fails in its first round"
    NO_NUMBER = "the value is no number"
    MISREAD = "XGBoost takes labels and predictions of different rows together, and gives a number without meaning"
    CONSTANT = "no tree has a split: nothing is learned"
    UNFIT = "it is trained on as if it were something else, and what is reported means nothing"
    CONTAINER = "SageMaker's container for XGBoost refuses it"
    DOUBTFUL = "it is computed, and says nothing"

    @property
    def is_refused(self) -> bool:
        return self is not Effect.DOUBTFUL


@dataclass(frozen=True, slots=True)
class Domain:
    """The numbers that a label or a parameter may have."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False
    whole: bool = False
    zero: bool = True

    def accepts(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below and (not self.whole or value == math.floor(value)) and (self.zero or value != 0)

    @property
    def allowed(self) -> str:
        if self.whole and (self.low, self.high) == (0, 1):
            return "0 or 1"
        words = ["whole numbers"] if self.whole else []
        if self.high < math.inf:
            words.append(f"{'above' if self.open_low else 'from'} {self.low:g}")
            words.append(f"{'and below' if self.open_high else 'to'} {self.high:g}")
        elif self.low > -math.inf:
            words.append(f"{'more than' if self.open_low else 'at least'} {self.low:g}")
        return " ".join(words) if self.zero else "anything but 0"


ANY = Domain()
