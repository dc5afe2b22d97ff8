"""The rules across trials of one job that runs: what each judges by, how far it has judged, where it stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch_rules.judgement.live import Pending, Replica, Verdict
from gridwatch_rules.judgement.reports import MetricReports
from gridwatch_rules.judgement.rule import JudgementRule
from gridwatch_rules.rules.evaluation import RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.saved_rules import VERSION, SavedRule, read_rules, save_rules
from gridwatch_rules.rules.sightings import nothing_seen
from gridwatch_rules.rules.status_change import RuleEvaluation, StatusChange
from gridwatch_rules.status import LONGEST_DETAILS, RuleStatus, condition_met
from gridwatch_rules.streams.metric_source import MetricSource

MakeRule = Callable[[str, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class CrossTrialRule:
    """One rule across trials with what it judges by."""

    rule: JudgementRule
    metric: str
    resource: str
    maximize: bool
    source: MetricSource = MetricSource.HOOK

    @property
    def reports(self) -> RuleConfiguration:
        """The rule that collects its metric, as the engine runs it. No rule of a spec has such a name."""
        timed = self.resource == "seconds"
        name = _collector(self.metric, timed=timed)
        return RuleConfiguration(name, MetricReports.name, {"metric": self.metric, "timed": timed})


@dataclass(slots=True)
class CrossTrialRules:
    """`judged`: by rule the resource up to which it has judged the job; `collected`: the reports, by their collector's
    name.
    """

    rules: Mapping[str, CrossTrialRule]
    statuses: dict[str, RuleEvaluation]
    judged: dict[str, float] = field(default_factory=dict)
    collected: dict[str, MetricReports] = field(default_factory=dict)

    @classmethod
    def restore(cls, rules: Mapping[str, CrossTrialRule], saved: Mapping[str, Any] | None) -> CrossTrialRules:
        """The rules as they were saved (None: never). Raises ValueError for a state saved by another version."""
        document = _of_this_form(saved or {})
        kept = read_rules(document, {name: each.rule.name for name, each in rules.items()}, kind="state across trials")
        statuses = {name: RuleEvaluation(RuleStatus.IN_PROGRESS) for name in rules}
        statuses |= {name: each.evaluation for name, each in kept.items()}
        judged = {name: float(each.judged) for name, each in kept.items() if each.judged is not None}
        return cls(rules, statuses, judged)

    @property
    def collectors(self) -> Mapping[str, tuple[RuleConfiguration, MetricSource]]:
        """The rules that collect reports, by name, each with the one source that it looks at."""
        return {each.reports.name: (each.reports, each.source) for each in self.rules.values()}

    def save(self) -> dict[str, Any]:
        """Everything to go on from, as JSON."""
        return save_rules(
            {
                name: SavedRule(self.rules[name].rule.name, found, judged=self.judged.get(name))
                for name, found in self.statuses.items()
            }
        )

    def active(self, names: Sequence[str]) -> dict[str, Pending]:
        """The rules of these that have no verdict yet."""
        return {
            name: Pending(self.rules[name].rule, self.judged.get(name, -math.inf))
            for name in names
            if self.statuses[name].status is RuleStatus.IN_PROGRESS
        }

    def judge(
        self, names: Sequence[str], replica: Replica, trial: str, collected: MetricReports
    ) -> Iterator[StatusChange]:
        """The changes by what the log says now of the trial and the others."""
        pending = self.active(names)
        try:
            found = replica.judge(trial, pending)
        except Exception as error:  # noqa: BLE001 - a rule may raise anything; the others of the job must go on
            details = f"{type(error).__name__}: {error}"[:LONGEST_DETAILS]
            replica.forget()
            for name in pending:
                yield self._conclude(name, RuleEvaluation(RuleStatus.ERROR, details))
            return
        if (reached := replica.reached(trial)) > -math.inf:
            self.judged |= dict.fromkeys(pending, reached)
        for name, verdict in found.items():
            finding = _finding(self.rules[name], verdict, collected)
            details = condition_met(finding.rule, finding.step)
            yield self._conclude(name, RuleEvaluation(RuleStatus.ISSUES_FOUND, details, finding))

    def finish(self, names: Sequence[str], seen: SeenOfTrial, there: str) -> Iterator[StatusChange]:
        """The trial is over: the rules of these that found nothing come to their verdicts."""
        for name in self.active(names):
            yield self._conclude(name, _without_issue(self.rules[name], seen, there))

    def fail(self, collector: str, details: str) -> Iterator[StatusChange]:
        """The rules that judge by what can no longer be collected fail."""
        for name in self.active(list(self.rules)):
            if self.rules[name].reports.name == collector:
                yield self._conclude(name, RuleEvaluation(RuleStatus.ERROR, details))

    def _conclude(self, name: str, evaluation: RuleEvaluation) -> StatusChange:
        self.statuses[name] = evaluation
        return evaluation.reached_by(name)


@dataclass(frozen=True, slots=True)
class SeenOfTrial:
    """The reports of a trial that is over. The one at the end of the planned training is not judged."""

    collected: MetricReports
    planned: float | None
    reached: float
    others: bool

    @property
    def reports(self) -> int:
        is_through = self.planned is not None and self.reached >= self.planned
        return self.collected.count - is_through


def making(make: MakeRule, collected: dict[str, MetricReports]) -> MakeRule:
    """Return a maker of the engine's rules that keeps those that collect reports in `collected`."""

    def made(rule: str, parameters: Mapping[str, Any]) -> Any:
        if rule != MetricReports.name:
            return make(rule, parameters)
        reports = MetricReports.create(parameters)
        assert isinstance(reports, MetricReports)
        collected[_collector(parameters["metric"], timed=parameters["timed"])] = reports
        return reports

    return made


def _of_this_form(saved: Mapping[str, Any]) -> Mapping[str, Any]:
    """Former versions kept the rules by their names alone, each a document."""
    return saved if isinstance(saved.get("version"), int) else {"version": VERSION, "rules": saved}


def _without_issue(rule: CrossTrialRule, seen: SeenOfTrial, there: str) -> RuleEvaluation:
    """The first trial of all is compared with none; whether its metric was finite was judged all the same."""
    judging, count = rule.rule, seen.collected.count
    if not count or seen.reports < judging.reports_needed or seen.reached < judging.resource_needed:
        times = "once" if count == 1 else f"{count:,} times"
        until = f", the last at {seen.reached:g} {rule.resource}" if math.isfinite(seen.reached) else ""
        never = f"it was never reported{there and f': {there}'}"
        saw = f"{rule.metric} was reported {times}{until}" if count else never
        wanted = judging.looks_for().replace("the objective", rule.metric)
        return RuleEvaluation(RuleStatus.SAW_NOTHING, nothing_seen(judging.name, wanted, saw))
    alone = judging.compares and not seen.others
    details = f"no other trial had reported {rule.metric} by then, so it was compared with none" if alone else ""
    return RuleEvaluation(RuleStatus.NO_ISSUES_FOUND, details)


def _finding(rule: CrossTrialRule, verdict: Verdict, collected: MetricReports) -> Finding:
    judgement = verdict.judgement
    direction = "max" if rule.maximize else "min"
    judged_by = {"metric": rule.metric, "direction": direction, "resource_unit": rule.resource, "entry": verdict.number}
    return Finding(
        rule=rule.rule.name,
        step=verdict.step,
        mode=collected.mode,
        sentence=f"by {rule.metric}, {judgement.sentence}",
        tensor=rule.metric,
        observed=judgement.observed,
        threshold=judgement.threshold,
        evidence={**judgement.evidence, **judged_by},
        source=rule.source,
    )


def _collector(metric: str, *, timed: bool) -> str:
    return f"reports of {metric}, timed" if timed else f"reports of {metric}"
