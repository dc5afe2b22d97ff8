"""Bring one slow rule of one job to an answer, and tell it when it is one.

Messages come more than once and out of order. A rule that has its verdict keeps it; what a run finds is a function of
the tensors that were there, so two runs agree, or the later one knows more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.events.messages import EvaluateSlowRule
from gridwatch.events.telling import News, Teller
from gridwatch.state.store import StateStore
from gridwatch.storage.report_shelf import ReportShelf, told_where
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.custom.run import CustomRules, CustomRun
from gridwatch_rules.rules.evaluation import RuleEvaluation
from gridwatch_rules.rules.sightings import Sightings
from gridwatch_rules.status import RuleStatus, is_final
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.source import TensorSource

# From a job's tensors and a title to a page; raises CorruptTensorError.
Render = Callable[[TensorSource, str], str]


class Outcome(StrEnum):
    FOREIGN = "foreign"  # not a rule of a job of ours
    OVER = "over"  # it has its verdict
    UNCHANGED = "unchanged"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Evaluated:
    outcome: Outcome
    status: RuleStatus | None = None
    details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowEvaluator:
    """`custom_rules` None: the deployment runs no code of users."""

    store: StateStore
    teller: Teller
    custom_rules: CustomRules | None
    open_tensors: Callable[[JobRecord], TensorSource]
    render: Render
    shelf: ReportShelf

    def evaluate(self, request: EvaluateSlowRule) -> Evaluated:
        """Doing it again changes nothing. Raises GridwatchError or OSError: ask again later."""
        job = self.store.get_job(request.job_name)
        policy = next((each for each in job.own_policies if each.name == request.rule_name), None) if job else None
        if job is None or policy is None:
            return Evaluated(Outcome.FOREIGN)
        if self._has_verdict(job, policy):
            return Evaluated(Outcome.OVER)
        found = self._found(job, policy, ended=request.ended)
        if not found.status.is_final:
            return Evaluated(Outcome.UNCHANGED, found.status)
        if self._has_verdict(job, policy):  # another run of it was faster
            return Evaluated(Outcome.OVER)
        finding = found.finding.as_json() if found.finding else None
        self.teller.tell(job, [News(policy.name, found.status, found.details, finding)])
        return Evaluated(Outcome.CHANGED, found.status, found.details)

    def give_up(self, request: EvaluateSlowRule, reason: str) -> None:
        """The rule fails unless it has its verdict; while the job runs it is asked for again, so only at the end."""
        job = self.store.get_job(request.job_name)
        policy = next((each for each in job.own_policies if each.name == request.rule_name), None) if job else None
        if job is None or policy is None or not request.ended or self._has_verdict(job, policy):
            return
        self.teller.tell(job, [News(policy.name, RuleStatus.ERROR, reason)])

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
        """A report never fires: it is written, or cannot be, or there is nothing to be shown."""
        tensors = self.open_tensors(job)
        if not tensors.keys("index/", limit=1):
            wanted = create_rule(policy.rule, policy.parameters).looks_for()
            return RuleEvaluation(RuleStatus.SAW_NOTHING, Sightings().details(policy.name, policy.rule, wanted))
        try:
            page = self.render(tensors, f"{policy.name} of {job.job_name}")
        except CorruptTensorError as error:
            return RuleEvaluation(RuleStatus.ERROR, f"CorruptTensorError: {error}")
        address = self.shelf.put(job.job_name, policy.name, page)
        return RuleEvaluation(RuleStatus.NO_ISSUES_FOUND, told_where("", address))
