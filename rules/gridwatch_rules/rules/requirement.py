"""Declares the tensors that a rule looks at. The values of a step are fetched together by it, and a job's collect
section is derived from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gridwatch_rules.patterns import found
from gridwatch_rules.tensors.collections import Collections
from gridwatch_rules.tensors.index import ReductionName


@dataclass(frozen=True, slots=True, eq=False)
class Requirement:
    """The tensors that a rule needs: those in `collections`, those in whose name one of `patterns` is found, or
    `everything`.

    When `reductions` are given, those of a tensor suffice and it need not be saved whole. With `all_workers` each
    worker's own value counts, instead of only the first worker's.
    """

    collections: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    reductions: tuple[ReductionName, ...] = ()
    everything: bool = False
    all_workers: bool = False

    @property
    def names_any(self) -> bool:
        """Whether it can select any tensors."""
        return bool(self.collections or self.patterns or self.everything)

    @property
    def in_words(self) -> str:
        """A text for people that says what it selects: "the collections losses, metrics or tensors named like ^a"."""
        collections = f"the collection{'s' if len(self.collections) > 1 else ''} {', '.join(self.collections)}"
        patterns = f"tensors named like {', '.join(self.patterns)}"
        parts = [collections] * bool(self.collections) + [patterns] * bool(self.patterns)
        return "any tensor" if self.everything or not parts else " or ".join(parts)


@dataclass(frozen=True, slots=True)
class Collect:
    """A collection that a job must save for a rule, in the form of Debugger's CollectionConfiguration."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)


class Selector:
    """Applies one requirement to the names saved at a step. Answers are cached, because steps mostly save the same
    names.
    """

    def __init__(self, requirement: Requirement, collections: Collections) -> None:
        self._requirement = requirement
        self._collections = collections
        self._patterns = tuple(re.compile(pattern) for pattern in requirement.patterns)
        self._answers: dict[tuple[str, ...], tuple[str, ...]] = {}

    def select(self, names: tuple[str, ...]) -> tuple[str, ...]:
        answer = self._answers.get(names)
        if answer is None:
            if len(self._answers) >= 64:
                self._answers.clear()
            answer = self._answers[names] = tuple(filter(self._wants, names))
        return answer

    def _wants(self, name: str) -> bool:
        if self._requirement.everything or any(found(pattern, name) for pattern in self._patterns):
            return True
        return any(self._collections.has(collection, name) for collection in self._requirement.collections)
