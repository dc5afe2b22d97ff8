"""The history: a day's last rows of what changes, in one file for each table and day, over all experiments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from typing import Protocol

from gridwatch.storage import layout
from gridwatch.tables import schemas
from gridwatch.tables.compacting import compact
from gridwatch.tables.parquet import DamagedTableError


class HistoryBucket(Protocol):
    """The part of S3TableBucket that is needed here."""

    def get(self, key: str, path: Path) -> bool: ...

    def put(self, key: str, path: Path) -> None: ...

    def written_at(self, prefix: str) -> Mapping[str, datetime]: ...


class History:
    """Writes the history of days that are over. Each day is written once; `experiments` is written last and marks the
    day as done.
    """

    def __init__(self, bucket: HistoryBucket) -> None:
        self._bucket = bucket
        self.damaged: list[str] = []  # keys of the files that could not be read

    def close_yesterday(self, now: datetime) -> int:
        """Write the rows that snapshots wrote since yesterday began (UTC); returns how many, 0 when it was done before.

        They are the tables' present content: a snapshot of the first minutes of today stands for the last of yesterday.
        """
        day = now.astimezone(UTC).date() - timedelta(days=1)
        if self._bucket.written_at(layout.history_key(schemas.EXPERIMENTS.name, day)):
            return 0
        return sum(
            self._close(table, day) for table in sorted(schemas.HISTORY, key=lambda table: table is schemas.EXPERIMENTS)
        )

    def _close(self, table: schemas.Table, day: date) -> int:
        since = datetime.combine(day, clock_time(), UTC)
        with tempfile.TemporaryDirectory(prefix="history-") as folder:
            files = dict(self._fetch(table, since, Path(folder)))
            target = Path(folder) / "whole"
            count = self._compact(table, files, target, since)
            # Also without a row: it says that the day was looked at.
            if count or table is schemas.EXPERIMENTS:
                self._bucket.put(layout.history_key(table.name, day), target)
        return count

    def _compact(self, table: schemas.Table, files: dict[Path, str], target: Path, since: datetime) -> int:
        """Merge the files without the damaged ones: the next snapshot of their experiments writes those again."""
        while True:
            try:
                return compact(table, list(files), target, since)
            except DamagedTableError as error:
                self.damaged.append(files.pop(error.path))

    def _fetch(self, table: schemas.Table, since: datetime, folder: Path) -> Iterator[tuple[Path, str]]:
        written = self._bucket.written_at(f"{layout.TABLE_PREFIX}{table.name}/")
        for number, key in enumerate(sorted(key for key, at in written.items() if at >= since)):
            path = folder / f"{number}.parquet"
            if self._bucket.get(key, path):
                yield path, key
