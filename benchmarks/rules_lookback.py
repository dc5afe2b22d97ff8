"""Measures a rule that looks ten saved steps back, over a finished job of 4,000 steps with 4 scalars each, against
smdebug.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks._tensors import alternately, evaluate, peer, written
from benchmarks.result import Result, report
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.view import StepView
from gridwatch_rules.tensors.source import LocalSource

STEPS, TENSORS, LOOK_BACK, ROUNDS, RUNS = 4000, 4, 10, 2, 5


class LookBack(Rule):
    """Reads a scalar at each step, and as it was ten saved steps before: the peer's rule."""

    name, summary = "LookBack", "looks back"
    read = 0

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self._steps: list[int] = []

    def requirement(self) -> Requirement:
        return Requirement(patterns=("^tensor_0$",))

    def check(self, view: StepView) -> None:
        self._steps = [*self._steps, view.step][-LOOK_BACK:]
        former, value = view.scalar("tensor_0", self._steps[0]), view.scalar("tensor_0")
        assert former is not None
        assert value is not None
        LookBack.read += 1
        assert value > former - 1e9

    def save(self) -> dict[str, Any]:
        return {"steps": self._steps}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._steps = list(saved["steps"])


def main() -> None:
    with written(STEPS, TENSORS, 1) as folder:
        source = LocalSource(folder)
        times, peers = alternately(
            lambda: evaluate(LookBack, source), lambda: float(peer("lookback", str(folder))), rounds=ROUNDS, runs=RUNS
        )
        assert LookBack.read == STEPS * ROUNDS * RUNS
    ours, theirs = min(times), min(peers)
    report(
        Result(
            name="rules_lookback",
            ours=round(ours, 4),
            peer=round(theirs, 3),
            unit="s",
            ratio=round(theirs / ours, 1),
            what=f"a rule with look-back over {STEPS} steps of {TENSORS} scalars written by smdebug, opening included; "
            f"peer: smdebug's create_trial and invoke_rule, without its sleep at the end; the best of "
            f"{ROUNDS * RUNS} runs and of {ROUNDS}, in turns",
            more={
                "all": [round(each, 4) for each in times],
                "peers": [round(each, 3) for each in peers],
                "wanted_ratio": 100,
            },
        )
    )


if __name__ == "__main__":
    main()
