"""The collections of a job: names for groups of tensors, as the hook wrote them down."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gridwatch.patterns import compile_patterns, found
from gridwatch.tensors.errors import CorruptTensorError
from gridwatch.tensors.partial import ends_early

_MAX_PATTERNS = 500  # in all of a job's collections


@dataclass(frozen=True, slots=True)
class Collection:
    """A tensor belongs to it by name, or when one of the patterns is found anywhere in its name (as smdebug does)."""

    tensor_names: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()

    def has(self, name: str) -> bool:
        return name in self.tensor_names or any(found(pattern, name) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class Collections:
    """All collections of a job, from all its workers' files together, and how many workers it has. `missing`: no such
    file is there.
    """

    by_name: Mapping[str, Collection] = field(default_factory=dict)
    workers: int = 1
    missing: bool = False

    def has(self, collection: str, name: str) -> bool:
        known = self.by_name.get(collection)
        return known is not None and known.has(name)


def parse_collections(files: Iterable[tuple[str, bytes]]) -> Collections | None:
    """The collections in these (key, content) files; None when one ends early, so that it may still be being written.

    Raises CorruptTensorError when one is not what smdebug writes.
    """
    names: dict[str, set[str]] = {}
    patterns: dict[str, dict[str, re.Pattern[str]]] = {}
    workers, left = 1, _MAX_PATTERNS
    for key, content in files:
        try:
            document = json.loads(content)
            workers = max(workers, int(document.get("_meta", {}).get("num_workers", 1)))
            for name, collection in document["collections"].items():
                names.setdefault(name, set()).update(collection.get("tensor_names") or ())
                texts = list(dict.fromkeys(collection.get("include_regex") or ()))
                left -= len(texts)
                if left < 0:
                    raise ValueError(f"more than {_MAX_PATTERNS} patterns")
                patterns.setdefault(name, {}).update(zip(texts, compile_patterns(tuple(texts)), strict=True))
        except json.JSONDecodeError as error:
            if ends_early(error):
                return None
            raise CorruptTensorError(key, f"not JSON ({error})") from error
        except (KeyError, TypeError, AttributeError, ValueError, RecursionError, OverflowError, re.error) as error:
            raise CorruptTensorError(key, f"not a collections file ({type(error).__name__}: {error})") from error
    return Collections(
        {name: Collection(frozenset(names[name]), tuple(patterns[name].values())) for name in names}, workers
    )
