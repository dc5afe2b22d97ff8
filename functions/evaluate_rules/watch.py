"""All rules of one job, each with what evaluates it: tensors step by step, the profile, or another function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evaluate_rules.slow import SlowRules, is_slow
from gridwatch.rules.errors import RuleConfigurationError
from gridwatch.rules.evaluation import Evaluation, RuleConfiguration, RuleEvaluation
from gridwatch.rules.profiler.evaluation import ProfileEvaluation, is_profiler_rule
from gridwatch.state.records import RulePolicy


@dataclass(slots=True)
class Watch:
    """`broken`: rules that cannot be created, with the reason. The spec was checked, so these came by a change of the
    catalogue; one of them must not keep the others from looking.
    """

    tensors: Evaluation
    profile: ProfileEvaluation
    slow: SlowRules
    broken: Mapping[str, str]
    restarted: bool = False  # the saved state was of another version of Gridwatch: judged from the first step again

    @classmethod
    def restore(cls, policies: Sequence[RulePolicy], saved: Mapping[str, Any] | None, *, interval: float) -> Watch:
        """The watch as it was saved (None: never)."""
        slow = [policy for policy in policies if is_slow(policy)]
        broken = dict(_broken(policy for policy in policies if not is_slow(policy)))
        sound = [policy for policy in policies if not is_slow(policy) and policy.name not in broken]
        on_profile = [_configuration(policy) for policy in sound if is_profiler_rule(policy.rule)]
        on_tensors = [_configuration(policy) for policy in sound if not is_profiler_rule(policy.rule)]
        asked = SlowRules.restore(slow, interval, (saved or {}).get("slow", {}))
        try:
            return cls(_tensors(on_tensors, saved), _profile(on_profile, saved), asked, broken)
        except (ValueError, KeyError):
            # Saved by another version of the engine. The data are still there, and lead to the same verdicts.
            return cls(_tensors(on_tensors, None), _profile(on_profile, None), asked, broken, restarted=True)

    @property
    def is_over(self) -> bool:
        return all(found.status.is_final for found in self.statuses.values()) and self.slow.are_over

    @property
    def statuses(self) -> Mapping[str, RuleEvaluation]:
        """Of the rules that are evaluated here."""
        return {**self.tensors.statuses, **self.profile.statuses}

    def ask(self, now: datetime, *, ended: bool) -> Sequence[str]:
        """The slow rules that are due now."""
        return self.slow.ask(now, ended=ended)

    def save(self) -> dict[str, Any]:
        document = self.tensors.save()
        if self.profile.statuses:
            document["profile"] = self.profile.save()
        if self.slow.policies:
            document["slow"] = dict(self.slow.asked)
        return document


def _tensors(configurations: Sequence[RuleConfiguration], saved: Mapping[str, Any] | None) -> Evaluation:
    return Evaluation.create(configurations) if saved is None else Evaluation.restore(configurations, saved)


def _profile(configurations: Sequence[RuleConfiguration], saved: Mapping[str, Any] | None) -> ProfileEvaluation:
    kept = (saved or {}).get("profile")
    return ProfileEvaluation.create(configurations) if kept is None else ProfileEvaluation.restore(configurations, kept)


def _broken(policies: Iterator[RulePolicy]) -> Iterator[tuple[str, str]]:
    for policy in policies:
        try:
            configurations = [_configuration(policy)]
            evaluation = ProfileEvaluation if is_profiler_rule(policy.rule) else Evaluation
            evaluation.create(configurations)
        except RuleConfigurationError as error:
            yield policy.name, f"RuleConfigurationError: {error}"


def _configuration(policy: RulePolicy) -> RuleConfiguration:
    return RuleConfiguration(policy.name, policy.rule, policy.parameters)
