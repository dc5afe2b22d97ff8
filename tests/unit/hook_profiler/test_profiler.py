"""The profiler as a training script uses it, from its calls to what a rule reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gridwatch_hook.profiler import Profiler, ProfileRange, ProfilerSettings
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from gridwatch_rules.tensors.source import LocalSource


class Loader:
    """What a PyTorch DataLoader shows of itself."""

    num_workers = 2
    pin_memory = True

    def __init__(self, batches: int) -> None:
        self._batches = batches

    def __iter__(self) -> Any:
        return iter(range(self._batches))


def measured(folder: Path) -> list[Sample | Span]:
    return list(ProfileReader(LocalSource(folder)).read(ProfileCursor(), ended=True).measurements)


def phases(folder: Path) -> list[tuple[str, int | None]]:
    spans = sorted((each for each in measured(folder) if isinstance(each, Span)), key=lambda each: each.start)
    return [(each.phase, each.step) for each in spans if each.phase != "DataLoaderWorker"]


def test_a_training(tmp_path: Path) -> None:
    with Profiler.create(str(tmp_path), ProfilerSettings(interval_ms=100)) as profiler:
        for _ in profiler.batches(Loader(2)):
            with profiler.step():
                pass
        with profiler.step("EVAL"):
            pass
    assert phases(tmp_path) == [
        ("DataLoaderIterInitialize", None),
        ("DataLoaderIter", 0), ("Step:ModeKeys.TRAIN", 0),
        ("DataLoaderIter", 1), ("Step:ModeKeys.TRAIN", 1),
        ("DataLoaderIter", 2),  # the loader had to be asked to say that there are no more
        ("Step:ModeKeys.EVAL", 0),
    ]  # fmt: skip
    found = measured(tmp_path)
    workers = [each for each in found if isinstance(each, Span) and each.phase == "DataLoaderWorker"]
    assert sorted(each.details["worker_id"] for each in workers) == [0, 1]
    began = next(each for each in found if isinstance(each, Span) and each.phase == "DataLoaderIterInitialize")
    assert (began.details["num_workers"], began.details["pin_memory"]) == (2, True)
    assert any(isinstance(each, Sample) for each in found)


def test_only_the_steps_that_were_asked_for(tmp_path: Path) -> None:
    settings = ProfilerSettings(steps=ProfileRange(start_step=3, num_steps=2), loading=None)
    with Profiler.create(str(tmp_path), settings) as profiler:
        for _ in profiler.batches(Loader(10)):
            with profiler.step():
                pass
    assert phases(tmp_path) == [("Step:ModeKeys.TRAIN", 3), ("Step:ModeKeys.TRAIN", 4)]
    assert not [each for each in measured(tmp_path) if isinstance(each, Span) and each.phase.startswith("DataLoader")]


def test_what_a_step_raises_goes_through(tmp_path: Path) -> None:
    with Profiler.create(str(tmp_path)) as profiler:
        with pytest.raises(ZeroDivisionError), profiler.step():
            raise ZeroDivisionError
        with profiler.step(number=7):
            pass
    assert phases(tmp_path) == [("Step:ModeKeys.TRAIN", 0), ("Step:ModeKeys.TRAIN", 7)]


def test_closing_twice_and_timing_afterwards(tmp_path: Path) -> None:
    profiler = Profiler.create(str(tmp_path))
    profiler.start()
    profiler.close()
    profiler.close()
    with profiler.step():
        pass
    assert not phases(tmp_path)


def test_a_place_that_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("in the way")
    profiler = Profiler.create(str(tmp_path / "file"))
    profiler.start()
    with profiler.step():
        pass
    profiler.close(seconds=0.0)
    assert profiler.outbox.report.files_lost >= 1
    assert "the profile is incomplete" in caplog.text
