"""Flush objects as the hook writes them: read live with few requests, and told when they are damaged."""

from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from gridwatch_hook.batch import SavedStep, encode_together
from gridwatch_hook.modes import Mode
from gridwatch_rules.judgement.reports import MetricReports
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.rules.objective import ObjectiveSoFar
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors import flushes
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from tests.tensor_folder import MemorySource, TensorFolder

KEY = "events/flushes/000000000/000000000003_worker_0.tfevents"


def saved(step: int, **tensors: float) -> SavedStep:
    found = SavedStep(step, Mode.TRAIN, step, 1_700_000_000.0 + step)
    for name, value in tensors.items():
        found.add(name, np.array([value]))
    return found


def folder(*flushed: tuple[int, ...], worker: str = "worker_0") -> dict[str, bytes]:
    """A job's folder with a flush object for each group of steps."""
    objects = dict(TensorFolder({"metrics": ["loss"]}).objects)
    for steps in flushed:
        batch = encode_together([saved(step, loss=step / 2) for step in steps], worker)
        objects[batch.events_key] = batch.events
    return objects


def losses(objects: Mapping[str, bytes], cursor: Cursor | None = None) -> dict[int, float]:
    reader = TensorReader(MemorySource(objects))
    return {each.step: reader.value(each, "loss").item() for each in reader.new_steps(cursor or Cursor())}


def test_all_steps_of_all_flushes_in_order() -> None:
    objects = folder((0,), (1, 2, 3), (5, 1_200))
    assert losses(objects) == {0: 0.0, 1: 0.5, 2: 1.0, 3: 1.5, 5: 2.5, 1_200: 600.0}
    assert losses(objects, Cursor(2)) == {3: 1.5, 5: 2.5, 1_200: 600.0}


def test_what_closing_adds_for_other_readers_is_not_read_again() -> None:
    objects = folder((0, 1))
    objects["index/completed/000000000/000000000000_worker_0.json"] = b"not even JSON"
    assert losses(objects) == {0: 0.0, 1: 0.5}


@pytest.mark.parametrize("follow", ["value first", "time first"])
def test_asking_when_each_value_was_written_costs_no_requests(follow: str) -> None:
    """The object is longer than what is read of it at first."""
    objects = folder(tuple(range(3_000)))
    source = MemorySource(objects)
    reader = TensorReader(source)
    steps = list(reader.new_steps(Cursor()))
    before = len(source.requests)
    for first in range(0, len(steps), 100):
        chunk = steps[first : first + 100]
        reader.prefetch(place for each in chunk if (place := each.place("loss")))
        for each in chunk:
            asked = [reader.value, reader.logged_at]
            for ask in asked if follow == "value first" else reversed(asked):
                ask(each, "loss")
            at = reader.logged_at(each, "loss")
            assert at is not None
            assert at.timestamp() == 1_700_000_000.0 + each.step
    assert len(source.requests) - before <= len(steps) / 100


def test_a_former_step_is_found_however_much_was_flushed_after_it() -> None:
    """The steps of a page of objects are more than the reader remembers."""
    objects = folder(*(tuple(range(first, first + 1_000)) for first in range(0, 12_000, 1_000)))
    source = MemorySource(objects)
    reader = TensorReader(source)
    for step in (0, 999, 1_000, 11_999):
        found = reader.step(step)
        assert found is not None
        assert found.step == step
    assert len(source.requests) <= 3 * 4  # a listing and an object for each place that was asked for
    assert reader.step(12_000) is None


def test_looking_back_far_at_each_step_reads_no_index_again(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    objects = folder(*(tuple(range(first, first + 1_500)) for first in range(0, 9_000, 1_500)))
    read = flushes.parse_index

    def counted(key: str, *rest: Any) -> Any:
        parsed.append(key)
        return read(key, *rest)

    monkeypatch.setattr(flushes, "parse_index", counted)
    reader = TensorReader(MemorySource(objects))
    for each in reader.new_steps(Cursor(4_000)):  # a later call, which does not know the first steps any more
        for former in (0, each.step - 3_000):
            assert reader.step(former) is not None
    # The new ones, the first, and those that are followed at a distance: each a few times, not once a step.
    assert len(parsed) <= 30


def test_a_former_step_of_several_workers_has_them_all() -> None:
    objects = folder(tuple(range(1_000)), tuple(range(1_000, 2_000)))
    objects |= {
        key: content
        for first, last in ((0, 500), (500, 1_300), (1_300, 2_000))
        for key, content in folder(tuple(range(first, last)), worker="worker_1").items()
        if "worker_1" in key
    }
    reader = TensorReader(MemorySource({**TensorFolder({"metrics": ["loss"]}, workers=2).objects, **objects}))
    for step in (0, 499, 500, 999, 1_000, 1_299, 1_300, 1_999):
        found = reader.step(step)
        assert found is not None
        assert [each.worker for each in found.workers] == ["worker_0", "worker_1"]


def test_rules_and_whoever_follows_the_objective_cost_no_request_a_step() -> None:
    objects = folder(tuple(range(3_000)))
    source = MemorySource(objects)
    rules = [
        RuleConfiguration("loss", "LossNotDecreasing", {"num_steps": 5_000}),
        RuleConfiguration("finite", "MetricNonFinite", {}),
        RuleConfiguration("objective", ObjectiveSoFar.name, {"metric": "loss"}),
        RuleConfiguration("reports", MetricReports.name, {"metric": "loss", "timed": True}),
    ]
    own = {ObjectiveSoFar.name: ObjectiveSoFar, MetricReports.name: MetricReports}

    def make(rule: str, parameters: Mapping[str, Any]) -> Rule:
        return own[rule].create(parameters) if rule in own else create_rule(rule, parameters)

    evaluation = Evaluation.create(rules, make)
    evaluation.advance(TensorReader(source), now=datetime.now(UTC), ended=False)
    assert evaluation.last_step == 2_999
    assert len(source.requests) < 40


def test_a_look_is_a_list_and_two_gets_whatever_came() -> None:
    objects = folder((0,), (1, 2, 3))
    source = MemorySource(objects)
    reader = TensorReader(source)
    cursor = Cursor(0, tuple(key for key in objects if key.startswith("collections/")), flushed=True)
    found = list(reader.new_steps(cursor))
    reader.prefetch(place for each in found for place in each.places("loss").values())
    assert [reader.value(each, "loss").item() for each in found] == [0.5, 1.0, 1.5]
    assert sorted(request.split()[0] for request in source.requests) == ["GET", "GET", "LIST"]


def test_the_cursor_remembers_how_the_folder_lists_its_steps() -> None:
    reader = TensorReader(MemorySource(folder((0, 1))))
    list(reader.new_steps(Cursor()))
    kept = reader.cursor_at(1)
    assert Cursor.restore(kept.save()) == kept
    assert kept.flushed
    assert Cursor.restore({"step": 4, "collections": []}).flushed is False  # saved before there were flush objects
    assert Cursor.restore({"step": -1, "collections": []}).flushed is None


def chain(*flushed: tuple[int, ...], first: int | None = -1) -> dict[str, bytes]:
    """Flush objects of which each says which one it follows."""
    objects, before = dict(TensorFolder({"metrics": ["loss"]}).objects), first
    for steps in flushed:
        batch = encode_together([saved(step, loss=step / 2) for step in steps], "worker_0", before)
        objects[batch.events_key] = batch.events
        before = steps[-1]
    return objects


def told(objects: Mapping[str, bytes], cursor: Cursor, *names: int) -> tuple[list[int], list[str]]:
    """The steps that are given when events have told of the objects of these last steps, and what was asked for."""
    source = MemorySource(objects)
    arrived = [f"events/flushes/000000000/{name:012d}_worker_0.tfevents" for name in names]
    found = [each.step for each in TensorReader(source, arrived=arrived).new_steps(cursor)]
    return found, [request.split()[0] for request in source.requests if "collections" not in request]


def test_what_events_told_of_needs_no_list_where_nothing_lies_between() -> None:
    objects = chain((0, 1), (2, 3), (4,))
    assert told(objects, Cursor(), 1) == ([0, 1], ["GET"])
    assert told(objects, Cursor(1, flushed=True), 3) == ([2, 3], ["GET"])
    assert told(objects, Cursor(1, flushed=True), 4, 3) == ([2, 3, 4], ["GET", "GET"])
    assert told(objects, Cursor(3, flushed=True), 3, 1) == ([], [])  # an event that comes twice


def test_an_event_that_was_lost_or_comes_late_is_made_up_for_by_the_list() -> None:
    objects = chain((0, 1), (2, 3), (4,))
    found, asked = told(objects, Cursor(1, flushed=True), 4)
    assert found == [2, 3, 4]
    assert "LIST" in asked
    assert told(objects, Cursor(), 3)[0] == [0, 1, 2, 3, 4]


def test_a_process_that_began_anew_is_listed() -> None:
    objects = chain((0, 1)) | chain((5, 6))
    assert told(objects, Cursor(1, flushed=True), 6)[0] == [5, 6]
    assert "LIST" in told(objects, Cursor(1, flushed=True), 6)[1]
    unsaid = chain((0, 1), first=None)
    assert "LIST" in told(unsaid, Cursor(), 1)[1]


def test_of_several_workers_the_folder_is_listed() -> None:
    objects = dict(TensorFolder({"metrics": ["loss"]}, workers=2).objects)
    objects |= {key: data for key, data in chain((0, 1)).items() if key.startswith("events/")}
    assert told(objects, Cursor(), 1) == ([], ["LIST", "LIST", "GET"])


def test_a_former_step_is_found_again() -> None:
    reader = TensorReader(MemorySource(folder((0,), (1, 2, 3), (4,))))
    step = reader.step(2)
    assert step is not None
    assert reader.value(step, "loss").item() == 1.0
    assert reader.step(9) is None


def test_an_index_larger_than_the_head_and_tensors_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flushes, "HEAD", 600)
    assert losses(folder(tuple(range(50)), (60,))) == {step: step / 2 for step in (*range(50), 60)}


def test_of_several_workers_a_step_is_final_when_all_have_reached_it() -> None:
    objects = dict(TensorFolder({"metrics": ["loss"]}, workers=2).objects)
    objects |= {key: data for key, data in folder((0, 1)).items() if key.startswith("events/")}
    second = encode_together([saved(0, loss=9.0)], "worker_1")
    objects[second.events_key] = second.events
    found = list(TensorReader(MemorySource(objects)).new_steps(Cursor()))
    assert [(each.step, sorted(each.places("loss"))) for each in found] == [(0, ["worker_0", "worker_1"])]


def test_an_object_that_is_not_wholly_there_is_not_yet() -> None:
    objects = folder((0,), (1, 2, 3))
    for length in (0, 5, 12, 60):
        cut = {**objects, KEY: objects[KEY][:length]}
        assert [each.step for each in TensorReader(MemorySource(cut)).new_steps(Cursor())] == [0]


def test_every_flipped_bit_of_the_index_is_told() -> None:
    data = folder((1, 2, 3))[KEY]
    length = flushes.index_record_length(KEY, data)
    assert length is not None
    untold = []
    for position in range(length):
        broken = bytearray(data)
        broken[position] ^= 1 << position % 8
        try:
            flushes.flushed_steps(KEY, 3, "worker_0", bytes(broken))
        except CorruptTensorError:
            continue
        untold.append(position)
    assert untold == []


def test_an_index_that_claims_too_much_is_refused() -> None:
    head = struct.pack("<Q", 2**40)
    head += struct.pack("<I", flushes.masked_crc32c(head))
    with pytest.raises(CorruptTensorError, match="at most"):
        flushes.index_record_length(KEY, head)


def test_a_flush_object_tells_of_nothing_outside_itself() -> None:
    steps = flushes.flushed_steps(KEY, 3, "worker_0", folder((1, 2, 3))[KEY])
    assert steps is not None
    assert {place.key for step in steps for place in step.tensors.values()} == {KEY}
    assert dataclasses.asdict(steps[0])["mode_step"] == 1


def test_every_bit_that_flips_in_a_flush_object_is_noticed_or_changes_nothing() -> None:
    objects = folder((0, 1), (2, 3), (4, 5))
    sound, chance, noticed = losses(objects), random.Random(3), 0
    keys = sorted(key for key in objects if key.startswith("events/"))
    for _ in range(200):
        key = chance.choice(keys)
        content = bytearray(objects[key])
        bit = chance.randrange(len(content) * 8)
        content[bit // 8] ^= 1 << bit % 8
        found = _tolerantly(objects | {key: bytes(content)})
        assert all(found[step] in (sound[step], None) for step in found), f"bit {bit} of {key}"
        noticed += found != sound
        others = [step for step in sound if key != keys[step // 2]]
        assert all(found[step] == sound[step] for step in others), "damage costs its own object's steps"
    assert noticed > 180


def _tolerantly(objects: Mapping[str, bytes]) -> dict[int, float | None]:
    """None for a value that is damaged; steps of a damaged index are not there."""
    reader = TensorReader(MemorySource(objects), passes_over=True)
    found: dict[int, float | None] = {}
    for each in list(reader.new_steps(Cursor(), ended=True)):
        try:
            found[each.step] = reader.value(each, "loss").item()
        except CorruptTensorError:
            found[each.step] = None
    return found


def test_a_damaged_flush_object_that_events_told_of_is_passed_over() -> None:
    objects = folder((0, 1), (2, 3), (4, 5))
    keys = sorted(key for key in objects if key.startswith("events/"))
    objects[keys[1]] = objects[keys[1]][:8] + b"\x00\x00\x00\x00" + objects[keys[1]][12:]
    cursor = Cursor(1, tuple(key for key in objects if key.startswith("collections/")), flushed=True)
    reader = TensorReader(MemorySource(objects), arrived=keys[1:], passes_over=True)
    assert [each.step for each in reader.new_steps(cursor)] == [4, 5]
    assert list(reader.damage) == [keys[1]]
