"""What the hook writes, as smdebug's trial, smdebug's rules and TensorBoard's reader see it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch.localcloud import LocalCloud
from gridwatch_hook.collection import ANY_LOOP
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.modes import Mode
from gridwatch_hook.settings import Environment
from gridwatch_hook.sinks import FolderSink, Sink
from tests.interop.conftest import BUCKET, Peers

ROOT = Path(__file__).parents[2]

ARRAYS: dict[str, Any] = {
    "float16": np.array([[1.5, -2.0]], dtype=np.float16),
    "float32": np.arange(6, dtype=np.float32).reshape(2, 3) / 7,
    "float64": np.array(np.pi),
    "int32": np.array([-5, 2**31 - 1], dtype=np.int32),
    "int64": np.array([[[-(2**63)]]]),
    "uint8": np.arange(256, dtype=np.uint8),
    "bool": np.array([[True], [False]]),
    "complex128": np.array([1 + 2j, -1j]),
    "long": np.random.default_rng(1).normal(size=40_000),
    "text": np.array(["Leaf", "f1", "größe"]),
}
WIDENED = {"int8": np.array([-5, 7], dtype=np.int8), "uint16": np.array([65535], dtype=np.uint16)}


PACE = Environment.read(
    {"GRIDWATCH_PACE": json.dumps({"look_seconds": 0.05, "least_seconds": 0.01, "first_looks": 100})}
)


class Together(FolderSink):
    """A folder that is written as S3 is: one object for all that is written at once."""

    every_index_object = False


def write_all_kinds(uri: str, *, paced: bool = False, sink: Sink | None = None) -> None:
    """Ten steps in two modes: a falling loss, a growing tensor, reductions, and arrays of every type at the first."""
    listed = [
        {"CollectionName": "big", "CollectionParameters": {"include_regex": "^big", "reductions": "mean,abs_max,l2"}}
    ]
    config = HookConfig.parse({"CollectionConfigurations": listed}, ANY_LOOP)
    hook = Hook.create(uri, config, environment=PACE if paced else None, sink=sink)
    for step in range(10):
        hook.set_mode(Mode.EVAL if step % 5 == 4 else Mode.TRAIN)
        hook.save_scalar("loss", 1 / (step + 1), collection="losses")
        hook.save_tensor("growing", np.full((2, 2), float(step)))
        hook.save_tensor("big", np.array([[3.0, -4.0 * step]]), collection="big")
        if step == 0:
            for name, array in (ARRAYS | WIDENED).items():
                hook.save_tensor(f"array/{name}", array)
        hook.next_step()
    assert hook.close().clean


def test_smdebugs_trial_reads_our_shapes(tmp_path: Path, local_peers: Peers) -> None:
    """Of tensors saved as shapes, beside their reductions, and whole (of which no index may tell the shape)."""
    shape = {"save_shape": "True", "save_raw_tensor": "False"}
    listed = [
        {"CollectionName": "a", "CollectionParameters": {"include_regex": "^a", **shape}},
        {"CollectionName": "b", "CollectionParameters": {"include_regex": "^b", **shape, "reductions": "max"}},
        {"CollectionName": "c", "CollectionParameters": {"include_regex": "^c", "save_shape": "True"}},
    ]
    hook = Hook.create(str(tmp_path), HookConfig.parse({"CollectionConfigurations": listed}, ANY_LOOP))
    for step in range(3):
        for name in "abc":
            hook.save_tensor(name, np.ones((step + 1, 2)))
        hook.next_step()
    assert hook.close().clean
    answer = local_peers.ask("read_trial", tmp_path)
    assert answer["shapes"] == {name: {str(step): [step + 1, 2] for step in range(3)} for name in "abc"}
    assert list(answer["tensors"]) == ["c"]
    assert answer["reductions"] == {"b": {str(step): {"max": 1.0} for step in range(3)}}


def check(answer: dict[str, Any]) -> None:
    tensors = answer["tensors"]
    assert answer["steps"] == list(range(10))
    assert answer["modes"]["TRAIN"] == list(range(8))
    assert answer["modes"]["EVAL"] == [0, 1]
    assert answer["ended"]
    assert answer["collections"]["losses"] == ["loss"]
    assert {step: entry["value"] for step, entry in tensors["loss"].items()} == {
        str(step): [1 / (step + 1)] for step in range(10)
    }
    for name, array in ARRAYS.items():
        entry = tensors[f"array/{name}"]["0"]
        flat = array.astype(complex).view(float) if array.dtype.kind == "c" else array
        assert entry == {"dtype": array.dtype.str, "shape": list(array.shape), "value": flat.reshape(-1).tolist()}, name
    assert tensors["array/int8"]["0"]["value"] == [-5, 7]
    assert tensors["array/uint16"]["0"]["value"] == [65535]
    assert "big" not in tensors
    assert answer["reductions"]["big"]["3"] == {"mean": -4.5, "abs_max": 12.0, "l2": pytest.approx(153**0.5)}


def test_smdebugs_trial_reads_every_kind_from_a_folder(tmp_path: Path, local_peers: Peers) -> None:
    write_all_kinds(str(tmp_path / "out"))
    check(local_peers.ask("read_trial", tmp_path / "out"))


def test_smdebugs_trial_reads_every_kind_from_s3(
    cloud: LocalCloud, cloud_peers: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{BUCKET}/ours/debug-output"
    write_all_kinds(uri)
    check(cloud_peers.ask("read_trial", uri))


def test_smdebug_sees_every_step_of_a_job_whose_steps_shared_index_objects(
    cloud: LocalCloud, cloud_peers: Peers, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{BUCKET}/shared/debug-output"
    hook = Hook.create(uri)
    for step in range(300):
        hook.save_scalar("loss", float(step))
        hook.next_step()
    hook.close()
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="shared/debug-output/events/")["Contents"]
    assert len(listed) < 20  # the steps did share files
    answer = cloud_peers.ask("read_trial", uri)
    assert answer["steps"] == list(range(300))
    assert answer["tensors"]["scalar/loss"]["299"]["value"] == [299.0]


def test_peers_read_the_folder_of_a_job_that_kept_to_its_pace(tmp_path: Path, local_peers: Peers) -> None:
    write_all_kinds(str(tmp_path / "out"), paced=True, sink=Together(tmp_path / "out"))
    assert list((tmp_path / "out" / "events" / "flushes").rglob("*.tfevents"))
    check(local_peers.ask("read_trial", tmp_path / "out"))
    found = local_peers.ask("read_tensorboard", tmp_path / "out")
    assert {int(step): entry["value"] for step, entry in found["loss"].items()} == {
        step: [1 / (step + 1)] for step in range(10)
    }


def test_smdebug_reads_from_s3_what_a_job_wrote_at_its_pace(
    cloud: LocalCloud, cloud_peers: Peers, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    uri = f"s3://{BUCKET}/paced/debug-output"
    write_all_kinds(uri, paced=True)
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="paced/debug-output/index/")["Contents"]
    assert {each["Key"].split("/")[3] for each in listed} == {"completed"}
    check(cloud_peers.ask("read_trial", uri))


def test_smdebugs_rules_fire_at_the_right_step(tmp_path: Path, local_peers: Peers) -> None:
    write_all_kinds(str(tmp_path / "out"))
    assert local_peers.ask("run_rule", tmp_path / "out", "growing", 5.5) == {"fired": 6, "seen": [0, 1, 2, 3, 4, 5, 6]}
    assert local_peers.ask("run_rule", tmp_path / "out", "growing", 100)["fired"] is None


def test_tensorboards_reader_reads_the_same_files(tmp_path: Path, local_peers: Peers) -> None:
    write_all_kinds(str(tmp_path / "out"))
    found = local_peers.ask("read_tensorboard", tmp_path / "out")
    assert {int(step): entry["value"] for step, entry in found["loss"].items()} == {
        step: [1 / (step + 1)] for step in range(10)
    }
    assert found["array/long"]["0"]["value"] == ARRAYS["long"].tolist()
    assert found["array/text"]["0"]["value"] == ARRAYS["text"].tolist()
    assert found["loss"]["0"]["wall_time"] > 1.7e9


def test_one_training_watched_by_both_hooks_gives_the_same_tensors(tmp_path: Path, local_peers: Peers) -> None:
    assert local_peers.ask("train_with_both", tmp_path / "theirs", tmp_path / "ours") == {"problems": {}}
    theirs, ours = (local_peers.ask("read_trial", tmp_path / whose) for whose in ("theirs", "ours"))
    assert ours["steps"] == theirs["steps"] == [0, 2, 4, 6, 8]
    # smdebug leaves the contribution of the bias in, under a name that its own collection does not hold.
    expected = {name: steps for name, steps in theirs["tensors"].items() if name != "average_shap/bias"}
    assert ours["tensors"].keys() == expected.keys()
    for name, steps in expected.items():
        for step, entry in steps.items():
            found = ours["tensors"][name][step]
            assert found["shape"] == entry["shape"], name
            if entry["dtype"].startswith("<U"):
                assert found["value"] == entry["value"], name
            else:
                # The dump of a tree prints fewer digits as text than as JSON.
                np.testing.assert_allclose(found["value"], entry["value"], rtol=1e-6, err_msg=name)


def test_smdebug_reads_a_whole_xgboost_training(tmp_path: Path, local_peers: Peers) -> None:
    base, names = (
        tmp_path / "ml",
        ["metrics", "losses", "predictions", "labels", "feature_importance", "average_shap", "trees"],
    )
    random = np.random.default_rng(1)
    rows = np.column_stack([random.integers(0, 2, 200), random.normal(size=(200, 3))])
    for channel in ("train", "validation"):
        folder = base / "input" / "data" / channel
        folder.mkdir(parents=True)
        np.savetxt(folder / "rows.csv", rows, delimiter=",", fmt="%.6g")
    (base / "input" / "config").mkdir(parents=True)
    declared = {channel: {"ContentType": "text/csv"} for channel in ("train", "validation")}
    (base / "input" / "config" / "inputdataconfig.json").write_text(json.dumps(declared))
    listed = [{"CollectionName": name, "CollectionParameters": {"save_interval": "2"}} for name in names]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "hook"),
        "SAGEMAKER_BASE_DIR": str(base),
        "SM_HPS": json.dumps({"num_round": 5, "objective": "binary:logistic", "eval_metric": "error@0.7,logloss,auc"}),
        "GRIDWATCH_HOOK_CONFIG": json.dumps({"CollectionConfigurations": listed}),
        "GRIDWATCH_TENSORS_URI": str(tmp_path / "out"),
    }
    python = ROOT / ".venvs" / "xgboost" / "bin" / "python"
    subprocess.run([str(python), str(ROOT / "hook" / "xgboost_script" / "train.py")], env=environment, check=True)
    answer = local_peers.ask("read_trial", tmp_path / "out")
    assert answer["steps"] == [0, 2, 4]
    metrics = {f"{data}-{metric}" for data in declared for metric in ("error@0.7", "logloss", "auc")}
    assert set(answer["collections"]["metrics"]) == metrics
    assert set(answer["collections"]["losses"]) == {name for name in metrics if not name.endswith("auc")}
    assert answer["tensors"]["predictions"]["4"]["shape"] == [200]
    assert "Leaf" in answer["tensors"]["trees/Feature"]["4"]["value"]
    assert sorted(answer["collections"]["average_shap"]) == ["average_shap/f0", "average_shap/f1", "average_shap/f2"]
