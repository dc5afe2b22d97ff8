"""Rules written for smdebug meet its own behaviour, without it: where it waits, what it raises, whom it asks.

tests/interop compares the same with smdebug itself.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
from pathlib import Path

import pytest

from gridwatch_rules.rules.custom.packages import LAYER_MODULES
from gridwatch_rules.rules.custom.runner import CustomRule, run_custom_rule
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.tensors.modes import Mode
from tests.tensor_folder import TensorFolder

ROOT = Path(__file__).parents[3]
HEAD = """
import numpy as np
from smdebug import modes
from smdebug.core.tensor import StepState
from smdebug.exceptions import *
from smdebug.rules import Rule
class R(Rule):
"""


def judged(body: str, folder: Path, *, ended: bool = True, **parameters: str) -> RuleEvaluation:
    """The verdict of a rule with these methods; its file lies beside the folder."""
    file = folder.parent / "rule.py"
    file.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    rule = CustomRule.parse(f"{file}:R", parameters)
    return run_custom_rule(rule, str(folder), ended=ended, seconds=30, environment={})


def step_of(found: RuleEvaluation) -> int:
    assert found.finding is not None, found.details
    return found.finding.step


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six steps of two tensors."""
    made = TensorFolder({"losses": ["loss"]})
    for step in range(6):
        made.save(step, {"loss": [1.0 / (1 + step)], "w": [[1.0, step]]}, mode=Mode.TRAIN)
    made.write(tmp_path / "job")
    return tmp_path / "job"


def test_a_step_whose_events_file_is_missing_is_unavailable(folder: Path) -> None:
    next((folder / "events" / f"{3:012d}").iterdir()).unlink()
    asks = "def invoke_at_step(self, step):\n    return self.base_trial.tensor('loss').value(step)[0] <= 1 / 4"
    assert step_of(judged(asks, folder)) == 4, "smdebug's loop passes over what is unavailable"
    catches = (
        "def invoke_at_step(self, step):\n    try:\n        self.base_trial.tensor('loss').value(step)\n"
        "    except TensorUnavailableForStep as error:\n        return error.tname == 'loss' and error.step == 3"
    )
    assert step_of(judged(catches, folder)) == 3
    assert step_of(judged(catches, folder, ended=False)) == 3, "the worker went on, so the file will not come"


def test_the_last_events_file_of_a_running_job_may_still_come(folder: Path) -> None:
    next((folder / "events" / f"{5:012d}").iterdir()).unlink()
    asks = "def invoke_at_step(self, step):\n    try:\n        self.base_trial.tensor('loss').value(step)\n"
    asks += "    except Exception:\n        return True"
    assert judged(asks, folder, ended=False).status == "InProgress", "no rule can take waiting for an error"
    assert step_of(judged(asks, folder)) == 5


def test_a_rule_that_hides_that_it_would_wait_is_asked_again_all_the_same(folder: Path) -> None:
    body = "def invoke_at_step(self, step):\n    try:\n        self.base_trial.wait_for_steps([step + 1])\n"
    assert judged(f"{body}    except:\n        return True", folder, ended=False).status == "InProgress"
    assert judged(f"{body}    except:\n        raise ValueError", folder, ended=False).status == "InProgress"
    assert step_of(judged(f"{body}    except NoMoreData:\n        return True", folder)) == 5


@pytest.mark.parametrize(
    ("asks", "says"),
    [
        ("tensor('loss').value(step, worker='nobody')", "InvalidWorker: Invalid Worker: nobody"),
        ("tensor('loss').reduction_value(step, 'median')", "SMDebugValueError: Invalid reduction type median"),
        ("tensor_names(collection=3)", "TypeError: Invalid argument type for collection <class 'int'>"),
        ("tensor_names(mode=modes.PREDICT)", "KeyError: <ModeKeys.PREDICT: 3>"),
        ("tensor('loss').step(step)", "SMDebugNotImplementedError: step method has been removed."),
    ],
)
def test_what_is_wrong_raises_smdebugs_classes(asks: str, says: str, folder: Path) -> None:
    found = judged(f"def invoke_at_step(self, step):\n    return self.base_trial.{asks}", folder)
    assert (found.status, found.details.startswith(says)) == ("Error", True), found.details


def test_an_exception_has_smdebugs_attributes_and_no_arguments(folder: Path) -> None:
    next((folder / "events" / f"{1:012d}").iterdir()).unlink()
    body = (
        "def invoke_at_step(self, step):\n    try:\n        self.base_trial.tensor('loss').value(1)\n"
        "    except TensorUnavailableForStep as error:\n"
        "        return (error.args, error.tname, error.step, error.mode) == ((), 'loss', 1, modes.TRAIN)"
    )
    assert step_of(judged(body, folder)) == 0


def test_a_name_that_can_be_none_is_a_tensor_that_was_not_saved(folder: Path) -> None:
    found = judged("def invoke_at_step(self, step):\n    self.base_trial.tensor(3)", folder)
    assert found.status == "SawNothing"
    assert "for 3" in found.details


def test_a_value_passes_for_numpys_array_whatever_is_asked_of_its_type(folder: Path) -> None:
    body = (
        "def invoke_at_step(self, step):\n    import pickle\n"
        "    one, many = (self.base_trial.tensor(name).value(step) for name in ('loss', 'w'))\n"
        "    assert [str(type(each)) for each in (one, many)] == [str(np.ndarray)] * 2\n"
        "    again = pickle.loads(pickle.dumps(one))\n"
        "    return type(one) == type(many) == type(again) and type(one) in (list, np.ndarray) and type(one) != list"
    )
    assert step_of(judged(body, folder)) == 0


def test_steps_and_phases_come_in_the_order_in_which_tensors_were_written(tmp_path: Path) -> None:
    made = TensorFolder()
    made.save(0, {"late": [1.0]}, reductions={"w": {"mean": 1.0}}, mode=Mode.EVAL)
    made.save(1, {"late": [1.0]}, mode=Mode.TRAIN)
    made.save(2, {}, reductions={"w": {"mean": 1.0}}, mode=Mode.PREDICT)
    made.write(tmp_path / "job")
    path = tmp_path / "job" / "index" / "000000000" / "000000000000_worker_0.json"
    document = json.loads(path.read_text())
    first, second = document["tensor_payload"]
    first["tensorname"], second["tensorname"] = second["tensorname"], first["tensorname"]
    path.write_text(json.dumps(document))
    body = (
        "def invoke_at_step(self, step):\n    phases = [mode.name for mode in self.base_trial.modes()]\n"
        "    return (phases, list(self.base_trial._global_to_mode)) == (['EVAL', 'PREDICT', 'TRAIN'], [0, 2, 1])"
    )
    assert step_of(judged(body, tmp_path / "job")) == 0


@pytest.mark.parametrize(("limit", "fired"), [(2, 3), (9, None)])
def test_a_class_that_is_no_rule_but_has_an_invoke_runs(limit: int, fired: int | None, folder: Path) -> None:
    (folder.parent / "own.py").write_text(
        "from smdebug.exceptions import RuleEvaluationConditionMet\n"
        "class Own:\n    def __init__(self, base_trial):\n        self.base_trial = base_trial\n"
        "    def invoke(self, step):\n        self.base_trial.wait_for_steps([step])\n"
        f"        if self.base_trial.tensor('loss').value(step).size and step > {limit}:\n"
        "            raise RuleEvaluationConditionMet('Own', step)\n"
    )
    rule = CustomRule.parse(f"{folder.parent / 'own.py'}:Own")
    found = run_custom_rule(rule, str(folder), ended=True, seconds=30, environment={})
    assert (found.finding.step if found.finding else None) == fired, found.details


def test_a_rule_that_never_calls_its_base_says_what_smdebug_says(folder: Path) -> None:
    body = "def __init__(self, base_trial): pass\ndef invoke_at_step(self, step): return True"
    assert judged(body, folder).details.startswith("AttributeError: 'R' object has no attribute 'logger'")


def test_a_rule_with_an_invoke_of_its_own_is_asked_about_every_number(folder: Path) -> None:
    (folder / "index" / "000000000" / "000000000002_worker_0.json").unlink()
    body = "def invoke_at_step(self, step): return False\nseen = []\n"
    body += "def invoke(self, step):\n    self.seen.append(step)\n    if len(self.seen) == 9:\n"
    body += "        raise RuleEvaluationConditionMet(self.rule_name, self.seen[-1])"
    assert step_of(judged(body, folder)) == 8
    assert judged(body, folder, ended=False).status == "InProgress", "not beyond what a running job has written"


def test_a_rule_that_never_ends_is_ended(folder: Path) -> None:
    body = "def invoke_at_step(self, step): return False\ndef invoke(self, step): pass"
    assert judged(body, folder).status == "NoIssuesFound"


def test_reductions_are_what_numpy_makes_of_them_and_saved_ones_are_arrays(tmp_path: Path) -> None:
    made = TensorFolder()
    made.save(0, {"w": [[1.0, -3.0]]}, reductions={"w": {"abs_max": 3.0}})
    made.write(tmp_path / "job")
    body = (
        "def invoke_at_step(self, step):\n    t = self.base_trial.tensor('w')\n"
        "    saved, made = t.reduction_value(step, 'max', abs=True), t.reduction_value(step, 'mean')\n"
        "    assert (saved.shape, saved.item(), float(saved), f'{saved.mean():.1f}') == ((1,), 3.0, 3.0, '3.0')\n"
        "    assert type(saved.mean()) is type(made) is np.float64 and repr(saved) == 'array([3.])'\n"
        "    return made.item() == -1.0 and list(t.reduction_values(step)) == [('max', True)]"
    )
    assert step_of(judged(body, tmp_path / "job")) == 0


def test_shapes_tell_of_tensors_that_were_not_saved(tmp_path: Path) -> None:
    made = TensorFolder()
    made.save(0, {"loss": [1.0]}, shapes={"w": [2, 3]})
    made.save(1, {"loss": [1.0]})
    made.write(tmp_path / "job")
    body = (
        "def invoke_at_step(self, step):\n    t = self.base_trial.tensor('w')\n    try:\n        t.value(step)\n"
        "    except TensorUnavailableForStep:\n        return (t.shape(step), t.original_name) == ((2, 3), 'w:0')"
    )
    assert step_of(judged(body, tmp_path / "job")) == 0
    body = "def invoke_at_step(self, step):\n    return self.base_trial.tensor('loss').shape(step) == (1,) and step"
    assert step_of(judged(body, tmp_path / "job")) == 1


def test_a_step_that_one_of_two_workers_wrote_is_waited_for_until_the_end(tmp_path: Path) -> None:
    made = TensorFolder(workers=2)
    for step in range(4):
        for worker in ("worker_0", "worker_1")[: 2 if step < 3 else 1]:
            made.save(step, {"loss": [float(step)]}, worker=worker)
    made.write(tmp_path / "job")
    last = "def invoke_at_step(self, step):\n    return step == 3 and self.base_trial.tensor('loss').workers(3)"
    assert judged(last, tmp_path / "job", ended=False).status == "InProgress"
    assert step_of(judged(last, tmp_path / "job")) == 3
    state = (
        "def invoke_at_step(self, step):\n    return self.base_trial.has_passed_step(3) is StepState.NOT_YET_AVAILABLE"
    )
    assert step_of(judged(state, tmp_path / "job", ended=False)) == 0


def test_devices_of_tensorflow_are_named_as_tensorflow_does(tmp_path: Path) -> None:
    made = TensorFolder()
    worker = "_job-worker_replica-0_task-0_device-GPU-0"
    made.save(0, {"loss": [1.0]}, worker=worker)
    collections = made.objects.pop("collections/000000000/worker_0_collections.json")
    made.objects[f"collections/000000000/{worker}_collections.json"] = collections
    made.write(tmp_path / "job")
    name = "/job:worker/replica:0/task:0/device:GPU:0"
    body = f"def invoke_at_step(self, step):\n    t = self.base_trial.tensor('loss')\n    name = {name!r}\n"
    body += "    return [name] == t.workers(step) == self.base_trial.workers() and t.value(step, worker=name) == 1"
    assert step_of(judged(body, tmp_path / "job")) == 0


@pytest.mark.parametrize(("workers", "files"), [(1, 0), (2, 1)])
def test_collections_that_are_missing_are_an_error_at_the_end(workers: int, files: int, tmp_path: Path) -> None:
    made = TensorFolder(workers=workers)
    made.save(0, {"loss": [1.0]})
    for key in [key for key in made.objects if key.startswith("collections/")][files:]:
        del made.objects[key]
    made.write(tmp_path / "job")
    body = "def invoke_at_step(self, step): return True"
    assert judged(body, tmp_path / "job", ended=False).status == "InProgress"
    found = judged(body, tmp_path / "job")
    assert found.details.startswith("MissingCollectionFiles: Training job has ended."), found


def test_a_rule_on_the_profile_asks_for_the_machines_metrics(tmp_path: Path) -> None:
    """AWS's rules on the profile override invoke and end where there is no more profile."""
    begin, machine = 1_600_000_000, tmp_path / "profiler-output" / "system" / "incremental" / "2020091312"
    machine.mkdir(parents=True)
    for minute in range(3):
        events = [
            {"Type": "cpu", "Name": f"cpu{core}", "Dimension": "CPUUtilization", "Value": 20.0 * (minute + 1) + core,
             "NodeId": "algo-1", "Timestamp": begin + 60 * minute + second}
            for core in range(2) for second in range(0, 60, 10)
        ]  # fmt: skip
        lines = "".join(f"{json.dumps(event)}\n" for event in events)
        (machine / f"{begin + 60 * minute}.algo-1.json").write_text(lines)
    body = (
        "def __init__(self, base_trial, threshold=90, **given):\n    super().__init__(base_trial, '')\n"
        "    self.threshold, self.at = float(threshold), base_trial.first_timestamp\n"
        "def invoke_at_step(self, step): pass\n"
        "def invoke(self, step):\n    end = self.at + 60_000_000\n"
        "    self.base_trial.wait_for_data(end, self.at)\n"
        "    events = self.base_trial.get_system_metrics(self.at, end)\n    self.at = end\n"
        "    if [e for e in events if e.type == 'cpu' and e.value > self.threshold and e.node_id == 'algo-1']:\n"
        "        raise RuleEvaluationConditionMet(self.rule_name, step)"
    )
    profile = tmp_path / "profiler-output"
    assert step_of(judged(body, profile, threshold="50")) == 1
    assert judged(body, profile, threshold="99").status == "NoIssuesFound"
    assert judged(body, profile, threshold="99", ended=False).status == "InProgress"


def test_the_modules_of_the_functions_layers_are_those_that_are_locked() -> None:
    wanted: set[str] = set()
    for layer in ("runtime", "plots"):
        lock = (ROOT / "layers" / layer / "requirements.txt").read_text()
        for name in re.findall(r"^([a-z0-9_.-]+)==[^;\n]+$", lock, re.MULTILINE):
            files = importlib.metadata.files(name) or []
            tops = {
                file.parts[0].split(".")[0]
                for file in files
                if file.suffix in (".py", ".so") and ".." not in file.parts
            }
            wanted |= {top for top in tops if top.isidentifier()}
    assert wanted - LAYER_MODULES == set()
    assert LAYER_MODULES - wanted == set()


def test_the_stand_in_imports_no_more_than_itself_and_our_reader() -> None:
    """Under its own name, never as smdebug: the process may not be one in which it is installed."""
    package = ROOT / "rules" / "gridwatch_rules" / "rules" / "custom" / "smdebug"
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "smdebug"), file
