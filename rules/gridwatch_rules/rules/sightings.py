"""Counts what a job saved. Rules that could judge nothing use it at the end to say what they looked for and what was
there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from gridwatch_rules.status import LONGEST_DETAILS, RuleStatus
from gridwatch_rules.streams.metric_source import MetricSource

# Number of tensor names that are listed; for others only their number is given.
_MOST_NAMES = 6
_LONGEST_NAME = 80
_LONGEST_LOOKED_FOR = 400
LONGEST_NOTHING_SEEN = LONGEST_DETAILS - len(f"{RuleStatus.SAW_NOTHING}: ")


class _Words(NamedTuple):
    """The wording for the contents of a source."""

    nothing: str
    had: str
    none: str


_OF_SOURCE = {
    MetricSource.HOOK: _Words("the hook saved nothing", "the hook saved", "of what the hook saved none"),
    MetricSource.LOG: _Words("no line of the log had a metric", "the log had", "of the log's metrics none"),
}


class Sightings:
    """Counts a job's saved steps, and for each rule the steps at which each of its first few tensors was saved."""

    def __init__(self) -> None:
        self.steps = 0
        self._names: dict[str, int] = {}  # counts for the whole job
        self._of_rules: dict[str, dict[str, int]] = {}
        self._sighted: set[str] = set()  # rules with at least one saved tensor
        self._whole = True  # whether counting began with the first step

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> Sightings:
        """Restore saved counts. A state of an earlier version has none and only says which rules saw any tensor."""
        found = cls()
        kept = saved.get("sightings") or {"whole": False}
        found._whole = bool(kept.get("whole", True))
        found.steps = int(kept.get("steps", 0))
        found._names = dict(kept.get("names", {}))
        found._of_rules = {rule: dict(names) for rule, names in kept.get("rules", {}).items()}
        found._sighted = set(saved.get("sighted", ()))
        return found

    def save(self) -> dict[str, Any]:
        return {
            "sighted": sorted(self._sighted),
            "sightings": {
                "steps": self.steps,
                "names": self._names,
                "rules": self._of_rules,
                "whole": self._whole,
            },
        }

    def note_step(self, names: Sequence[str]) -> None:
        self.steps += 1
        _count(self._names, names)

    def note(self, rule: str, names: Sequence[str]) -> None:
        """Count the rule's tensors that were saved at the step."""
        if names:
            self._sighted.add(rule)
            _count(self._of_rules.setdefault(rule, {}), names)

    def forget(self, rule: str) -> None:
        """Drop the counts of a rule that has judged, because they are no longer needed."""
        self._of_rules.pop(rule, None)

    def has(self, rule: str) -> bool:
        return rule in self._sighted

    def details(self, rule: str, title: str, looks_for: str) -> str:
        """The status details of a rule that judged nothing."""
        seen = self.tensors_of(rule)
        if seen:
            there = f"there was only {seen}"
        else:
            there = f"none was there: {self.there}" if self.steps and self._whole else self.there
        return nothing_seen(title, looks_for, there)

    def details_in_source(self, source: MetricSource, rule: str) -> str:
        """A text that says what one of several sources had for a rule that judged nothing by it."""
        words = _OF_SOURCE[source]
        if seen := self.tensors_of(rule):
            return f"{words.had} only {seen}"
        return self.saved_in_source(source)

    def saved_in_source(self, source: MetricSource) -> str:
        """A text that says what one of several sources had, although no rule looked for it."""
        words = _OF_SOURCE[source]
        if not self._whole:
            return f"{words.none} is it"
        return f"{words.none} is it ({self.saved or 'nothing'})" if self.steps else words.nothing

    def tensors_of(self, rule: str) -> str:
        """A text that lists the rule's tensors that were saved; empty when there were none."""
        return _listed(self._of_rules.get(rule, {}))

    @property
    def saved(self) -> str:
        """A text that lists all saved tensors."""
        return _listed(self._names)

    @property
    def there(self) -> str:
        """A text that says what the whole job saved."""
        if not self._whole:
            return "none was there"
        if not self.steps:
            return "the job saved no tensors and reported no metrics"
        return f"in {_steps(self.steps)} the job saved {_listed(self._names) or 'nothing'}"


def nothing_seen(rule: str, looks_for: str, there: str) -> str:
    """The details of status SawNothing on one line: what the rule looked for, and what was there."""
    wanted = looks_for if len(looks_for) <= _LONGEST_LOOKED_FOR else f"{looks_for[: _LONGEST_LOOKED_FOR - 1]}…"
    said = f"{rule} looks for {wanted}; {there}"
    return "".join(letter if letter.isprintable() else " " for letter in said)[:LONGEST_NOTHING_SEEN]


def listed(names: Iterable[str]) -> str:
    """A text with the first names and the number of others."""
    every = [name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…" for name in names]
    more = len(every) - _MOST_NAMES
    return ", ".join((*every[:_MOST_NAMES], *([f"{more} more"] if more > 0 else [])))


def _listed(counts: Mapping[str, int]) -> str:
    return listed(f"{name} at {_steps(count)}" for name, count in counts.items())


def _count(counts: dict[str, int], names: Sequence[str]) -> None:
    for name in names[: 4 * _MOST_NAMES]:
        if name in counts or len(counts) <= _MOST_NAMES:
            counts[name] = counts.get(name, 0) + 1


def _steps(count: int) -> str:
    return "one step" if count == 1 else f"{count:,} steps"
