"""Evaluates one slow rule of one job, and tells the result once there is one.

Messages come more than once and out of order. A rule that has its verdict keeps it; a run's result is a function of the
tensors that were there, so two runs agree, or the later one knows more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.events.messages import EvaluateSlowRule
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.state.store import StateStore
from gridwatch.storage.report_store import ReportStore, told_where
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.custom.run import CustomRules, CustomRun
from gridwatch_rules.rules.sightings import Sightings
from gridwatch_rules.rules.status_change import RuleEvaluation, StatusChange
from gridwatch_rules.status import RuleStatus, is_final
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.source import TensorSource

# From a job's tensors and a title to a page; raises CorruptTensorError.
Render = Callable[[TensorSource, str], str]


class SlowRuleOutcome(StrEnum):
    FOREIGN = "foreign"  # not a rule of a job of ours
    OVER = "over"  # it has its verdict
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Evaluated:
    outcome: SlowRuleOutcome
    status: RuleStatus | None = None
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowEvaluator:
    """Evaluates slow rules. `custom_rules` is None where the deployment runs no code of users."""

    store: StateStore
    publisher: RuleStatusPublisher
    custom_rules: CustomRules | None
    open_tensors: Callable[[JobRecord], TensorSource]
    render: Render
    reports: ReportStore

    def evaluate(self, request: EvaluateSlowRule) -> Evaluated:
        """Evaluate the rule; repeating it changes nothing. Raises GridwatchError or OSError: ask again later."""
        job = self.store.get_job(request.job_name)
        policy = next((each for each in job.own_policies if each.name == request.rule_name), None) if job else None
        if job is None or policy is None:
            return Evaluated(SlowRuleOutcome.FOREIGN)
        if self._has_verdict(job, policy):
            return Evaluated(SlowRuleOutcome.OVER)
        found = self._found(job, policy, ended=request.ended)
        if not found.status.is_final:
            return Evaluated(SlowRuleOutcome.UNCHANGED, found.status)
        if self._has_verdict(job, policy):  # another run of it was faster
            return Evaluated(SlowRuleOutcome.OVER)
        self.publisher.publish(job, [found.reached_by(policy.name)])
        return Evaluated(SlowRuleOutcome.CHANGED, found.status, found.details)

    def give_up(self, request: EvaluateSlowRule, reason: str) -> None:
        """Record that the rule failed, unless it has its verdict; only once the job is over, since a running job's rule
        is requested again.
        """
        job = self.store.get_job(request.job_name)
        policy = next((each for each in job.own_policies if each.name == request.rule_name), None) if job else None
        if job is None or policy is None or not request.ended or self._has_verdict(job, policy):
            return
        self.publisher.publish(job, [StatusChange(policy.name, RuleStatus.ERROR, reason)])

    def _has_verdict(self, job: JobRecord, policy: RulePolicy) -> bool:
        records = self.store.list_rule_evaluations(job.job_name)
        return any(each.rule_name == policy.name and is_final(each.status) for each in records)

    def _found(self, job: JobRecord, policy: RulePolicy, *, ended: bool) -> RuleEvaluation:
        if policy.source is None:
            return self._report(job, policy)
        if self.custom_rules is None:
            return RuleEvaluation(RuleStatus.ERROR, "CustomRuleError: this deployment runs no rules of users' own")
        return self.custom_rules.run(
            CustomRun(
                job_name=job.job_name,
                source=policy.source,
                class_name=policy.rule,
                parameters=policy.parameters,
                ended=ended,
            )
        )

    def _report(self, job: JobRecord, policy: RulePolicy) -> RuleEvaluation:
        """The status of a report, which never fires: it is written, or cannot be, or there is nothing to show."""
        tensors = self.open_tensors(job)
        if not tensors.keys("index/", limit=1):
            wanted = create_rule(policy.rule, policy.parameters).looks_for()
            return RuleEvaluation(RuleStatus.SAW_NOTHING, Sightings().details(policy.name, policy.rule, wanted))
        try:
            page = self.render(tensors, f"{policy.name} of {job.job_name}")
        except CorruptTensorError as error:
            return RuleEvaluation(RuleStatus.ERROR, f"CorruptTensorError: {error}")
        address = self.reports.put(job.job_name, policy.name, page)
        return RuleEvaluation(RuleStatus.NO_ISSUES_FOUND, told_where("", address))
