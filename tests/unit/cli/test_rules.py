"""`gridwatch rules` and `gridwatch tensors`, on folders that smdebug wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gridwatch.cli.main import main
from gridwatch_rules.judgement.catalogue import judgement_rule_names
from gridwatch_rules.rules.catalogue import rule_names
from tests.tensor_folder import TensorFolder

DATA = Path(__file__).parents[2] / "data"
BOOSTING = str(DATA / "tensors" / "boosting")
DEMO = ["--rule", "LossNotDecreasing", "-p", "collection_names=metrics", "-p", "num_steps=2", "-p", "diff_percent=5"]


@pytest.fixture
def gridwatch(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["gridwatch", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert isinstance(exit_.value.code, int)
        return exit_.value.code, capsys.readouterr().out

    return run


def test_an_issue_exits_with_3(gridwatch: Any) -> None:
    code, printed = gridwatch("rules", "check", BOOSTING, *DEMO, "--json")
    document = json.loads(printed)
    assert (code, document["rule"], document["status"], document["step"]) == (3, "LossNotDecreasing", "IssuesFound", 2)
    assert document["details"].startswith(
        "RuleEvaluationConditionMet: Evaluation of the rule LossNotDecreasing at step 2"
    )
    assert document["finding"]["tensor"] == "train-error"
    code, printed = gridwatch("rules", "check", BOOSTING, *DEMO)
    assert printed.startswith("LossNotDecreasing: IssuesFound at step 2\ntrain-error fell by only 1.88 %")


def test_no_issue_exits_with_0(gridwatch: Any) -> None:
    code, printed = gridwatch("rules", "check", BOOSTING, "--rule", "MetricNonFinite", "--json")
    document = json.loads(printed)
    assert (code, document["status"], document["step"], document["details"]) == (0, "NoIssuesFound", None, "")


@pytest.mark.parametrize(
    ("rule", "details"),
    [
        ("DeadRelu", "DeadRelu looks for batches saved whole in the collection relu_output"),
        (f"{DATA / 'rules' / 'asking_rules.py'}:AsksForACollectionThatIsEmpty", "tensors of collection=gradients"),
    ],
)
def test_a_rule_that_saw_nothing_exits_with_4(gridwatch: Any, rule: str, details: str) -> None:
    code, printed = gridwatch("rules", "check", BOOSTING, "--rule", rule, "--json")
    document = json.loads(printed)
    assert (code, document["status"], document["finding"]) == (4, "SawNothing", None)
    assert details in document["details"]
    assert gridwatch("rules", "check", BOOSTING, "--rule", rule)[1].splitlines()[0].endswith(": SawNothing")


@pytest.mark.parametrize(
    ("path", "arguments", "details"),
    [
        (BOOSTING, ["--rule", "Nonsense"], "there is no rule 'Nonsense'"),
        (BOOSTING, ["--rule", "ExplodingTensor", "-p", "x=1"], "no parameter 'x': allowed are collection_names"),
        (BOOSTING, ["--rule", "nothing.py:Rule"], "there is no file nothing.py"),
        ("/nowhere", ["--rule", "ExplodingTensor"], "there is no folder /nowhere"),
        (str(DATA / "rules"), ["--rule", "ExplodingTensor"], "there are no tensors in "),
    ],
)
def test_an_error_exits_with_2(gridwatch: Any, path: str, arguments: list[str], details: str) -> None:
    code, printed = gridwatch("rules", "check", path, *arguments, "--json")
    document = json.loads(printed)
    assert (code, document["status"]) == (2, "Error")
    assert details in document["details"]
    assert gridwatch("rules", "check", path, *arguments)[0] == 2


def test_a_parameter_without_a_value_is_wrong_usage(gridwatch: Any) -> None:
    assert gridwatch("rules", "check", BOOSTING, "--rule", "ExplodingTensor", "-p", "x")[0] == 2


def test_a_rule_of_ones_own(gridwatch: Any) -> None:
    rule = f"{DATA / 'rules' / 'smdebug_rules.py'}:CustomGradientRule"
    phases = str(DATA / "tensors" / "phases")
    code, printed = gridwatch("rules", "check", phases, "--rule", rule, "-p", "threshold=1.5", "--json")
    assert (code, json.loads(printed)["step"]) == (3, 6)


def test_a_name_that_reads_like_an_emoji_is_a_name(gridwatch: Any, tmp_path: Path) -> None:
    (tmp_path / "my.py").write_text(FIRES.replace("Fires", "fire"))
    rule = f"{tmp_path / 'my.py'}:fire"
    assert gridwatch("rules", "check", BOOSTING, "--rule", rule)[1].startswith(f"{rule}: IssuesFound at step 0\n")


def test_a_rule_imports_what_the_deployed_function_has(gridwatch: Any, tmp_path: Path) -> None:
    (tmp_path / "of_mine.py").write_text("")
    for module, why in (("pytest", "it has Python 3.13's"), ("of_mine", "of_mine.py lies beside the rule")):
        (tmp_path / "my.py").write_text(f"import numpy, boto3, yaml\nimport {module}\n{FIRES}")
        rule = ["--rule", f"{tmp_path / 'my.py'}:Fires"]
        code, printed = gridwatch("rules", "check", BOOSTING, *rule)
        assert (code, f"has no module {module!r}: {why}" in printed) == (2, True)
        assert gridwatch("rules", "check", BOOSTING, *rule, "--any-package")[0] == 3


def test_a_rule_of_ones_own_on_a_profile(gridwatch: Any, tmp_path: Path) -> None:
    machine = tmp_path / "profiler-output" / "system" / "incremental" / "2020091312"
    machine.mkdir(parents=True)
    event = {"Type": "cpu", "Name": "cpu0", "Dimension": "CPUUtilization", "NodeId": "algo-1"}
    lines = [json.dumps({**event, "Value": 90.0, "Timestamp": 1_600_000_000 + second}) for second in range(60)]
    (machine / "1600000000.algo-1.json").write_text("\n".join(lines))
    rule = ["--rule", f"{DATA / 'rules' / 'public_classes.py'}:CPUBusy", "-p"]
    profile = str(tmp_path / "profiler-output")
    assert gridwatch("rules", "check", profile, *rule, "threshold=95", "--json")[0] == 0
    (machine / "1600000060.algo-1.json").write_text("")
    assert gridwatch("rules", "check", profile, *rule, "threshold=80")[0] == 3
    (tmp_path / "profiler-output" / "system" / "training_job_end.ts").write_text("")
    assert gridwatch("rules", "check", profile, *rule, "threshold=95", "--follow")[0] == 0


FIRES = """
from smdebug.rules import Rule
class Fires(Rule):
    def invoke_at_step(self, step):
        return True
"""


def test_a_job_still_being_written_is_judged_as_far_as_it_is_there(gridwatch: Any, tmp_path: Path) -> None:
    folder = tmp_path / "job" / "debug-output"
    shutil.copytree(BOOSTING, folder)
    (folder / "training_job_end.ts").unlink()
    last = folder / "index" / "000000000" / "000000000010_worker_0.json"
    last.write_bytes(last.read_bytes()[:-30])
    code, printed = gridwatch("rules", "check", str(tmp_path / "job"), "--rule", "MetricNonFinite", "--json")
    assert code == 0
    assert json.loads(printed)["details"].startswith("judged up to step 8; after it: CorruptTensorError: index/")
    last.write_bytes(b"[]")
    assert gridwatch("rules", "check", str(folder), "--rule", "MetricNonFinite")[0] == 2


def _cut(folder: Path, key: str) -> None:
    (folder / key).write_bytes((folder / key).read_bytes()[:-30])


@pytest.mark.parametrize(
    ("damage", "details"),
    [
        (lambda folder: _cut(folder, "index/000000000/000000000004_worker_0.json"), "000000000004_worker_0.json"),
        (lambda folder: shutil.rmtree(folder / "events" / "000000000004"), "000000000004_worker_0.tfevents"),
        (lambda folder: shutil.rmtree(folder / "index"), "events files but no index"),
        (lambda folder: shutil.rmtree(folder / "collections"), "no collections file"),
        (
            lambda folder: _cut(folder, "collections/000000000/worker_0_collections.json"),
            "a collections file ends early",
        ),
    ],
    ids=["an index cut off", "events missing", "no index", "no collections", "collections cut off"],
)
@pytest.mark.parametrize("over", [True, False])
def test_damage_is_an_error_and_never_no_issue(
    gridwatch: Any, tmp_path: Path, damage: Any, details: str, over: bool
) -> None:
    shutil.copytree(BOOSTING, tmp_path / "job")
    if not over:
        (tmp_path / "job" / "training_job_end.ts").unlink()
    damage(tmp_path / "job")
    code, printed = gridwatch("rules", "check", str(tmp_path / "job"), "--rule", "MetricNonFinite", "--json")
    assert (code, json.loads(printed)["status"]) == (2, "Error")
    assert details in json.loads(printed)["details"]


def test_a_job_compared_with_one_that_saved_nothing_is_an_error(gridwatch: Any, tmp_path: Path) -> None:
    compare = ["rules", "check", BOOSTING, "--rule", "SimilarAcrossRuns", "--json", "-p"]
    code, printed = gridwatch(*compare, f"other_trials={tmp_path}")
    assert code == 2
    assert "there are no tensors in" in json.loads(printed)["details"]
    shutil.copytree(BOOSTING, tmp_path / "debug-output")
    assert gridwatch(*compare, f"other_trials={tmp_path}")[0] == 0


def test_rules_are_listed_with_their_parameters(gridwatch: Any) -> None:
    code, printed = gridwatch("rules", "list", "--json")
    listed = {rule["name"]: rule for rule in json.loads(printed)}
    assert (code, sorted(listed)) == (0, sorted([*rule_names(), *judgement_rule_names()]))
    loss = {each["name"]: each["default"] for each in listed["LossNotDecreasing"]["parameters"]}
    assert (loss["num_steps"], loss["use_losses_collection"], loss["diff_percent"]) == (10, True, 0.1)
    assert listed["LossNotDecreasing"]["collections"] == [{"name": "losses", "parameters": {"save_interval": "500"}}]
    assert "use_losses_collection=True num_steps=10" in gridwatch("rules", "list")[1]


def test_a_tensor_of_which_the_shape_alone_was_saved_is_listed(gridwatch: Any, tmp_path: Path) -> None:
    folder = TensorFolder({"losses": ["loss"]})
    folder.save(0, {"loss": [1.0]}, shapes={"w": [2, 3]}, reductions={"v": {"max": 1.0}})
    folder.write(tmp_path)
    rows = json.loads(gridwatch("tensors", "ls", str(tmp_path), "--json")[1])
    assert {row["tensor"]: (row["type"], row["shape"]) for row in rows} == {
        "loss": ("float64", "1"), "v": ("reductions", ""), "w": ("shape", "2x3"),
    }  # fmt: skip


def test_tensors_are_listed_shown_and_drawn(gridwatch: Any, tmp_path: Path) -> None:
    listed = json.loads(gridwatch("tensors", "ls", BOOSTING, "--json")[1])
    error = next(row for row in listed if row["tensor"] == "train-error")
    assert error == {
        "collections": "losses metrics", "tensor": "train-error", "steps": 6, "first": 0, "last": 10, "modes": "GLOBAL",
        "type": "float64", "shape": "1",
    }  # fmt: skip
    shown = json.loads(gridwatch("tensors", "show", BOOSTING, "-t", "train-error", "--json")[1])
    assert [(row["step"], row["value"]) for row in shown][:2] == [(0, 0.1597), (2, 0.1567)]
    code, printed = gridwatch("tensors", "plot", BOOSTING, "-o", str(tmp_path / "curves.png"))
    assert (code, printed.strip()) == (0, str(tmp_path / "curves.png"))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert gridwatch("tensors", "ls", str(tmp_path / "nothing"))[0] == 1
    for folder in ("types", "more_types", "phases"):
        assert gridwatch("tensors", "show", str(DATA / "tensors" / folder))[0] == 0


@pytest.mark.parametrize("command", ["show", "plot"])
def test_a_pattern_that_is_none_is_told_in_one_line(command: str, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("sys.argv", ["gridwatch", "tensors", command, BOOSTING, "-t", "("])
    with pytest.raises(SystemExit, match="1"):
        main()
    assert capsys.readouterr().err.startswith("gridwatch: --tensor: '(' is no regular expression: missing )")
