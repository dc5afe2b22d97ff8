"""Evaluates a job's rules over its tensors: only new steps, in any number of calls, each rule independently."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from gridwatch_rules.failures import GridwatchError
from gridwatch_rules.rules.catalogue import create_rule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.fetching import places_wanted
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.requirement import Requirement, Selector
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.saved_rules import SavedRule, read_rules, save_rules
from gridwatch_rules.rules.saved_state import decode, encode
from gridwatch_rules.rules.sightings import Sightings
from gridwatch_rules.rules.status_change import RuleEvaluation, StatusChange
from gridwatch_rules.rules.view import StepView
from gridwatch_rules.status import LONGEST_DETAILS, RuleStatus, condition_met
from gridwatch_rules.streams.metric_source import MetricSource
from gridwatch_rules.tensors.errors import CorruptTensorError, TensorUnavailableError
from gridwatch_rules.tensors.heartbeats import Beats, no_beats
from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.source import ByteRange
from gridwatch_rules.tensors.steps import SavedStep
from gridwatch_rules.visible import visible_line

_STEPS_AT_ONCE = 128
_BYTES_AT_ONCE = 2 * 1024 * 1024
_STEPS_AHEAD = 20  # steps; SageMaker's copies of a hook's files come in any order, but not this far apart
_NAMES_AT_ONCE = 200_000  # names of tensors in one chunk of steps, which memory must hold


def never() -> bool:
    """A `time_is_up` that is always false."""
    return False


@dataclass(frozen=True, slots=True)
class RuleConfiguration:
    """The configuration of one rule of a job. `name` is unique in the job, `rule` is its class in the catalogue. It
    looks at every `every`-th step.
    """

    name: str
    rule: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    every: int = 1


class Evaluation:
    """The evaluation of all rules of one job. A rule ends with its first finding, or with status Error when it fails;
    other rules go on.
    """

    def __init__(
        self,
        configurations: Sequence[RuleConfiguration],
        rules: Mapping[str, Rule],
        statuses: Mapping[str, RuleEvaluation],
        cursor: Cursor,
    ) -> None:
        self._configurations = tuple(configurations)
        self._rules = dict(rules)
        self._statuses = dict(statuses)
        self._cursor = cursor
        self._sightings = Sightings()
        self._every = {each.name: each.every for each in configurations}
        self._selectors: dict[Requirement, Selector] = {}
        self._last_view: StepView | None = None

    @classmethod
    def create(
        cls, configurations: Sequence[RuleConfiguration], make: Callable[[str, Mapping[str, Any]], Rule] = create_rule
    ) -> Evaluation:
        """Create an evaluation from the first step. Raises RuleConfigurationError for a wrong rule, parameter or double
        name.
        """
        rules = _create_rules(configurations, make)
        return cls(configurations, rules, {name: RuleEvaluation(RuleStatus.IN_PROGRESS) for name in rules}, Cursor())

    @classmethod
    def restore(
        cls,
        configurations: Sequence[RuleConfiguration],
        saved: Mapping[str, Any],
        make: Callable[[str, Mapping[str, Any]], Rule] = create_rule,
    ) -> Evaluation:
        """Restore a saved evaluation. A configuration that was not part of it starts at the steps not yet seen.

        Raises RuleConfigurationError, and ValueError for a state saved by another version.
        """
        kept = read_rules(saved, {each.name: each.rule for each in configurations}, kind="evaluation state")
        rules = _create_rules(configurations, make)
        statuses = {name: RuleEvaluation(RuleStatus.IN_PROGRESS) for name in rules}
        for name, each in kept.items():
            statuses[name] = each.evaluation
            if not each.evaluation.status.is_final:
                _restore_rule(rules[name], each, sighted=name in saved.get("sighted", ()))
        restored = cls(configurations, rules, statuses, Cursor.restore(saved["cursor"]))
        restored._sightings = Sightings.restore(saved)
        return restored

    @property
    def statuses(self) -> Mapping[str, RuleEvaluation]:
        return dict(self._statuses)

    @property
    def last_step(self) -> int:
        """The last global step evaluated, -1 before the first."""
        return self._cursor.step

    @property
    def there(self) -> str:
        """A text that says what the job has saved."""
        return self._sightings.there

    def saved_in_source(self, source: MetricSource) -> str:
        """A text that says what the job has saved in one of its several sources."""
        return self._sightings.saved_in_source(source)

    def sought_and_saved(self, source: MetricSource, name: str) -> tuple[str, str]:
        """Two texts: what a rule looks for, and what of that the source had."""
        return self._rules[name].looks_for(), self._sightings.details_in_source(source, name)

    def save(self) -> dict[str, Any]:
        """The state from which the evaluation can continue, as JSON."""
        return {
            "cursor": self._cursor.save(),
            **self._sightings.save(),
            **save_rules({each.name: self._save_rule(each) for each in self._configurations}),
        }

    def advance(
        self, reader: TensorReader, *, now: datetime, ended: bool, beats: Beats = no_beats
    ) -> list[StatusChange]:
        """Evaluates the steps that are new, and with `ended` finishes every rule that found nothing.

        Any split of the steps into calls gives the same findings. Raises GridwatchError or OSError when the tensors
        cannot be reached; a state saved before the call is then still valid.
        """
        former = dict(self._statuses)
        if self._active():
            self.look(reader, ended=ended)
            self.check_beats(beats, None if ended else now)
            self.finish(reader) if ended else self._check_time(now)
        return [
            found.reached_by(each.name)
            for each in self._configurations
            if (found := self._statuses[each.name]) != former[each.name]
        ]

    def look(self, reader: TensorReader, *, ended: bool, time_is_up: Callable[[], bool] = never) -> bool:
        """Evaluate the new steps without finishing any rule. It stops early when `time_is_up`, which it calls now and
        then. Returns whether all new steps were evaluated. Raises the errors that `advance` raises.
        """
        self._selectors = {}
        complete = True
        try:
            with _quiet():
                complete = self._evaluate_new_steps(reader, ended=ended, time_is_up=time_is_up)
        except CorruptTensorError as error:
            for name in self._active():
                self._fail(name, error)
        for name in self._active() if reader.damage else ():
            self._note_damage(name, next(iter(reader.damage.values())))
        return complete or not self._active()

    def finding_by_time(self, name: str, now: datetime) -> Finding | None:
        """The finding that a rule without a verdict makes from the time alone."""
        return self._rules[name].check_time(now, self._cursor.step)

    def rule_of(self, name: str) -> str:
        """The rule's class in the catalogue."""
        return next(each.rule for each in self._configurations if each.name == name)

    def conclude(self, name: str, evaluation: RuleEvaluation) -> None:
        """Give a rule the verdict that it reached in another source."""
        self._statuses[name] = evaluation

    def _active(self) -> list[str]:
        return [name for name, found in self._statuses.items() if found.status is RuleStatus.IN_PROGRESS]

    def _evaluate_new_steps(self, reader: TensorReader, *, ended: bool, time_is_up: Callable[[], bool]) -> bool:
        """Evaluate new steps until time is up. Returns whether none are left."""
        for number, chunk in enumerate(self._chunks(reader, ended=ended)):
            if number and time_is_up():  # at least one step, so that it ends at last however little time each call has
                return False
            missing = reader.prefetch(place for _, places in chunk for place in places)
            for place, (saved, places) in enumerate(chunk):
                if (
                    missing
                    and not ended
                    and not missing.isdisjoint(places)
                    and not _is_left_behind(chunk[place:], missing)
                ):
                    return True  # the events file is not written yet
                self._check_step(StepView(reader, saved, self._selectors))
                self._cursor = reader.cursor_at(saved.step)
                if not self._active():
                    return True
        return True

    def _chunks(self, reader: TensorReader, *, ended: bool) -> Iterator[list[tuple[SavedStep, list[ByteRange]]]]:
        """Yield chunks of new steps with the places that their rules want. A chunk is as large as memory and requests
        make sensible.
        """
        chunk: list[tuple[SavedStep, list[ByteRange]]] = []
        size = names = 0
        try:
            for saved in reader.new_steps(self._cursor, ended=ended):
                wanted = self._requirements(saved)
                places = places_wanted(saved, wanted, StepView(reader, saved, self._selectors))
                chunk.append((saved, places))
                size += sum(place.length or 0 for place in places)
                names += len(saved.names)
                if len(chunk) >= _STEPS_AT_ONCE or size >= _BYTES_AT_ONCE or names >= _NAMES_AT_ONCE:
                    yield chunk
                    chunk, size, names = [], 0, 0
        except CorruptTensorError:
            yield chunk
            raise
        if chunk:
            yield chunk

    def _requirements(self, saved: SavedStep) -> list[Requirement]:
        return [self._rules[name].required for name in self._active() if self._is_looked_at(name, saved.mode_step)]

    def _is_looked_at(self, name: str, mode_step: int) -> bool:
        return mode_step % self._every[name] == 0

    def _check_step(self, view: StepView) -> None:
        self._last_view = view
        self._sightings.note_step(view.saved_names)
        for name in self._active():
            if not self._is_looked_at(name, view.mode_step):
                continue
            self._note(name, view)
            try:
                self._record(name, self._rules[name].check(view))
            except TensorUnavailableError:
                continue  # as in Debugger, a step without a needed tensor is passed over
            except CorruptTensorError as error:
                self._note_damage(name, error)  # only this step is damaged; others are judged
            except (GridwatchError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - a rule may raise anything; the others must go on
                self._fail(name, error)

    def _note(self, name: str, view: StepView) -> None:
        """Record what a rule sees until it has judged for the first time, after which this is no longer needed."""
        rule = self._rules[name]
        if rule.judged:
            self._sightings.forget(name)
        else:
            self._sightings.note(name, view.names(rule.required))

    def _has_judged(self, name: str) -> bool:
        rule = self._rules[name]
        if rule.judged is not None:
            return rule.judged > 0
        return self._sightings.has(name) if rule.required.names_any else self._sightings.steps > 0

    def _check_time(self, now: datetime) -> None:
        for name in self._active():
            self._record(name, self._rules[name].check_time(now, self._cursor.step))

    @property
    def is_timed(self) -> bool:
        """Whether rules without a verdict judge by the time or by heartbeats."""
        rules = (self._rules[name] for name in self._active())
        return any(rule.looks_at_time or rule.looks_at_beats for rule in rules)

    def wait(self, now: datetime) -> None:
        """Note that the job waits for machines, in place of judging by time and heartbeats."""
        for name in self._active():
            self._rules[name].wait(now)

    def check_beats(self, beats: Beats, now: datetime | None) -> None:
        """Judge by the heartbeats of the job's ranks, which are read only for rules that look at them. Without `now`
        (the job is over) the newest heartbeat tells the time.
        """
        names = [name for name in self._active() if self._rules[name].looks_at_beats]
        told = beats() if names else ()
        if not told:
            return
        at = now.timestamp() if now is not None else max(beat.at for beat in told)
        for name in names:
            try:
                self._record(name, self._rules[name].check_beats(told, at))
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(name, error)

    def finish(self, reader: TensorReader) -> None:
        """Bring every rule to its verdict when the job is over."""
        saved = None if self._last_view or self._cursor.step < 0 else reader.step(self._cursor.step)
        view = StepView(reader, saved, self._selectors) if saved else self._last_view
        for name in self._active():
            try:
                self._record(name, self._rules[name].finish(view))
            except (GridwatchError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - as above
                self._fail(name, error)
        for name in self._active():
            rule = self._rules[name]
            blind = not self._sightings.has(name)
            if blind and rule.required.collections and self._cursor.step >= 0 and reader.collections().missing:
                self._fail(name, CorruptTensorError("collections/", "steps were saved, but no collections file"))
            elif self._statuses[name].details:  # because of damage it is not known what there was to see
                self._statuses[name] = replace(self._statuses[name], status=RuleStatus.ERROR)
            elif self._has_judged(name):
                self._statuses[name] = RuleEvaluation(RuleStatus.NO_ISSUES_FOUND)
            else:
                details = self._sightings.details(name, rule.name, rule.looks_for())
                self._statuses[name] = RuleEvaluation(RuleStatus.SAW_NOTHING, details)

    def _record(self, name: str, finding: Finding | None) -> None:
        if finding is not None:
            details = condition_met(finding.rule, finding.step)
            self._statuses[name] = RuleEvaluation(RuleStatus.ISSUES_FOUND, details, finding)

    def _fail(self, name: str, error: Exception) -> None:
        self._statuses[name] = RuleEvaluation(RuleStatus.ERROR, _said(error))

    def _note_damage(self, name: str, error: CorruptTensorError) -> None:
        """Record damage. The rule loses the damaged step and goes on; its details say so, and it ends as Error unless
        it finds something.
        """
        if not self._statuses[name].details:
            self._statuses[name] = RuleEvaluation(RuleStatus.IN_PROGRESS, _said(error))

    def _save_rule(self, configuration: RuleConfiguration) -> SavedRule:
        found, rule = self._statuses[configuration.name], self._rules[configuration.name]
        state = {} if found.status.is_final else encode(rule.save())
        return SavedRule(configuration.rule, found, state, rule.judged)


def _is_left_behind(chunk: Sequence[tuple[SavedStep, list[ByteRange]]], missing: Collection[ByteRange]) -> bool:
    """Whether so many later steps are complete that the missing bytes of this one will not come any more."""
    gone = frozenset(missing)
    return sum(bool(places) and gone.isdisjoint(places) for _, places in chunk[1:]) >= _STEPS_AHEAD


def _said(error: Exception) -> str:
    """An error's text without line breaks and without characters that a terminal would obey, because it may quote a
    file.
    """
    return visible_line(f"{type(error).__name__}: {error}")[:LONGEST_DETAILS]


def _quiet() -> AbstractContextManager[Any]:
    """Suppress numpy's warnings about NaN, because finding NaN is the rules' work."""
    import numpy as np

    return np.errstate(all="ignore")


def _create_rules(
    configurations: Sequence[RuleConfiguration], make: Callable[[str, Mapping[str, Any]], Rule]
) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for each in configurations:
        if each.name in rules:
            raise RuleConfigurationError(f"two rules are named {each.name!r}; names are unique within a job")
        rules[each.name] = make(each.rule, each.parameters)
    return rules


def _restore_rule(rule: Rule, kept: SavedRule, *, sighted: bool) -> None:
    """Restore a rule. An earlier version did not save whether it had judged, so there what it saw counts."""
    rule.restore(decode(kept.state))
    if rule.judged is not None:
        rule.judged = int(sighted) if kept.judged is None else int(kept.judged)
