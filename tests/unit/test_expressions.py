"""Conditions that people write: what is allowed works, and what could take long is refused before it is compiled."""

from __future__ import annotations

import ast
import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridwatch_rules.expressions import FUNCTIONS, LOOPS, MAX_LENGTH, Condition, ExpressionError

ROOT = Path(__file__).resolve().parents[2]
TRIALS = [{"eta": 0.1 * n, "objective": float(n), "booster": "dart"} for n in range(5)]
VALUES = {"eta": 0.2, "max_depth": 4, "trials": TRIALS, "best": TRIALS[0], "parameters": {"a-b": 2}}


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("eta > 0.1 && max_depth < 5", True),
        ("double(max_depth) * eta == 0.8", True),
        ("trials.filter(t, t.eta > 0.1).all(t, t.objective > best.objective)", True),
        ("trials.exists(t, t.booster.startsWith('d')) ? size(trials) == 5 : false", True),
        ('parameters["a-b"] in [1, 2, 0x10, 1e3]', True),
        ("!has(best.gamma) && best.booster == 'it\\'s'", False),
        ("max_depth in (  [1] )", False),
    ],
)
def test_what_people_write_has_an_answer(text: str, answer: bool) -> None:
    assert Condition.compile(text).holds(VALUES) is answer


NESTED = "".join(f"[1, 2, 3, 4, 5, 6, 7, 8, 9].all(x{n}, " for n in range(9)) + "true" + ")" * 9
HOSTILE = {
    NESTED: "inside of another loop",
    "trials . filter\n(t, trials.exists(u, u.eta > t.eta)).size() > 0": "inside of another loop",
    "['a'].map(a, a + a).size() > 0": "calls map",
    "'aaaa'.matches('(((a{100}){100}){100})')": "calls matches",
    "open('/etc/passwd') == ''": "calls open",
    "r'\\' == '.all('": "plain quotes",
    "'''a''' == 'a'": "plain quotes",
    "b'a' == b'a'": "plain quotes",
    "1 // .all(\n > 0": "comment",
    "(" * 150 + "true" + ")" * 150: "nested too deeply",
    "(" * 100_000 + "true" + ")" * 100_000: "too long",
    "!" * 900 + "true": "too long",
    "true?" * 90 + "true" + ":true" * 90: "no CEL expression",
    "trials.all(t,true)" + "&& trials.all(t,true)" * 5: "more than 4 times",
    "'\\0' == 'a'": "no CEL expression",
    "true" + " " * MAX_LENGTH: "allowed are 2,000",
    "eta > 1\0": "not allowed at character 8",
    "`a-b` > 1": "not allowed at character 1",
    "": "no CEL expression",
    "1 / 0 > 0": "division by zero",
    "9223372036854775807 + 1 > 0": "overflow",
    "size(eta) > 1": "no answer",
    "max_depth": "neither true nor false, but 4",
    "nothing > 1": "Undefined variable",
}


@pytest.mark.parametrize(("text", "says"), HOSTILE.items(), ids=range(len(HOSTILE)))
def test_what_could_take_long_or_has_no_answer_is_refused_at_once(text: str, says: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError) as refused:
        Condition.compile(text).holds(VALUES)
    assert says in str(refused.value)
    assert time.process_time() - began < 0.5
    assert len(str(refused.value)) < 500


WORDS = st.sampled_from(
    [*sorted(FUNCTIONS | LOOPS), "map", "matches", "eta", "trials", "t", "true", "null", "in", "1", "0", "-1.5", "1u",
     "'a'", '"b"', "'", '"', "\\", "r'", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "+", "-", "*", "/", "%",
     "&&", "||", "!", "==", "<", " ", "\n", "\0", "é", "//"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(WORDS, max_size=30).map("".join) | st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(ExpressionError, KeyError):
        Condition.compile(text).holds(VALUES)
    assert time.process_time() - began < 0.5


def test_the_longest_condition_over_the_largest_experiment_ends() -> None:
    """10,000 trials, and a loop as long as a text can make one."""
    text = "trials.all(t, t.eta >= 0.0 " + "&& t.eta >= 0.0 " * 60 + ")"
    condition = Condition.compile(text)
    began = time.process_time()
    assert condition.holds({"trials": [{"eta": 0.5, "objective": 1.0}] * 10_000})
    assert time.process_time() - began < 20  # snapshot_experiment has five minutes


def test_nothing_else_compiles_expressions() -> None:
    """Whoever imports the compiler has to ask check_grammar first."""
    importing = {
        path.relative_to(ROOT).as_posix()
        for folder in ("gridwatch", "rules", "functions", "infra")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.Import, ast.ImportFrom)) and "cel" in [each.name for each in node.names]
    }
    assert importing == {"rules/gridwatch_rules/expressions.py"}
