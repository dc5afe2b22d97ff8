"""The folder sink, and the pace of writing."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

import pytest

from gridwatch_hook.hook import Hook
from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.sinks import FolderSink, open_sink
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import LocalSource


def test_every_step_has_an_index_file_of_its_own(tmp_path: Path) -> None:
    hook = Hook.create(str(tmp_path))
    for step in range(1002):
        hook.save_scalar("loss", step)
        hook.next_step()
    hook.close()
    assert len(list((tmp_path / "index" / "000000000").iterdir())) == 1000
    assert len(list((tmp_path / "index" / "000000001").iterdir())) == 2
    assert not list(tmp_path.rglob("*.tmp"))
    reader = TensorReader(LocalSource(tmp_path))
    steps = list(reader.new_steps(Cursor(), ended=True))
    assert [reader.value(saved, "scalar/loss").item() for saved in steps] == list(range(1002))


def test_a_restarted_job_takes_its_end_marker_away(tmp_path: Path) -> None:
    Hook.create(str(tmp_path)).close()
    assert (tmp_path / "training_job_end.ts").exists()
    hook = Hook.create(str(tmp_path))
    hook.forget_end()
    assert not (tmp_path / "training_job_end.ts").exists()
    hook.close()


@pytest.mark.parametrize("uri", ["{}", "file://{}"])
def test_paths_and_file_addresses_are_folders(tmp_path: Path, uri: str) -> None:
    sink = open_sink(uri.format(tmp_path))
    assert isinstance(sink, FolderSink)
    sink.put("a/b", b"x" * 3_000_000)
    assert (tmp_path / "a" / "b").stat().st_size == 3_000_000


@pytest.mark.parametrize("place", ["", "file://", "gs://bucket/prefix", "S3://bucket/prefix", "https://host/folder"])
def test_an_address_that_nothing_can_be_written_to_is_refused(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(f"written to {place!r}; allowed are a folder and s3://")):
        Hook.create(place)
    assert not list(tmp_path.iterdir())


def test_s3_without_boto3_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "gridwatch_hook.s3", raising=False)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigError, match=r"s3://bucket/x, which needs boto3, .* install gridwatch-hook\[s3\]"):
        Hook.create("s3://bucket/x")


def test_where_no_thread_can_be_started_any_more_closing_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ending(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", ending)
    hook = Hook.create(str(tmp_path))
    for _ in range(3):
        hook.save_scalar("loss", 1.0, collection="losses")
        hook.next_step()
    report = hook.close()
    assert (report.steps_written, report.steps_lost) == (3, 0)
    assert (tmp_path / "training_job_end.ts").exists()
