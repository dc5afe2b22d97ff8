"""Patterns of users over texts of jobs: whatever they are, a second later there is an answer."""

from __future__ import annotations

import gc
import re
import threading
import time

import pytest

from gridwatch_rules.patterns import PatternError, compile_pattern, found, time_limit
from gridwatch_rules.rules.requirement import Requirement, Selector
from gridwatch_rules.tensors.collections import Collections
from gridwatch_rules.tensors.log_metrics import LogLine, MetricFinder
from gridwatch_rules.tensors.metric_definition import LogMetric


@pytest.mark.parametrize(
    "text",
    [r"loss=([0-9.]+)", r"\[[0-9]+\].*(?:\t|#011)train-error:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)", r".*relu_.*",
     r"weight|kernel", r"(?i)Epoch (\d+)/\d+ .* acc: (\d+\.\d+)", "", "^((?!bias).)*$"],
)  # fmt: skip
def test_what_people_write_is_a_pattern(text: str) -> None:
    assert compile_pattern(text).pattern == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("(a+)+$", "takes too long"),
        ("(0|00)*$", "takes too long"),
        (r"^(\w+\s?)*$", "takes too long"),
        ("([a-z]+)*=", "takes too long"),
        ("a{99999999999999999999}", "not a regular expression"),
        ("(" * 5_000, "not a regular expression"),
        ("(", "not a regular expression"),
    ],
)
def test_what_is_none_or_never_ends_is_refused_at_once(text: str, says: str) -> None:
    began = time.process_time()
    with pytest.raises(PatternError, match=says):
        compile_pattern(text)
    assert time.process_time() - began < 1


LINE = "q" + "z" * 4_000 + "!"


def test_a_search_that_does_not_end_is_ended() -> None:
    began = time.process_time()
    with pytest.raises(PatternError, match="takes too long"):
        found(re.compile("(z|zz)*$"), LINE)
    assert time.process_time() - began < 1


def test_the_limit_leaves_nothing_behind() -> None:
    with time_limit(0.05):
        pass
    began = time.process_time()
    while time.process_time() - began < 0.1:
        pass  # no signal comes any more


def test_in_another_thread_there_is_no_limit_and_no_error() -> None:
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(found(re.compile("a+"), "aaa")))
    thread.start()
    thread.join()
    assert answers == [True]


def test_a_metric_that_takes_too_long_finds_nothing_more_and_the_others_go_on() -> None:
    expressions = {"slow": "(z|zz)*$", "none": "a{99999999999999999999}", "loss": "loss=([0-9.]+)"}
    finder = MetricFinder(LogMetric(name=name, regex=regex) for name, regex in expressions.items())
    lines = [LogLine(float(n), f"loss={n}.5 {LINE}") for n in range(20)]
    began = time.process_time()
    steps = list(finder.steps(lines, 0))
    assert [step.values for step in steps] == [{"loss": n + 0.5} for n in range(20)]
    assert time.process_time() - began < 2


def test_a_rule_whose_pattern_takes_too_long_fails_by_itself() -> None:
    selector = Selector(Requirement(patterns=("(z|zz)*$",)), Collections())
    with pytest.raises(PatternError):
        selector.select((LINE,))


def test_no_garbage_is_collected_in_a_patterns_time() -> None:
    """A collection of a large heap takes longer than a pattern has, and its finalizers would swallow the error."""
    assert gc.isenabled()
    with time_limit():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(PatternError):
        found(re.compile("(a+)+$"), "a" * 64 + "b")
    assert gc.isenabled()
