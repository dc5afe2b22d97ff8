"""Evaluates a job's rules over each of its sources of metrics. Every source has its own cursor and states of rules, so
that steps of different axes are never compared. A rule's first finding in any source is its verdict.
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
from gridwatch_rules.tensors.heartbeats import Beats, no_beats
from gridwatch_rules.tensors.reader import TensorReader


@dataclass(slots=True)
class SourcesEvaluation:
    """The evaluation of all rules of one job. `parts` holds an evaluation for each source, in the order in which they
    are looked at; a rule is in those parts whose source could have its data. `behind` means that the last call had no
    time for all new steps.
    """

    parts: Mapping[MetricSource, Evaluation]
    behind: bool = False

    @property
    def statuses(self) -> Mapping[str, RuleEvaluation]:
        names = dict.fromkeys(name for part in self.parts.values() for name in part.statuses)
        return {name: self._verdict(name) for name in names}

    @property
    def last_step(self) -> int:
        """The last evaluated step of the source that is furthest, -1 before the first."""
        return max(part.last_step for part in self.parts.values())

    def advance(
        self,
        readers: Mapping[MetricSource, TensorReader],
        *,
        now: datetime,
        ended: bool,
        time_is_up: Callable[[], bool] = never,
        beats: Beats = no_beats,
        waits: Callable[[], bool] = never,
    ) -> list[StatusChange]:
        """Evaluates the steps that are new, and with `ended` brings every rule to its verdict. When `time_is_up` it
        leaves the rest, and with it the verdicts, for the next call. `waits`: whether the job has no machines now,
        asked only for rules that judge by the time.

        Any split of a source's steps into calls gives the same findings. Raises GridwatchError or OSError when a source
        cannot be reached; a state saved before the call is then still valid.
        """
        former = self.statuses
        self.behind = False
        for source, part in self.parts.items():
            if before := _active(part):
                complete = part.look(readers[source], ended=ended, time_is_up=time_is_up)
                self.behind = self.behind or not complete
                self._share_findings(source, part, before)
        waiting = not ended and any(part.is_timed for part in self.parts.values()) and waits()
        for source, part in self.parts.items():
            if waiting:
                part.wait(now)
                continue
            before = _active(part)
            part.check_beats(beats, None if ended else now)
            self._share_findings(source, part, before)
        for source, part in self.parts.items() if ended and not self.behind else ():
            before = _active(part)
            part.finish(readers[source])
            self._share_findings(source, part, before)
        if not ended and not self.behind and not waiting:
            self._check_time(now)
        return [found.reached_by(name) for name, found in self.statuses.items() if found != former[name]]

    def _share_findings(self, source: MetricSource, part: Evaluation, before: Iterable[str]) -> None:
        """End rules in the other sources when they have just found something in one."""
        for name in before:
            found = part.statuses[name]
            if found.finding is not None:
                self._conclude(name, replace(found, finding=replace(found.finding, source=source)))

    def _conclude(self, name: str, found: RuleEvaluation) -> None:
        for part in self._parts_of(name).values():
            part.conclude(name, found)

    def _check_time(self, now: datetime) -> None:
        """Judge by the time. A job is silent only when all its sources are: a log may be silent while tensors come."""
        for name, found in self.statuses.items():
            parts = self._parts_of(name) if not found.status.is_final else {}
            by_source = {source: part.finding_by_time(name, now) for source, part in parts.items()}
            findings = [replace(each, source=source) for source, each in by_source.items() if each is not None]
            if findings and len(findings) == len(parts):
                latest = min(findings, key=lambda finding: finding.observed or 0.0)
                details = condition_met(latest.rule, latest.step)
                self._conclude(name, RuleEvaluation(RuleStatus.ISSUES_FOUND, details, latest))

    def _verdict(self, name: str) -> RuleEvaluation:
        """The rule's outcome over all sources: a finding in any of them; else in progress, while any source may still
        bring one; else the merged outcome.
        """
        found = {source.value: part.statuses[name] for source, part in self._parts_of(name).items()}
        still_open = [each for each in found.values() if not each.status.is_final]
        issues = any(each.status is RuleStatus.ISSUES_FOUND for each in found.values())
        if still_open and not issues:
            # Damage in one source is always reported.
            return next((each for each in still_open if each.details), still_open[0])
        verdict = merged(found)
        if verdict.status is RuleStatus.SAW_NOTHING and len(self.parts) > 1:
            return replace(verdict, details=self._nothing_seen(name))
        return verdict

    def _nothing_seen(self, name: str) -> str:
        """The details of a rule that saw nothing: what it looks for, and what each source that could have it had."""
        texts = [part.sought_and_saved(source, name) for source, part in self._parts_of(name).items()]
        return nothing_seen(self._rule(name), texts[0][0], "; ".join(there for _, there in texts))

    def there(self, source: MetricSource) -> str:
        """A text that says what the job has saved in a source."""
        part = self.parts[source]
        return part.saved_in_source(source) if len(self.parts) > 1 else part.there

    def _parts_of(self, name: str) -> dict[MetricSource, Evaluation]:
        return {source: part for source, part in self.parts.items() if name in part.statuses}

    def _rule(self, name: str) -> str:
        return next(iter(self._parts_of(name).values())).rule_of(name)


def _active(part: Evaluation) -> list[str]:
    return [name for name, found in part.statuses.items() if not found.status.is_final]
