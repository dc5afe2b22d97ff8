"""What the profiler writes, as smdebug's metrics readers see it: on disk and in S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from gridwatch.localcloud import LocalCloud
from gridwatch_hook.profiler import Profiler, ProfilerSettings
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from gridwatch_rules.tensors.source import LocalSource
from tests.interop.conftest import BUCKET, Peers, bring

CORES = {"CPUUtilization", "I/OWaitPercentage"}
WHOLE_MACHINE = {
    ("memory", "MemoryUsedPercent", ""),
    ("i/o", "IOPS", ""),
    ("i/o", "ReadThroughputInBytesPerSecond", ""),
    ("i/o", "WriteThroughputInBytesPerSecond", ""),
    ("network", "ReceiveBytesPerSecond", "Algorithm"),
    ("network", "TransmitBytesPerSecond", "Algorithm"),
}


class Loader:
    """Batches that take a moment, from two workers."""

    num_workers = 2
    pin_memory = False

    def __iter__(self) -> Iterator[int]:
        for number in range(6):
            sum(range(200_000))
            yield number


def train(uri: str) -> None:
    """Six steps, and then a rest long enough for several files."""
    settings = ProfilerSettings(interval_ms=100, file_seconds=0.5)
    with Profiler.create(uri, settings, node="algo-1") as profiler:
        for _ in profiler.batches(Loader()):
            with profiler.step():
                sum(range(200_000))
        began = profiler.monotonic()
        while profiler.monotonic() - began < 1.5:
            sum(range(100_000))


def check(answer: dict[str, Any], folder: Path) -> None:
    """What smdebug sees is what our own reader sees."""
    ours = ProfileReader(LocalSource(folder)).read(ProfileCursor(), ended=True).measurements
    samples = [each for each in ours if isinstance(each, Sample)]
    spans = [each for each in ours if isinstance(each, Span)]
    kinds = {tuple(each[:3]) for each in answer["system"]}
    assert {dimension for type_, _, dimension in kinds if type_ == "cpu"} == CORES
    assert {each for each in kinds if each[0] not in ("cpu", "gpu")} == WHOLE_MACHINE
    assert {each[4] for each in answer["system"]} == {"algo-1"}
    assert {each[5] for each in answer["system"]} == {each.time for each in samples}
    busy = {(time, name): value for _, name, kind, value, _, time in answer["system"] if kind == "CPUUtilization"}
    assert busy == {(each.time, core): value for each in samples for core, value in each.cpu.items()}
    assert len(samples) >= 10
    told = sorted((phase, start, duration) for phase, _, start, duration, _, _ in answer["framework"])
    assert told == sorted((each.phase, round(each.start * 1e6), round(each.duration * 1e6)) for each in spans)
    steps = [each[5]["step_num"] for each in answer["framework"] if each[0] == "Step:ModeKeys.TRAIN"]
    assert sorted(steps) == [str(number) for number in range(6)]
    # From the start of step 1 to just before that of step 3: two steps, two or three waits, the workers' two spans.
    assert answer["by_step"] >= 6


def test_on_disk(tmp_path: Path, local_peers: Peers) -> None:
    train(str(tmp_path))
    answer = local_peers.ask("read_profile", tmp_path)
    check(answer, tmp_path)
    # The frame has no column for worker_id, and drops rows that are equal: the two workers are one.
    assert answer["frames"] == [len(answer["system"]), len(answer["framework"]) - 1]
    assert answer["initialization"] < 1e6  # microseconds before the first step
    assert answer["loading"] == [7, 1, 2]  # six batches and the end; one iterator; its two workers


def test_in_s3(tmp_path: Path, cloud: LocalCloud, s3: Any, cloud_peers: Peers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    train(f"s3://{BUCKET}/job/profiler-output")
    answer = cloud_peers.ask("read_profile", f"s3://{BUCKET}/job/profiler-output")
    check(answer, bring(s3, "job/profiler-output", tmp_path))


def test_smdebugs_timeline_is_read_by_us(tmp_path: Path, local_peers: Peers) -> None:
    began = 1_795_219_200.0
    local_peers.ask("write_timeline", tmp_path, began)
    found = ProfileReader(LocalSource(tmp_path)).read(ProfileCursor(), ended=True).measurements
    spans = [each for each in found if isinstance(each, Span)]
    assert [(each.phase, each.start - began, each.duration, each.step) for each in spans] == [
        each
        for step in range(5)
        for each in (
            ("Step:ModeKeys.TRAIN", float(step), 0.25, step),
            ("DataLoaderIter", step + 0.5, 0.125, None),
        )
    ]
    assert spans[1].details["worker_id"] == 3


def test_rounds_of_xgboost(tmp_path: Path, local_peers: Peers) -> None:
    local_peers.ask("train_with_rounds", tmp_path, Path(__file__).parents[2] / "hook")
    found = ProfileReader(LocalSource(tmp_path)).read(ProfileCursor(), ended=True).measurements
    spans = sorted((each for each in found if isinstance(each, Span)), key=lambda each: each.start)
    assert [(each.phase, each.mode, each.step) for each in spans] == [
        ("DataLoaderIter", "", None),
        *(("Step:ModeKeys.GLOBAL", "GLOBAL", step) for step in range(5, 15)),
    ]
    assert all(each.duration > 0 for each in spans)
    assert any(isinstance(each, Sample) for each in found)
