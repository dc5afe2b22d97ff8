"""Measures what it costs an evaluation to verify the checksums of what Gridwatch's hook wrote: 5,000 steps of 4
scalars.

The peer is the same evaluation without that part. Both are processor time, the best of several runs.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.result import Result, report
from gridwatch_hook.hook import Hook
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration
from gridwatch_rules.tensors.ranges import read_ranges
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import ByteRange, open_folder
from gridwatch_rules.tensors.wire import unsound

STEPS, SCALARS, RUNS = 5_000, 4, 5
AT_ONCE = 128 * SCALARS  # records that an evaluation fetches together
_RULES = [
    RuleConfiguration("loss", "LossNotDecreasing", {"num_steps": STEPS, "tensor_regex": "loss"}),
    RuleConfiguration("finite", "MetricNonFinite", {"tensor_regex": "loss"}),
]


def write(folder: Path) -> None:
    hook = Hook.create(folder)
    for step in range(STEPS):
        for number in range(SCALARS):
            hook.save_scalar(f"loss_{number}", 1 / (step + 1), collection="losses")
        hook.next_step()
    hook.close()


def evaluate(folder: Path) -> None:
    evaluation = Evaluation.create(_RULES)
    evaluation.advance(TensorReader(open_folder(str(folder))), now=datetime.now(UTC), ended=True)
    assert evaluation.last_step == STEPS - 1


def records_of(folder: Path) -> list[Mapping[ByteRange, memoryview]]:
    """The records as an evaluation fetches them."""
    source = open_folder(str(folder))
    steps = TensorReader(source).new_steps(Cursor(), ended=True)
    places = [place for saved in steps for name in saved.names if (place := saved.place(name)) is not None]
    return [read_ranges(source, places[start : start + AT_ONCE]) for start in range(0, len(places), AT_ONCE)]


def fastest(work: Callable[[], object]) -> float:
    """The least processor seconds of several runs."""
    found = []
    for _ in range(RUNS):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


def measure() -> Result:
    with tempfile.TemporaryDirectory() as name:
        write(folder := Path(name))
        batches = records_of(folder)
        whole = fastest(lambda: evaluate(folder))
        verifying = fastest(lambda: [unsound(batch) for batch in batches])
    records = sum(map(len, batches))
    facts = {"verifying_s": round(verifying, 3), "records": records, "us_a_record": round(verifying / records * 1e6, 2)}
    rest = whole - verifying
    return Result(
        name="verified_records",
        ours=round(whole, 3),
        peer=round(rest, 3),
        unit="s",
        ratio=round(rest / whole, 2),
        what=f"an evaluation of {STEPS:,} steps of {SCALARS} scalars, with and without verifying what it reads",
        more=facts,
    )


if __name__ == "__main__":
    report(measure())
