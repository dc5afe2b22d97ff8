"""Rules that another function looks at, because they take long or are not ours: custom rules, and reports with figures.

Here is only decided when. A custom rule is replayed from the first step each time, so it is asked for at most once in
`interval` seconds while the job runs, and once when the job is over; a report when the job is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gridwatch.domain.rules import RulePolicy

REPORTS = ("CreateXgboostReport",)
_ENDED = "ended"


def is_slow(policy: RulePolicy) -> bool:
    return policy.source is not None or policy.rule in REPORTS


@dataclass(slots=True)
class SlowRules:
    """`asked`: by rule when it was asked for last, in Unix seconds, or "ended"."""

    policies: Sequence[RulePolicy]
    interval: float
    asked: dict[str, float | str] = field(default_factory=dict)

    @classmethod
    def restore(cls, policies: Sequence[RulePolicy], interval: float, saved: Mapping[str, float | str]) -> SlowRules:
        known = {policy.name for policy in policies}
        return cls(policies, interval, {name: value for name, value in saved.items() if name in known})

    @property
    def are_over(self) -> bool:
        """Whether nothing remains to be asked; the answers come to the records without us."""
        return all(self.asked.get(policy.name) == _ENDED for policy in self.policies)

    def ask(self, now: datetime, *, ended: bool) -> list[str]:
        """The rules that are due, which count as asked for from now on."""
        due = [policy.name for policy in self.policies if self._is_due(policy, now, ended=ended)]
        self.asked |= dict.fromkeys(due, _ENDED if ended else now.timestamp())
        return due

    def _is_due(self, policy: RulePolicy, now: datetime, *, ended: bool) -> bool:
        last = self.asked.get(policy.name)
        if last == _ENDED or ended:
            return last != _ENDED
        if policy.source is None:
            return False
        return last is None or now.timestamp() - float(last) >= self.interval
