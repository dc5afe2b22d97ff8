"""The command of the engine, and the functions that the package offers by name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gridwatch_rules
from gridwatch_rules.command.main import main
from gridwatch_rules.status import RuleStatus
from tests.tensor_folder import TensorFolder

BOOSTING = Path(__file__).parents[2] / "data" / "tensors" / "boosting"
PATH = str(Path(__file__).parents[3] / "rules")
RULE = """
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule

class Third(Rule):
    name, summary = "Third", "fires at step 3"
    def requirement(self):
        return Requirement(collections=("losses",))
    def check(self, view):
        return self.finding(view, "loss", 1.0, 0.0, "it is step 3") if view.step == 3 else None
"""


@pytest.fixture
def stuck(tmp_path: Path) -> Path:
    """A job's whole output, in which the loss never falls."""
    folder = TensorFolder({"losses": ["loss"]})
    for step in range(12):
        folder.save(step, {"loss": [1.0]})
    folder.end()
    folder.write(tmp_path / "job" / "debug-output")
    return tmp_path / "job"


def test_check_tells_status_and_exit_code(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(stuck), "--rule", "LossNotDecreasing", "-p", "num_steps=5"]) == 3
    assert capsys.readouterr().out.startswith("LossNotDecreasing: IssuesFound at step ")
    assert main(["check", str(BOOSTING), "--rule", "LossNotDecreasing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["status"] == "NoIssuesFound"
    assert main(["check", str(stuck), "--rule", "TreeDepth"]) == 4
    assert main(["check", str(stuck / "none"), "--rule", "TreeDepth"]) == 2
    assert "there is no folder" in capsys.readouterr().out


def test_check_with_a_rule_of_ones_own(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stuck / "mine.py").write_text(RULE)
    assert main(["check", str(stuck), "--rule", f"{stuck / 'mine.py'}:Third"]) == 3
    assert "it is step 3" in capsys.readouterr().out


def test_wrong_usage_is_told_in_one_line(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(stuck), "--rule", "LossNotDecreasing", "-p", "five"]) == 2
    assert capsys.readouterr().err == "gridwatch-rules: --parameter: 'five' is no KEY=VALUE\n"
    assert main(["backtest", str(stuck / "none.json"), "--rule", "MedianStopping"]) == 1
    assert capsys.readouterr().err.startswith(f"gridwatch-rules: {stuck / 'none.json'} cannot be read")
    assert main(["backtest", str(stuck / "none.json"), "--rule", "MedianStopping", "-p", "nothing=1"]) == 2
    assert "no chosen rule has a parameter 'nothing'" in capsys.readouterr().err
    assert main(["tensors", str(stuck.parent)]) == 1


def test_tensors_lists_and_shows(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tensors", str(stuck), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["tensor"], row["steps"], row["first"], row["last"]) == ("loss", 12, 0, 11)
    assert main(["tensors", str(stuck), "--values", "-t", "^loss$"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["step", "mode", "tensor", "value", "min", "mean", "max"]
    assert len(lines) == 13
    assert main(["tensors", str(stuck), "--values", "-t", "nothing"]) == 0
    assert capsys.readouterr().out == "no tensors\n"


def test_backtest_scores_each_rule_on_each_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trials = [{"loss": [1.0 / (1 + each * step) for step in range(9)], "seconds": 9.0} for each in range(6)]
    (tmp_path / "curves.json").write_text(json.dumps(trials))
    asked = [
        "backtest",
        str(tmp_path / "curves.json"),
        "--rule",
        "MedianStopping",
        "--rule",
        "Patience",
        "--orders",
        "2",
    ]
    assert main([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [each["rule"] for each in told] == ["MedianStopping", "Patience"]
    assert main([*asked[:2], "--stopping", "eager", "--orders", "1", "--json"]) == 0
    (dialled,) = json.loads(capsys.readouterr().out)
    assert (dialled["rule"], dialled["parameters"]) == ("GridDefault", {"stopping": "eager"})
    assert main(asked) == 0
    assert "curves  MedianStopping" in capsys.readouterr().out


def test_list_has_every_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--json"]) == 0
    names = {each["name"] for each in json.loads(capsys.readouterr().out)}
    assert {"LossNotDecreasing", "MedianStopping", "ProfilerReport"} <= names


def test_the_package_offers_its_functions_by_name(stuck: Path) -> None:
    found = gridwatch_rules.check(stuck, "LossNotDecreasing", {"num_steps": "5"})
    assert found.status is RuleStatus.ISSUES_FOUND
    assert gridwatch_rules.open_tensors(BOOSTING).has_ended()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = gridwatch_rules.nothing


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["backtest", "c.json", "--orders", "0"], "'0' is no whole number of at least 1"),
        (["backtest", "c.json", "--orders", "-1"], "'-1' is no whole number of at least 1"),
        (["backtest", "c.json", "--workers", "0"], "'0' is no whole number of at least 1"),
        (["backtest", "c.json", "--stopping", "bold"], "invalid choice: 'bold'"),
        (["backtest", "c.json", "--hopeless", "nan"], "'nan' is no number"),
        (["check", "f", "--rule", "Overfit", "--time-limit", "0"], "'0' is no number above 0"),
        (["check", "f", "--rule", "Overfit", "--time-limit", "nan"], "'nan' is no number"),
        (["check", "f", "--rule", "Overfit", "--time-limit", "inf"], "'inf' is no number"),
        (["tensors", "f", "-t", "("], "'(' is no regular expression: missing )"),
    ],
)
def test_arguments_that_are_none_are_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert told in capsys.readouterr().err


def test_tensors_lists_those_in_which_the_pattern_is_found(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tensors", str(stuck), "-t", "nothing"]) == 0
    assert capsys.readouterr().out == "no tensors\n"
    assert main(["tensors", str(stuck), "-t", "^lo", "--json"]) == 0
    assert [row["tensor"] for row in json.loads(capsys.readouterr().out)] == ["loss"]


def test_what_a_person_probably_meant_is_said(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(stuck), "--rule", "MedianStopping"]) == 2
    assert "MedianStopping is a rule across trials" in capsys.readouterr().out
    curves = stuck / "curves.json"
    curves.write_text(json.dumps([{"loss": [1.0, 0.5], "seconds": 2.0}]))
    assert main(["backtest", str(curves), "--rule", "MedianStoping"]) == 2
    assert "did you mean MedianStopping?" in capsys.readouterr().err
    (stuck / "mine.py").write_text(RULE)
    assert main(["backtest", str(curves), "--rule", f"{stuck / 'mine.py'}:Fourth"]) == 1
    assert capsys.readouterr().err.endswith("mine.py has no class Fourth: there are Third\n")


def test_what_is_no_folder_is_told_as_what_it_is(stuck: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (stuck / "file").write_text("")
    assert main(["tensors", str(stuck / "file")]) == 1
    assert capsys.readouterr().err.endswith("file is a file; a folder of tensors is wanted\n")
    assert main(["tensors", "s3://bucket/prefix"]) == 1
    assert "folders on this machine are read here" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_fault() -> None:
    program = "import sys\nfrom gridwatch_rules.command.main import main\nsys.exit(main(['list']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={"PYTHONPATH": PATH}
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("arguments", [["list"], ["--version"], ["check", "--help"]])
def test_the_command_starts_without_what_is_slow_to_import(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom gridwatch_rules.command.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "slow = {'numpy', 'cel', 'typer', 'rich', 'pydantic', 'boto3'} & set(sys.modules)\n"
        "sys.exit(repr(slow) if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": PATH}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("wrong", [{"orders": 0}, {"workers": 0}, {"workers": []}, {"workers": [8, -1]}])
def test_a_backtest_of_no_replays_is_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    (tmp_path / "curves.json").write_text(json.dumps([{"loss": [1.0, 0.5], "seconds": 2.0}]))
    with pytest.raises(ValueError, match="allowed are whole numbers of at least 1"):
        gridwatch_rules.backtest(tmp_path / "curves.json", "MedianStopping", **wrong)
    (one,) = gridwatch_rules.backtest(tmp_path / "curves.json", "MedianStopping", workers=2, orders=1)
    assert one.rule == "MedianStopping"


def test_the_functions_of_the_package_are_listed() -> None:
    assert set(gridwatch_rules.__all__) <= set(dir(gridwatch_rules))
