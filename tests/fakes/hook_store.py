"""The store of hooks that are brought into jobs, in memory."""

from __future__ import annotations

from collections.abc import MutableMapping

from gridwatch.launch.carrier import CONFIG, Carrier
from gridwatch.storage.layout import HOOK_ARCHIVE


class FakeHookStore:
    """The store. `carriers` are what was put, by address; their objects are listed among `objects`."""

    def __init__(self, objects: MutableMapping[str, str]) -> None:
        self.carriers: dict[str, Carrier] = {}
        self._objects = objects

    def put(self, carrier: Carrier) -> None:
        self.carriers[carrier.uri] = carrier
        for name in (HOOK_ARCHIVE, CONFIG):
            self._objects[f"{carrier.uri}{name}"] = f"etag of {name}"
