"""Drives a job's rules over each of its sources of metrics: every source has its own cursor and its own rules' states,
so that steps of one axis are never held against those of another. A rule's first finding, wherever, is its verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gridwatch_rules.rules.evaluation import Evaluation, never
from gridwatch_rules.rules.merging import merged
from gridwatch_rules.rules.sightings import nothing_seen
from gridwatch_rules.rules.status_change import RuleEvaluation, StatusChange
from gridwatch_rules.status import RuleStatus, condition_met
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.reader import TensorReader


@dataclass(slots=True)
class SourcesEvaluation:
    """All rules of one job. `parts`: by source, in the order in which they are looked at; a rule is in those that could
    have what it looks at. `behind`: the last call had no time for all of the new steps.
    """

    parts: Mapping[MetricSource, Evaluation]
    behind: bool = False

    @property
    def statuses(self) -> Mapping[str, RuleEvaluation]:
        names = dict.fromkeys(name for part in self.parts.values() for name in part.statuses)
        return {name: self._verdict(name) for name in names}

    @property
    def last_step(self) -> int:
        """The last step evaluated of the source that is furthest, -1 before the first."""
        return max(part.last_step for part in self.parts.values())

    def advance(
        self,
        readers: Mapping[MetricSource, TensorReader],
        *,
        now: datetime,
        ended: bool,
        time_is_up: Callable[[], bool] = never,
    ) -> list[StatusChange]:
        """Evaluates the steps that are new, and with `ended` brings every rule to its verdict. When `time_is_up` it
        leaves the rest, and with it the verdicts, for the next call.

        Any split of a source's steps into calls gives the same findings of it. Raises GridwatchError or OSError when a
        source cannot be reached; what was saved before the call is then still true.
        """
        former = self.statuses
        self.behind = False
        for source, part in self.parts.items():
            if before := _active(part):
                complete = part.look(readers[source], ended=ended, time_is_up=time_is_up)
                self.behind = self.behind or not complete
                self._share_findings(source, part, before)
        for source, part in self.parts.items() if ended and not self.behind else ():
            before = _active(part)
            part.finish(readers[source])
            self._share_findings(source, part, before)
        if not ended and not self.behind:
            self._check_time(now)
        return [found.reached_by(name) for name, found in self.statuses.items() if found != former[name]]

    def _share_findings(self, source: MetricSource, part: Evaluation, before: Iterable[str]) -> None:
        """What rules have just found in one source ends them in the others."""
        for name in before:
            found = part.statuses[name]
            if found.finding is not None:
                self._conclude(name, replace(found, finding=replace(found.finding, source=source)))

    def _conclude(self, name: str, found: RuleEvaluation) -> None:
        for part in self._parts_of(name).values():
            part.conclude(name, found)

    def _check_time(self, now: datetime) -> None:
        """Time has run out only when it has in all sources: a log may be silent while tensors come."""
        for name, found in self.statuses.items():
            parts = self._parts_of(name) if not found.status.is_final else {}
            told = {source: part.finding_by_time(name, now) for source, part in parts.items()}
            findings = [replace(each, source=source) for source, each in told.items() if each is not None]
            if findings and len(findings) == len(parts):
                latest = min(findings, key=lambda finding: finding.observed or 0.0)
                details = condition_met(latest.rule, latest.step)
                self._conclude(name, RuleEvaluation(RuleStatus.ISSUES_FOUND, details, latest))

    def _verdict(self, name: str) -> RuleEvaluation:
        """An issue anywhere; else, as long as any source may still bring one, that; else what they come to together."""
        found = {source.value: part.statuses[name] for source, part in self._parts_of(name).items()}
        still_open = [each for each in found.values() if not each.status.is_final]
        issues = any(each.status is RuleStatus.ISSUES_FOUND for each in found.values())
        if still_open and not issues:
            # Damage in one source is told, whatever the others say.
            return next((each for each in still_open if each.details), still_open[0])
        verdict = merged(found)
        if verdict.status is RuleStatus.SAW_NOTHING and len(self.parts) > 1:
            return replace(verdict, details=self._nothing_seen(name))
        return verdict

    def _nothing_seen(self, name: str) -> str:
        """What the rule looks for, once, and what there was of each source that could have it."""
        told = [part.saw_nothing(source, name) for source, part in self._parts_of(name).items()]
        return nothing_seen(self._rule(name), told[0][0], "; ".join(there for _, there in told))

    def there(self, source: MetricSource) -> str:
        """What the job has saved of a source, in words."""
        part = self.parts[source]
        return part.there_of(source) if len(self.parts) > 1 else part.there

    def _parts_of(self, name: str) -> dict[MetricSource, Evaluation]:
        return {source: part for source, part in self.parts.items() if name in part.statuses}

    def _rule(self, name: str) -> str:
        return next(iter(self._parts_of(name).values())).rule_of(name)


def _active(part: Evaluation) -> list[str]:
    return [name for name, found in part.statuses.items() if not found.status.is_final]
