"""What an hour of an instance costs: the package's table, or the one that a deployment puts in its place."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

_BUILT_IN = Path(__file__).with_name("prices.json")


class PriceTableError(ValueError):
    """The document is no price table; the message says what is wrong with it."""


class Machines(Protocol):
    """A job's instances: `instance_count` of `instance_type` and, for instance groups, those of the other types."""

    @property
    def instance_type(self) -> str | None: ...

    @property
    def instance_count(self) -> int | None: ...

    @property
    def further_machines(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices `per_hour` by instance type, in `currency`; `source` and `date` say where the prices come from."""

    source: str
    date: str
    currency: str
    per_hour: Mapping[str, float] = field(default_factory=dict)

    def hourly(self, job: Machines) -> float | None:
        """The price of an hour of all the job's instances; None where one price is not known."""
        if job.instance_type is None:
            return None
        counts = {job.instance_type: job.instance_count or 1, **job.further_machines}
        if not counts.keys() <= self.per_hour.keys():
            return None
        return sum(self.per_hour[kind] * count for kind, count in counts.items())

    @classmethod
    def built_in(cls) -> PriceTable:
        return cls.parse(_BUILT_IN.read_text())

    @classmethod
    def parse(cls, text: str) -> PriceTable:
        """The price table in a document. Raises PriceTableError."""
        try:
            document = json.loads(text)
            table = cls(
                source=_text(document, "source"),
                date=_text(document, "date"),
                currency=_text(document, "currency"),
                per_hour={str(name): float(price) for name, price in document["per_hour"].items()},
            )
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError, RecursionError) as error:
            raise PriceTableError(f"not a price table: {error!r}") from error
        wrong = [name for name, price in table.per_hour.items() if not (math.isfinite(price) and price >= 0)]
        if wrong:
            raise PriceTableError(f"no price at all: {', '.join(wrong)}")
        return table


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document[key]
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is no text")
    return value
