"""A rule that reads every tensor, over 100 steps with 50 tensors of 1,000 float64 each, against smdebug."""

from __future__ import annotations

import time

from benchmarks._tensors import evaluate, peer, written
from benchmarks.result import Result, report
from gridwatch.rules.exploding_tensor import ExplodingTensor
from gridwatch.tensors.source import LocalSource

STEPS, TENSORS, SIZE, RUNS = 100, 50, 1000, 5


def main() -> None:
    with written(STEPS, TENSORS, SIZE) as folder:
        times = []
        for _ in range(RUNS):
            begin = time.perf_counter()
            evaluate(ExplodingTensor, LocalSource(folder))
            times.append(time.perf_counter() - begin)
        theirs = float(peer("tensors", str(folder)))
    ours = sorted(times)[RUNS // 2]
    report(
        Result(
            name="rules_tensors",
            ours=round(ours, 4),
            peer=round(theirs, 3),
            unit="s",
            ratio=round(theirs / ours, 1),
            what=f"is every element finite, over {STEPS} steps of {TENSORS} tensors of {SIZE} float64 written by "
            f"smdebug, opening included; ours: ExplodingTensor, median of {RUNS}, peer: the same as a rule of smdebug",
            more={"all": [round(each, 4) for each in times], "wanted_ratio": 10},
        )
    )


if __name__ == "__main__":
    main()
