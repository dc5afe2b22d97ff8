"""What users' code answers is not trusted: whatever is no answer is a rule that failed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gridwatch_rules.failures import TransientError
from gridwatch_rules.rules.custom.answer import MAX_ANSWER, as_answer, parse_answer
from gridwatch_rules.rules.custom.run import CustomRun
from gridwatch_rules.rules.custom.runner import CustomRule, run_custom_rule
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.modes import Mode

DATA = Path(__file__).parents[2] / "data"
FINDING: dict[str, Any] = {
    "rule": "Slow", "step": 7, "mode": "TRAIN", "tensor": "loss", "observed": "nan", "threshold": 0.5, "sentence": "so",
}  # fmt: skip
RUN = CustomRun(job_name="gridwatch-a-1", source="s3://b-b/code/a.py", class_name="A", parameters={"x": 1}, ended=True)


def answered(**changes: Any) -> RuleEvaluation:
    document = {"status": "IssuesFound", "details": "", "finding": {**FINDING, **changes}}
    return parse_answer(json.dumps(document), "Slow")


def test_an_answer_comes_through_as_it_was_given() -> None:
    found = Finding(rule="Slow", step=7, mode=Mode.EVAL, sentence="so", tensor="loss", observed=float("inf"))
    given = RuleEvaluation(RuleStatus.ISSUES_FOUND, "", found)
    read = parse_answer(json.dumps(as_answer(given)), "Slow")
    assert read.finding == found
    assert read.details.endswith("Evaluation of the rule Slow at step 7 resulted in the condition being met")
    for status in (RuleStatus.IN_PROGRESS, RuleStatus.NO_ISSUES_FOUND, RuleStatus.ERROR):
        plain = RuleEvaluation(status, "why")
        assert parse_answer(json.dumps(as_answer(plain)), "Slow") == plain


def test_it_cannot_speak_for_another_rule_nor_in_many_lines() -> None:
    found = answered(rule="Overfit", sentence="a\n\x1b[31mb\u202ec" + "x" * 9000).finding
    assert found is not None
    assert found.rule == "Slow"
    assert found.sentence.startswith("a [31mb cxx")
    assert len(found.sentence) == 500


@pytest.mark.parametrize(
    "changes",
    [{"step": "7"}, {"step": -2}, {"step": True}, {"step": 10**12}, {"mode": "NIGHT"}, {"mode": None}, {"tensor": 3},
     {"observed": "much"}, {"observed": [1]}, {"threshold": True}, {"sentence": None}],
)  # fmt: skip
def test_a_finding_of_another_shape_is_an_error(changes: dict[str, Any]) -> None:
    found = answered(**changes)
    assert (found.status, found.finding) == (RuleStatus.ERROR, None)
    assert "cannot be read" in found.details


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '"IssuesFound"', '{"status": "Fine"}', '{"status": "Stopped", "details": ""}',
     '{"status": "IssuesFound", "details": "", "finding": null}', '{"status": "Error", "details": 3}', "[" * 50_000,
     '{"status": "IssuesFound", "details": "", "finding": {"step": NaN}}', "x" * (MAX_ANSWER + 1), b"\xff\xfe"],
)  # fmt: skip
def test_whatever_is_no_answer_is_an_error(text: str | bytes) -> None:
    found = parse_answer(text, "Slow")
    assert found.status is RuleStatus.ERROR
    assert len(found.details) <= 1024


@pytest.mark.parametrize(
    "changes",
    [{"job_name": "../a"}, {"job_name": 3}, {"class_name": "a b"}, {"source": None}, {"parameters": "x"}, {"ended": 1}],
)
def test_a_run_of_another_shape_is_refused(changes: dict[str, Any]) -> None:
    assert CustomRun.from_json(json.loads(json.dumps(RUN.as_json()))) == RUN
    document = {**RUN.as_json(), **changes}
    if "ended" in changes:  # only true is true
        assert CustomRun.from_json(document).ended is False
        return
    with pytest.raises(ValueError, match=r"run of an unknown shape|not a job"):
        CustomRun.from_json(document)


RULES = """
import os, subprocess, sys
from smdebug.rules.rule import Rule

class LeavesAProcess(Rule):
    def invoke_at_step(self, step):
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        return True

class WritesAnAnswer(Rule):
    def invoke_at_step(self, step):
        with open(sys.argv[1], "w") as answer:
            answer.write('{"status": "NoIssuesFound"')
        os._exit(0)

class Shouts(Rule):
    def invoke_at_step(self, step):
        for _ in range(1000):
            print("x" * 10_000)
        os._exit(3)

class LooksAround(Rule):
    def invoke_at_step(self, step):
        raise RuntimeError(",".join(sorted(os.environ)))
"""


def run(tmp_path: Path, name: str, seconds: float = 30.0) -> RuleEvaluation:
    file = tmp_path / "rules.py"
    file.write_text(RULES)
    environment = {"ONE": "1"}
    location = str(DATA / "tensors" / "phases")
    return run_custom_rule(CustomRule(file, name), location, ended=True, seconds=seconds, environment=environment)


def test_a_process_left_behind_ends_with_the_rule(tmp_path: Path) -> None:
    assert run(tmp_path, "LeavesAProcess", 20.0).status is RuleStatus.ISSUES_FOUND


def test_what_the_code_writes_itself_is_no_verdict(tmp_path: Path) -> None:
    assert run(tmp_path, "WritesAnAnswer").status is RuleStatus.ERROR


def test_much_output_does_no_harm(tmp_path: Path) -> None:
    found = run(tmp_path, "Shouts")
    assert found.status is RuleStatus.ERROR
    assert "its process ended with code 3: xxx" in found.details


def test_only_what_is_handed_over_is_in_its_environment(tmp_path: Path) -> None:
    details = run(tmp_path, "LooksAround").details
    assert set(details.partition(": ")[2].partition(" (")[0].split(",")) <= {"ONE", "PYTHONPATH", "LC_CTYPE"}


def test_tensors_that_cannot_be_reached_are_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "unwell.py").write_text(
        "from gridwatch_rules.failures import TransientError\ndef open_source(_):\n    raise TransientError('unwell')\n"
    )
    (tmp_path / "rules.py").write_text(RULES)
    rule = CustomRule(tmp_path / "rules.py", "Shouts")
    environment = {"PYTHONPATH": str(tmp_path)}
    with pytest.raises(TransientError, match="unwell"):
        run_custom_rule(rule, "s3://b/t", ended=True, seconds=30, environment=environment, opener="unwell:open_source")
