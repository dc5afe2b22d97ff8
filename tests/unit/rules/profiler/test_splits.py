"""However a profile's files are split into calls, and processes, each rule finds the same."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridwatch_rules.rules.catalogue import rule_class, rule_names
from gridwatch_rules.rules.profiler.rule import ProfilerRule
from tests.unit.rules.profiler.profiles import Profile, judge

# Parameters with which the short random profiles below sometimes make a rule fire, and not at once.
EAGER: dict[str, dict[str, Any]] = {
    "BatchSize": {"patience": 4, "window": 5, "cpu_threshold_p95": 62, "scan_interval_us": 1_000_000},
    "CPUBottleneck": {
        "patience": 5,
        "gpu_threshold": 40,
        "cpu_threshold": 95,
        "threshold": 20,
        "scan_interval_us": 700_000,
    },
    "IOBottleneck": {"patience": 5, "io_threshold": 50, "threshold": 55, "scan_interval_us": 0},
    "GPUMemoryIncrease": {"patience": 3, "window": 3, "increase": 30, "scan_interval_us": 0},
    "LoadBalancing": {"patience": 8, "threshold": 0.75, "scan_interval_us": 0},
    "LowGPUUtilization": {"patience": 6, "window": 4, "threshold_p95": 25, "threshold_p5": 0, "scan_interval_us": 0},
    "OverallSystemUsage": {},
    "MaxInitializationTime": {"threshold": 0.05, "scan_interval_us": 0},
    "StepOutlier": {"stddev": 2.4, "n_outliers": 6, "mode": "TRAIN"},
    "Dataloader": {"min_threshold": 40, "max_threshold": 110},
    "OverallFrameworkMetrics": {},
    "ProfilerReport": {"LowGPUUtilization_patience": 6, "LowGPUUtilization_window": 4, "scan_interval_us": 0},
}
NEVER_FIRE = {"OverallSystemUsage", "OverallFrameworkMetrics"}


def profile(seed: int) -> Profile:
    """A short training on one node or two, with everything in it that a profiler rule looks at."""
    random_ = random.Random(seed)
    made = Profile()
    nodes = ["algo-1", "algo-2"][: random_.randint(1, 2)]
    steps = -random_.randint(0, 160)
    for second in range(12):
        for half in range(2):
            for node in nodes:
                low = random_.random() < 0.6
                made.sample(
                    node,
                    at=second + half / 2 + random_.uniform(0, 0.1),
                    cpu=[random_.uniform(0, 100) for _ in range(4)],
                    io_wait=[random_.uniform(0, 60) for _ in range(4)],
                    gpu=[random_.uniform(0, 60 if low else 100), random_.uniform(0, 100) ** 2 / 100],
                    gpu_memory=[random_.uniform(0, 100), 5.0 * second],
                    memory=random_.uniform(10, 20),
                )
        for number in range(20):
            if (steps := steps + 1) > 0:
                duration = 0.4 if random_.random() < 0.03 else random_.uniform(0.01, 0.02)
                made.step(steps, second + number / 20 - duration, duration, random_.choice(["TRAIN"] * 9 + ["EVAL"]))
        for worker in range(random_.randint(1, 5)):
            made.span("DataLoaderWorker", second + 0.01 * worker, 0.9, worker_id=worker)
        if random_.random() < 0.6:
            made.flush()
    return made.flush()


def profiler_rules() -> list[str]:
    return [name for name in rule_names() if issubclass(rule_class(name), ProfilerRule)]


def test_every_rule_is_split() -> None:
    assert set(EAGER) == set(profiler_rules())


@pytest.mark.parametrize("rule", profiler_rules())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10_000), st.sets(st.integers(0, 40), max_size=6))
def test_any_split_gives_the_same_finding(rule: str, seed: int, splits: set[int]) -> None:
    made = profile(seed)
    whole = judge(made, rule, **EAGER[rule])
    assert whole.status != "Error", whole.details
    assert judge(made, rule, sorted(splits), **EAGER[rule]) == whole


@pytest.mark.parametrize("rule", [name for name in profiler_rules() if name not in NEVER_FIRE])
def test_the_property_is_not_empty(rule: str) -> None:
    """In some of these trainings the rule fires, in some it does not."""
    found = [judge(profile(seed), rule, **EAGER[rule]).status.value for seed in range(12)]
    assert "IssuesFound" in found
    if rule != "ProfilerReport":
        assert "NoIssuesFound" in found
