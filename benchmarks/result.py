"""The result that every benchmark prints: one object with `name`, `ours`, `peer`, `unit`, `ratio`, and what was
measured.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A benchmark's result. `ratio`: how many times better than the peer. `what` says what was measured; `more` holds
    further fields.
    """

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    what: str
    more: dict[str, Any] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        flat: dict[str, Any] = asdict(self)
        more: dict[str, Any] = flat.pop("more")
        return {**flat, **more}


def report(result: Result) -> None:
    """Print the result: as one object with `--json` on the command line, else for people."""
    if "--json" in sys.argv[1:]:
        print(json.dumps(result.as_object()))
        return
    print(f"{result.name}: {result.ours:g} {result.unit}, peer {result.peer:g} {result.unit}, ratio {result.ratio:g}")
    print(f"  {result.what}")
    for key, value in result.more.items():
        rows = value if isinstance(value, list) else [value]
        print(f"  {key}:", *(["", *rows] if len(rows) > 1 else rows), sep="\n    " if len(rows) > 1 else " ")
