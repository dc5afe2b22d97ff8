"""The audit of stops in a spec."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gridwatch.spec.judgement import Audit, AuditField

READ: TypeAdapter[Audit | None] = TypeAdapter(AuditField)


@pytest.mark.parametrize(
    ("given", "share"),
    [("5 %", 0.05), ("5%", 0.05), ("2.5 %", 0.025), (0.05, 0.05), (1, 1.0), ({"share": "5 %"}, 0.05)],
)
def test_a_share_is_a_percentage_or_a_number(given: Any, share: float) -> None:
    audit = READ.validate_python(given)
    assert audit is not None
    assert (audit.share, audit.seed) == (pytest.approx(share), 0)


@pytest.mark.parametrize("given", ["5", "five", "101 %", -0.1, 1.5, {"seed": 3}, {"share": 0.1, "sed": 1}])
def test_what_is_no_share_is_refused(given: Any) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python(given)
