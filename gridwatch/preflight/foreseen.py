"""Foresees what a job will save, as far as its spec says it, and runs rules over it: a rule that judges nothing there
ends as SawNothing in the job as well.

Values are stand-ins; what matters is which tensors there are, of what kind and at which steps. It needs no numpy: a
rule that asks for an array where there is none is beyond what can be foreseen, and counts as one that judges.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn

from gridwatch_rules.rules.requirement import Requirement, Selector
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.rules.sightings import Sightings
from gridwatch_rules.rules.view import StepView
from gridwatch_rules.tensors.collections import Collection, Collections
from gridwatch_rules.tensors.errors import TensorUnavailableError
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_STEPS = 100_000  # that are looked at; a rule that needs more cannot be foreseen
_MOST_NUMBERS, _DIGITS = 100, 9
_ROWS = 10_000  # of labels and predictions: how many there are nobody knows, so there are enough


class Kind(StrEnum):
    """What a tensor holds."""

    SCALAR = "scalar"
    NUMBERS = "numbers"
    CLASSES = "classes"  # labels, and predictions of them
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a job will save. `tensors`: their kinds by name. `collections`: by name the pattern of their tensors and the
    steps at which they are saved; at other steps nothing is saved. `steps`: how many there will be.
    """

    tensors: Mapping[str, Kind]
    collections: Mapping[str, tuple[Collection, Callable[[int], bool]]]
    steps: int

    def saved(self, most: int = MOST_STEPS) -> Iterator[tuple[int, tuple[str, ...]]]:
        """The steps at which anything is saved, with the names, among the first `most` steps."""
        known: dict[frozenset[str], tuple[str, ...]] = {}
        members = {name: collection for name, (collection, _) in self.collections.items()}
        for step in range(min(self.steps, most)):
            due = frozenset(name for name, (_, saves) in self.collections.items() if saves(step))
            if due not in known:
                known[due] = tuple(name for name in self.tensors if any(members[each].has(name) for each in due))
            if known[due]:
                yield step, known[due]

    def members(self) -> Collections:
        return Collections({name: collection for name, (collection, _) in self.collections.items()})


@dataclass(frozen=True, slots=True)
class Sight:
    """Whether a rule will judge; if not, in words what there will be of its own tensors (`seen`) and of all
    (`there`).
    """

    judges: bool
    seen: str = ""
    there: str = ""
    steps: int = 0


class _CannotTell(Exception):  # noqa: N818 - no error: the rule asks for more than is foreseen
    """The rule asks for more than can be foreseen."""


def foresee(rule: Rule, job: Foreseen, every: int = 1) -> Sight:
    """Run the rule over everything that the job will save; it looks at each `every`-th step."""
    view, sightings = _View(job), Sightings()
    most = _enough(rule, job)
    if most > MOST_STEPS and job.steps > MOST_STEPS:
        return Sight(judges=True)  # nobody can tell
    try:
        for step, names in job.saved(most):
            if step % every:
                continue
            view.at(step, names)
            sightings.note_step(names)
            sightings.note("it", view.names(rule.required))
            if _judges(rule, view):
                return Sight(judges=True)
        rule.finish(view if view.step >= 0 else None)
    except Exception:  # noqa: BLE001 - whatever a rule raises here, it has found something to look at
        return Sight(judges=True)
    enough = bool(rule.judged) if rule.judged is not None else _sees_any(rule, sightings)
    return Sight(enough, sightings.tensors_of("it"), sightings.saved, sightings.steps)


def _enough(rule: Rule, job: Foreseen) -> int:
    """A number of steps after which a rule that has seen nothing never will: beyond all numbers in its parameters and
    in the collections' intervals.
    """
    named = [
        int(number) for number in re.findall(r"\d+", str(rule.parameters))[:_MOST_NUMBERS] if len(number) <= _DIGITS
    ]
    savings = [saves for _, saves in job.collections.values() if isinstance(saves, Saving)]
    starts = [step for each in savings for step in (each.start, *each.steps)]
    interval = max((each.interval for each in savings), default=1)
    return 2 * max([*named, *starts], default=0) * max(interval, 1) + 20 * interval + 100


def _judges(rule: Rule, view: _View) -> bool:
    try:
        found = rule.check(view)
    except TensorUnavailableError:
        return False
    return found is not None or bool(rule.judged)


def _sees_any(rule: Rule, sightings: Sightings) -> bool:
    return sightings.has("it") if rule.required.names_any else sightings.steps > 0


class _View(StepView):
    """One step of a job that has not run yet."""

    __slots__ = ("_answers", "_job", "_members", "_names", "_now")

    def __init__(self, job: Foreseen) -> None:
        self._job = job
        self._members = job.members()
        self._answers: dict[Requirement, Selector] = {}
        self._now = -1
        self._names: tuple[str, ...] = ()

    def at(self, step: int, names: tuple[str, ...]) -> None:
        self._now, self._names = step, names

    @property
    def step(self) -> int:
        return self._now

    @property
    def mode(self) -> Mode:
        return Mode.GLOBAL

    @property
    def mode_step(self) -> int:
        return self._now

    @property
    def saved_names(self) -> tuple[str, ...]:
        return self._names

    @property
    def reader(self) -> NoReturn:
        raise _CannotTell

    def names(self, requirement: Requirement) -> tuple[str, ...]:
        return self.selector(requirement).select(self._names)

    def selector(self, requirement: Requirement) -> Selector:
        found = self._answers.get(requirement)
        if found is None:
            found = self._answers[requirement] = Selector(requirement, self._members)
        return found

    def has(self, name: str) -> bool:
        return name in self._names

    def scalar(self, name: str, step: int | None = None) -> float | None:
        return 1.0 / (1 + (self._now if step is None else step)) if self._kind(name) is Kind.SCALAR else None

    def value(self, name: str, step: int | None = None, worker: str | None = None) -> NDArray[Any]:
        import numpy as np  # noqa: PLC0415 - where there is none, the rule has come further than this can tell

        del worker
        kind = self._kind(name)
        if kind is Kind.TEXT:
            return np.array(["text"])
        if kind is Kind.SCALAR:
            return np.array([self.scalar(name, step)])
        return np.arange(_ROWS) % 2

    def values(self, name: str) -> Mapping[str, NDArray[Any]]:
        return {"worker_0": self.value(name)}

    def saved_reductions(self, name: str) -> Mapping[tuple[str, bool], float]:
        del name
        return {}

    def reduction(self, name: str, kind: str, *, absolute: bool = False, step: int | None = None) -> float:
        del kind, absolute, step
        if self._kind(name) is Kind.TEXT:
            raise ValueError(name)
        return 1.0

    def logged_at(self, name: str) -> None:
        del name

    def _kind(self, name: str) -> Kind:
        if name not in self._job.tensors:
            raise TensorUnavailableError(name, self._now)
        return self._job.tensors[name]


def log_of(names: Sequence[str], losses: Sequence[str], lines: int) -> Foreseen:
    """What a job's log holds, by its MetricDefinitions. Which metrics share a line is not known, so all are
    taken to.
    """
    every = {
        "metrics": (Collection(frozenset(names)), _always),
        "losses": (Collection(frozenset(losses)), _always),
    }
    return Foreseen(dict.fromkeys(names, Kind.SCALAR), every, lines)


def _always(step: int) -> bool:
    return step >= 0


@dataclass(frozen=True, slots=True)
class Saving:
    """The steps at which a hook saves a collection: multiples of the interval from `start` on and before `end`, and
    those of `steps`.
    """

    interval: int
    start: int = 0
    end: int | None = None
    steps: frozenset[int] = field(default_factory=frozenset)

    @classmethod
    def of(cls, parameters: Mapping[str, str], default_interval: int) -> Saving:
        """The saving by a collection's parameters. The nearest one counts, as in the hook: that of the mode GLOBAL, in
        which rounds are, then any.
        """

        def said(key: str) -> str | None:
            return next(filter(None, (parameters.get(name) for name in (f"global.{key}", key))), None)

        listed, interval, end = said("save_steps"), said("save_interval"), said("end_step")
        steps = frozenset(int(step) for step in (listed or "").replace(",", " ").split())
        default = 0 if listed else default_interval
        start = int(said("start_step") or 0)
        return cls(int(interval or default), start, int(end) if end else None, steps)

    def __call__(self, step: int) -> bool:
        if step in self.steps:
            return True
        regular = bool(self.interval) and step % self.interval == 0
        return regular and step >= self.start and (self.end is None or step < self.end)

    def count(self, rounds: int) -> int:
        """The number of steps saved out of that many."""
        return sum(map(self, itertools.islice(itertools.count(), rounds)))
