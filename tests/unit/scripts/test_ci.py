"""CI's account of its suites: what counts as a failure, and that every suite is run or left to the night."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import ci

ROOT = Path(__file__).resolve().parents[3]
SUITE = ci.Suite("peers", ("test-peers",))


def counted(*closing: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in closing:
        ci.add_counts(line, counts)
    return counts


def ran(closing: str, code: int = 0, excuse: str = "") -> ci.Ran:
    return ci.Ran(SUITE, code, 1.0, counted(closing), excuse)


@pytest.mark.parametrize(
    ("closing", "passed", "failed"),
    [
        ("5 passed in 2.1s", 5, 0),
        ("==== 1 failed, 4 passed, 2 deselected in 65.21s (0:01:05) ====", 4, 1),
        ("3 passed, 2 skipped in 1.0s", 3, 2),
        ("2 passed, 1 error in 1.0s", 2, 1),
        ("1 passed, 2 errors in 1.0s", 1, 2),
    ],
)
def test_what_is_skipped_without_an_excuse_has_failed(closing: str, passed: int, failed: int) -> None:
    assert ci._CLOSING.match(closing)
    assert (ran(closing).passed, ran(closing).failed) == (passed, failed)


def test_a_machine_without_an_interpreter_is_excused_and_named() -> None:
    excused = ran("5 skipped in 0.1s", excuse="this machine has no Python 3.12")
    assert excused.failed == 0
    told = ci.lines([excused, ran("5 passed in 0.1s")])
    assert told[-2:] == ["Not run here: peers (this machine has no Python 3.12)", "5 passed, 0 failed"]


def test_a_command_that_is_no_test_counts_by_its_exit_code() -> None:
    assert (ci.Ran(SUITE, 0, 1.0).passed, ci.Ran(SUITE, 0, 1.0).failed) == (1, 0)
    assert (ci.Ran(SUITE, 2, 1.0).passed, ci.Ran(SUITE, 2, 1.0).failed) == (0, 1)
    assert ran("5 passed in 0.1s", code=2).failed == 1, "something after the tests failed"


def test_what_cannot_be_made_for_another_reason_is_no_excuse(monkeypatch: pytest.MonkeyPatch) -> None:
    no_python = "this machine has no Python 3.12"
    monkeypatch.setattr(ci, "why_missing", {"a": "", "b": "pip finds no torch", "c": no_python}.get)
    assert [ci.excuse_of(names) for names in (("a",), ("a", "b"), ("b", "c"))] == ["", "", no_python]


def test_every_suite_is_a_target_and_every_suite_of_tests_is_run_or_listed_for_the_night() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    run = {suite.make[0] for suite in ci.SUITES}
    assert run <= targets
    at_night = set(re.findall(r"`make ([a-z-]+)", (ROOT / "CONTRIBUTING.md").read_text().partition("## At night")[2]))
    assert {target for target in targets if target.startswith("test-")} <= run | at_night
