"""Keeps the counts of experiments in the state table, in the same transaction as what they count."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from gridwatch.aws.record_reader import RecordReader
from gridwatch.aws.table import DocumentTable, Item, Put
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.state.codec import to_json
from gridwatch.state.store import ConflictError
from gridwatch.state.unreadable import UnreadableRecordError, if_readable

COUNTS = "counts"
INDEXED = "experiments#counts"
Changed = Callable[[Sequence[int], ExperimentCounts], ExperimentCounts]


class ExperimentCounting:
    """Reads and writes counts. Raises gridwatch_rules.failures errors."""

    def __init__(self, table: DocumentTable, records: RecordReader, schema: str) -> None:
        self._table = table
        self._records = records
        self._schema = schema

    def get(self, experiment: str) -> ExperimentCounts | None:
        item = self._table.get(_partition(experiment), COUNTS)
        return self._read(item) if item else None

    def all(self) -> Iterator[ExperimentCounts]:
        for item in self._table.indexed(INDEXED):
            counts = if_readable(partial(self._read, item))
            if counts is not None:
                yield counts

    def _read(self, item: Item) -> ExperimentCounts:
        """The item's counts. Raises UnreadableRecordError, also where nothing could be compared with the best value."""
        counts = self._records.one(ExperimentCounts, item)
        if counts.best is not None and not math.isfinite(counts.best):
            self._records.refuse(item, f"its best value is {counts.best}")
        return counts

    def save(self, counts: ExperimentCounts) -> None:
        """Save the counts as the next version of those that were read; ConflictError when others are stored."""
        put = self._put(counts, counts)
        if not self._table.put(put.item, condition=put.condition, values=put.values):
            raise ConflictError(f"the counts of {counts.experiment} were changed meanwhile")

    def put_each(self, experiment: str, puts: Sequence[Put], changed: Changed) -> list[bool]:
        """Put each item whose condition holds, and say of each whether it did. `changed`: the counts after the puts of
        these numbers, which are written with them: both or neither.
        """
        written: ExperimentCounts | None = None
        after = -1  # the number of the first put that `written` went with

        def tally(numbers: Sequence[int]) -> Put | None:
            nonlocal written, after
            # Behind other puts the counts are probably as they were written with those; else this is another try.
            known = written if numbers[0] > after else None
            try:
                known = known or self.get(experiment) or ExperimentCounts(experiment=experiment)
            except UnreadableRecordError:
                return None  # it is left as it is, and whoever wants to know counts the trials
            written, after = replace(changed(numbers, known), version=known.version + 1), numbers[0]
            return self._put(known, written)

        return self._table.put_each(puts, tally)

    def _put(self, known: ExperimentCounts, counts: ExperimentCounts) -> Put:
        kept = replace(counts, version=known.version + 1)
        item = Item(
            pk=_partition(kept.experiment),
            sk=COUNTS,
            document=to_json(kept),
            attributes={"schema": self._schema, "version": str(kept.version)},
            index=(INDEXED, kept.experiment),
        )
        if not known.version:
            return Put(item, "attribute_not_exists(pk)")
        return Put(item, "version = :version", {":version": str(known.version)})


def _partition(experiment: str) -> str:
    return f"experiment#{experiment}"
