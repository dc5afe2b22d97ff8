"""Knows which collections a tensor belongs to, and which tensors were saved under each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gridwatch_hook.collection import Collection
from gridwatch_hook.modes import Mode
from gridwatch_hook.schedule import SaveSchedule


class Membership:
    """The membership of tensors in collections. Answers are kept by name, so each name is matched against the patterns
    once.
    """

    def __init__(self, collections: dict[str, Collection]) -> None:
        self._collections = collections
        self._of: dict[str, tuple[Collection, ...]] = {}
        self._saved: dict[str, set[str]] = {name: set() for name in collections}
        self._noted: set[str] = set()

    @classmethod
    def create(cls, collections: tuple[Collection, ...]) -> Membership:
        return cls({item.name: item for item in collections})

    def of(self, tensor: str) -> tuple[Collection, ...]:
        """The configured collections that hold the tensor."""
        holders = self._of.get(tensor)
        if holders is None:
            holders = self._of[tensor] = tuple(item for item in self._collections.values() if item.holds(tensor))
        return holders

    def add(self, collection: str, tensor: str) -> Collection:
        """Put a tensor into a collection by name; one that nobody configured is saved at every step."""
        item = self._collections.get(collection)
        if item is None:
            every_step = {mode: SaveSchedule(interval=1) for mode in Mode}
            item = Collection.create(
                collection, include_regex=(), tensor_names=frozenset(), schedules=every_step, reductions=(),
                save_raw_tensor=True,
            )  # fmt: skip
            self._collections[collection] = item
            self._saved[collection] = set()
        return item

    def enlist(self, collection: str, tensor: str) -> None:
        """Add a tensor's name to a configured collection. Does nothing when no collection has that name."""
        item = self._collections.get(collection)
        if item is not None and tensor not in item.tensor_names:
            self._collections[collection] = replace(item, tensor_names=item.tensor_names | {tensor})
            self._of.pop(tensor, None)

    def note(self, tensor: str, holders: list[Collection]) -> bool:
        """Record that the tensor is saved under `holders`. Returns whether that was unknown before."""
        if tensor in self._noted:
            return False
        self._noted.add(tensor)
        for item in holders:
            self._saved[item.name].add(tensor)
        return True

    def to_json(self) -> dict[str, Any]:
        """The collections in the form of smdebug's collections file."""
        return {name: item.to_json(self._saved[name]) for name, item in self._collections.items()}
