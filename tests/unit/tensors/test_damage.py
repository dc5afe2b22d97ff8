"""Numbers and names from outside, and bits that flip: each is bounded where it enters, and costs itself alone."""

from __future__ import annotations

import json
import random
import re
import time
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridwatch_hook import Hook
from gridwatch_rules.tensors.checksum import crc32c, registers_after
from gridwatch_rules.tensors.collections import parse_collections
from gridwatch_rules.tensors.decoding import read_tensor
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.index import LARGEST_INDEX, WorkerStep, parse_index
from gridwatch_rules.tensors.layout import parse_step_key
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files
from gridwatch_rules.tensors.source import ByteRange, LocalSource
from gridwatch_rules.tensors.wire import WireError, unsound
from tests.tensor_folder import MemorySource, frame

ODD = (
    "1e999", "-1e999", "NaN", "-1", str(2**63), str(2**53), "1" + "0" * 400, "null", "[]", "{}", '""', '"../x"', "true",
    '"' + "a" * 5000 + '"', "1.5", '"\\ud800"', "[[]]", '"events"',
)  # fmt: skip
ENTRY = {"tensorname": "loss", "start_idx": 0, "length": 100}
META = {"mode": "TRAIN", "mode_step": 4, "event_file_name": "events/4/4_w.tfevents"}
INDEX = {
    "meta": META,
    "tensor_payload": [ENTRY, {**ENTRY, "tensorname": "smdebug/reductions/min/loss"}],
    "earlier": [{"step": 3, "meta": META, "tensor_payload": [ENTRY]}],
}
COLLECTIONS = {
    "collections": {"losses": {"tensor_names": ["loss"], "include_regex": ["l.*s"], "name": "losses"}},
    "_meta": {"num_workers": 1},
}


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a document."""
    inner: Any = enumerate(document) if isinstance(document, list) else ()
    for key, value in document.items() if isinstance(document, dict) else inner:
        yield (*path, key)
        yield from places(value, (*path, key))


def mutated(document: Mapping[str, Any]) -> Iterator[bytes]:
    """Each value of the document replaced by each odd one, which JSON text can hold and Python's dumps cannot say."""
    for path in places(document):
        for odd in ODD:
            changed = json.loads(json.dumps(document))
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = "@@"
            yield json.dumps(changed).replace('"@@"', odd).encode()


def test_whatever_stands_in_an_index_object_its_steps_are_bounded_or_it_is_damaged() -> None:
    found = [_index(content) for content in mutated(INDEX)]
    refusals = [each for each in found if isinstance(each, str)]
    read = [each for each in found if not isinstance(each, str)]
    assert len(refusals) > len(read) > 0
    assert max(map(len, refusals)) < 1000
    for steps in read:
        for step in steps:
            assert_bounded(step)
        assert all(earlier.step < 4 for earlier in steps[:-1])


def _index(content: bytes) -> list[WorkerStep] | str:
    try:
        steps = parse_index("index/0/4_w.json", 4, "w", content)
    except CorruptTensorError as error:
        return str(error)
    assert steps is not None
    return steps


def assert_bounded(step: WorkerStep) -> None:
    assert 0 <= step.step < 2**63
    assert 0 <= step.mode_step < 2**63
    for name, place in step.tensors.items():
        name.encode()
        assert place.key
        assert place.start + (place.length or 0) < 2**63


@pytest.mark.parametrize("step", [4, 5, 2**63])
def test_an_earlier_step_is_earlier(step: int) -> None:
    content = json.dumps(INDEX | {"earlier": [{**INDEX["earlier"][0], "step": step}]})  # type: ignore[dict-item]
    with pytest.raises(CorruptTensorError, match=r"earlier|whole number"):
        parse_index("index/0/4_w.json", 4, "w", content.encode())


def test_a_key_with_a_step_beyond_all_that_sort_by_it_is_no_index_object() -> None:
    assert parse_step_key(f"index/0/{'9' * 12}_worker_0.json") == (10**12 - 1, "worker_0")
    for digits in (13, 18, 40):  # one such step would lie behind all that come after it
        assert parse_step_key(f"index/0/{'9' * digits}_worker_0.json") is None


def test_whatever_stands_in_a_collections_file_it_is_read_or_damaged() -> None:
    damaged = 0
    for content in mutated(COLLECTIONS):
        try:
            found = parse_collections([("collections/0/w_collections.json", content)])
        except CorruptTensorError:
            damaged += 1
            continue
        assert found is not None
        assert 1 <= found.workers <= 100_000, "a step would be waited for until so many workers have reached it"
    assert damaged > 50


@pytest.mark.parametrize("nested", [b"[", b'{"a":'])
def test_deep_nesting_is_damage(nested: bytes) -> None:
    with pytest.raises(CorruptTensorError):
        parse_index("k", 0, "w", nested * 200_000 + b"x")
    with pytest.raises(CorruptTensorError):
        parse_collections([("k", nested * 200_000 + b"x")])


def test_an_object_beyond_all_that_a_hook_writes_is_not_parsed() -> None:
    content = b'{"tensor_payload":[' + b"{}," * (LARGEST_INDEX // 3 + 1) + b"{}]}"
    began = time.process_time()
    with pytest.raises(CorruptTensorError, match="bytes, where an index object has at most"):
        parse_index("k", 0, "w", content)
    assert time.process_time() - began < 0.5


def test_parsing_takes_few_times_an_objects_bytes() -> None:
    """What a hook writes takes about 6 times its bytes; the worst that JSON can say 30 times, so 480 MB at most."""
    names = [f"gradient/layer_{place}.weight" for place in range(9000)]
    payload = [{**ENTRY, "tensorname": name, "start_idx": place * 100} for place, name in enumerate(names)]
    content = json.dumps({"meta": META, "tensor_payload": payload}).encode()
    assert peak(content) < 8 * len(content)
    worst = b'{"tensor_payload":[' + b'{"":0},' * 100_000 + b"0]}"
    assert peak(worst) < 32 * len(worst)
    assert 32 * LARGEST_INDEX < 600 * 1024 * 1024


def peak(content: bytes) -> int:
    """Bytes that parsing takes beside the content."""
    tracemalloc.start()
    try:
        parse_index("k", 0, "w", content)
    except CorruptTensorError:
        pass
    finally:
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return found


def test_a_length_beyond_the_file_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"abcdef")
    tracemalloc.start()
    (content,) = LocalSource(tmp_path).read([ByteRange("small", 2, 2**31 - 1)])
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert content == b"cdef"
    assert LocalSource(tmp_path).read([ByteRange("a" * 5000, 0, 4), ByteRange("small", 2**53, 4)]) == [None, b""]


# Damage costs its own steps ------------------------------------------------------------------------------------------


def folder(steps: int = 8) -> dict[str, bytes]:
    """An index object for each step."""
    files = [collections_file({"losses": ["loss"]})]
    for step in range(steps):
        files += scalar_files([ScalarStep(step, 0.0, {"loss": float(step)})])
    return dict(files)


def index_keys(objects: Mapping[str, bytes]) -> Sequence[str]:
    return sorted(key for key in objects if key.startswith("index/"))


@pytest.mark.parametrize("content", [b"garbage", b"", b'{"meta":', b"[]"])
def test_a_damaged_index_object_is_passed_over(content: bytes) -> None:
    objects = folder()
    key = index_keys(objects)[3]
    reader = TensorReader(MemorySource(objects | {key: content}), passes_over=True)
    assert [saved.step for saved in reader.new_steps(Cursor())] == [0, 1, 2, 4, 5, 6, 7]
    assert list(reader.damage) == [key]
    strict = TensorReader(MemorySource(objects | {key: content})).new_steps(Cursor(), ended=True)
    with pytest.raises(CorruptTensorError, match=key):
        list(strict)


def test_the_last_index_object_of_a_worker_may_still_be_on_its_way() -> None:
    objects = folder()
    key = index_keys(objects)[-1]
    reader = TensorReader(MemorySource(objects | {key: objects[key][:-5]}), passes_over=True)
    assert [saved.step for saved in reader.new_steps(Cursor())] == list(range(7))
    assert not reader.damage
    assert [saved.step for saved in reader.new_steps(Cursor(), ended=True)] == list(range(7))
    assert list(reader.damage) == [key]


def test_index_objects_that_are_too_much_together_are_read_in_parts() -> None:
    class Narrow(MemorySource):
        def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
            if len(ranges) > 2:
                raise CorruptTensorError(ranges[0].key, "too much at once")
            return super().read(ranges)

    assert [saved.step for saved in TensorReader(Narrow(folder())).new_steps(Cursor(), ended=True)] == list(range(8))


# Bits that flip ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tensors")
    hook = Hook.create(str(root))
    for step in range(12):
        hook.save_scalar("loss", 1 / (step + 1), collection="losses")
        hook.save_tensor("weight", np.arange(700.0) * step, collection="weights")
        hook.next_step()
    hook.close()
    return root


def values(objects: Mapping[str, bytes], *, fetched: bool) -> dict[tuple[int, str], Any]:
    reader = TensorReader(MemorySource(objects), passes_over=True)
    found: dict[tuple[int, str], Any] = {}
    for saved in list(reader.new_steps(Cursor(), ended=True)):
        if fetched:
            reader.prefetch(place for name in saved.names if (place := saved.place(name)))
        for name in saved.names:
            try:
                found[saved.step, name] = reader.value(saved, name).tolist()
            except CorruptTensorError:
                found[saved.step, name] = "damaged"
    return found


@pytest.mark.parametrize("fetched", [True, False])
def test_every_bit_that_flips_in_an_events_file_is_noticed_or_changes_nothing(written: Path, fetched: bool) -> None:
    objects = {str(file.relative_to(written)): file.read_bytes() for file in written.rglob("*") if file.is_file()}
    sound = values(objects, fetched=fetched)
    assert len(sound) == 24
    chance, noticed = random.Random(5), 0
    events = sorted(key for key in objects if key.startswith("events/"))
    for _ in range(200):
        key = chance.choice(events)
        content = bytearray(objects[key])
        bit = chance.randrange(len(content) * 8)
        content[bit // 8] ^= 1 << bit % 8
        found = values(objects | {key: bytes(content)}, fetched=fetched)
        changed = {place for place in sound if found[place] != sound[place]}
        assert all(found[place] == "damaged" for place in changed), f"bit {bit} of {key}"
        noticed += bool(changed)
    assert noticed > 190


def logged(lines: int = 12) -> dict[str, bytes]:
    """What Gridwatch records of a job's log."""
    objects = dict([collections_file({"metrics": ["metric"], "losses": ["loss"]})])
    steps = [ScalarStep(step, 1.7e9 + step, {"loss": 1 / (step + 1), "metric": 0.5}) for step in range(lines)]
    for part in (steps[:1], steps[1:4], steps[4:]):
        objects |= scalar_files(part)
    return objects


def told(objects: Mapping[str, bytes]) -> tuple[dict[Any, Any], bool]:
    """Everything that rules are told of a folder, and whether damage was noticed."""
    reader = TensorReader(MemorySource(objects), passes_over=True)
    try:
        found: dict[Any, Any] = {"collections": reader.read_collections(ended=True)}
        noticed = False
        for each in list(reader.new_steps(Cursor(), ended=True)):
            found[each.step] = (each.mode, each.mode_step)
            for name in each.names:
                try:
                    found[each.step, name] = reader.value(each, name).tolist()
                except CorruptTensorError:
                    noticed = True
    except CorruptTensorError:
        return {}, True
    return found, noticed or bool(reader.damage)


@pytest.mark.parametrize("folder", ["collections/", "index/", "events/"])
def test_every_bit_that_flips_in_what_is_recorded_of_a_log_is_noticed_or_changes_nothing(folder: str) -> None:
    _flip_bits(logged(), folder)


@pytest.mark.parametrize("folder", ["collections/", "index/"])
def test_every_bit_that_flips_in_what_the_hook_says_of_its_tensors_is_noticed_or_changes_nothing(
    written: Path, folder: str
) -> None:
    _flip_bits({str(file.relative_to(written)): file.read_bytes() for file in written.rglob("*_*.*")}, folder)


def test_smdebug_takes_no_member_of_a_collections_file_but_its_two(written: Path) -> None:
    """Its CollectionManager.load_from_string refuses a file with another, and takes any within `_meta`."""
    for content in (*written.rglob("*_collections.json"), None):
        text = content.read_bytes() if content else collections_file({"losses": ["loss"]})[1]
        document = json.loads(text)
        assert list(document) == ["collections", "_meta"]
        assert list(document["_meta"]) == ["num_workers", "crc32"]


def _flip_bits(objects: dict[str, bytes], folder: str) -> None:
    sound, noticed = told(objects)
    assert not noticed
    chance, times = random.Random(9), 0
    keys = sorted(key for key in objects if key.startswith(folder))
    for _ in range(200):
        key = chance.choice(keys)
        content = bytearray(objects[key])
        bit = chance.randrange(len(content) * 8)
        content[bit // 8] ^= 1 << bit % 8
        found, noticed = told(objects | {key: bytes(content)})
        assert noticed or found == sound, f"bit {bit} of {key}"
        times += noticed
    assert times > 180


def test_files_of_smdebug_and_of_former_versions_carry_no_checksum_of_themselves() -> None:
    objects = {key: re.sub(rb',"crc32":"[0-9a-f]{8}"(}+)$', rb"\1", content) for key, content in logged().items()}
    assert all((objects[key] != content) is key.endswith(".json") for key, content in logged().items())
    assert told(objects) == told(logged())


def test_a_collections_file_that_ends_early_is_not_waited_for_when_many_steps_are_there() -> None:
    for lines, waits in ((12, True), (40, False)):
        objects = {key: content for step in range(lines) for key, content in scalar_files([ScalarStep(step, 0.0, {})])}
        key, content = collections_file({"losses": ["loss"]})
        reader = TensorReader(MemorySource(objects | {key: content[:-30]}))
        if waits:
            assert reader.read_collections() is None
            continue
        with pytest.raises(CorruptTensorError, match="it ends early, and 20 steps came after"):
            reader.read_collections()


@pytest.mark.parametrize("step", [-2, 10**12, 2**63 - 1, 10**30])
def test_no_saved_position_is_beyond_all_steps(step: int) -> None:
    with pytest.raises(ValueError, match="no job has saved a step"):
        Cursor.restore({"step": step, "collections": []})


def test_records_are_verified_together_as_one_by_one() -> None:
    chance = np.random.default_rng(3)
    messages = [chance.bytes(int(length)) for length in chance.integers(0, 5000, 300)]
    assert registers_after(messages) == [crc32c(message) ^ 0xFFFFFFFF for message in messages]
    assert registers_after([]) == []


def test_what_smdebug_writes_carries_no_checksum_of_its_content() -> None:
    """Its payload's checksum is that of a constant, and nothing in it makes the two the same."""
    data = Path(__file__).parents[2] / "data" / "tensors" / "boosting"
    reader = TensorReader(LocalSource(data))
    (first, *_) = reader.new_steps(Cursor(), ended=True)
    reader.prefetch(place for name in first.names if (place := first.place(name)))
    assert not reader._unsound
    assert all(np.isfinite(reader.value(first, name)).all() for name in first.names)


@pytest.mark.parametrize(
    "payload",
    [
        b"\x2a\x09\x0a\x07\x42\x05\x08\x01\x12\x01\x12",  # a shape that ends early
        b"\x2a\x14\x0a\x12\x42\x10\x08\x01\x12\x0c\x12\x0a\x08" + b"\xff" * 8 + b"\x7f",  # a dimension of 2**63
        b"\x2a\x06\x0a\x04\x12\x02ab",  # half a number
        b"\x2a\x0b\x0a\x09\x42\x07\x08\x04\x3a\x03\xff\xff\x7f",  # a value that its type does not hold
    ],
)
def test_odd_numbers_in_a_record_are_damage(payload: bytes) -> None:
    with pytest.raises(WireError):
        read_tensor(frame(payload))
    assert not unsound({"k": frame(payload)})


def test_one_long_text_among_many_does_not_make_all_of_them_long() -> None:
    texts = b"\x42\x00" * 50_000 + b"\x42\x80\x80\x04" + b"a" * 65_536
    tensor = b"\x42" + _varint(len(texts)) + texts
    value = b"\x0a" + _varint(len(tensor)) + tensor
    with pytest.raises(WireError, match="texts of more than"):
        read_tensor(frame(b"\x2a" + _varint(len(value)) + value))


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
