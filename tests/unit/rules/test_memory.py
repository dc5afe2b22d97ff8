"""What evaluating costs in memory does not depend on how long the job is."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Sequence

import numpy as np

from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.reader import TensorReader
from gridwatch_rules.tensors.source import ByteRange
from tests.tensor_folder import encode
from tests.unit.rules.judging import NOW

RULES = [
    RuleConfiguration("loss", "LossNotDecreasing", {"num_steps": 10, "diff_percent": 0}),
    RuleConfiguration("update", "WeightUpdateRatio", {"num_steps": 5, "small_threshold": 0}),
    RuleConfiguration("finite", "ExplodingTensor", {}),
    RuleConfiguration("dead", "DeadRelu", {"tensor_regex": "weight"}),
]
COLLECTIONS = (
    b'{"collections": {"losses": {"include_regex": ["loss"]}, "weights": {"include_regex": ["weight"]}},'
    b' "_meta": {"num_workers": 1}}'
)
# The same at every step, so that making the files takes no time. The reader does not know that.
RECORDS = {f"loss_{number}": encode(0, f"loss_{number}", np.array([0.5]), Mode.GLOBAL, 0) for number in range(10)}
RECORDS["weight"] = encode(0, "weight", np.random.default_rng(0).normal(size=(5, 400)), Mode.GLOBAL, 0)
EVENTS = b"".join(RECORDS.values())


class EndlessJob:
    """A job of any length whose files are made when they are read, so that they take no memory themselves."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def keys(self, prefix: str, after: str = "", limit: int | None = None) -> Sequence[str]:
        if prefix == "collections/":
            return ["collections/000000000/worker_0_collections.json"]
        if prefix != "index/":
            return []
        first = int(after.rpartition("/")[2].rstrip("~").partition("_")[0]) + 1 if after else 0
        last = min(self.steps, first + limit) if limit else self.steps
        return [f"index/{step // 1000:09d}/{step:012d}_worker_0.json" for step in range(first, last)]

    def read(self, ranges: Sequence[ByteRange]) -> Sequence[bytes | None]:
        return [self._one(place) for place in ranges]

    def _one(self, place: ByteRange) -> bytes | None:
        if place.key.startswith("collections"):
            return COLLECTIONS
        step = int(place.key.rpartition("/")[2].partition("_")[0])
        if place.key.startswith("events"):
            return EVENTS[place.start : place.start + (place.length or 0)]
        entries, start = [], 0
        for name, record in RECORDS.items():
            entries.append(f'{{"tensorname": "{name}", "start_idx": {start}, "length": {len(record)}}}')
            start += len(record)
        events = f"events/{step:012d}/{step:012d}_worker_0.tfevents"
        meta = f'{{"mode": "GLOBAL", "mode_step": {step}, "event_file_name": "{events}"}}'
        return f'{{"meta": {meta}, "tensor_payload": [{", ".join(entries)}]}}'.encode()


def peak_of(steps: int) -> int:
    evaluation = Evaluation.create(RULES)
    gc.collect()  # so that when cycles are collected depends on what is measured alone
    tracemalloc.start()
    try:
        evaluation.advance(TensorReader(EndlessJob(steps)), now=NOW, ended=True)
        assert {found.status.value for found in evaluation.statuses.values()} == {"NoIssuesFound"}
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_peak_does_not_grow_with_the_number_of_steps() -> None:
    peak_of(50)  # imports and caches of the interpreter
    short, long = peak_of(2100), peak_of(3200)
    assert long < short * 1.05, (short, long)
