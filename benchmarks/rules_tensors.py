"""Measures a rule that reads every tensor, over 100 steps with 50 tensors of 1,000 float64 each, against smdebug."""

from __future__ import annotations

from benchmarks._tensors import alternately, evaluate, peer, written
from benchmarks.result import Result, report
from gridwatch_rules.rules.exploding_tensor import ExplodingTensor
from gridwatch_rules.tensors.source import LocalSource

STEPS, TENSORS, SIZE, ROUNDS, RUNS = 100, 50, 1000, 4, 5


def main() -> None:
    with written(STEPS, TENSORS, SIZE) as folder:
        source = LocalSource(folder)
        times, peers = alternately(
            lambda: evaluate(ExplodingTensor, source),
            lambda: float(peer("tensors", str(folder))),
            rounds=ROUNDS,
            runs=RUNS,
        )
    ours, theirs = min(times), min(peers)
    report(
        Result(
            name="rules_tensors",
            ours=round(ours, 4),
            peer=round(theirs, 3),
            unit="s",
            ratio=round(theirs / ours, 1),
            what=f"is every element finite, over {STEPS} steps of {TENSORS} tensors of {SIZE} float64 written by "
            f"smdebug, opening included; ours: ExplodingTensor, peer: the same as a rule of smdebug; the best of "
            f"{ROUNDS * RUNS} runs and of {ROUNDS}, in turns",
            more={
                "all": [round(each, 4) for each in times],
                "peers": [round(each, 3) for each in peers],
                "wanted_ratio": 10,
            },
        )
    )


if __name__ == "__main__":
    main()
