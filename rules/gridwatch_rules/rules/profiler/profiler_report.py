"""ProfilerReport: runs all profiler rules and makes a page about their results."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import Kind, declare, flag
from gridwatch_rules.rules.profiler.metrics import Sample, Span
from gridwatch_rules.rules.profiler.overall_framework_metrics import OverallFrameworkMetrics
from gridwatch_rules.rules.profiler.overall_system_usage import OverallSystemUsage
from gridwatch_rules.rules.profiler.rule import ProfilerRule, scan_interval
from gridwatch_rules.rules.profiler.summary import ProfileSummary, RuleSummary, Times
from gridwatch_rules.tensors.modes import Mode

# rule -> module in this package, in the order of the page
PARTS: Mapping[str, str] = {
    "BatchSize": "batch_size",
    "CPUBottleneck": "bottleneck",
    "IOBottleneck": "bottleneck",
    "GPUMemoryIncrease": "gpu_memory_increase",
    "LoadBalancing": "load_balancing",
    "LowGPUUtilization": "low_gpu_utilization",
    "MaxInitializationTime": "max_initialization_time",
    "StepOutlier": "step_outlier",
    "Dataloader": "dataloader",
    "OverallSystemUsage": "overall_system_usage",
    "OverallFrameworkMetrics": "overall_framework_metrics",
}
_JUDGING = tuple(name for name in PARTS if not name.startswith("Overall"))


def part_class(name: str) -> type[ProfilerRule]:
    """The class of a rule that ProfilerReport runs."""
    return cast(type[ProfilerRule], getattr(import_module(f"gridwatch_rules.rules.profiler.{PARTS[name]}"), name))


def _all_parameters() -> type[Any]:
    """Declare all rules' parameters, which Debugger names `<Rule>_<parameter>`. A shared parameter is given once."""
    opt_out = flag(
        "Debugger's report told AWS how it was used unless this was True; Gridwatch's tells nobody", default=False
    )
    fields: list[Any] = [("opt_out_telemetry", bool, opt_out), ("scan_interval_us", int, scan_interval())]
    for rule in PARTS:
        for each in dataclasses.fields(part_class(rule).Parameters):
            if each.name != "scan_interval_us":
                fields.append((f"{rule}_{each.name}", each.type, _again(each)))
    return dataclasses.make_dataclass("ProfilerReportParameters", fields, frozen=True, slots=True)


def _again(field: dataclasses.Field[Any]) -> Any:
    given = field.metadata["parameter"]
    limits = {"minimum": given.minimum, "maximum": given.maximum, "choices": given.choices}
    return declare(Kind(given.kind), given.default, given.meaning, **limits)


class ProfilerReport(ProfilerRule):
    """Runs all other profiler rules, with their parameters named `<Rule>_<parameter>`, and fires at the end of the job
    when one of them triggered at any time.

    `summary` says how often each of them did, where the time went and what could be done; `page` the same as HTML.
    """

    name = "ProfilerReport"
    summary = "all profiler rules together, and a page about what they saw"
    Parameters = _all_parameters()

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters)
        self._parts = {name: _create_part(name, parameters) for name in PARTS}
        self._triggered: dict[str, int] = {}
        self._findings: dict[str, Finding] = {}  # each rule's last finding
        self._samples = 0
        self._spans = 0

    def looks_for(self) -> str:
        return "samples of a machine (system metrics), or times of what the training did (framework metrics)"

    def check_sample(self, sample: Sample) -> None:
        self._samples += 1
        self.judged += 1
        for name, part in self._parts.items():
            self._note(name, part.check_sample(sample))

    def check_span(self, span: Span) -> None:
        self._spans += 1
        self.judged += 1
        for name, part in self._parts.items():
            self._note(name, part.check_span(span))

    def conclude(self) -> Finding | None:
        for name, part in self._parts.items():
            self._note(name, part.conclude())
        if not self._triggered:
            return None
        counts = ", ".join(f"{name} ({times}x)" for name, times in self._triggered.items())
        return Finding(
            rule=self.name,
            step=0,
            mode=Mode.GLOBAL,
            observed=len(self._triggered),
            threshold=0,
            sentence=f"{len(self._triggered)} of {len(_JUDGING)} profiler rules triggered: {counts}",
        )

    def profile(self) -> ProfileSummary:
        """The summary of the profile so far."""
        usage = cast(OverallSystemUsage, self._parts["OverallSystemUsage"])
        framework = cast(OverallFrameworkMetrics, self._parts["OverallFrameworkMetrics"])
        return ProfileSummary(
            times=Times.create(usage.began, framework.first_step, framework.last_step, usage.ended),
            usage=tuple(usage.usage()),
            phases=tuple(framework.phases()),
            rules=tuple(self._rule_summary(name) for name in _JUDGING),
            samples=self._samples,
            spans=self._spans,
        )

    def page(self, title: str) -> str:
        """The report as one HTML document."""
        from gridwatch_rules.rules.profiler.report_page import render

        return render(self.profile(), title)

    def save(self) -> dict[str, Any]:
        return {
            "parts": {name: part.save() for name, part in self._parts.items()},
            "triggered": self._triggered,
            "findings": {name: each.as_json() for name, each in self._findings.items()},
            "counts": [self._samples, self._spans],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        for name, part in self._parts.items():
            part.restore(saved["parts"][name])
        self._triggered = dict(saved["triggered"])
        self._findings = {name: Finding.from_json(each) for name, each in saved["findings"].items()}
        self._samples, self._spans = saved["counts"]

    def _note(self, name: str, finding: Finding | None) -> None:
        if finding is not None:
            self._triggered[name] = self._triggered.get(name, 0) + 1
            self._findings[name] = finding

    def _rule_summary(self, name: str) -> RuleSummary:
        finding = self._findings.get(name)
        parameters = dataclasses.asdict(self._parts[name].parameters)
        sentence = finding.sentence if finding else ""
        return RuleSummary(name, self._parts[name].summary, self._triggered.get(name, 0), sentence, parameters)


def _create_part(name: str, parameters: Any) -> ProfilerRule:
    part = part_class(name)
    own = {
        each.name: getattr(parameters, each.name if each.name == "scan_interval_us" else f"{name}_{each.name}")
        for each in dataclasses.fields(part.Parameters)
    }
    return part(part.Parameters(**own))
