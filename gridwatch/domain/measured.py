"""Numbers that measure something: times, amounts of money, shares. They are finite, whatever a record says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Within:
    """The limit on a number, in either direction."""

    most: float


# In seconds thirty million years. A value of a metric may be anything, also not a number, and is a plain float.
Measured = Annotated[float, Within(1e15)]
