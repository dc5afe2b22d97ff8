"""The three ways to name a rule in a spec."""

from __future__ import annotations

from typing import Any

import pytest

from gridwatch.spec.parse import policies_of
from gridwatch.spec.rule_source import is_allowed, source_problem, source_uri
from tests.unit.spec.specs import blobs, only_problem, parsed


def with_rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {**blobs(), "rules": list(rules)}


def test_when_is_the_rule_expression() -> None:
    use = {"when": "value > 1.5 * first", "parameters": {"patience": 3}}
    (policy,) = policies_of(parsed(with_rules(use)).spec)
    assert (policy.name, policy.rule, policy.source) == ("Expression", "Expression", None)
    assert policy.parameters == {"patience": 3, "expression": "value > 1.5 * first"}


def test_a_rule_of_ones_own() -> None:
    use = {"source": "team/slow.py", "class": "SlowLoss", "parameters": {"limit": 3}, "on_issue": "stop"}
    (policy,) = policies_of(parsed(with_rules(use)).spec)
    assert (policy.name, policy.rule, policy.source) == ("SlowLoss", "SlowLoss", "team/slow.py")
    assert policy.parameters == {"limit": 3}


@pytest.mark.parametrize(
    ("use", "field", "word"),
    [
        ({"name": "a"}, "rules[0]", "none of them"),
        ({"rule": "Overfit", "when": "value > 1.0"}, "rules[0]", "rule and when"),
        ({"rule": "Overfit", "class": "Overfit"}, "rules[0]", "belong together"),
        ({"source": "a.py"}, "rules[0]", "belong together"),
        ({"source": "../a.py", "class": "A"}, "rules[0].source", "is not the address"),
        ({"source": "https://example.org/a.py", "class": "A"}, "rules[0].source", "is not the address"),
        ({"source": "a.py", "class": "not a class"}, "rules[0].class", "characters"),
        ({"when": "value >"}, "rules[0].when", "Expression"),
        ({"when": "valeu > 1.0"}, "rules[0].when", "valeu"),
        ({"when": "value > 1.0", "parameters": {"expression": "true"}}, "rules[0].parameters.expression", "when"),
        ({"rule": "CPUBottleneck", "parameters": {"cpu_treshold": 1}}, "rules[0].parameters.cpu_treshold", "cpu_thr"),
    ],
)
def test_what_is_no_rule_is_told_at_its_place(use: dict[str, Any], field: str, word: str) -> None:
    problem = only_problem(with_rules(use))
    assert problem.field == field
    assert word in problem.as_text("spec.yaml")


def test_an_own_rule_that_sees_nothing_is_doubtful() -> None:
    document = with_rules({"source": "a.py", "class": "A"})
    document.pop("collect", None)
    (warning,) = parsed(document).warnings
    assert "collect" in warning.as_text("spec.yaml")


@pytest.mark.parametrize(
    "source", ["", "a", "a.txt", "/a.py", "a//b.py", "a/../b.py", "a/./b.py", ".hidden/a.py", "s3://b/a.py", "a b.py",
               "s3://bucket/../a.py", "s3://bucket/a.py?x", "a.py\n", "s3://bucket//a.py"],
)  # fmt: skip
def test_addresses_are_confined(source: str) -> None:
    assert source_problem(source) is not None


def test_prefixes_are_folders() -> None:
    allowed = ("s3://experiments/code/team/",)
    assert is_allowed(source_uri("team/a.py", "experiments"), allowed)
    assert is_allowed("s3://experiments/code/team/deep/a.py", allowed)
    for other in ("s3://experiments/code/a.py", "s3://experiments/code/team/../a.py", "s3://other/code/team/a.py"):
        assert not is_allowed(other, allowed)
    assert not is_allowed("s3://experiments/code/team/a.py", ())
