"""The store of hooks that are brought into jobs, in memory."""

from __future__ import annotations

from gridwatch.launch.carrier import Carrier


class FakeHookStore:
    """The store. `carriers` are what was put, by address."""

    def __init__(self) -> None:
        self.carriers: dict[str, Carrier] = {}

    def put(self, carrier: Carrier) -> None:
        self.carriers[carrier.uri] = carrier
