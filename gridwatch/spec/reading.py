"""Reads bytes as a plain document that knows the line of every field. The bytes are not trusted.

YAML is read as events and composed here, within bounds on size, depth and number of nodes (aliases expanded); tags
build no objects. JSON is a subset of it, except for escaped surrogate pairs, which are replaced first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from gridwatch.spec.faults import in_words
from gridwatch.spec.problems import Path, Problem, SpecError, shown
from gridwatch.spec.scalars import ScalarError, resolve

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 20_000  # twice the trials that an experiment may have

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXT_TAG = "tag:yaml.org,2002:str"
_SURROGATES = re.compile(r"(?<!\\)((?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """The plain values of a file, and the place of each field by its key."""

    value: Any
    places: Mapping[Path, Place]

    def place(self, path: Path) -> Place:
        """The place of the field, or of the nearest field around it that the file has."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def located(self, problem: Problem) -> Problem:
        place = self.place(problem.path)
        return problem.at(place.line, place.column)


def read_document(content: bytes) -> Document:
    """The document in a file. Raises SpecError: with one problem when reading must stop, with all of them for duplicate
    keys and unusable numbers.
    """
    root = _Composer(_decode(content)).compose()
    builder = _Builder()
    value = builder.build(root, ())
    if builder.problems:
        raise SpecError(builder.problems)
    return Document(value, builder.places)


def _decode(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _stop(
            "the file is too large", found=f"{len(content):,} bytes or more", allowed=f"at most {MAX_BYTES:,} bytes"
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _stop("the file is not text in UTF-8", found=f"byte 0x{content[error.start]:02x}", line=line) from error
    return _SURROGATES.sub(_join_surrogates, text)


def _join_surrogates(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


@dataclass(slots=True)
class _Node:
    """A node. `content`: a scalar's text, a list of nodes, or a list of pairs. `size` and `height` count aliases as
    expanded.
    """

    kind: str
    place: Place
    content: Any
    plain: bool = True
    size: int = 1
    height: int = 1
    complete: bool = False


class _Composer:
    """Composes events into nodes, without recursion deeper than MAX_DEPTH."""

    def __init__(self, text: str) -> None:
        self._events = self._safely(text)
        self._anchors: dict[str, _Node] = {}
        self._total = 0

    def compose(self) -> _Node:
        events = [next(self._events), next(self._events)]
        if not isinstance(events[1], yaml.DocumentStartEvent):
            raise _stop("the file is empty", allowed="an experiment spec", advice="see docs/spec.md")
        root = self._node(next(self._events), 1)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _stop("the file holds more than one document", place=_place(after), advice="make one file for each")
        return root

    def _safely(self, text: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            position = getattr(error, "position", None)
            line = mark.line + 1 if mark else text.count("\n", 0, position) + 1 if position is not None else 1
            what = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
            what, advice = in_words(what, text, mark)
            place = Place(line, mark.column + 1 if mark else 1)
            raise _stop(f"this is not YAML or JSON: {what}", place=place, advice=advice) from error

    def _node(self, event: Any, depth: int) -> _Node:
        place = _place(event)
        if depth > MAX_DEPTH:
            raise _stop("the file is nested too deeply", place=place, allowed=f"{MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth, place)
        if event.tag not in (None, "!", _TEXT_TAG):
            raise _stop(f"the tag {shown(event.tag)} is not allowed", place=place, allowed="plain values")
        node = _Node("scalar", place, None)
        if event.anchor:
            self._anchors[event.anchor] = node
        if isinstance(event, yaml.ScalarEvent):
            node.content, node.plain = event.value, bool(event.implicit[0]) and event.tag is None
        else:
            self._collection(node, event, depth)
        node.complete = True
        self._count(1, place)
        return node

    def _collection(self, node: _Node, event: Any, depth: int) -> None:
        node.kind = "mapping" if isinstance(event, yaml.MappingStartEvent) else "sequence"
        children = []
        while not isinstance(event := next(self._events), (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            children.append(self._node(event, depth + 1))
        node.content = list(zip(children[::2], children[1::2], strict=True)) if node.kind == "mapping" else children
        node.size = 1 + sum(child.size for child in children)
        node.height = 1 + max((child.height for child in children), default=0)

    def _alias(self, event: Any, depth: int, place: Place) -> _Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise _stop(f"nothing is anchored as &{event.anchor}", place=place)
        if not node.complete:
            raise _stop(f"*{event.anchor} refers to what it stands in", place=place)
        if depth + node.height > MAX_DEPTH:
            raise _stop("aliases nest too deeply", place=place, allowed=f"{MAX_DEPTH} levels")
        self._count(node.size, place)
        return node

    def _count(self, nodes: int, place: Place) -> None:
        self._total += nodes
        if self._total > MAX_NODES:
            raise _stop("the file has too many values", place=place, allowed=f"{MAX_NODES:,}, aliases expanded")


@dataclass(slots=True)
class _Builder:
    """Builds plain values from nodes; collects the places of fields and the problems of keys and numbers."""

    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def build(self, node: _Node, path: Path) -> Any:
        self.places.setdefault(path, node.place)
        if node.kind == "sequence":
            return [self.build(child, (*path, index)) for index, child in enumerate(node.content)]
        if node.kind == "mapping":
            return self._mapping(node, path)
        if not node.plain:
            return node.content
        try:
            return resolve(node.content)
        except ScalarError as error:
            self._complain(path, node.place, str(error), found=shown(node.content))
            return 0

    def _mapping(self, node: _Node, path: Path) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key, value in node.content:
            if key.kind != "scalar":
                self._complain(path, key.place, "a key must be a word")
                continue
            name = key.content
            if name == "<<" and key.plain:
                self._complain(path, key.place, "merge keys (<<) are not supported", advice="write the keys out")
                continue
            if name in built:
                first = self.places[(*path, name)].line
                self._complain((*path, name), key.place, f"the key is there twice, first in line {first}")
                continue
            self.places[(*path, name)] = key.place
            built[name] = self.build(value, (*path, name))
        return built

    def _complain(
        self, path: Path, place: Place, message: str, *, found: str | None = None, advice: str | None = None
    ) -> None:
        problem = Problem(path=path, message=message, found=found, advice=advice)
        self.problems.append(problem.at(place.line, place.column))


def _place(event: Any) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _stop(message: str, *, place: Place | None = None, line: int = 1, **told: str | None) -> SpecError:
    at = place or Place(line, 1)
    return SpecError([Problem(path=(), message=message, line=at.line, column=at.column, **told)])
