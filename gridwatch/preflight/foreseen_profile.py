"""Foresees profiler rules over a profile as a job's machine will write it: with or without GPUs, with that many
steps.
"""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch_rules.rules.profiler.metrics import STEP_PHASE, Measurement, Sample, Span
from gridwatch_rules.rules.profiler.rule import ProfilerRule

_FEWEST = 2_000  # samples and steps: how long a job takes nobody knows, so there are enough
_SECONDS = 0.5


def foresee_profile(rule: ProfilerRule, *, gpus: int, rounds: int | None, loads: bool) -> bool:
    """Whether the rule will have data to judge by. `rounds`: the training's, None when not known; `loads`: whether
    processes may load data for it.
    """
    numbers = [value for name in _fields(rule) if isinstance(value := getattr(rule.parameters, name), int)]
    enough = _FEWEST + 2 * sum(each for each in numbers if each < 1_000_000)
    steps = enough if rounds is None else min(rounds, enough)
    for each in _measurements(gpus, enough, steps, loads=loads):
        found = rule.check_sample(each) if isinstance(each, Sample) else rule.check_span(each)
        if found is not None or rule.judged:
            return True
    return rule.conclude() is not None or rule.judged > 0


def _fields(rule: ProfilerRule) -> list[str]:
    return list(getattr(type(rule.parameters), "__dataclass_fields__", ()))


def _measurements(gpus: int, samples: int, steps: int, *, loads: bool) -> Iterator[Measurement]:
    """The measurements, with steps of each mode, since a script's modes are not known; XGBoost's are of mode GLOBAL."""
    used = {f"gpu{number}": 50.0 for number in range(gpus)}
    for number in range(samples):
        time = number * _SECONDS
        yield Sample("algo-1", time, cpu={"cpu0": 50.0}, io_wait={"cpu0": 1.0}, gpu=used, gpu_memory=used, memory=50.0)
        if number < steps:
            for mode in ("TRAIN", "EVAL", "PREDICT", "GLOBAL") if loads else ("GLOBAL",):
                yield Span("algo-1", f"{STEP_PHASE}{mode}", "step", time, 0.1, number)
        if loads and number % 50 == 0:
            yield Span("algo-1", "DataLoaderWorker", "DataLoaderWorker", time, 1.0)
