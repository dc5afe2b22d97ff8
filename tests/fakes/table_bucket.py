"""A bucket of tables in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass
class FakeTableBucket:
    """The bucket. `puts` and `gets` tell the order of calls; `times` are what `written_at` returns."""

    objects: dict[str, bytes] = field(default_factory=dict)
    times: dict[str, datetime] = field(default_factory=dict)
    puts: list[str] = field(default_factory=list)
    gets: list[str] = field(default_factory=list)

    def put(self, key: str, path: Path) -> None:
        self.objects[key] = path.read_bytes()
        self.puts.append(key)

    def get(self, key: str, path: Path) -> bool:
        self.gets.append(key)
        if key in self.objects:
            path.write_bytes(self.objects[key])
        return key in self.objects

    def written_at(self, prefix: str) -> Mapping[str, datetime]:
        return {key: at for key, at in self.times.items() if key.startswith(prefix)}
