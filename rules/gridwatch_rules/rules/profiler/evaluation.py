"""Evaluates a job's profiler rules over its profile, as `gridwatch_rules.rules.evaluation` does rules over tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from gridwatch_rules.failures import GridwatchError
from gridwatch_rules.rules.catalogue import create_rule, rule_class, rule_names
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.evaluation import RuleConfiguration
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.profiler.metrics import Measurement, Sample
from gridwatch_rules.rules.profiler.reader import ProfileCursor, ProfileReader
from gridwatch_rules.rules.profiler.rule import ProfilerRule
from gridwatch_rules.rules.profiler.sightings import ProfileSightings
from gridwatch_rules.rules.saved_rules import SavedRule, read_rules, save_rules
from gridwatch_rules.rules.sightings import nothing_seen
from gridwatch_rules.rules.status_change import RuleEvaluation, StatusChange
from gridwatch_rules.status import LONGEST_DETAILS, RuleStatus, condition_met
from gridwatch_rules.tensors.errors import CorruptTensorError


def is_profiler_rule(name: str) -> bool:
    """Whether a rule looks at a job's profile instead of its tensors. Raises RuleConfigurationError for an unknown
    rule.
    """
    return name in rule_names() and issubclass(rule_class(name), ProfilerRule)


class ProfileEvaluation:
    """The evaluation of all profiler rules of one job. A rule ends with its first finding, or with status Error when it
    fails.
    """

    def __init__(
        self,
        configurations: Sequence[RuleConfiguration],
        rules: Mapping[str, ProfilerRule],
        statuses: Mapping[str, RuleEvaluation],
        cursor: ProfileCursor,
    ) -> None:
        self._configurations = tuple(configurations)
        self._rules = dict(rules)
        self._statuses = dict(statuses)
        self._cursor = cursor
        self._seen = ProfileSightings()

    @classmethod
    def create(cls, configurations: Sequence[RuleConfiguration]) -> ProfileEvaluation:
        """Create an evaluation from the first sample. Raises RuleConfigurationError."""
        rules = _create_rules(configurations)
        statuses = {name: RuleEvaluation(RuleStatus.IN_PROGRESS) for name in rules}
        return cls(configurations, rules, statuses, ProfileCursor())

    @classmethod
    def restore(cls, configurations: Sequence[RuleConfiguration], saved: Mapping[str, Any]) -> ProfileEvaluation:
        """Restore a saved evaluation. Configurations that were not part of it start at the measurements not yet seen.

        Raises RuleConfigurationError, and ValueError for a state saved by another version.
        """
        kept = read_rules(saved, {each.name: each.rule for each in configurations}, kind="profile evaluation state")
        found = cls.create(configurations)
        for name, each in kept.items():
            found._statuses[name] = each.evaluation
            if not each.evaluation.status.is_final:
                found._restore_rule(name, each, seen=bool(saved["cursor"]))
        found._cursor = ProfileCursor.restore(saved["cursor"])
        found._seen = ProfileSightings.restore(saved.get("seen") or {})
        return found

    @property
    def statuses(self) -> Mapping[str, RuleEvaluation]:
        return dict(self._statuses)

    @property
    def rules(self) -> Mapping[str, ProfilerRule]:
        """The rules by name. A rule that is a report (ProfilerReport) has a page."""
        return dict(self._rules)

    def save(self) -> dict[str, Any]:
        """The state from which the evaluation can continue, as JSON."""
        return {
            "cursor": self._cursor.save(),
            "seen": self._seen.save(),
            **save_rules({each.name: self._save_rule(each) for each in self._configurations}),
        }

    def advance(self, reader: ProfileReader, *, ended: bool) -> list[StatusChange]:
        """Evaluates what is new, and with `ended` finishes every rule that found nothing.

        Any split of the files into calls gives the same findings. Raises GridwatchError or OSError when the profile
        cannot be reached; a state saved before the call is then still valid.
        """
        former = dict(self._statuses)
        if self._active():
            try:
                self._evaluate(reader, ended=ended)
            except CorruptTensorError as error:
                for name in self._active():
                    self._fail(name, error)
            if ended:
                self._finish()
        return [
            found.reached_by(each.name)
            for each in self._configurations
            if (found := self._statuses[each.name]) != former[each.name]
        ]

    def _active(self) -> list[str]:
        return [name for name, found in self._statuses.items() if found.status is RuleStatus.IN_PROGRESS]

    def _evaluate(self, reader: ProfileReader, *, ended: bool) -> None:
        more = True
        while more:
            batch = reader.read(self._cursor, ended=ended)
            self._seen.note(batch.measurements)
            for name in self._active():
                self._check(name, batch.measurements)
            more = batch.more and batch.cursor != self._cursor
            self._cursor = batch.cursor

    def _check(self, name: str, measurements: Sequence[Measurement]) -> None:
        rule = self._rules[name]
        try:
            for each in measurements:
                found = rule.check_sample(each) if isinstance(each, Sample) else rule.check_span(each)
                if found is not None:
                    self._record(name, found)
                    return
        except (GridwatchError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - a rule may raise anything; the others must go on
            self._fail(name, error)

    def _finish(self) -> None:
        for name in self._active():
            try:
                found = self._rules[name].conclude()
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(name, error)
                continue
            rule = self._rules[name]
            if found is not None:
                self._record(name, found)
            elif rule.judged:
                self._statuses[name] = RuleEvaluation(RuleStatus.NO_ISSUES_FOUND)
            else:
                details = nothing_seen(rule.name, rule.looks_for(), self._seen.in_words)
                self._statuses[name] = RuleEvaluation(RuleStatus.SAW_NOTHING, details)

    def _record(self, name: str, finding: Finding) -> None:
        details = condition_met(finding.rule, finding.step)
        self._statuses[name] = RuleEvaluation(RuleStatus.ISSUES_FOUND, details, finding)

    def _fail(self, name: str, error: Exception) -> None:
        self._statuses[name] = RuleEvaluation(RuleStatus.ERROR, f"{type(error).__name__}: {error}"[:LONGEST_DETAILS])

    def _save_rule(self, configuration: RuleConfiguration) -> SavedRule:
        found, rule = self._statuses[configuration.name], self._rules[configuration.name]
        return SavedRule(configuration.rule, found, {} if found.status.is_final else deepcopy(rule.save()), rule.judged)

    def _restore_rule(self, name: str, kept: SavedRule, *, seen: bool) -> None:
        """Restore a rule. An earlier version did not save whether it had judged, so there what it saw counts."""
        self._rules[name].restore(kept.state)
        self._rules[name].judged = int(seen if kept.judged is None else kept.judged)


def _create_rules(configurations: Sequence[RuleConfiguration]) -> dict[str, ProfilerRule]:
    rules: dict[str, ProfilerRule] = {}
    for each in configurations:
        if each.name in rules:
            raise RuleConfigurationError(f"two rules are named {each.name!r}; names are unique within a job")
        rule = create_rule(each.rule, each.parameters)
        if not isinstance(rule, ProfilerRule):
            raise RuleConfigurationError(f"{each.rule} looks at tensors, not at a job's profile")
        rules[each.name] = rule
    return rules
