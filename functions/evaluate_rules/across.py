"""The rules of one job that look across the trials of its experiment.

Its reports go to the experiment's log, whose entries nobody changes; a call whose entry's number is taken waits at
random, reads on and tries the next. Then the rules judge, by what the log says up to each report: a call that comes
twice, late, or after one that died comes to the same verdicts, because how far each rule has judged is saved with the
job's evaluation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError, StateStore
from gridwatch.state.unreadable import if_readable
from gridwatch.streams.source import source_of
from gridwatch_rules.judgement.catalogue import create_judgement_rule, is_judgement_rule
from gridwatch_rules.judgement.history import Ending
from gridwatch_rules.judgement.live import (
    Pending,
    Replica,
    TrialReports,
    Verdict,
    as_earlier_entry,
    first_entry,
    log_name,
)
from gridwatch_rules.judgement.reported import ReportsRecord
from gridwatch_rules.judgement.reports import MetricReports
from gridwatch_rules.judgement.rule import JudgementRule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import RuleConfiguration, RuleEvaluation, RuleStatusChange
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.sightings import nothing_seen
from gridwatch_rules.status import RuleStatus, condition_met
from gridwatch_rules.streams.metric_source import MetricSource

_LOGS = 16  # that one process remembers, as long as they have no more reports than these, 250 MB
_REPORTS = 1_000_000
_LONGEST_DETAILS = 1024
_ENDINGS = {TrialState.COMPLETED: Ending.COMPLETED, TrialState.FAILED: Ending.FAILED}


@dataclass(frozen=True, slots=True)
class Use:
    """One rule across trials with what it judges by."""

    rule: JudgementRule
    metric: str
    resource: str
    maximize: bool
    source: MetricSource = MetricSource.HOOK

    @classmethod
    def of(cls, policy: RulePolicy, job: JobRecord) -> Use:
        """Without a metric of its own it judges by the experiment's objective. Raises RuleConfigurationError."""
        rule = create_judgement_rule(policy.rule, policy.parameters)
        metric = rule.parameters.metric or job.objective_metric
        objective = job.objective_direction if metric == job.objective_metric else None
        maximize = rule.maximizes(metric, objective)
        return cls(rule, metric, rule.parameters.resource, maximize, source_of(job, metric))

    @property
    def reports(self) -> RuleConfiguration:
        """What collects its metric, in the terms of the engine. No rule of a spec has such a name."""
        timed = self.resource == "seconds"
        name = _collector(self.metric, timed=timed)
        return RuleConfiguration(name, MetricReports.name, {"metric": self.metric, "timed": timed})


@dataclass(slots=True)
class Across:
    """`judged`: by rule the resource up to which it has judged the job; `collected`: the reports, by their collector's
    name.
    """

    uses: Mapping[str, Use]
    statuses: dict[str, RuleEvaluation]
    judged: dict[str, float] = field(default_factory=dict)
    collected: dict[str, MetricReports] = field(default_factory=dict)

    @classmethod
    def restore(cls, policies: Sequence[RulePolicy], job: JobRecord, saved: Mapping[str, Any] | None) -> Across:
        """As it was saved (None: never)."""
        uses = {policy.name: Use.of(policy, job) for policy in policies}
        kept = saved or {}
        statuses = {name: _restored(kept.get(name), uses[name].rule.name) for name in uses}
        judged = {
            name: float(kept[name]["judged"]) for name in uses if name in kept and kept[name]["judged"] is not None
        }
        return cls(uses, statuses, judged)

    @property
    def collectors(self) -> Mapping[str, tuple[RuleConfiguration, MetricSource]]:
        """By name what collects reports, and the one source that it looks at."""
        return {use.reports.name: (use.reports, use.source) for use in self.uses.values()}

    def save(self) -> dict[str, Any]:
        return {
            name: {
                "rule": self.uses[name].rule.name,
                "status": found.status.value,
                "details": found.details,
                "finding": found.finding.as_json() if found.finding else None,
                "judged": self.judged.get(name),
            }
            for name, found in self.statuses.items()
        }

    def active(self, names: Sequence[str]) -> dict[str, Pending]:
        """The rules of these that have no verdict yet."""
        return {
            name: Pending(self.uses[name].rule, self.judged.get(name, -math.inf))
            for name in names
            if self.statuses[name].status is RuleStatus.IN_PROGRESS
        }

    def fail(self, collector: str, details: str) -> Iterator[RuleStatusChange]:
        """The rules that judge by what can no longer be collected."""
        for name in self.active(list(self.uses)):
            if self.uses[name].reports.name == collector:
                yield self.conclude(name, RuleEvaluation(RuleStatus.ERROR, details))

    def conclude(self, name: str, evaluation: RuleEvaluation) -> RuleStatusChange:
        self.statuses[name] = evaluation
        rule = self.uses[name].rule.name
        return RuleStatusChange(name, rule, evaluation.status, evaluation.details, evaluation.finding)


def _restored(kept: Mapping[str, Any] | None, rule: str) -> RuleEvaluation:
    if kept is None or kept["rule"] != rule:
        return RuleEvaluation(RuleStatus.IN_PROGRESS)
    finding = Finding.from_json(kept["finding"]) if kept["finding"] else None
    return RuleEvaluation(RuleStatus(kept["status"]), kept["details"], finding)


def is_across(policy: RulePolicy) -> bool:
    return policy.source is None and is_judgement_rule(policy.rule)


@dataclass(slots=True)
class Bench:
    """Judges jobs across trials. It remembers the logs it has read; of one that it has read it reads what is new."""

    store: StateStore
    patience: Patience = field(default_factory=Patience)
    _replicas: dict[tuple[str, bool], Replica] = field(default_factory=dict)

    def advance(
        self, job: JobRecord, across: Across, *, ended: bool, there: Callable[[MetricSource], str]
    ) -> Iterator[RuleStatusChange]:
        """The rules whose status becomes another by what was just collected, and with `ended` by the end of the job.
        `there`: in words what the job saved of a source, for rules whose metric was not among it.

        Raises GridwatchError, and ConflictError when others write all the time.
        """
        ending = self._ending(job) if ended else None
        for (log, maximize), names in _by_log(job, across).items():
            use = across.uses[names[0]]
            collected = across.collected[use.reports.name]
            reports = [
                (float(each.step), resource, each.value)
                for each in collected.fresh
                if math.isfinite(resource := each.resource(use.resource, counted=use.source is MetricSource.LOG))
            ]
            told = TrialReports(_trial(job), reports, collected.planned(use.resource, job.hyperparameters), ending)
            replica = self._replica(log, maximize=maximize)
            self._record(replica, told, job, use)
            yield from _judged(job, across, names, replica, collected)
            if ended:
                for name in across.active(names):
                    seen = _Seen(collected, told.planned, replica.reached(told.trial), replica.knows_others(told.trial))
                    yield across.conclude(name, _without_issue(across.uses[name], seen, there(use.source)))

    def _record(self, replica: Replica, told: TrialReports, job: JobRecord, use: Use) -> None:
        log = log_name(job.experiment, use.metric, use.resource)
        for _ in self.patience.tries():
            replica.extend(self.store.reports_after(log, replica.number))
            try:
                if not replica.number:
                    self._add(replica, self._beginning(log, job, use))
                self._add(replica, told.entries(replica, log))
            except ConflictError:
                continue
            if (first := replica.lacks_earlier) is not None:
                replica.precede(self._earlier(first))
            return
        raise ConflictError(f"the reports of {log} are written to all the time")

    def _add(self, replica: Replica, records: Iterable[ReportsRecord]) -> None:
        for record in records:
            self.store.add_reports(record)
            replica.extend([record])

    def _beginning(self, log: str, job: JobRecord, use: Use) -> Iterator[ReportsRecord]:
        """What an experiment that starts from another knows of it when its own first trial reports."""
        experiment = if_readable(lambda: self.store.get_experiment(job.experiment))
        start = (experiment.document.get("start_from") or {}) if experiment else {}
        if earlier := start.get("experiment"):
            earlier_log = log_name(earlier, use.metric, use.resource)
            if known := len(self.store.reports_after(earlier_log, 0)):
                yield first_entry(log, earlier_log, known)

    def _earlier(self, first: ReportsRecord) -> list[ReportsRecord]:
        """The entries that the log's first one names, those before them first. A log names only what was there before
        it, so this ends.
        """
        records = list(self.store.reports_after(first.earlier_log or "", 0)[: first.earlier_number])
        before = self._earlier(records[0]) if records and records[0].earlier_log else []
        return [*before, *(as_earlier_entry(record) for record in records if not record.earlier_log)]

    def _replica(self, log: str, *, maximize: bool) -> Replica:
        """The one remembered, now the last to be forgotten."""
        replica = self._replicas.pop((log, maximize), None) or Replica(maximize=maximize)
        self._replicas[log, maximize] = replica
        while len(self._replicas) > 1 and (len(self._replicas) > _LOGS or self._remembered > _REPORTS):
            self._replicas.pop(next(iter(self._replicas)))
        return replica

    @property
    def _remembered(self) -> int:
        return sum(replica.reports for replica in self._replicas.values())

    def _ending(self, job: JobRecord) -> Ending:
        """Of an attempt that the trial has left behind nobody knows it: it did not complete."""
        trial = if_readable(lambda: self.store.get_trial(job.experiment, job.trial_id))
        if trial is None or trial.job_name != job.job_name:
            return Ending.STOPPED
        return _ENDINGS.get(trial.state, Ending.STOPPED)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a rule had of a trial that is over. The report at the end of the planned training is not judged."""

    collected: MetricReports
    planned: float | None
    reached: float
    others: bool

    @property
    def reports(self) -> int:
        is_through = self.planned is not None and self.reached >= self.planned
        return self.collected.count - is_through


def _without_issue(use: Use, seen: _Seen, there: str) -> RuleEvaluation:
    """The first trial of all is compared with none; whether its metric was finite was judged all the same."""
    rule, count = use.rule, seen.collected.count
    if not count or seen.reports < rule.reports_needed or seen.reached < rule.resource_needed:
        times = "once" if count == 1 else f"{count:,} times"
        until = f", the last at {seen.reached:g} {use.resource}" if math.isfinite(seen.reached) else ""
        saw = f"{use.metric} was reported {times}{until}" if count else f"it was never reported{there and f': {there}'}"
        wanted = rule.looks_for().replace("the objective", use.metric)
        return RuleEvaluation(RuleStatus.SAW_NOTHING, nothing_seen(rule.name, wanted, saw))
    alone = rule.compares and not seen.others
    details = f"no other trial had reported {use.metric} by then, so it was compared with none" if alone else ""
    return RuleEvaluation(RuleStatus.NO_ISSUES_FOUND, details)


def _trial(job: JobRecord) -> str:
    """Each attempt begins a curve of its own."""
    return f"{job.trial_id}-{job.attempt}"


def _by_log(job: JobRecord, across: Across) -> dict[tuple[str, bool], list[str]]:
    logs: dict[tuple[str, bool], list[str]] = {}
    for name, use in across.uses.items():
        logs.setdefault((log_name(job.experiment, use.metric, use.resource), use.maximize), []).append(name)
    return logs


def _judged(
    job: JobRecord, across: Across, names: Sequence[str], replica: Replica, collected: MetricReports
) -> Iterator[RuleStatusChange]:
    trial, pending = _trial(job), across.active(names)
    try:
        found = replica.judge(trial, pending)
    except Exception as error:  # noqa: BLE001 - a rule may raise anything; the others of the job must go on
        details = f"{type(error).__name__}: {error}"[:_LONGEST_DETAILS]
        replica.forget()
        for name in pending:
            yield across.conclude(name, RuleEvaluation(RuleStatus.ERROR, details))
        return
    if (reached := replica.reached(trial)) > -math.inf:
        across.judged |= dict.fromkeys(pending, reached)
    for name, verdict in found.items():
        finding = _finding(across.uses[name], verdict, collected)
        details = condition_met(finding.rule, finding.step)
        yield across.conclude(name, RuleEvaluation(RuleStatus.ISSUES_FOUND, details, finding))


def _finding(use: Use, verdict: Verdict, collected: MetricReports) -> Finding:
    judgement = verdict.judgement
    direction = "max" if use.maximize else "min"
    judged_by = {"metric": use.metric, "direction": direction, "resource_unit": use.resource, "entry": verdict.number}
    return Finding(
        rule=use.rule.name,
        step=verdict.step,
        mode=collected.mode,
        sentence=f"by {use.metric}, {judgement.sentence}",
        tensor=use.metric,
        observed=judgement.observed,
        threshold=judgement.threshold,
        evidence={**judgement.evidence, **judged_by},
        source=use.source,
    )


def _collector(metric: str, *, timed: bool) -> str:
    return f"reports of {metric}, timed" if timed else f"reports of {metric}"


MakeRule = Callable[[str, Mapping[str, Any]], Any]


def making(make: MakeRule, collected: dict[str, MetricReports]) -> MakeRule:
    """What makes the engine's rules, those that collect reports among them, which are kept in `collected`."""

    def made(rule: str, parameters: Mapping[str, Any]) -> Any:
        if rule != MetricReports.name:
            return make(rule, parameters)
        reports = MetricReports.create(parameters)
        assert isinstance(reports, MetricReports)
        collected[_collector(parameters["metric"], timed=parameters["timed"])] = reports
        return reports

    return made


def problem_of(policy: RulePolicy, job: JobRecord) -> str | None:
    """Why the rule cannot be used; None when it can."""
    try:
        Use.of(policy, job)
    except RuleConfigurationError as error:
        return f"RuleConfigurationError: {error}"
    return None
