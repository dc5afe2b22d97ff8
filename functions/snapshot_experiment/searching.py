"""What SageMaker Search knows of an experiment's jobs, read as far as it changed since the last snapshot."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from gridwatch.state.unreadable import DAMAGE
from gridwatch.storage import layout
from gridwatch.tables.components import Component
from gridwatch.tables.facts import Stamp, TrialFacts
from gridwatch_rules.failures import PermanentError, TransientError

# Search knows late: what it is asked for again each time, although it was asked before.
_OVERLAP = timedelta(minutes=15)
# Of a job that ended so long ago, Search will not know more: its component was deleted, or it never had one.
_PATIENCE = timedelta(days=1)
_FORMAT = 1


class ReadsComponents(Protocol):
    """The part of `gridwatch.aws.component_search.ComponentSearch` that is needed here."""

    def read(
        self,
        experiment: str,
        reduce: Callable[[Mapping[str, Any]], Component],
        modified_since: datetime | None = None,
    ) -> Mapping[str, Component]: ...


class ObjectStore(Protocol):
    """The store of objects that are kept from one snapshot to the next."""

    def get(self, key: str, path: Path) -> bool: ...

    def put(self, key: str, path: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Components by their job's name. `error` says why Search could not be read: the components are then those it had
    before.

    `asked` is False for an experiment without a SageMaker experiment, such as one of watched jobs.
    """

    components: Mapping[str, Component] = field(default_factory=dict)
    asked: bool = True
    error: str | None = None
    fetched: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    components: Mapping[str, Component]
    read_at: datetime


class SearchReader:
    """Reads what changed since the last snapshot, and keeps it beside the tables."""

    def __init__(self, search: ReadsComponents, objects: ObjectStore) -> None:
        self._search = search
        self._objects = objects

    def read(
        self, experiment: str, names: Sequence[str], trials: Sequence[TrialFacts], stamp: Stamp, folder: Path
    ) -> SearchAnswer:
        """The components of the SageMaker experiments in `names`, which hold the experiment's trials.

        Never raises an error of AWS: without Search, a snapshot still has all that Gridwatch knows itself.
        """
        if not names:
            return SearchAnswer(asked=False)
        file, key = folder / "components.json.gz", layout.components_key(experiment)
        kept = None
        try:
            kept = _load(file) if self._objects.get(key, file) else None
            since = _since(kept, trials, stamp.as_of) if kept else None
            found = {
                component.name: component
                for name in names
                for component in self._search.read(name, Component.parse, since).values()
            }
            components = {**(kept.components if kept else {}), **found}
            if found or kept is None:
                _save(file, _Kept(components, stamp.as_of))
                self._objects.put(key, file)
        except (PermanentError, TransientError) as error:
            return SearchAnswer(_by_job(kept.components if kept else {}), error=str(error))
        return SearchAnswer(_by_job(components), fetched=len(found))


def _since(kept: _Kept, trials: Sequence[TrialFacts], now: datetime) -> datetime:
    """The time since which changes may be unknown: the last reading, or the oldest news that Search did not
    have then.
    """
    known = _by_job(kept.components)
    missed = [
        facts.trial.ended_at
        for facts in trials
        if facts.trial.ended_at is not None and facts.trial.ended_at > now - _PATIENCE
        if (component := known.get(facts.trial.training_job)) is None or not component.keeps_up_with(facts.trial)
    ]
    return min([kept.read_at, *missed]) - _OVERLAP


def _by_job(components: Mapping[str, Component]) -> Mapping[str, Component]:
    return {component.job_name: component for component in components.values()}


def _load(file: Path) -> _Kept | None:
    """The components that were kept; None when they have another format or are damaged: then everything is read
    again.
    """
    try:
        return _loaded(file)
    except (OSError, EOFError, zlib.error, StopIteration, *DAMAGE):
        return None


def _loaded(file: Path) -> _Kept | None:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        head = json.loads(next(lines))
        if head["format"] != _FORMAT:
            return None
        components = map(Component.from_json, map(json.loads, lines))
        return _Kept({component.name: component for component in components}, datetime.fromisoformat(head["read_at"]))


def _save(file: Path, kept: _Kept) -> None:
    with gzip.open(file, "wt", encoding="utf-8", compresslevel=5) as lines:
        lines.write(json.dumps({"format": _FORMAT, "read_at": kept.read_at.isoformat()}) + "\n")
        for component in kept.components.values():
            lines.write(json.dumps(component.as_json()) + "\n")
