"""The collections of a job, which are named groups of tensors, read from the hook's files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gridwatch_rules.patterns import compile_patterns, found
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.index import readable, whole
from gridwatch_rules.tensors.partial import ends_early
from gridwatch_rules.tensors.seal import require_unbroken

_MAX_PATTERNS = 500  # in all of a job's collections
_MOST_WORKERS = 100_000  # more than any training has; a step is final when all its workers have reached it
_LARGEST = 16 * 1024 * 1024  # bytes of a file; parsed JSON takes up to 27 times as much memory
_SHOWN = 300  # longest error text


@dataclass(frozen=True, slots=True)
class Collection:
    """A named group of tensors. A tensor belongs to it by name, or when one of the patterns is found anywhere in its
    name (as in smdebug).
    """

    tensor_names: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()

    def has(self, name: str) -> bool:
        return name in self.tensor_names or any(found(pattern, name) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Collections:
    """All collections of a job, merged from all its workers' files, and its number of workers. `missing` is true when
    there is no such file.
    """

    by_name: Mapping[str, Collection] = field(default_factory=dict)
    workers: int = 1
    missing: bool = False

    def has(self, collection: str, name: str) -> bool:
        known = self.by_name.get(collection)
        return known is not None and known.has(name)


def parse_collections(files: Iterable[tuple[str, bytes]]) -> Collections | None:
    """Parse these (key, content) files. Returns None when one ends early, because it may still be being written.

    Raises CorruptTensorError when a file is not in smdebug's format.
    """
    names: dict[str, set[str]] = {}
    patterns: dict[str, dict[str, re.Pattern[str]]] = {}
    workers, left = 1, _MAX_PATTERNS
    for key, content in files:
        try:
            if len(content) > _LARGEST:
                raise ValueError(f"{len(content):,} bytes, where such a file has at most {_LARGEST:,}")
            require_unbroken(content)
            document = json.loads(content)
            workers = max(workers, _workers(document.get("_meta", {}).get("num_workers", 1)))
            for name, collection in document["collections"].items():
                found = _texts(collection.get("tensor_names"), "tensor_names")
                names.setdefault(readable(name, "a collection's name"), set()).update(found)
                texts = list(dict.fromkeys(_texts(collection.get("include_regex"), "include_regex")))
                left -= len(texts)
                if left < 0:
                    raise ValueError(f"more than {_MAX_PATTERNS} patterns")
                patterns.setdefault(name, {}).update(zip(texts, compile_patterns(tuple(texts)), strict=True))
        except json.JSONDecodeError as error:
            if ends_early(error):
                return None
            raise CorruptTensorError(key, f"not JSON ({error})") from error
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError, OverflowError, re.error) as error:
            said = f"{type(error).__name__}: {error}"[:_SHOWN]
            raise CorruptTensorError(key, f"not a collections file ({said})") from error
    return Collections(
        {name: Collection(frozenset(names[name]), tuple(patterns[name].values())) for name in names}, workers
    )


def _workers(value: object) -> int:
    workers = whole(value, "num_workers")
    if workers > _MOST_WORKERS:
        raise ValueError(f"{workers} workers")
    return workers


def _texts(value: object, what: str) -> Iterator[str]:
    if value is not None and not isinstance(value, list):
        raise ValueError(f"{what} is no list")
    return (readable(each, what) for each in value or ())
