"""The digest, which tells how an experiment ended: one alert for each version of its spec, once its last trial
is over.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gridwatch.alerts.content import Alert, Fact, Severity, alert_id, content_of, duration, parameters, record
from gridwatch.alerts.costs import cost_of_stops, in_shadow
from gridwatch.alerts.links import Link, object_link
from gridwatch.domain.alerts import AlertRecord
from gridwatch.domain.experiments import ExperimentRecord, TuningRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.failure_cause import cause_of
from gridwatch.savings.money import money
from gridwatch.savings.prices import PriceTable
from gridwatch.savings.words import amount, lasting, span, together
from gridwatch.state.accepted_spec import spec_of
from gridwatch.storage.layout import s3_uri
from gridwatch.storage.report_store import ReportPlace
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.wording import counted

if TYPE_CHECKING:
    from gridwatch_rules.judgement.hindsight import Hindsight

KIND = "experiment_ended"
_STATES = (TrialState.COMPLETED, TrialState.STOPPED, TrialState.FAILED, TrialState.REFUSED, TrialState.CANCELLED)
_DONE = {"stop": "stopped", "would stop": "would have stopped", "alert": "told", "record": "recorded"}
_LISTED = 20
_CAUSES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """An experiment whose trials are all over. `held` are its alerts that were not sent yet; `report` is None when its
    page was not written; `shadows` says for each rule in shadow mode what its stops would have cost; `evaluations` are
    the last evaluations of all rules of all trials.
    """

    experiment: ExperimentRecord
    trials: Sequence[TrialRecord]
    reactions: Sequence[ReactionRecord]
    held: Sequence[AlertRecord] = ()
    report: ReportPlace | None = None
    shadows: Sequence[Hindsight] = ()
    evaluations: Sequence[RuleEvaluationRecord] = ()

    @property
    def metric(self) -> str | None:
        """The metric by which the trials are compared."""
        return spec_of(self.experiment).metric

    @property
    def maximize(self) -> bool:
        return spec_of(self.experiment).maximize


def digest_id(experiment: ExperimentRecord) -> str:
    return alert_id(KIND, experiment.name, experiment.spec_version)


def is_over(experiment: ExperimentRecord, trials: Sequence[TrialRecord], tunings: Sequence[TuningRecord] = ()) -> bool:
    """Whether every point of the current spec has ended and nothing else of the experiment still runs: no other trial,
    and no tuning job, which may launch more of them.
    """
    recorded = {trial.trial_id for trial in trials}
    if spec_of(experiment).tune and not tunings:
        return False  # it is being recorded
    through = all(trial.state.is_finished for trial in trials) and all(each.state.is_finished for each in tunings)
    return through and recorded.issuperset(experiment.trial_ids)


def digest(ended: Ended, prices: PriceTable, now: datetime) -> AlertRecord:
    """The digest of an experiment. `prices` are used to estimate what was spent."""
    name, trials = ended.experiment.name, ended.trials
    counts = Counter(trial.state for trial in trials)
    outcome = ", ".join(f"{counts[state]} {state.value}" for state in _STATES if counts[state]) or "no trials"
    facts = (
        Fact("Experiment", name),
        Fact("Trials", outcome),
        *_failures(trials),
        *_best(ended),
        *_spent(trials, prices),
        *_saved(ended.reactions),
        *cost_of_stops(trials, ended.reactions, ended.metric, maximize=ended.maximize),
        *in_shadow(ended.shadows, ended.metric),
        *([Fact("Replayed", ended.report.replayed)] if ended.report and ended.report.replayed else []),
        *_audited(ended),
        Fact("Findings", _findings(_of_findings(ended))),
        *_saw_nothing(ended),
        *_repairs(trials),
        *([Fact("Report", s3_uri(ended.report.bucket, ended.report.key))] if ended.report else []),
        *([Fact("Held back", f"{counted(len(ended.held), 'alert')} not told yet, below")] if ended.held else []),
    )
    alert = Alert(
        kind=KIND,
        severity=Severity.INFO,
        title=f"{name} has ended: {outcome}",
        summary=f"{_all_of(len(trials))} of {name} {'is' if len(trials) == 1 else 'are'} over: {outcome}.",
        facts=facts,
        details=_listed([content_of(held).title for held in ended.held]),
        links=_links(ended),
        commands=(f"gridwatch report {name}", f"gridwatch leaderboard {name}", f"gridwatch status {name}"),
    )
    about = (name, ended.experiment.spec_version)
    return record(alert, about=about, experiment=name, now=now)


def _links(ended: Ended) -> tuple[Link, ...]:
    arn = next((trial.job_arn for trial in ended.trials if trial.job_arn), None)
    if ended.report is None or arn is None:
        return ()
    link = object_link("Report", ended.report.bucket, ended.report.key, arn)
    return (link,) if link else ()


def _best(ended: Ended) -> tuple[Fact, ...]:
    metric = ended.metric
    best = _best_of(ended)
    if best is None:
        reported = any(metric in trial.final_metrics for trial in ended.trials)
        none = f"no last value of {metric} is finite" if reported else f"none has a value of {metric}"
        return (Fact("Best trial", none),)
    value, trial = best
    state = "" if trial.state is TrialState.COMPLETED else f", {trial.state.value}"
    hyperparameters = parameters(trial.hyperparameters)
    return (Fact("Best trial", f"{trial.trial_id} by last value: {metric} {value:.6g}{state} ({hyperparameters})"),)


def _best_of(ended: Ended) -> tuple[float, TrialRecord] | None:
    """The best trial by the last value of the objective, as in the leaderboard; trials without a value are left out."""
    metric = ended.metric
    values = [
        (trial.final_metrics[metric], trial) for trial in ended.trials if metric and metric in trial.final_metrics
    ]
    values = [(value, trial) for value, trial in values if math.isfinite(value)]
    choose = max if ended.maximize else min
    return choose(values, key=lambda each: each[0]) if values else None


def _spent(trials: Sequence[TrialRecord], prices: PriceTable) -> tuple[Fact, ...]:
    begun = [trial.started_at for trial in trials if trial.started_at]
    over = [trial.ended_at for trial in trials if trial.ended_at]
    billed = [(trial.billable_seconds, prices.hourly(trial)) for trial in trials if trial.billable_seconds]
    facts = []
    if begun and over:
        facts.append(Fact("Duration", f"{duration(max(over) - min(begun))} from the first start to the last end"))
    if billed:
        spent = [seconds / 3600 * price for seconds, price in billed if price is not None]
        about = f", about {money(sum(spent), prices.currency)} (estimate)" if len(spent) == len(billed) else ""
        total = timedelta(seconds=sum(seconds for seconds, _ in billed))
        facts.append(Fact("Billed", f"{duration(total)} of instances{about}"))
    return tuple(facts)


def _saved(reactions: Sequence[ReactionRecord]) -> tuple[Fact, ...]:
    """What the stops saved: estimated when each was decided, corrected when its job was over."""
    found = lasting(each.savings for each in reactions if each.action == "stop")
    if not found:
        return ()
    return (Fact("Saved", f"{amount(together(found))} by {counted(len(found), 'stop')} (estimate)"),)


def _failures(trials: Sequence[TrialRecord]) -> tuple[Fact, ...]:
    """The causes of failures, the most frequent first."""
    causes = Counter(cause_of(trial.reason) for trial in trials if trial.state is TrialState.FAILED)
    lines = [f"{count} x {cause}" if len(causes) > 1 else cause for cause, count in causes.most_common()]
    return tuple(Fact("Failed with", text) for text in _listed(lines, most=_CAUSES))


def _repairs(trials: Sequence[TrialRecord]) -> tuple[Fact, ...]:
    """The trials that were trained again after a repair, and what that brought."""
    repaired = [trial for trial in trials if trial.parent is not None]
    told = [
        f"{trial.parent} by {trial.trial_id}, {trial.change}: {trial.proof or _unproven(trial)}" for trial in repaired
    ]
    return tuple(Fact("Repaired", text) for text in _listed(told))


def _unproven(trial: TrialRecord) -> str:
    return f"{trial.state.value}, with no value to compare"


def _audited(ended: Ended) -> tuple[Fact, ...]:
    """The audited trials, which were let run on: what they really took, beside what was estimated for them."""
    trials = {trial.job_name: trial for trial in ended.trials}
    let_on = [each for each in ended.reactions if each.audited and each.job_name in trials]
    if not let_on:
        return ()
    first: dict[str, ReactionRecord] = {}
    for each in sorted(let_on, key=lambda reaction: reaction.decided_at):
        first.setdefault(each.job_name, each)
    took = [
        (over - reaction.decided_at).total_seconds()
        for name, reaction in first.items()
        if (over := trials[name].ended_at) is not None
    ]
    estimated = together(lasting(each.savings for each in first.values()))
    best = _best_of(ended)
    lost = (
        "the best trial is among them" if best is not None and best[1].job_name in first else "none was the best trial"
    )
    count = "one trial" if len(first) == 1 else f"{len(first)} trials"
    ran_on = span(sum(max(each, 0.0) for each in took))
    text = f"{count} would have been stopped and ran on for {ran_on}, estimated were "
    bound = "at most " if estimated.at_most else ""
    return (Fact("Audited", f"{text}{bound}{span(estimated.seconds)}; {lost}"),)


def _of_findings(ended: Ended) -> Sequence[ReactionRecord]:
    """The reactions to findings: those to rules that saw nothing to judge by are left out."""
    blind = {(each.job_name, each.rule_name) for each in _blind(ended.evaluations)}
    return [each for each in ended.reactions if (each.job_name, each.rule_name) not in blind]


def _saw_nothing(ended: Ended) -> tuple[Fact, ...]:
    """Each rule that saw nothing to judge by, with what the first of its jobs lacked."""
    blind: dict[str, list[RuleEvaluationRecord]] = {}
    for each in _blind(ended.evaluations):
        blind.setdefault(each.rule_name, []).append(each)
    jobs = Counter(each.rule_name for each in ended.evaluations)
    lines = [
        f"{rule} in {len(found)} of {counted(jobs[rule], 'job')}: {found[0].details}"
        for rule, found in sorted(blind.items())
    ]
    return tuple(Fact("Saw nothing", text) for text in _listed(lines))


def _findings(reactions: Sequence[ReactionRecord]) -> str:
    counts = Counter((reaction.rule_name, reaction.action) for reaction in reactions)
    lines = [f"{rule} {count} x {_DONE.get(action, action)}" for (rule, action), count in sorted(counts.items())]
    return ", ".join(lines) or "none"


def _blind(evaluations: Sequence[RuleEvaluationRecord]) -> Sequence[RuleEvaluationRecord]:
    return [each for each in evaluations if each.status == RuleStatus.SAW_NOTHING]


def _all_of(trials: int) -> str:
    return "The one trial" if trials == 1 else f"All {trials} trials"


def _listed(lines: Sequence[str], most: int = _LISTED) -> tuple[str, ...]:
    more = len(lines) - most
    return (*lines[:most], *([f"… and {more} more"] if more > 0 else []))
