"""What smdebug writes, as our reader sees it: the same as smdebug's own trial, from a folder and from S3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource
from tests.interop.conftest import BUCKET, Peers, bring


def read(folder: Path) -> dict[str, Any]:
    """In the form of peers/read_trial.py."""
    reader = TensorReader(LocalSource(folder))
    tensors: dict[str, Any] = {}
    reductions: dict[str, Any] = {}
    modes: dict[str, list[int]] = {}
    steps = list(reader.new_steps(Cursor(), ended=True))
    for saved in steps:
        modes.setdefault(saved.mode.name, []).append(saved.mode_step)
        for name in saved.names:
            for kind, absolute in saved.reductions(name):
                value = reader.reduction(saved, name, kind, absolute=absolute)
                reductions.setdefault(name, {}).setdefault(str(saved.step), {})[("abs_" if absolute else "") + kind] = (
                    value
                )
            if saved.place(name):
                value = reader.value(saved, name)
                flat = value.astype(complex).view(float) if value.dtype.kind == "c" else value
                entry = {"dtype": value.dtype.str, "shape": list(value.shape), "value": flat.reshape(-1).tolist()}
                tensors.setdefault(name, {})[str(saved.step)] = entry
    return {"steps": [saved.step for saved in steps], "modes": modes, "tensors": tensors, "reductions": reductions}


def compare(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours["steps"] == theirs["steps"]
    assert ours["tensors"] == theirs["tensors"]
    assert ours["reductions"] == theirs["reductions"]
    for mode in ("TRAIN", "EVAL"):
        assert ours["modes"][mode] == theirs["modes"][mode]


def test_we_read_what_smdebug_wrote_into_a_folder(tmp_path: Path, local_peers: Peers) -> None:
    local_peers.ask("write_trial", tmp_path / "out", 1005)
    compare(read(tmp_path / "out"), local_peers.ask("read_trial", tmp_path / "out"))
    collections = TensorReader(LocalSource(tmp_path / "out")).collections()
    assert collections.has("losses", "loss")
    assert collections.has("arrays", "array/bool")
    assert not collections.has("losses", "array/bool")


def test_we_read_what_smdebug_wrote_into_s3(tmp_path: Path, cloud_peers: Peers, s3: Any) -> None:
    uri = f"s3://{BUCKET}/theirs/debug-output"
    cloud_peers.ask("write_trial", uri, 30)
    compare(read(bring(s3, "theirs/debug-output", tmp_path)), cloud_peers.ask("read_trial", uri))
