"""Computes the numbers that are saved in place of a whole tensor, by smdebug's names and formulas
(smdebug/core/reductions.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridwatch_hook.arrays import Array

_PREFIX = "smdebug/reductions/"

_FORMULAS: dict[str, Callable[[Array], Any]] = {
    "min": np.amin,
    "max": np.amax,
    "mean": np.mean,
    "std": np.std,
    "variance": np.var,
    "sum": np.sum,
    "prod": np.prod,
    # Norms are of the flattened values, as smdebug's framework hooks save them (torch.norm). When smdebug's Python
    # reader computes a norm itself, it takes the matrix norm of two-dimensional arrays instead.
    "l1": lambda array: np.linalg.norm(array.reshape(-1), ord=1),
    "l2": lambda array: np.linalg.norm(array.reshape(-1), ord=2),
}
NAMES = tuple(_FORMULAS)


@dataclass(frozen=True, slots=True, order=True)
class Reduction:
    """A reduction: one of NAMES, applied to the values or to their absolute values."""

    name: str
    of_absolute: bool

    @classmethod
    def parse(cls, text: str) -> Reduction:
        """Parse Debugger's spelling: `mean`, `abs_mean`, `l2`, `l2_norm`, `abs_l1_norm`. Raises ValueError."""
        name = text.removeprefix("abs_").removesuffix("_norm")
        if name not in _FORMULAS or (text.endswith("_norm") and name not in ("l1", "l2")):
            raise ValueError(f"{text!r} is not a reduction; allowed are {', '.join(NAMES)}, each also with abs_")
        return cls(name, text.startswith("abs_"))

    @property
    def spelling(self) -> str:
        norm = "_norm" if self.name in ("l1", "l2") else ""
        return f"{'abs_' if self.of_absolute else ''}{self.name}{norm}"

    def tensor_name(self, tensor: str) -> str:
        """The name under which this reduction of `tensor` is saved; a trailing `:0` is dropped, as smdebug does."""
        return f"{_PREFIX}{'abs_' if self.of_absolute else ''}{self.name}/{re.sub(r':[0-9]+', '', tensor)}"

    def of(self, array: Array) -> Any:
        """Compute the reduction. Raises ValueError for an empty array where numpy has no answer."""
        values = np.absolute(array) if self.of_absolute else array
        return _FORMULAS[self.name](values)
