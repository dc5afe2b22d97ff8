"""What ProfilerReport says about a job: which rules triggered how often, where the time went, what could be done."""

from __future__ import annotations

import pytest

from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.profiler.profiler_report import PARTS, ProfilerReport
from gridwatch_rules.rules.profiler.report_page import duration, render
from gridwatch_rules.rules.profiler.summary import ProfileSummary
from tests.unit.reports.markup import check
from tests.unit.rules.profiler.profiles import Profile, evaluation, judge


def job() -> Profile:
    """Ten seconds before the first step, ten of steps, ten after; a GPU that has nothing to do in the first half."""
    made = Profile()
    for half in range(61):
        made.sample(cpu=[20.0, 40.0], gpu=[5.0 if half < 30 else 95.0], gpu_memory=[10.0], memory=30.0)
        if 20 <= half < 40:
            made.step(half - 20, half / 2, 0.4)
            made.span("DataLoaderIter", half / 2 + 0.4, 0.1)
    return made.flush()


EAGER = {"LowGPUUtilization_patience": 10, "LowGPUUtilization_window": 10, "scan_interval_us": 2_000_000}


def report() -> ProfilerReport:
    rule = evaluation(job(), "ProfilerReport", splits=[2, 4], **EAGER).rules["it"]
    assert isinstance(rule, ProfilerReport)
    return rule


def test_it_fires_at_the_end_when_a_rule_triggered_at_any_time() -> None:
    found = judge(job(), "ProfilerReport", **EAGER)
    assert found.status == "IssuesFound"
    assert found.finding is not None
    # Looked at every two seconds, from 11 samples on while at least one of the last ten is low: at 6, 8, … 18 s.
    assert found.finding.sentence == "1 of 9 profiler rules triggered: LowGPUUtilization (7x)"
    assert judge(job(), "ProfilerReport").status == "NoIssuesFound"


def test_times() -> None:
    times = report().profile().times
    assert times is not None
    assert (times.before, times.steps, times.after, times.total) == pytest.approx((10.0, 9.9, 10.1, 30.0))


def test_usage_and_phases() -> None:
    summary = report().profile()
    cpu = next(each for each in summary.usage if each.metric == "CPU")
    assert (cpu.mean, cpu.minimum, cpu.p50, cpu.p95, cpu.maximum, cpu.samples) == (30.0, 30.0, 30.0, 30.0, 30.0, 61)
    gpu = next(each for each in summary.usage if each.metric == "GPU")
    assert (gpu.minimum, gpu.p50, gpu.maximum) == (5.0, 95.0, 95.0)
    assert gpu.mean == pytest.approx((30 * 5 + 31 * 95) / 61)
    assert [(each.phase, each.count) for each in summary.phases] == [
        ("Step:ModeKeys.TRAIN", 20),
        ("DataLoaderIter", 20),
    ]
    assert summary.phases[0].total == pytest.approx(8.0)


def test_the_page() -> None:
    found = check(report().page("a <job>"))
    for expected in ("a <job>", "1 of 9 rules triggered", "Use larger batches or fewer, smaller GPUs", "10 s (33.3 %)"):
        assert expected in found.text, expected
    assert "33.3 % of the time passed before the first step" in found.text


def test_a_machine_that_is_too_large() -> None:
    made = Profile()
    for _ in range(5):
        made.sample(cpu=[20.0, 40.0], memory=30.0)
    rule = evaluation(made.flush(), "ProfilerReport").rules["it"]
    assert isinstance(rule, ProfilerReport)
    assert [what for _, what in rule.profile().recommendations()] == ["Use a smaller instance, or more threads."]


def test_a_job_without_a_profile() -> None:
    assert "no system metrics" in check(render(ProfileSummary(None, (), (), (), 0, 0), "job")).text


def test_parameters_are_named_by_their_rule() -> None:
    rule = create_rule("ProfilerReport", {"CPUBottleneck_threshold": "30", "opt_out_telemetry": "True"})
    assert isinstance(rule, ProfilerReport)
    assert rule._parts["CPUBottleneck"].parameters.threshold == 30
    assert rule._parts["IOBottleneck"].parameters.threshold == 50
    assert set(PARTS) == set(rule._parts)
    for given in ({"CPUBottleneck_treshold": 1}, {"threshold": 1}, {"CPUBottleneck_threshold": 101}):
        with pytest.raises(RuleConfigurationError, match="allowed"):
            create_rule("ProfilerReport", given)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(7500, "2 h 05 min"), (3599.9, "1 h 00 min"), (200, "3 min 20 s"), (1.5, "1.5 s"), (0.012, "12 ms")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
