"""docs/watching.md: its rule set and its price table can be used as they stand there."""

from __future__ import annotations

import re

from gridwatch.savings.prices import PriceTable
from gridwatch.spec.rule_set import RuleSet, parse_rule_set
from gridwatch.tables import schemas
from tests.unit.spec.specs import EXAMPLES

TEXT = (EXAMPLES.parent / "docs" / "watching.md").read_text()


def test_the_documented_rule_set_can_be_used() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert [policy.name for policy in parse_rule_set(text.encode()).policies] == ["MetricNonFinite", "slow"]
    assert all(re.search(rf"^{field}:", text, re.MULTILINE) for field in RuleSet.model_fields)


def test_the_documented_prices_can_be_used() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert PriceTable.parse(text).per_hour == {"ml.m5.large": 0.1}


def test_the_documented_columns_are_there() -> None:
    named = set(re.findall(r"`((?:saved|job)_[a-z_]+|shadow)`", TEXT)) - {"job_name"}
    assert named <= set(schemas.FINDINGS.column_names)
    assert len(named) == 16
