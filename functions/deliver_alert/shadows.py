"""What the rules in shadow mode of an experiment that is over would have cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.accepted_spec import spec_of
from gridwatch.state.store import StateStore
from gridwatch.verdicts.decision import Response
from gridwatch_rules.judgement.catalogue import is_judgement_rule
from gridwatch_rules.judgement.hindsight import MOST_TRIALS, Completed, Hindsight, hindsight
from gridwatch_rules.judgement.live import log_name
from gridwatch_rules.judgement.reported import ReportsRecord


def shadows(
    store: StateStore, experiment: ExperimentRecord, trials: Sequence[TrialRecord], reactions: Sequence[ReactionRecord]
) -> Iterator[Hindsight]:
    """What each rule in shadow mode would have cost; nothing for an experiment without an objective. Trials' reports
    are read where a rule across trials has recorded them.
    """
    rules = [policy for policy in experiment.policies if policy.shadow and policy.on_issue is Action.STOP]
    spec = spec_of(experiment)
    metric = spec.metric
    if not rules or not metric:
        return
    maximize = spec.maximize
    completed = [each for each in trials if each.state is TrialState.COMPLETED and metric in each.final_metrics]
    log = _log(store, experiment, metric) if len(trials) <= MOST_TRIALS else ()
    for policy in rules:
        stops = {each.job_name: each for each in reactions if _would_stop(each, policy)}
        of_rule = [_completed(trial, metric, stops.get(trial.job_name)) for trial in completed]
        found = hindsight(policy.name, of_rule, log, maximize=maximize)
        if found is not None:
            yield found


def _log(store: StateStore, experiment: ExperimentRecord, metric: str) -> Sequence[ReportsRecord]:
    for policy in experiment.policies:
        if is_judgement_rule(policy.rule) and policy.parameters.get("metric") in (None, metric):
            resource = str(policy.parameters.get("resource", "epochs"))
            return store.reports_after(log_name(experiment.name, metric, resource), 0)
    return ()


def _would_stop(reaction: ReactionRecord, policy: RulePolicy) -> bool:
    return reaction.rule_name == policy.name and reaction.action == Response.WOULD_STOP and not reaction.audited


def _completed(trial: TrialRecord, metric: str, stop: ReactionRecord | None) -> Completed:
    name, final = f"{trial.trial_id}-{trial.attempt}", trial.final_metrics[metric]
    if stop is None:
        return Completed(name, final)
    ran_on = (trial.ended_at - stop.decided_at).total_seconds() if trial.ended_at else 0.0
    return Completed(name, final, step=(stop.finding or {}).get("step"), seconds=max(ran_on, 0.0))
