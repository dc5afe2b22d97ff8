"""A damaged object costs the steps that it is of: rules judge the others, say what they could not see, and end so."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files
from tests.tensor_folder import MemorySource
from tests.unit.rules.judging import NOW

HIGH = RuleConfiguration("high", "MetricThreshold", {"above": 0.9, "tensor_regex": "error"})
FINITE = RuleConfiguration("finite", "MetricNonFinite", {"tensor_regex": "loss"})


def folder(values: Mapping[int, float]) -> dict[str, bytes]:
    files = [collections_file({"metrics": ["error", "loss"]})]
    for step, value in values.items():
        files += scalar_files([ScalarStep(step, 0.0, {"error": value, "loss": 1.0})])
    return dict(files)


def _with_earlier(content: bytes, step: int) -> bytes:
    document = json.loads(content)
    return json.dumps({**document, "earlier": [{**document, "step": step}]}).encode()


def index_of(objects: Mapping[str, bytes], step: int) -> str:
    (key,) = [key for key in objects if key.startswith("index/") and f"{step:012d}_" in key]
    return key


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.replace(b'"mode_step":2', b'"mode_step":1e999'),
        lambda content: _with_earlier(content, 2**63),
        lambda content: content.replace(b'"mode_step":2', b'"mode_step":-1'),
        lambda content: b"[" * 100_000,
        lambda content: content[:-3],
    ],
)
@pytest.mark.parametrize("ended", [False, True])
def test_what_comes_after_a_damaged_index_object_is_judged(damage: object, ended: bool) -> None:
    objects = folder({0: 0.1, 1: 0.1, 2: 0.1, 3: 0.99})
    key = index_of(objects, 2)
    objects[key] = damage(objects[key])  # type: ignore[operator]
    evaluation = Evaluation.create([HIGH, FINITE])
    evaluation.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=ended)
    high, finite = evaluation.statuses["high"], evaluation.statuses["finite"]
    assert high.finding is not None
    assert (high.status, high.finding.step) == (RuleStatus.ISSUES_FOUND, 3)
    assert finite.status is (RuleStatus.ERROR if ended else RuleStatus.IN_PROGRESS)
    assert finite.details.startswith(f"CorruptTensorError: {key} is damaged")


def test_damage_is_told_once_and_is_the_verdict_of_rules_that_found_nothing() -> None:
    objects = folder({0: 0.1, 1: 0.1, 2: 0.1})
    objects[index_of(objects, 1)] = b"garbage"
    evaluation = Evaluation.create([HIGH])
    changes = evaluation.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=False)
    assert [(change.status, change.details[:18]) for change in changes] == [
        (RuleStatus.IN_PROGRESS, "CorruptTensorError")
    ]
    kept = Evaluation.restore([HIGH], json.loads(json.dumps(evaluation.save())))
    objects |= folder({3: 0.1})
    assert kept.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=False) == []
    (end,) = kept.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=True)
    assert end.status is RuleStatus.ERROR
    assert end.details == changes[0].details


def test_a_damaged_value_costs_its_rule_that_step_and_other_rules_nothing() -> None:
    objects = folder({0: 0.1, 1: 0.1, 2: 0.99})
    (key,) = [key for key in objects if key.startswith("events/000000000001")]
    content = bytearray(objects[key])
    content[0] ^= 0x80  # the length of the first record, of `error`
    objects[key] = bytes(content)
    other = RuleConfiguration("other", "MetricThreshold", {"above": 2, "tensor_regex": "loss"})
    evaluation = Evaluation.create([HIGH, other])
    evaluation.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=True)
    high, sound = evaluation.statuses["high"], evaluation.statuses["other"]
    assert high.finding is not None
    assert (high.status, high.finding.step) == (RuleStatus.ISSUES_FOUND, 2)
    assert (sound.status, sound.details) == (RuleStatus.NO_ISSUES_FOUND, "")


def test_an_events_file_that_stays_cut_off_does_not_hold_up_the_steps_far_behind_it() -> None:
    values = dict.fromkeys(range(30), 0.1)
    objects = folder(values)
    (key,) = [key for key in objects if key.startswith("events/000000000005")]
    objects[key] = objects[key][:20]
    evaluation = Evaluation.create([HIGH])
    few = {name: content for name, content in objects.items() if "index/" not in name or name < index_of(objects, 20)}
    assert evaluation.advance(TensorReader(MemorySource(few), passes_over=True), now=NOW, ended=False) == []
    assert evaluation.last_step == 4, "it may still be on its way"
    evaluation.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=False)
    assert evaluation.last_step == 29
    assert key in evaluation.statuses["high"].details
    objects |= folder({30: 0.99})
    (stop,) = evaluation.advance(TensorReader(MemorySource(objects), passes_over=True), now=NOW, ended=False)
    assert stop.status is RuleStatus.ISSUES_FOUND
