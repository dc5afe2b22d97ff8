"""Clean data, and channels made of it with faults planted."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from gridwatch.domain.notices import Level, Notice, Weights
from gridwatch.preflight.examination import ChannelData, Machine, examine
from gridwatch.preflight.sampling import FULL, Budget, LocalData
from gridwatch.preflight.targets import Target, targets_of

Rows = list[list[float]]
BINARY = targets_of([{"objective": "binary:logistic"}])
SMALL = Machine(("ml.m5.large",), 10)


def clean(rows: int = 400, columns: int = 5, *, seed: int = 1, classes: int = 2) -> Rows:
    """Labels from 0, and independent features rounded as files often are."""
    chance = random.Random(seed)
    return [[chance.randrange(classes), *(round(chance.gauss(0, 1), 4) for _ in range(columns))] for _ in range(rows)]


def text(rows: Sequence[Sequence[object]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in rows)


def notices(
    folder: Path,
    contents: Mapping[str, str | bytes],
    *,
    targets: Sequence[Target] = BINARY,
    machine: Machine = SMALL,
    content_type: str = "text/csv",
    budget: Budget = FULL,
) -> tuple[Notice, ...]:
    """The notices about these channels, each of one file."""
    channels = []
    for name, content in contents.items():
        file = folder / f"{name}.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        channels.append(ChannelData(name, content_type, LocalData(file)))
    return Weights().report(examine(channels, targets, machine, budget).notices).notices


def told(found: Sequence[Notice]) -> list[str]:
    """The checks that refuse or warn; notes do not count."""
    return [notice.check for notice in found if notice.level is not Level.NOTE]
