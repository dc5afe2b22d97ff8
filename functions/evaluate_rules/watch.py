"""All rules of one job, each with what evaluates it: tensors step by step, the profile, the experiment's other trials,
or another function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from evaluate_rules.slow import SlowRules, is_slow
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.judging.rules import cross_trial_rules, is_cross_trial, problem_of
from gridwatch.state.unreadable import DAMAGE
from gridwatch.streams.source import source_of, sources_of
from gridwatch_rules.judgement.running import CrossTrialRules, MakeRule, making
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import Evaluation, RuleConfiguration, never
from gridwatch_rules.rules.objective import ObjectiveSoFar
from gridwatch_rules.rules.profiler.evaluation import ProfileEvaluation, is_profiler_rule
from gridwatch_rules.rules.sources import SourcesEvaluation
from gridwatch_rules.rules.status_change import RuleEvaluation, StatusChange
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.heartbeats import Beats, no_beats
from gridwatch_rules.tensors.reader import TensorReader

_OBJECTIVE = "objective so far"  # what follows it, in the terms of the engine; no rule of a spec has such a name
_IN_LOGS = frozenset({"metrics", "losses"})  # the collections of what a log says


@dataclass(slots=True)
class Watch:
    """`broken`: rules that cannot be created, with the reason. The spec was checked, so these came by a change of the
    catalogue; one of them must not keep the others from looking.
    """

    tensors: SourcesEvaluation
    profile: ProfileEvaluation
    across: CrossTrialRules
    slow: SlowRules
    broken: Mapping[str, str]
    objectives: Mapping[MetricSource, ObjectiveSoFar] = field(default_factory=dict)
    restarted: bool = False  # the saved state was of another version of Gridwatch: judged from the first step again

    @classmethod
    def restore(cls, job: JobRecord, saved: Mapping[str, Any] | None, *, interval: float) -> Watch:
        """The watch over the job as it was saved (None: never)."""
        slow = [policy for policy in job.own_policies if is_slow(policy)]
        broken = dict(_broken(job, (policy for policy in job.own_policies if not is_slow(policy))))
        sound = [policy for policy in job.own_policies if not is_slow(policy) and policy.name not in broken]
        try:
            asked = SlowRules.restore(slow, interval, (saved or {}).get("slow", {}))
            return cls._of(sound, job, saved, asked, broken)
        except DAMAGE:
            # Of another version of the engine, or damaged. The data are still there, and lead to the same verdicts.
            watch = cls._of(sound, job, None, SlowRules.restore(slow, interval, {}), broken)
            watch.restarted = True
            return watch

    @classmethod
    def _of(
        cls,
        policies: Sequence[RulePolicy],
        job: JobRecord,
        saved: Mapping[str, Any] | None,
        slow: SlowRules,
        broken: Mapping[str, str],
    ) -> Watch:
        kept = saved or {}
        across = cross_trial_rules([policy for policy in policies if is_cross_trial(policy)], job, kept.get("across"))
        alone = [policy for policy in policies if not is_cross_trial(policy)]
        on_tensors = [policy for policy in alone if not is_profiler_rule(policy.rule)]
        on_profile = [_configuration(policy) for policy in alone if is_profiler_rule(policy.rule)]
        followed: dict[MetricSource, list[ObjectiveSoFar]] = {source: [] for source in sources_of(job)}
        collecting = making(create_rule, across.collected)
        parts = {
            source: _tensors(
                list(_looking_at(source, job, on_tensors, across)),
                _saved_part(source, kept),
                _following(collecting, found),
            )
            for source, found in followed.items()
        }
        watch = cls(SourcesEvaluation(parts), _profile(on_profile, saved), across, slow, broken)
        watch.objectives = {source: found[0] for source, found in followed.items() if found}
        return watch

    def advance(
        self,
        readers: Mapping[MetricSource, TensorReader],
        *,
        now: datetime,
        ended: bool,
        time_is_up: Callable[[], bool],
        beats: Beats = no_beats,
        waits: Callable[[], bool] = never,
    ) -> Iterator[StatusChange]:
        """Evaluates the steps that are new by the rules that look at this job alone, and collects its reports."""
        collectors = self.across.collectors
        for change in self.tensors.advance(
            readers, now=now, ended=ended, time_is_up=time_is_up, beats=beats, waits=waits
        ):
            if change.rule_name not in collectors and change.rule_name != _OBJECTIVE:
                yield change
            elif change.status is RuleStatus.ERROR:
                yield from self.across.fail(change.rule_name, change.details)

    @property
    def is_over(self) -> bool:
        return all(found.status.is_final for found in self.statuses.values()) and self.slow.are_over

    @property
    def statuses(self) -> Mapping[str, RuleEvaluation]:
        """Of the rules that are evaluated here, and of what collects reports for them."""
        return {**self.tensors.statuses, **self.profile.statuses, **self.across.statuses}

    def objective_of(self, own: MetricSource) -> tuple[MetricSource, ObjectiveSoFar] | None:
        """The objective in the source from which it is taken; as in the tables, where that has nothing of it, in the
        other.
        """
        found = [(source, each) for source, each in self.objectives.items() if each.count]
        return min(found, key=lambda pair: pair[0] is not own, default=None)

    def ask(self, now: datetime, *, ended: bool) -> Sequence[str]:
        """The slow rules that are due now."""
        return self.slow.ask(now, ended=ended)

    def save(self) -> dict[str, Any]:
        document: dict[str, Any] = {}
        for source, part in self.tensors.parts.items():
            # The hook's as it was kept when there was no other.
            document |= part.save() if source == MetricSource.HOOK else {source: part.save()}
        if self.profile.statuses:
            document["profile"] = self.profile.save()
        if self.across.rules:
            document["across"] = self.across.save()
        if self.slow.policies:
            document["slow"] = dict(self.slow.asked)
        return document


def _tensors(
    configurations: Sequence[RuleConfiguration], saved: Mapping[str, Any] | None, make: MakeRule
) -> Evaluation:
    if saved is None:
        return Evaluation.create(configurations, make)
    return Evaluation.restore(configurations, saved, make)


def _saved_part(source: MetricSource, kept: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What was saved of a source; None: nothing, so that it is evaluated from its first step."""
    part = kept if source is MetricSource.HOOK else kept.get(source)
    return part or None


def _looking_at(
    source: MetricSource, job: JobRecord, policies: Sequence[RulePolicy], across: CrossTrialRules
) -> Iterator[RuleConfiguration]:
    """What of all looks at a source: rules that could see what it has, and what follows a metric that is taken from
    it.
    """
    for policy in policies:
        if source is MetricSource.HOOK:
            yield _configuration(policy)
        elif not job.log_repeats_hook and _could_see_a_log(policy):
            yield RuleConfiguration(policy.name, policy.rule, policy.parameters)
    yield from (reports for reports, its in across.collectors.values() if its is source)
    is_its = bool(job.objective_metric) and source_of(job, job.objective_metric) is source
    if is_its or (job.objective_metric and not job.log_repeats_hook):  # else, for where its own source has none of it
        parameters = {"metric": job.objective_metric, "maximize": job.objective_direction == "maximize"}
        yield RuleConfiguration(_OBJECTIVE, ObjectiveSoFar.name, parameters)


def _could_see_a_log(policy: RulePolicy) -> bool:
    """Rules about tensors see none in a log; those that look at no tensor look at the time, or at heartbeats."""
    rule = create_rule(policy.rule, policy.parameters)
    required = rule.required
    named = required.everything or required.patterns or _IN_LOGS.intersection(required.collections)
    return bool(named) or not (required.names_any or rule.looks_at_beats)


def _following(make: MakeRule, followed: list[ObjectiveSoFar]) -> MakeRule:
    """What makes the engine's rules of a source, and what follows the objective there, which is put into `followed`."""

    def made(rule: str, parameters: Mapping[str, Any]) -> Any:
        if rule != ObjectiveSoFar.name:
            return make(rule, parameters)
        created = ObjectiveSoFar.create(parameters)
        assert isinstance(created, ObjectiveSoFar)
        followed.append(created)
        return created

    return made


def _profile(configurations: Sequence[RuleConfiguration], saved: Mapping[str, Any] | None) -> ProfileEvaluation:
    kept = (saved or {}).get("profile")
    return ProfileEvaluation.create(configurations) if kept is None else ProfileEvaluation.restore(configurations, kept)


def _broken(job: JobRecord, policies: Iterator[RulePolicy]) -> Iterator[tuple[str, str]]:
    for policy in policies:
        if is_cross_trial(policy):
            problem = problem_of(policy, job)
            if problem is not None:
                yield policy.name, problem
            continue
        try:
            configurations = [_configuration(policy)]
            evaluation = ProfileEvaluation if is_profiler_rule(policy.rule) else Evaluation
            evaluation.create(configurations)
        except RuleConfigurationError as error:
            yield policy.name, f"RuleConfigurationError: {error}"


def _configuration(policy: RulePolicy) -> RuleConfiguration:
    """On what the hook saves; a log has no intervals."""
    return RuleConfiguration(policy.name, policy.rule, policy.parameters, policy.every)
