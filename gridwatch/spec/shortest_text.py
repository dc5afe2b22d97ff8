"""The shortest text that a regular expression matches, with a text of one's own in place of one of its groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from re import _constants as kinds  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_LONGEST = 10_000
_REPEATS = (kinds.MAX_REPEAT, kinds.MIN_REPEAT, kinds.POSSESSIVE_REPEAT)


def shortest_text(pattern: re.Pattern[str], group: int, inserted: str | None) -> str | None:
    """The shortest text that matches; `inserted` stands where the group would match, and None leaves the group its own
    text. None for an expression with parts from which no text can be made. Whether the expression really matches must
    be checked by the caller: assertions such as a word's boundary are skipped.
    """
    maker = _Maker(group, inserted)
    try:
        return maker.sequence(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE))[:_LONGEST]
    except (_UnknownPartError, re.error, RecursionError):
        return None


class _UnknownPartError(Exception):
    """A part of an expression from which no text can be made."""


class _Maker:
    """Walks through the parts of a parsed expression, in the terms of Python's own parser."""

    def __init__(self, group: int, inserted: str | None) -> None:
        self._group = group
        self._inserted = inserted
        self._texts: dict[int, str] = {}
        self._makers: dict[Any, Callable[[Any], str]] = {
            kinds.LITERAL: chr,
            kinds.AT: lambda _: "",
            kinds.ASSERT_NOT: lambda _: "",
            kinds.ASSERT: lambda value: self.sequence(value[1]),
            kinds.ANY: lambda _: " ",
            kinds.NOT_LITERAL: lambda value: _one_of(lambda letter: ord(letter) != value),
            kinds.IN: lambda value: _one_of(lambda letter: _is_in(value, letter)),
            kinds.SUBPATTERN: self._subpattern,
            kinds.ATOMIC_GROUP: self.sequence,
            kinds.BRANCH: self._branch,
            kinds.GROUPREF: lambda value: self._texts.get(value, ""),
            **dict.fromkeys(_REPEATS, self._repeat),
        }

    def sequence(self, parts: Any) -> str:
        return "".join(self._part(kind, value) for kind, value in parts)

    def _part(self, kind: Any, value: Any) -> str:
        if kind not in self._makers:
            raise _UnknownPartError
        text: str = self._makers[kind](value)
        return text

    def _subpattern(self, value: Any) -> str:
        group, parts = value[0], value[-1]
        text: str = self._inserted if group == self._group and self._inserted is not None else self.sequence(parts)
        if group is not None:
            self._texts[group] = text
        return text

    def _repeat(self, value: Any) -> str:
        least = int(max(value[0], 1) if self._holds(value[2]) else value[0])
        text = self.sequence(value[2])
        return text * min(least, _LONGEST // max(1, len(text)) + 1)  # longer ones are cut anyway

    def _branch(self, value: Any) -> str:
        branches = value[1]
        return self.sequence(next((branch for branch in branches if self._holds(branch)), branches[0]))

    def _holds(self, parts: Any) -> bool:
        """Whether the group is one of the parts or inside one."""
        return any(
            (kind is kinds.SUBPATTERN and value[0] == self._group) or any(map(self._holds, _inner(kind, value)))
            for kind, value in parts
        )


def _inner(kind: Any, value: Any) -> list[Any]:
    if kind in _REPEATS:
        return [value[2]]
    if kind is kinds.BRANCH:
        return list(value[1])
    if kind is kinds.SUBPATTERN:
        return [value[-1]]
    if kind is kinds.ATOMIC_GROUP:
        return [value]
    return [value[1]] if kind is kinds.ASSERT else []


_LETTERS = "0 =:,;.-_/'\"|axAe#[](){}<>+*%&!?~^$@\\`\t"
_CATEGORIES: Mapping[Any, Callable[[str], bool]] = {
    kinds.CATEGORY_DIGIT: str.isdigit, kinds.CATEGORY_SPACE: str.isspace,
    kinds.CATEGORY_WORD: lambda letter: letter.isalnum() or letter == "_",
}  # fmt: skip
_OTHERS = {
    kinds.CATEGORY_NOT_DIGIT: kinds.CATEGORY_DIGIT, kinds.CATEGORY_NOT_SPACE: kinds.CATEGORY_SPACE,
    kinds.CATEGORY_NOT_WORD: kinds.CATEGORY_WORD,
}  # fmt: skip


def _one_of(fits: Callable[[str], bool]) -> str:
    for letter in (*_LETTERS, *map(chr, range(33, 0x250))):
        if fits(letter):
            return str(letter)
    raise _UnknownPartError


def _is_in(choices: Any, letter: str) -> bool:
    negated = bool(choices) and choices[0][0] is kinds.NEGATE
    inside = any(_is_choice(kind, value, letter) for kind, value in choices if kind is not kinds.NEGATE)
    return inside is not negated


def _is_choice(kind: Any, value: Any, letter: str) -> bool:
    if kind is kinds.LITERAL:
        return bool(ord(letter) == value)
    if kind is kinds.RANGE:
        return bool(value[0] <= ord(letter) <= value[1])
    if value in _CATEGORIES:
        return bool(_CATEGORIES[value](letter))
    if value in _OTHERS:
        return not _CATEGORIES[_OTHERS[value]](letter)
    raise _UnknownPartError
