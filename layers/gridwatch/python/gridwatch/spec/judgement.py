"""The audit of stops as the spec has it."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gridwatch.spec.parts.section import Section

_PERCENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")


def _share(value: Any) -> Any:
    """`5 %` as a number."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) / 100 if found else value


class Audit(Section):
    """A share of the trials is let run on after a stop was decided, so that it shows what stops cost."""

    share: Annotated[
        float,
        BeforeValidator(_share, json_schema_input_type=float | str),
        Field(ge=0, le=1, description="of the trials: `5 %`, or 0.05"),
    ]
    seed: Annotated[int, Field(ge=0, le=1_000_000, description="another seed chooses other trials")] = 0


def as_audit(value: Any) -> Any:
    """The short form, a share alone, written out."""
    return value if isinstance(value, dict) or value is None else {"share": value}


AuditField = Annotated[
    Audit | None,
    BeforeValidator(as_audit, json_schema_input_type=float | str | Audit | None),
    Field(description="share of the trials that are let run on after a stop was decided, to see what stops cost"),
]
