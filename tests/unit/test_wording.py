"""Numbers of things in words."""

from __future__ import annotations

import pytest

from gridwatch_rules.wording import counted


@pytest.mark.parametrize(
    ("count", "said"), [(0, "0 trials"), (1, "1 trial"), (2, "2 trials"), (10_000, "10,000 trials")]
)
def test_one_is_singular(count: int, said: str) -> None:
    assert counted(count, "trial") == said


def test_a_plural_of_its_own() -> None:
    assert counted(2, "query", "queries") == "2 queries"
