"""All collections of a trial, as in a worker's collections file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch_rules.rules.custom.smdebug.core.collection import Collection
from gridwatch_rules.rules.custom.smdebug.core.utils import load_json_as_dict
from gridwatch_rules.rules.custom.smdebug.exceptions import SMDebugError, SMDebugTypeError, SMDebugValueError

ALLOWED_PARAMS = ["collections", "_meta"]


class CollectionManager:
    """The collections by name. A collection that does not exist is created empty when it is asked for."""

    def __init__(self, collections: dict[str, Collection] | None = None, create_default: bool = False) -> None:
        del create_default  # ignored, as in smdebug
        self.collections = {} if collections is None else collections
        self._meta: dict[str, Any] = {"num_workers": 1}

    def create_collection(self, name: str, cls: type[Collection] = Collection) -> None:
        if name not in self.collections:
            self.collections[name] = cls(name)

    def get_collections(self) -> dict[str, Collection]:
        return self.collections

    def add(self, arg: str | Collection) -> None:
        if isinstance(arg, str):
            self.create_collection(arg)
        elif isinstance(arg, Collection):
            self.collections[arg.name] = arg

    def get(self, name: str, create: bool = True) -> Collection:
        if name not in self.collections:
            if not create:
                raise SMDebugError(f"Collection {name} has not been created")
            self.create_collection(name)
        return self.collections[name]

    def update_meta(self, meta: Mapping[str, Any]) -> None:
        if not isinstance(meta, dict):
            raise SMDebugTypeError(f"meta should be a dict, got {type(meta)}")
        self._meta.update(meta)

    def get_num_workers(self) -> int:
        return int(self._meta["num_workers"])

    def set_num_workers(self, num_workers: int) -> None:
        self._meta["num_workers"] = int(num_workers)

    def to_json_dict(self) -> dict[str, Any]:
        return {
            "collections": {name: each.to_json_dict() for name, each in self.collections.items()},
            "_meta": self._meta,
        }

    @classmethod
    def load(cls, filename: str, collection_class: type[Collection] = Collection) -> CollectionManager | None:
        with open(filename) as file:
            return cls.load_from_string(file.read(), collection_class)

    @classmethod
    def load_from_string(cls, s: Any, collection_class: type[Collection] = Collection) -> CollectionManager | None:
        params = load_json_as_dict(s)
        if params is None:
            return None
        if any(each not in ALLOWED_PARAMS for each in params):
            allowed = ",".join(ALLOWED_PARAMS)
            raise SMDebugValueError(f"allowed params for collection manager can only be one of {allowed}")
        manager = cls(create_default=False)
        for collection in params["collections"].values():
            manager.add(collection_class.from_dict(collection))
        manager.update_meta(params["_meta"])
        return manager

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CollectionManager):
            return NotImplemented
        return self.collections == other.collections

    __hash__ = None  # type: ignore[assignment]  # as smdebug's

    def __repr__(self) -> str:
        return f"<class CollectionManager: collection_names={list(self.collections.keys())}>"
