"""The hook of any loop: what readers find afterwards, and that nothing it meets reaches the training."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_hook.collection import ANY_LOOP
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.modes import Mode
from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.settings import Environment
from tests.unit.hook.memory_sink import FixedClock, MemorySink


def make_hook(sink: MemorySink, *, collections: dict[str, dict[str, Any]] | None = None, **parameters: Any) -> Hook:
    listed = [{"CollectionName": name, "CollectionParameters": given} for name, given in (collections or {}).items()]
    config = HookConfig.parse({"HookParameters": parameters, "CollectionConfigurations": listed}, ANY_LOOP)
    return Hook.create(config=config, sink=sink, clock=FixedClock())


def test_values_come_back_by_step_and_name() -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    for step in range(3):
        hook.save_scalar("lr", 0.1 * step)
        hook.save_scalar("loss", 1.0 - step, collection="losses")
        hook.save_tensor("weights", np.full((2, 2), step))
        hook.next_step()
    report = hook.close()
    assert sink.values("loss") == {0: 1.0, 1: 0.0, 2: -1.0}
    assert sink.values("scalar/lr") == {0: 0.0, 1: 0.1, 2: 0.2}
    assert sink.values("weights")[2] == [[2, 2], [2, 2]]
    assert sink.reader().collections().has("losses", "loss")
    assert sink.reader().has_ended()
    assert (report.steps_written, report.clean) == (3, True)


def test_a_collection_saves_at_its_interval() -> None:
    sink = MemorySink()
    hook = make_hook(sink, collections={"losses": {"save_interval": "3"}})
    for step in range(7):
        hook.save_scalar("loss", step, collection="losses")
        hook.next_step()
    hook.close()
    assert list(sink.values("loss")) == [0, 3, 6]


def test_modes_count_their_own_steps_in_one_order() -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    hook.set_mode(Mode.TRAIN)
    for step in range(2):
        hook.save_scalar("loss", step)
        hook.next_step()
    hook.set_mode(Mode.EVAL)
    hook.save_scalar("loss", 10)
    hook.set_mode(Mode.TRAIN)
    hook.save_scalar("loss", 2)
    hook.close()
    found = [(saved.step, saved.mode.name, saved.mode_step) for saved in sink.steps()]
    assert found == [(0, "TRAIN", 0), (1, "TRAIN", 1), (2, "EVAL", 0), (3, "TRAIN", 2)]


def test_reductions_are_saved_in_place_of_the_tensor() -> None:
    sink = MemorySink()
    hook = make_hook(sink, collections={"mine": {"include_regex": "^w", "reductions": "mean,abs_max,l2"}})
    hook.save_tensor("w:0", np.array([[3.0, -4.0]]), collection="mine")
    hook.close()
    (saved,) = sink.steps()
    reader = sink.reader()
    assert saved.place("w:0") is None
    assert reader.reduction(saved, "w", "mean") == -0.5
    assert reader.reduction(saved, "w", "max", absolute=True) == 4.0
    assert reader.reduction(saved, "w", "l2") == 5.0


def test_a_shape_is_saved_in_place_of_the_tensor_and_beside_its_reductions() -> None:
    sink = MemorySink()
    asked = {"include_regex": "^w", "save_shape": "True", "save_raw_tensor": "False"}
    hook = make_hook(sink, collections={"mine": asked, "both": {**asked, "include_regex": "^v", "reductions": "max"}})
    for size in (2, 3):
        hook.save_tensor("w", np.ones((size, 4)))
        hook.save_tensor("v", np.ones((5, size)), collection="both")
        hook.next_step()
    hook.close()
    first, second = sink.steps()
    assert [saved.shapes()["w"].shape for saved in (first, second)] == [(2, 4), (3, 4)]
    assert second.shapes()["v"].shape == (5, 3)
    assert second.names == ("v",), "of v its maximum, of w no value"
    assert sink.index(1)["shape_payload"][0] == {"tensorname": "w", "originalname": "w", "shape": [3, 4]}


def test_steps_of_shapes_alone_need_no_events_file() -> None:
    sink = MemorySink()
    hook = make_hook(sink, collections={"mine": {"include_regex": "w", "save_shape": True, "save_raw_tensor": False}})
    hook.save_tensor("w", np.zeros((0, 4)))
    hook.close()
    assert [saved.shapes()["w"].shape for saved in sink.steps()] == [(0, 4)]
    assert not [key for key in sink.puts if key.startswith("events/")]


def test_the_index_tells_no_shape_of_a_tensor_that_is_saved_whole() -> None:
    """Smdebug's reader keeps the last that the index tells of a tensor: with its shape, it finds the tensor no more."""
    sink = MemorySink()
    hook = make_hook(sink, collections={"mine": {"include_regex": "w", "save_shape": "True"}})
    hook.save_tensor("w", np.ones((2, 4)))
    hook.close()
    assert "shape_payload" not in sink.index(0)
    assert sink.values("w") == {0: [[1.0] * 4] * 2}


def test_a_tensor_without_a_collection_is_saved_as_those_that_hold_its_name_say() -> None:
    sink = MemorySink()
    hook = make_hook(sink, collections={"mine": {"include_regex": "^w", "reductions": "mean"}})
    for name in ("w", "other"):
        hook.save_tensor(name, np.array([1.0, 3.0]))
    hook.close()
    (saved,) = sink.steps()
    assert saved.place("w") is None
    assert sink.reader().reduction(saved, "w", "mean") == 2.0
    assert saved.place("other") is not None


def test_many_steps_share_a_file_and_the_last_index_object_tells_of_all() -> None:
    sink = MemorySink(every_index_object=False)
    hook = make_hook(sink)
    sink.open.clear()
    hook.save_scalar("loss", 0)
    hook.next_step()
    assert sink.reached.wait(10)  # the first step is being written; what follows waits and goes together
    for step in range(1, 8):
        hook.save_scalar("loss", step)
        hook.next_step()
    sink.open.set()
    assert hook.close().index_objects_left_out == 0
    during = sink.index_keys()[:2]
    assert during == ["index/000000000/000000000000_worker_0.json", "index/000000000/000000000007_worker_0.json"]
    assert [entry["step"] for entry in sink.index(7)["earlier"]] == [1, 2, 3, 4, 5, 6]
    assert sink.values("scalar/loss") == {step: float(step) for step in range(8)}
    # Closing gives each step an index object of its own, for readers that do not know of `earlier`.
    assert len(sink.index_keys()) == 8
    assert sink.index(3)["meta"] == sink.index(7)["earlier"][2]["meta"]
    assert sink.puts[-1] == "training_job_end.ts"


def test_without_backfill_a_reader_still_sees_every_step() -> None:
    sink = MemorySink(every_index_object=False)
    hook = make_hook(sink)
    sink.open.clear()
    for step in range(12):
        hook.save_scalar("loss", step)
        hook.next_step()
        if step == 0:
            assert sink.reached.wait(10)
    sink.open.set()
    report = hook.close(backfill_seconds=0.0)
    assert report.index_objects_left_out == 10
    assert len(sink.index_keys()) == 2
    assert list(sink.values("scalar/loss")) == list(range(12))


def test_a_failing_write_is_repeated_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sink = MemorySink(failures=2)
    environment = Environment.read({"SM_OUTPUT_DATA_DIR": str(tmp_path)})
    hook = Hook.create(sink=sink, environment=environment, clock=FixedClock())
    hook.save_scalar("loss", 1.5)
    report = hook.close()
    assert sink.values("scalar/loss") == {0: 1.5}
    assert (report.steps_written, report.steps_lost, report.failed_attempts) == (1, 0, 2)
    assert "2 attempts failed (last: OSError: the disk is on fire)" in capsys.readouterr().err
    assert json.loads((tmp_path / "gridwatch_hook.json").read_text())["failed_attempts"] == 2


def test_a_place_that_never_works_loses_steps_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    sink = MemorySink(failures=10**9)
    hook = make_hook(sink)
    hook.save_scalar("loss", 1.5)
    report = hook.close(seconds=0.0)
    assert (report.steps_written, report.steps_lost) == (0, 1)
    assert "1 steps LOST" in capsys.readouterr().err


def test_memory_is_bounded_while_writes_are_held_up() -> None:
    sink = MemorySink()
    hook = make_hook(sink, memory_limit_mb=1)
    sink.open.clear()
    for _ in range(20):
        hook.save_tensor("big", np.zeros(25_000))  # 0.2 MB each
        hook.next_step()
    sink.open.set()
    report = hook.close()
    assert 4 <= report.steps_written <= 6
    assert report.steps_written + report.steps_lost == 20


@pytest.mark.parametrize("value", [object(), [1, "a", None], np.zeros(2)])
def test_what_cannot_be_saved_is_told_once_and_training_goes_on(value: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    for _ in range(3):
        hook.save_scalar("bad", value)
        hook.save_scalar("good", 1.0)
        hook.next_step()
    report = hook.close()
    assert list(sink.values("scalar/good")) == [0, 1, 2]
    assert list(report.problems) == ["scalar/bad"]
    assert capsys.readouterr().err.count("scalar/bad is not saved") == 1


def test_only_the_first_worker_saves_unless_all_are_asked_for() -> None:
    sink = MemorySink()
    second = Hook.create(sink=sink, rank=1, workers=2, clock=FixedClock())
    second.save_scalar("loss", 1.0)
    second.next_step()
    second.close()
    assert sink.puts == []
    config = HookConfig.parse({"HookParameters": {"include_workers": "all"}}, ANY_LOOP)
    for rank in (0, 1):
        hook = Hook.create(config=config, sink=sink, rank=rank, workers=2, clock=FixedClock())
        hook.save_scalar("loss", rank)
        hook.close()
    (saved,) = sink.steps()
    assert sorted(saved.places("scalar/loss")) == ["worker_0", "worker_1"]


def test_closing_twice_and_saving_afterwards_do_nothing() -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    hook.save_scalar("loss", 1.0)
    hook.close()
    before = list(sink.puts)
    hook.save_scalar("loss", 2.0)
    hook.next_step()
    hook.close()
    assert sink.puts == before


def test_a_framework_that_says_when_steps_begin_counts_them_in_one_order() -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    for mode in (Mode.TRAIN, Mode.TRAIN, Mode.EVAL, Mode.TRAIN):
        hook.begin_step(mode)
        hook.save_scalar("loss", 1.0)
    hook.close()
    found = [(saved.step, saved.mode.name, saved.mode_step) for saved in sink.steps()]
    assert found == [(0, "TRAIN", 0), (1, "TRAIN", 1), (2, "EVAL", 0), (3, "TRAIN", 2)]


def test_a_name_that_no_pattern_knows_can_be_enlisted() -> None:
    sink = MemorySink()
    hook = make_hook(sink, collections={"metrics": {"save_interval": "2"}})
    for step in range(3):
        hook.offer("accuracy", step)  # no collection holds it yet
        hook.enlist("metrics", "mae")
        hook.enlist("nothing", "mae")
        hook.offer("mae", step)
        hook.next_step()
    hook.close()
    assert sink.values("mae") == {0: 0, 2: 2}
    assert sink.values("accuracy") == {}
    assert sink.reader().collections().has("metrics", "mae")


def test_of_a_tensor_saved_twice_at_a_step_the_last_value_counts() -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    hook.save_scalar("loss", 1.0)
    hook.save_scalar("loss", 2.0)
    hook.close()
    assert sink.values("scalar/loss") == {0: 2.0}
    assert len(sink.index(0)["tensor_payload"]) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda hook: pickle.loads(pickle.dumps(hook))])
def test_a_copy_does_nothing(duplicate: Any) -> None:
    sink = MemorySink()
    hook = make_hook(sink)
    idle = duplicate(hook)
    idle.save_scalar("loss", 1.0)
    idle.next_step()
    idle.close()
    assert sink.puts == []
    hook.save_scalar("loss", 2.0)
    hook.close()
    assert sink.values("scalar/loss") == {0: 2.0}


def test_a_forked_process_does_not_end_the_job(tmp_path: Path) -> None:
    program = """
import os, sys
from gridwatch_hook import Hook
hook = Hook.create(sys.argv[1])
if os.fork() == 0:
    sys.exit()  # runs what was registered for the process's end, the hook's closing among it
os.wait()
assert not os.path.exists(sys.argv[1] + "/training_job_end.ts")
"""
    command = [sys.executable, "-W", "ignore", "-c", program, str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONPATH": str(Path(__file__).parents[3] / "hook")})
    assert (tmp_path / "training_job_end.ts").exists()


def test_the_configuration_may_be_the_document_and_the_place_a_path(tmp_path: Path) -> None:
    document = {"HookParameters": {"save_interval": "2"}, "CollectionConfigurations": [{"CollectionName": "losses"}]}
    hook = Hook.create(tmp_path, document, clock=FixedClock())
    assert hook.config == HookConfig.parse(document, ANY_LOOP)
    hook.save_scalar("loss", 1.0)
    hook.close()
    assert list(tmp_path.glob("index/*/*.json"))
    assert Hook.create(str(tmp_path / "empty"), {}).config == HookConfig.parse({}, ANY_LOOP)


@pytest.mark.parametrize("wrong", [[], "text", 5, {"HookParameters": []}, {"Unknown": 1}])
def test_a_configuration_of_another_kind_is_refused(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ConfigError):
        Hook.create(str(tmp_path), wrong)


@pytest.mark.parametrize("content", [b"[]", b"5", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_configuration_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    for base in (tmp_path, tmp_path / "input" / "config"):
        base.mkdir(parents=True, exist_ok=True)
        file = base / "debughookconfig.json"
        file.write_bytes(content)
        named = {"SMDEBUG_CONFIG_FILE_PATH": str(file)} if base == tmp_path else {"SAGEMAKER_BASE_DIR": str(tmp_path)}
        with pytest.raises(ConfigError):
            HookConfig.parse(Environment.read(named).document, ANY_LOOP)
