"""Users' own rules: unchanged, each in a process of its own, its failures told and nothing else harmed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gridwatch_rules.rules.custom.runner import CustomRule, run_custom_rule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.status_change import RuleEvaluation
from tests.tensor_folder import TensorFolder

DATA = Path(__file__).parents[2] / "data"
PHASES = DATA / "tensors" / "phases"


def run(name: str, file: str = "smdebug_rules.py", *, folder: Path = PHASES, **parameters: Any) -> RuleEvaluation:
    rule = CustomRule.parse(f"{DATA / 'rules' / file}:{name}", parameters)
    seconds = 2.0 if name == "Hangs" else 60.0
    return run_custom_rule(rule, str(folder), ended=True, seconds=seconds, environment={})


def test_a_rule_on_reductions_fires_where_smdebug_fires() -> None:
    """At step 0 only the raw tensor counts for the second gradient; the threshold is met first at step 6."""
    found = run("CustomGradientRule", threshold="1.5")
    assert found.status == "IssuesFound"
    assert found.finding is not None
    assert found.finding.step == 6
    assert found.details == (
        "RuleEvaluationConditionMet: "
        "Evaluation of the rule CustomGradientRule at step 6 resulted in the condition being met"
    )
    assert run("CustomGradientRule", threshold=100).status == "NoIssuesFound"


def test_required_tensors_former_steps_and_modes(tmp_path: Path) -> None:
    assert run("LossNeverFalls").status == "NoIssuesFound"
    at_evaluation = run("AtEvaluation")
    assert at_evaluation.finding is not None
    assert (at_evaluation.finding.step, at_evaluation.finding.mode.name) == (10, "EVAL")
    folder = TensorFolder({"losses": ["loss"]})
    from gridwatch_rules.tensors.modes import Mode

    for step in range(6):
        folder.save(step, {"loss": [1.0 if step < 5 else 2.0 - step]}, mode=Mode.TRAIN)
    folder.write(tmp_path)
    found = run("LossNeverFalls", folder=tmp_path, back="4")
    assert found.finding is not None, found
    assert found.finding.step == 3


def test_other_trials(tmp_path: Path) -> None:
    folder = TensorFolder()
    for step, loss in ((0, 1.0), (2, 1 / 3), (4, 9.0)):
        folder.save(step, {"loss": [loss]})
    folder.write(tmp_path)
    found = run("Differs", other_trials=str(tmp_path))
    assert found.finding is not None
    assert found.finding.step == 4


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("AsksForANameThatIsNotThere", "nothing"),
        ("AsksForACollectionThatIsEmpty", "tensors of collection=gradients"),
        ("AsksForAPatternThatMatchesNothing", "tensors of regex=relu.*"),
        ("RequiresWhatIsNotThere", "nothing"),
        ("LooksBeforeItReads", "nothing"),
    ],
)
def test_a_rule_that_got_nothing_of_what_it_asked_for_saw_nothing(tmp_path: Path, name: str, asked: str) -> None:
    """As smdebug, which raises MissingCollectionFiles where a job saved nothing."""
    folder = TensorFolder({"metrics": ["loss"], "gradients": ["^gradient"]})
    folder.save(0, {"loss": [1.0]})
    folder.write(tmp_path)
    found = run(name, "asking_rules.py", folder=tmp_path)
    assert (found.status, found.details) == (
        "SawNothing",
        f"{name} looks for {asked}; none was there: in 1 steps the job saved loss",
    )
    (tmp_path / "empty").mkdir()
    empty = run(name, "asking_rules.py", folder=tmp_path / "empty")
    assert empty.details == f"{name} looks for the job's tensors; none was there: the job saved no tensors"
    assert empty.status == "SawNothing"


def test_what_another_trial_does_not_have_is_told_of_that_trial(tmp_path: Path) -> None:
    for job, tensor in (("mine", "fc.weight"), ("theirs", "other.weight")):
        folder = TensorFolder()
        folder.save(0, {tensor: [1.0]})
        folder.write(tmp_path / job)
    found = run("CompareTrials", "public_classes.py", folder=tmp_path / "mine", other_trials=str(tmp_path / "theirs"))
    assert found.details.startswith("CompareTrials looks for fc.weight in theirs; none was there"), found


@pytest.mark.parametrize("name", ["ReadsWhatIsThere", "CountsSteps", "ReadsWhatItCan"])
def test_a_rule_that_got_something_has_judged(tmp_path: Path, name: str) -> None:
    folder = TensorFolder({"metrics": ["loss"]})
    folder.save(0, {"loss": [1.0]})
    folder.write(tmp_path)
    assert run(name, "asking_rules.py", folder=tmp_path).status == "NoIssuesFound"


@pytest.mark.parametrize(
    ("name", "details"),
    [
        ("Raises", r"KeyError: 'nothing at 0' (smdebug_rules.py, line 56)"),
        ("Hangs", "CustomRuleError: it did not finish within 2 s"),
        ("Dies", "CustomRuleError: its process ended with code 7"),
        ("Missing", "AttributeError: smdebug_rules.py has no class Missing: there are AtEvaluation"),
        ("Differs", "TypeError: "),
        ("NoRule", "TypeError: NoRule is a subclass of neither smdebug.rules.Rule nor Gridwatch's Rule"),
    ],
)
def test_whatever_a_rule_does_is_a_status(name: str, details: str) -> None:
    found = run(name)
    assert found.status == "Error"
    assert found.details.startswith(details), found.details


def test_a_rule_of_ours_in_ten_lines() -> None:
    found = run("LossBelow", "ours.py")
    assert found.finding is not None
    assert (found.finding.step, found.finding.sentence) == (6, "loss is below 0.15")


def test_a_job_that_goes_on_leaves_the_rule_in_progress() -> None:
    rule = CustomRule.parse(f"{DATA / 'rules' / 'smdebug_rules.py'}:CustomGradientRule")
    assert run_custom_rule(rule, str(PHASES), ended=False, seconds=60, environment={}).status == "InProgress"


def test_a_rule_sees_no_environment_but_what_it_is_given(tmp_path: Path) -> None:
    file = tmp_path / "spy.py"
    file.write_text(
        "import os\nfrom smdebug.rules import Rule\nclass Spy(Rule):\n"
        "    def invoke_at_step(self, step):\n        raise ValueError(sorted(os.environ))\n"
    )
    rule = CustomRule.parse(f"{file}:Spy")
    found = run_custom_rule(rule, str(PHASES), ended=True, seconds=60, environment={"GIVEN": "1"})
    names = json.loads(found.details.split(": ", 1)[1].split(" (")[0].replace("'", '"'))
    assert {name for name in names if not name.startswith("LC_")} == {"GIVEN", "PYTHONPATH"}


def test_files_beside_a_rule_may_have_the_names_of_any_module(tmp_path: Path) -> None:
    for name in ("six", "json", "numpy", "gridwatch"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('taken for a module')\n")
    (tmp_path / "of_mine.py").write_text("LIMIT = 5\n")
    (tmp_path / "rule.py").write_text(
        "from of_mine import LIMIT\nfrom smdebug.rules import Rule, invoke_rule\n"
        "from smdebug.trials import create_trial\nclass AtLimit(Rule):\n"
        "    def invoke_at_step(self, step):\n"
        "        return step > LIMIT and float(self.base_trial.tensor('loss').value(step)) > 0\n"
    )
    rule = CustomRule.parse(f"{tmp_path / 'rule.py'}:AtLimit")
    opener = "gridwatch.aws.tensor_source:open_source"
    found = run_custom_rule(rule, str(PHASES), ended=True, seconds=60, environment={}, opener=opener)
    assert found.finding is not None, found.details
    assert found.finding.step == 6


@pytest.mark.parametrize("text", ["rule.py", "nothing.py:Rule", "rule.txt:Rule", "rule.py:not a name"])
def test_what_names_no_custom_rule_is_refused(text: str) -> None:
    with pytest.raises(RuleConfigurationError):
        CustomRule.parse(text)


def test_the_shim_is_not_left_in_this_process() -> None:
    assert "smdebug" not in sys.modules


FORMER = """
from gridwatch.rules.finding import Finding
from gridwatch.rules.requirement import Requirement
from gridwatch.rules.rule import Rule
from gridwatch.tensors.modes import Mode
import gridwatch.rules.rule, gridwatch_rules.rules.rule

class AsItWas(Rule):
    name, summary = "AsItWas", "was written when the engine was part of the platform"

    def requirement(self):
        return Requirement(collections=("losses",))

    def check(self, view):
        same = gridwatch.rules.rule.Rule is gridwatch_rules.rules.rule.Rule
        spec = gridwatch_rules.rules.rule.__spec__.name
        return self.finding(view, "loss", 1.0, 0.0, f"{same} {spec} {Mode.TRAIN.name}") if view.step == 4 else None
"""


def test_a_rule_that_imports_the_engine_by_its_former_name(tmp_path: Path) -> None:
    (tmp_path / "former.py").write_text(FORMER)
    folder = TensorFolder({"losses": ["loss"]})
    for step in (0, 4):
        folder.save(step, {"loss": [1.0]})
    folder.write(tmp_path / "tensors")
    rule, tensors = CustomRule(tmp_path / "former.py", "AsItWas"), str(tmp_path / "tensors")
    found = run_custom_rule(rule, tensors, ended=True, seconds=60, environment={}, as_deployed=True)
    assert found.finding is not None, found
    assert found.finding.sentence == "True gridwatch_rules.rules.rule TRAIN"
