"""The rules across trials of a job, as its record asks for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.streams.source import source_of
from gridwatch_rules.judgement.catalogue import create_judgement_rule, is_judgement_rule
from gridwatch_rules.judgement.running import CrossTrialRule, CrossTrialRules
from gridwatch_rules.rules.errors import RuleConfigurationError


def is_cross_trial(policy: RulePolicy) -> bool:
    """Whether the rule looks across the trials of its experiment."""
    return policy.source is None and is_judgement_rule(policy.rule)


def cross_trial_rules(
    policies: Sequence[RulePolicy], job: JobRecord, saved: Mapping[str, Any] | None
) -> CrossTrialRules:
    """The rules of these policies as they were saved (None: never). Raises RuleConfigurationError and ValueError."""
    return CrossTrialRules.restore({policy.name: _rule(policy, job) for policy in policies}, saved)


def problem_of(policy: RulePolicy, job: JobRecord) -> str | None:
    """Why the rule cannot be used; None when it can."""
    try:
        _rule(policy, job)
    except RuleConfigurationError as error:
        return f"RuleConfigurationError: {error}"
    return None


def _rule(policy: RulePolicy, job: JobRecord) -> CrossTrialRule:
    """Without a metric of its own it judges by the experiment's objective. Raises RuleConfigurationError."""
    rule = create_judgement_rule(policy.rule, policy.parameters)
    metric = rule.parameters.metric or job.objective_metric
    objective = job.objective_direction if metric == job.objective_metric else None
    maximize = rule.maximizes(metric, objective)
    return CrossTrialRule(rule, metric, rule.parameters.resource, maximize, source_of(job, metric))
