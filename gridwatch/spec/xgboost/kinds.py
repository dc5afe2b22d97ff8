"""The kinds of values that a single hyperparameter may have."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from gridwatch.spec.xgboost.numbers import finite, single


@dataclass(frozen=True, slots=True)
class Number:
    """A number in an interval; `whole` for integers. Other numbers are read in single precision and must lie in the
    interval as read: 1.99999999 is read as 2, and 1e-50 is refused.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    open_low: bool = False
    open_high: bool = False

    def accepts(self, value: object) -> bool:
        number = finite(value)
        # 2.0 is written as it is, and the training script takes no fraction where it wants an integer.
        if number is None or (self.whole and not _INTEGER.fullmatch(str(value))):
            return False
        read = number if self.whole else single(number)
        return read is not None and self._is_within(number) and self._is_within(read)

    def _is_within(self, number: float) -> bool:
        low = number > self.low if self.open_low else number >= self.low
        return low and (number < self.high if self.open_high else number <= self.high)

    @property
    def choices(self) -> tuple[str, ...]:
        return ()

    @property
    def allowed(self) -> str:
        kind = "whole numbers" if self.whole else "numbers"
        limits = []
        if self.low > (-_LARGEST - 1 if self.whole else -math.inf):
            limits.append(f"{'above' if self.open_low else 'from'} {self.low:g}")
        if self.high < (_LARGEST if self.whole else math.inf):
            limits.append(f"{'below' if self.open_high else 'to'} {self.high:g}")
        return " ".join([kind, *limits])


@dataclass(frozen=True, slots=True)
class Choice:
    names: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return (str(value).lower() if isinstance(value, bool) else str(value)) in self.names

    @property
    def choices(self) -> tuple[str, ...]:
        return self.names

    @property
    def allowed(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Names:
    """Several of the names, separated by commas."""

    names: tuple[str, ...]

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and all(name.strip() in (*self.names, "") for name in value.split(","))

    @property
    def choices(self) -> tuple[str, ...]:
        return self.names

    @property
    def allowed(self) -> str:
        return ", ".join(self.names)


@dataclass(frozen=True, slots=True)
class Directions:
    """A tuple of -1, 0 and 1 as text, one for each column, such as (1,-1). XGBoost parses it itself, and accepts no
    list.
    """

    allowed: str = "a text of -1, 0 and 1 such as (1,-1)"
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and _DIRECTIONS.fullmatch(value) is not None

    @staticmethod
    def count(value: str) -> int:
        """The number of columns in the text."""
        return sum(bool(part.strip(" ()")) for part in value.split(","))


@dataclass(frozen=True, slots=True)
class Groups:
    """Lists of column numbers from 0 as text, such as [[0,1],[2]]."""

    allowed: str = "a text of lists of column numbers from 0, such as [[0,1],[2]]"
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        return isinstance(value, str) and self.columns(value) is not None

    @staticmethod
    def columns(value: str) -> set[int] | None:
        """The columns that the text names; None when it is not valid."""
        try:
            groups = json.loads(value)
        except (ValueError, RecursionError):
            return None
        if not isinstance(groups, list) or not all(isinstance(group, list) for group in groups):
            return None
        columns = [column for group in groups for column in group]
        fits = all(isinstance(column, int) and not isinstance(column, bool) and column >= 0 for column in columns)
        return set(columns) if fits else None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Evaluation metrics; their problems are reported name by name (gridwatch.spec.checks)."""

    allowed: str = "metrics, several as a list or with commas"
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        return isinstance(value, str)


Kind = Number | Choice | Names | Directions | Groups | Metrics

_LARGEST = 2**31 - 1  # of XGBoost's integers: no limit that anybody meets
_INTEGER = re.compile(r"[-+]?[0-9]{1,19}")
_DIRECTIONS = re.compile(r"\s*\(\s*(?:[-+]?[01]\s*(?:,\s*[-+]?[01]\s*)*,?\s*)?\)\s*")
