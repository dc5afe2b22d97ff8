"""Curves read from tensors: what smdebug wrote, and what is damaged or missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.source import ByteRange, LocalSource
from snapshot_experiment.curves import CurveReader
from tests.tensor_folder import MemorySource, TensorFolder

DATA = Path(__file__).parents[2] / "data" / "tensors"
COLLECTIONS = {"metrics": ["error$", "auc$"], "losses": ["loss$"], "gradients": ["gradient"]}


def test_the_curves_are_every_value_that_smdebug_reads() -> None:
    expected = json.loads((DATA / "boosting.expected.json").read_text())
    reader = CurveReader(LocalSource(DATA / "boosting"), ended=True)
    found = {(point.name, point.step): point.value for point in reader.points()}
    wanted = {
        (name, int(step)): next(iter(workers.values()))["value"][0]
        for name in expected["collections"]["metrics"]
        for step, workers in expected["values"][name].items()
    }
    assert found == pytest.approx(wanted)
    assert reader.complete


def test_a_point_has_its_mode_and_the_time_it_was_written() -> None:
    folder = TensorFolder(COLLECTIONS)
    folder.save(7, {"val-error": [0.25]}, mode=Mode.EVAL, mode_step=3)
    (point,) = CurveReader(folder.source(), ended=True).points()
    assert (point.name, point.mode, point.step, point.value) == ("val-error", "EVAL", 7, 0.25)
    assert point.logged_at == datetime.fromtimestamp(1.6e9 + 7, UTC)


def test_only_scalars_of_metrics_and_losses_are_points() -> None:
    folder = TensorFolder(COLLECTIONS)
    folder.save(
        0, {"train-error": [0.5], "loss": 2.0, "conv.loss": [0.1, 0.2, 0.3], "gradient/w": [1.0], "other": [1.0]}
    )
    assert [point.name for point in CurveReader(folder.source(), ended=True).points()] == ["train-error", "loss"]


def test_a_running_job_gives_what_is_there_and_is_not_complete() -> None:
    folder = TensorFolder(COLLECTIONS)
    for step in (0, 2, 4):
        folder.save(step, {"train-error": [step / 10]})
    reader = CurveReader(folder.source(until=2), ended=False)
    assert [point.step for point in reader.points()] == [0, 2]
    assert not reader.complete


def test_a_job_without_tensors_is_complete_when_it_is_over() -> None:
    reader = CurveReader(TensorFolder().source(), ended=True)
    assert (list(reader.points()), reader.complete) == ([], True)


def test_a_missing_events_file_leaves_the_other_points_and_is_told() -> None:
    folder = TensorFolder(COLLECTIONS)
    for step in (0, 1, 2):
        folder.save(step, {"train-error": [step / 10]})
    del folder.objects["events/000000000001/000000000001_worker_0.tfevents"]
    reader = CurveReader(folder.source(), ended=True)
    assert [point.step for point in reader.points()] == [0, 2]
    assert not reader.complete


def test_a_tensor_among_the_metrics_is_not_even_fetched() -> None:
    folder = TensorFolder(COLLECTIONS)
    folder.save(0, {"train-error": [0.5], "image-error": np.zeros(100_000)})
    asked: list[ByteRange] = []

    class Listening(MemorySource):
        def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
            asked.extend(ranges)
            return super().read(ranges)

    reader = CurveReader(Listening(folder.objects), ended=True)
    assert [point.name for point in reader.points()] == ["train-error"]
    assert reader.complete
    assert max(place.length or 0 for place in asked) < 4096


def test_more_than_can_be_read_at_once_is_told_and_spoils_no_other_job() -> None:
    folder = TensorFolder(COLLECTIONS)
    folder.save(0, {"train-error": [0.5]})

    class Refusing(MemorySource):
        def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
            if any(place.length for place in ranges):
                raise CorruptTensorError("events", "more than 1 byte would have to be read at once")
            return super().read(ranges)

    reader = CurveReader(Refusing(folder.objects), ended=True)
    assert (list(reader.points()), reader.complete) == ([], False)
    assert "more than 1 byte" in str(reader.damage)


def test_a_damaged_record_is_named_and_spoils_no_other() -> None:
    folder = TensorFolder(COLLECTIONS)
    for step in (0, 1):
        folder.save(step, {"train-error": [step / 10]})
    key = "events/000000000000/000000000000_worker_0.tfevents"
    folder.objects[key] = b"\xff" * len(folder.objects[key])
    reader = CurveReader(folder.source(), ended=True)
    assert [point.step for point in reader.points()] == [1]
    assert reader.damage is not None
    assert reader.damage.key == key
    assert not reader.complete
