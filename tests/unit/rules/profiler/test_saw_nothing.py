"""What each profiler rule must have seen to judge: with it there is a verdict, with a little less it saw nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from gridwatch_rules.rules.catalogue import rule_names
from gridwatch_rules.rules.evaluation import RuleConfiguration
from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation, is_profiler_rule
from gridwatch_rules.rules.profiler.reader import ProfileReader
from gridwatch_rules.status import RuleStatus
from tests.tensor_folder import MemorySource
from tests.unit.rules.profiler.profiles import Profile, judge

SAW_NOTHING, NO_ISSUES = RuleStatus.SAW_NOTHING, RuleStatus.NO_ISSUES_FOUND


def samples(count: int, **values: object) -> Profile:
    made = Profile()
    for _ in range(count):
        made.sample(**values)
    return made


def steps(count: int, mode: str = "TRAIN") -> Profile:
    made = samples(1, cpu=[50.0])
    for number in range(count):
        made.span(f"Step:ModeKeys.{mode}", float(number), 1.0, step=number)
    return made


def loading(*, cores: bool) -> Profile:
    made = samples(1, cpu=[50.0]) if cores else Profile()
    made.span("DataLoaderWorker", 0.0, 1.0)
    return made


def both(count: int) -> Profile:
    return samples(count, cpu=[50.0], gpu=[95.0, 95.0], gpu_memory=[80.0, 80.0])


def cpu_alone(count: int) -> Profile:
    return samples(count, cpu=[95.0], io_wait=[60.0], memory=20.0)


@dataclass(frozen=True)
class Case:
    rule: str
    enough: Callable[[], Profile]
    short: Callable[[], Profile]
    parameters: Mapping[str, Any] = field(default_factory=dict)


CASES = [
    Case("BatchSize", lambda: both(12), lambda: both(11), {"patience": 11, "window": 4}),
    Case("BatchSize", lambda: both(12), lambda: cpu_alone(50), {"patience": 11, "window": 4}),
    Case("CPUBottleneck", lambda: both(12), lambda: both(11), {"patience": 11}),
    Case("CPUBottleneck", lambda: both(12), lambda: cpu_alone(50), {"patience": 11}),
    Case("IOBottleneck", lambda: both(12), lambda: cpu_alone(50), {"patience": 11}),
    Case("Dataloader", lambda: loading(cores=True), lambda: loading(cores=False)),
    Case("Dataloader", lambda: loading(cores=True), lambda: steps(5)),
    Case("GPUMemoryIncrease", lambda: both(12), lambda: both(11), {"patience": 5, "window": 6}),
    Case("LoadBalancing", lambda: both(12), lambda: samples(12, gpu=[50.0])),
    Case("LowGPUUtilization", lambda: both(12), lambda: both(11), {"patience": 11}),
    Case("MaxInitializationTime", lambda: steps(1), lambda: samples(5, cpu=[50.0])),
    Case("MaxInitializationTime", lambda: steps(1), lambda: steps(1, mode="EVAL")),
    Case("OverallFrameworkMetrics", lambda: steps(1), lambda: samples(5, cpu=[50.0])),
    Case("OverallSystemUsage", lambda: samples(1, cpu=[50.0]), lambda: loading(cores=False)),
    Case("ProfilerReport", lambda: steps(1), Profile),
    Case("StepOutlier", lambda: steps(101), lambda: steps(100)),
    Case("StepOutlier", lambda: steps(101, "EVAL"), lambda: steps(101), {"mode": "EVAL"}),
]


def test_every_profiler_rule_has_its_case() -> None:
    assert {name for name in rule_names() if is_profiler_rule(name)} == {case.rule for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_with_what_it_needs_a_rule_has_a_verdict_and_with_less_none(case: Case) -> None:
    found = judge(case.enough().flush(), case.rule, **case.parameters)
    # One process for one core is what the loader wants; what other rules were given is no issue.
    assert (found.status, found.details) == (NO_ISSUES, "")
    assert judge(case.short().flush(), case.rule, **case.parameters).status is SAW_NOTHING
    assert judge(Profile(), case.rule, **case.parameters).status is SAW_NOTHING


def test_a_machine_without_a_gpu_is_said_to_have_none() -> None:
    assert judge(cpu_alone(40).flush(), "CPUBottleneck").details == (
        "CPUBottleneck looks for samples of a GPU, more than 100 of one node; there were 40 samples of machines, none "
        "with a GPU, and the times of 0 steps"
    )


def test_a_state_of_an_earlier_version_is_gone_on_from() -> None:
    configuration = RuleConfiguration("it", "LowGPUUtilization", {"patience": 0})
    made = both(12)
    made.flush()
    evaluation = ProfileEvaluation.create([configuration])
    evaluation.advance(ProfileReader(MemorySource(made.objects)), ended=False)
    saved = evaluation.save()
    del saved["seen"], saved["rules"]["it"]["judged"]
    restored = ProfileEvaluation.restore([configuration], saved)
    restored.advance(ProfileReader(MemorySource(made.objects)), ended=True)
    assert restored.statuses["it"].status is NO_ISSUES
