"""What must hold of the points that a spec makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gridwatch.grid.points import count
from gridwatch.spec.model import MAX_TRIALS, ExperimentSpec
from gridwatch.spec.problems import Problem, shown


def check_search(spec: ExperimentSpec) -> Iterator[Problem]:
    trials = count(spec.factors)
    if trials > spec.limits.trials:
        factors = " x ".join(str(len(values)) for values in spec.factors.values())
        yield Problem(
            path=("grid",),
            message="the grid is over its limit",
            found=f"{trials:,} trials ({factors})",
            allowed=f"{spec.limits.trials:,} (limits.trials)",
            advice=f"raise limits.trials, up to {MAX_TRIALS:,}" if trials <= MAX_TRIALS else "split the experiment",
        )
    for name, values in spec.factors.items():
        if name in spec.hyperparameters:
            yield Problem(path=("grid", name), message="is also under hyperparameters", advice="keep one of the two")
        seen: dict[Any, int] = {}
        for index, value in enumerate(values):
            # 1 and True are one key of a dict, but not one value.
            key = (isinstance(value, bool), value)
            if key in seen:
                message = f"the value is there twice, first as {name}[{seen[key]}]"
                yield Problem(path=("grid", name, index), message=message, found=shown(value))
            seen.setdefault(key, index)
