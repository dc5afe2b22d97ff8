"""A sink in memory that can be told to fail, or to hold its writers up."""

from __future__ import annotations

import json
import threading
from typing import Any

from gridwatch_rules.tensors.reader import Cursor, TensorReader
from gridwatch_rules.tensors.steps import SavedStep
from tests.tensor_folder import MemorySource


class MemorySink:
    """A sink in memory. `objects` is what a reader sees, `puts` the keys in the order written, `failures` how many
    writes are still to fail.
    """

    flushes_per_second = 1e6

    def __init__(self, *, every_index_object: bool = True, failures: int = 0) -> None:
        self.every_index_object = every_index_object
        self.failures = failures
        self.objects: dict[str, bytes] = {}
        self.puts: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.reached = threading.Event()

    def put(self, key: str, body: bytes) -> None:
        self.reached.set()
        assert self.open.wait(10), "the test never opened the sink"
        if self.failures > 0:
            self.failures -= 1
            raise OSError("the disk is on fire")
        self.objects[key] = body
        self.puts.append(key)

    def read(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def remove(self, key: str) -> None:
        self.objects.pop(key, None)

    def reader(self) -> TensorReader:
        return TensorReader(MemorySource(self.objects))

    def steps(self) -> list[SavedStep]:
        return list(self.reader().new_steps(Cursor(), ended=True))

    def values(self, name: str) -> dict[int, Any]:
        """Step to value of a tensor, as a list or a number."""
        reader = self.reader()
        found = {saved.step: reader.value(saved, name) for saved in self.steps() if saved.place(name)}
        return {step: value.item() if value.size == 1 else value.tolist() for step, value in found.items()}

    def index(self, step: int) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.objects[f"index/{step // 1000:09d}/{step:012d}_worker_0.json"])
        return document

    def index_keys(self) -> list[str]:
        return [key for key in self.puts if key.startswith("index/")]


class FixedClock:
    """A clock that stands still, but for what a test adds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def wall(self) -> float:
        return 1_700_000_000.25

    def monotonic(self) -> float:
        return self.now
