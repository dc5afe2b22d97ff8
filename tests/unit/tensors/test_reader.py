"""The reader against what smdebug wrote and what smdebug reads from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_rules.tensors.errors import CorruptTensorError, MissingEventsError, TensorUnavailableError
from gridwatch_rules.tensors.index import SavedShape
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import ByteRange, LocalSource
from tests.tensor_folder import MemorySource, TensorFolder

DATA = Path(__file__).parents[2] / "data" / "tensors"


def read_all(folder: str) -> dict[str, dict[str, dict[str, Any]]]:
    reader = TensorReader(LocalSource(DATA / folder))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for saved in reader.new_steps(Cursor(), ended=True):
        for name in saved.names:
            for worker, place in saved.places(name).items():
                value = reader.value_at(place, name)
                listed = value.astype(complex).view(float) if value.dtype.kind == "c" else value
                found.setdefault(name, {}).setdefault(str(saved.step), {})[worker] = {
                    "dtype": value.dtype.str, "shape": list(value.shape), "value": listed.reshape(-1).tolist(),
                }  # fmt: skip
    return found


@pytest.mark.parametrize("folder", ["boosting", "types", "phases"])
def test_reads_every_value_that_smdebug_reads(folder: str) -> None:
    expected = json.loads((DATA / f"{folder}.expected.json").read_text())["values"]
    np.testing.assert_equal(read_all(folder), expected)


@pytest.mark.parametrize("folder", ["boosting", "phases"])
def test_steps_modes_and_collections_are_smdebugs(folder: str) -> None:
    expected = json.loads((DATA / f"{folder}.expected.json").read_text())
    reader = TensorReader(LocalSource(DATA / folder))
    steps = list(reader.new_steps(Cursor(), ended=True))
    assert [saved.step for saved in steps] == expected["steps"]
    assert {str(saved.step): [saved.mode.name, saved.mode_step] for saved in steps} == expected["modes"]
    names = {name for saved in steps for name in saved.names}
    for collection, members in expected["collections"].items():
        assert sorted(name for name in names if reader.collections().has(collection, name)) == members


def test_reads_the_types_that_smdebug_writes_but_cannot_read() -> None:
    expected = {kind: np.arange(6).reshape(2, 3).astype(kind) for kind in ("i1", "i2", "u2", "u4", "u8", "c8")}
    expected["none"] = np.zeros((0, 4))
    reader = TensorReader(LocalSource(DATA / "more_types"))
    (saved,) = reader.new_steps(Cursor(), ended=True)
    assert sorted(saved.names) == sorted(expected)
    for name, value in expected.items():
        found = reader.value(saved, name)
        assert found.dtype == value.dtype
        np.testing.assert_array_equal(found, value)


def test_saved_reductions_are_read_and_missing_ones_computed() -> None:
    reader = TensorReader(LocalSource(DATA / "phases"))
    first = next(reader.new_steps(Cursor(), ended=True))
    dense = reader.value(first, "gradient/dense")
    head = reader.reduction(first, "gradient/head", "mean", absolute=True)
    assert head == pytest.approx(2 * np.abs(dense).mean())
    assert reader.reduction(first, "gradient/dense", "mean", absolute=True) == pytest.approx(np.abs(dense).mean())
    with pytest.raises(TensorUnavailableError):
        reader.reduction(first, "gradient/head", "prod")


def test_only_new_steps_come_and_the_cursor_survives_json() -> None:
    folder = TensorFolder()
    for step in range(0, 30, 3):
        folder.save(step, {"loss": [1.0]})
    seen = []
    cursor = Cursor()
    for until in (5, 5, 17, 40):
        reader = TensorReader(folder.source(until))
        for saved in reader.new_steps(Cursor.restore(json.loads(json.dumps(cursor.save())))):
            seen.append(saved.step)
            cursor = reader.cursor_at(saved.step)
    assert seen == list(range(0, 30, 3))


def test_a_call_without_new_steps_costs_one_list_and_one_get() -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]})
    reader = TensorReader(folder.source())
    assert [saved.step for saved in reader.new_steps(Cursor())] == [0]
    source = folder.source()
    assert list(TensorReader(source).new_steps(reader.cursor_at(0))) == []
    assert [request.split()[0] for request in source.requests] == ["GET", "LIST"]


def test_a_step_waits_for_all_workers_until_the_job_ends() -> None:
    folder = TensorFolder(workers=2)
    for step in (0, 1, 2):
        folder.save(step, {"loss": [step]}, worker="worker_0")
    folder.save(0, {"loss": [10]}, worker="worker_1")
    folder.save(2, {"loss": [12]}, worker="worker_1")
    partial = folder.source()
    del partial.objects["index/000000000/000000000002_worker_1.json"]
    assert [saved.step for saved in TensorReader(partial).new_steps(Cursor())] == [0]
    assert [saved.step for saved in TensorReader(partial).new_steps(Cursor(), ended=True)] == [0, 1, 2]
    # worker_1 wrote step 2, so it will never write step 1
    whole = list(TensorReader(folder.source()).new_steps(Cursor()))
    assert [(saved.step, len(saved.workers)) for saved in whole] == [(0, 2), (1, 1), (2, 2)]


def test_a_worker_that_died_is_waited_for_no_longer_than_a_window() -> None:
    folder = TensorFolder(workers=2)
    folder.save(0, {"loss": [0]}, worker="worker_1")
    for step in range(1010):
        folder.save(step, {"loss": [step]})
    steps = [saved.step for saved in TensorReader(folder.source()).new_steps(Cursor())]
    assert steps == list(range(10))


def test_steps_put_into_a_later_index_object_come_once_even_when_filled_in_afterwards() -> None:
    folder = TensorFolder()
    for step in range(0, 40, 2):
        folder.save(step, {"loss": [float(step)]})
    whole = folder.source()
    coalesced = MemorySource(whole.objects)
    keys = [key for key in sorted(whole.objects) if key.startswith("index/")]
    for position, key in enumerate(keys):
        if position % 5 != 4:
            del coalesced.objects[key]
            continue
        document = json.loads(whole.objects[key])
        document["earlier"] = [
            {"step": int(former[16:28]), **json.loads(whole.objects[former])}
            for former in keys[position - 4 : position]
        ]
        coalesced.objects[key] = json.dumps(document).encode()
    reader = TensorReader(coalesced)
    expected = list(range(0, 40, 2))
    assert [saved.step for saved in reader.new_steps(Cursor())] == expected
    # Only some were filled in at the end, in any order.
    for key in keys[1::3]:
        coalesced.objects.setdefault(key, whole.objects[key])
    assert [saved.step for saved in TensorReader(coalesced).new_steps(Cursor(), ended=True)] == expected
    assert [saved.step for saved in TensorReader(coalesced).new_steps(Cursor(step=13))] == expected[7:]
    # A former step is found in the object that describes it.
    fresh = TensorReader(coalesced)
    saved = fresh.step(12)
    assert saved is not None
    assert fresh.value(saved, "loss") == [12.0]
    assert fresh.step(13) is None


@pytest.mark.parametrize("folder", ["boosting", "phases"])
def test_an_index_file_cut_anywhere_is_not_yet(folder: str) -> None:
    source = LocalSource(DATA / folder)
    keys = [key for prefix in ("index/", "collections/", "events/") for key in source.keys(prefix)]
    from gridwatch_rules.tensors.source import ByteRange

    objects = {key: data for key, data in zip(keys, source.read([ByteRange(key) for key in keys]), strict=True) if data}
    key = "index/000000000/000000000004_worker_0.json"
    for length in range(len(objects[key])):
        cut = MemorySource({**objects, key: objects[key][:length]})
        assert [saved.step for saved in TensorReader(cut).new_steps(Cursor())] == [0, 2], length


def test_a_file_cut_when_the_job_is_over_is_damaged() -> None:
    folder = TensorFolder()
    for step in (0, 1, 2):
        folder.save(step, {"loss": [step]})
    source = folder.source()
    source.objects["index/000000000/000000000001_worker_0.json"] = b'{"meta": {'
    steps = TensorReader(source).new_steps(Cursor(), ended=True)
    assert next(steps).step == 0
    with pytest.raises(CorruptTensorError, match=r"000000000001_worker_0.json is damaged: it ends early"):
        next(steps)


@pytest.mark.parametrize(
    "content",
    [
        b'{"meta": }',
        b"[]",
        b"{}",
        b'{"meta": {}}',
        b'{"meta": {"mode": "NIGHT", "mode_step": 1}}',
        b"\xff\xfe\x00a",
        b"null",
        b'{"meta": {"mode": "GLOBAL", "mode_step": 1, "event_file_name": "events/1"}}',
        b'{"meta": {"mode": "GLOBAL", "mode_step": 1, "event_file_name": "a\\u0000b"}, "tensor_payload": []}',
        pytest.param(b"[" * 100_000, id="nested"),
        pytest.param(
            b'{"meta": {"mode": "GLOBAL", "mode_step": 1, "event_file_name": "events/1"}, "tensor_payload": '
            b'[{"tensorname": "loss", "start_idx": 1' + b"0" * 30 + b', "length": 90}]}',
            id="beyond every file",
        ),
    ],
)
def test_a_corrupt_index_file_is_an_error_that_names_it(content: bytes) -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]})
    folder.save(1, {"loss": [1.0]})
    source = folder.source()
    source.objects["index/000000000/000000000001_worker_0.json"] = content
    steps = TensorReader(source).new_steps(Cursor())
    assert next(steps).step == 0
    with pytest.raises(CorruptTensorError, match=r"index/000000000/000000000001_worker_0.json"):
        next(steps)


def test_bytes_that_are_missing_or_damaged_are_told_from_each_other() -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": np.arange(8.0), "other": [2.0]})
    events = "events/000000000000/000000000000_worker_0.tfevents"
    source = folder.source()
    reader = TensorReader(source)
    (saved,) = reader.new_steps(Cursor())
    place = saved.place("other")
    assert place is not None
    whole = source.objects[events]
    source.objects[events] = whole[:-1]
    assert reader.prefetch([place]) == {place}
    source.objects[events] = whole[: place.start] + bytes(place.length or 0)
    assert reader.prefetch([place]) == frozenset()
    with pytest.raises(CorruptTensorError, match=events):
        reader.value(saved, "other")


def test_an_events_file_that_is_missing_is_told_from_one_that_is_short() -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]})
    source = folder.source()
    reader = TensorReader(source)
    (saved,) = reader.new_steps(Cursor(), ended=True)
    events = "events/000000000000/000000000000_worker_0.tfevents"
    whole = source.objects.pop(events)
    with pytest.raises(MissingEventsError, match="the index names it, and it is missing"):
        reader.value(saved, "loss")
    source.objects[events] = whole[:-1]
    with pytest.raises(CorruptTensorError, match="it ends before byte") as short:
        reader.value(saved, "loss")
    assert not isinstance(short.value, MissingEventsError)


def test_shapes_are_read_beside_tensors_and_without_them() -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]}, shapes={"w": [2, 3]})
    folder.save(1, {}, shapes={"w": [4], "none": []})
    source = folder.source()
    (key,) = (key for key in source.objects if key.endswith("000000000001_worker_0.json"))
    document = json.loads(source.objects[key])
    del document["tensor_payload"], document["meta"]["event_file_name"]
    source.objects[key] = json.dumps(document).encode()
    first, second = TensorReader(source).new_steps(Cursor(), ended=True)
    assert (first.names, first.shapes()["w"]) == (("loss",), SavedShape((2, 3), "w:0"))
    assert (second.names, second.shapes()["w"].shape, second.shapes()["none"].shape) == ((), (4,), ())


@pytest.mark.parametrize("shape", [[-1], [2**60], ["3"], [1] * 65, 3, None])
def test_a_shape_that_is_none_is_damage(shape: Any) -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]})
    source = folder.source()
    key = "index/000000000/000000000000_worker_0.json"
    document = json.loads(source.objects[key])
    document["shape_payload"] = [{"tensorname": "w", "shape": shape}]
    source.objects[key] = json.dumps(document).encode()
    with pytest.raises(CorruptTensorError, match=key):
        list(TensorReader(source).new_steps(Cursor(), ended=True))


def test_a_folder_where_a_file_should_be_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "events" / "1").mkdir(parents=True)
    with pytest.raises(OSError, match="events/1"):
        LocalSource(tmp_path).read([ByteRange("events/1")])


def test_a_step_saved_under_another_name_than_indexed_is_damage() -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]})
    source = folder.source()
    key = "index/000000000/000000000000_worker_0.json"
    source.objects[key] = source.objects[key].replace(b'"loss"', b'"gain"')
    reader = TensorReader(source)
    (saved,) = reader.new_steps(Cursor())
    with pytest.raises(CorruptTensorError, match="'loss' where the index says 'gain'"):
        reader.value(saved, "gain")


def test_nothing_is_read_before_the_collections_are_there() -> None:
    folder = TensorFolder()
    folder.save(0, {"loss": [1.0]})
    source = folder.source()
    del source.objects["collections/000000000/worker_0_collections.json"]
    assert list(TensorReader(source).new_steps(Cursor())) == []
    assert [saved.step for saved in TensorReader(source).new_steps(Cursor(), ended=True)] == [0]


def test_collections_half_written_are_waited_for_and_damaged_ones_told() -> None:
    folder = TensorFolder({"losses": ["loss"]})
    folder.save(0, {"loss": [1.0]})
    key = "collections/000000000/worker_0_collections.json"
    whole = folder.objects[key]
    for length in range(len(whole)):
        source = folder.source()
        source.objects[key] = whole[:length]
        assert list(TensorReader(source).new_steps(Cursor())) == [], length
    for content, ended in ((whole.replace(b":", b";"), False), (b"[" * 100_000, False), (b"", True)):
        source.objects[key] = content
        with pytest.raises(CorruptTensorError, match=key):
            list(TensorReader(source).new_steps(Cursor(), ended=ended))


def test_more_tensors_than_can_be_looked_at_are_damage() -> None:
    folder = TensorFolder({"losses": ["loss"]})
    folder.save(0, {"loss": [1.0]})
    (key,) = (key for key in folder.objects if key.startswith("index/"))
    document = json.loads(folder.objects[key])
    document["tensor_payload"] *= 100_001
    folder.objects[key] = json.dumps(document).encode()
    with pytest.raises(CorruptTensorError, match="more than 100,000 tensors"):
        list(TensorReader(folder.source()).new_steps(Cursor(), ended=True))


@pytest.mark.parametrize("patterns", [["(a+)+$"], [f"a{n}" for n in range(501)], [["a"]], [{}]])
def test_patterns_of_a_collections_file_that_would_take_for_ever_are_damage(patterns: list[Any]) -> None:
    folder = TensorFolder({"losses": ["loss"]})
    folder.save(0, {"loss": [1.0]})
    key = "collections/000000000/worker_0_collections.json"
    document = json.loads(folder.objects[key])
    document["collections"]["losses"]["include_regex"] = patterns
    folder.objects[key] = json.dumps(document).encode()
    with pytest.raises(CorruptTensorError, match=key):
        TensorReader(folder.source()).read_collections()


def test_the_end_marker_is_seen() -> None:
    folder = TensorFolder()
    assert not TensorReader(folder.source()).has_ended()
    folder.end()
    assert TensorReader(folder.source()).has_ended()


def test_the_folder_used_in_tests_is_encoded_as_smdebug_does() -> None:
    folder = TensorFolder({"metrics": ["^[a-zA-z]+-[a-zA-z0-9]+$"], "losses": ["^[a-zA-z]+-.+(?<!(auc|map))$"]})
    error = 0.1597
    folder.save(0, {
        "train-error": np.array([error]), "train-auc": np.array([0.8]),
        "validation-error": np.array([error + 0.01]), "validation-auc": np.array([0.79]),
    })  # fmt: skip
    for key in ("events/000000000000/000000000000_worker_0.tfevents", "index/000000000/000000000000_worker_0.json"):
        assert folder.objects[key] == (DATA / "boosting" / key).read_bytes()


def test_modes_are_named_in_every_way_people_write_them() -> None:
    assert Mode.named("train") is Mode.named("modes.TRAIN") is Mode.named("ModeKeys.TRAIN") is Mode.TRAIN
    with pytest.raises(ValueError, match="TRAIN, EVAL, PREDICT, GLOBAL"):
        Mode.named("night")


def test_a_former_step_has_all_its_workers_however_many_steps_one_of_them_puts_into_an_object() -> None:
    folder = TensorFolder({"metrics": [".*"]}, workers=2)
    for worker in ("worker_0", "worker_1"):
        for step in range(150):
            folder.save(step, {"loss": [1.0]}, worker=worker)
    objects = dict(folder.objects)
    *earlier, last = (f"index/000000000/{step:012d}_worker_1.json" for step in range(150))
    entries = [{**json.loads(objects.pop(key)), "step": step} for step, key in enumerate(earlier)]
    objects[last] = json.dumps({**json.loads(objects[last]), "earlier": entries}).encode()

    found = TensorReader(MemorySource(objects)).step(5)

    assert found is not None
    assert [each.worker for each in found.workers] == ["worker_0", "worker_1"]
