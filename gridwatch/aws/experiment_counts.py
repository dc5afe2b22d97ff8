"""Keeps the counts of experiments in the state table, in the same transaction as what they count.

The counts of an experiment are the sum of a first item and of spills. Whoever is overtaken at the first item writes the
difference into one of the spills, chosen at random: many writers at one instant then do not wait for each other.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from gridwatch.aws.record_reader import RecordReader
from gridwatch.aws.table import DocumentTable, Item, Put
from gridwatch.domain.counts import ExperimentCounts
from gridwatch.state.codec import to_json
from gridwatch.state.counting import together, with_difference
from gridwatch.state.store import ConflictError
from gridwatch.state.unreadable import UnreadableRecordError, if_readable

COUNTS = "counts"
INDEXED = "experiments#counts"
SPILLS = 32
Changed = Callable[[Sequence[int], ExperimentCounts], ExperimentCounts]
Parts = Mapping[str, ExperimentCounts]  # by sort key


class ExperimentCounting:
    """Reads and writes counts. Raises gridwatch_rules.failures errors."""

    def __init__(self, table: DocumentTable, records: RecordReader, schema: str) -> None:
        self._table = table
        self._records = records
        self._schema = schema

    def get(self, experiment: str) -> ExperimentCounts | None:
        return _sum(self._parts(experiment))

    def all(self) -> Iterator[ExperimentCounts]:
        found: dict[str, dict[str, ExperimentCounts | None]] = {}
        for item in self._table.indexed(INDEXED):
            found.setdefault(item.pk, {})[item.sk] = if_readable(partial(self._read, item))
        for parts in found.values():
            readable = {sk: part for sk, part in parts.items() if part is not None}
            if len(readable) == len(parts) and (whole := _sum(readable)) is not None:
                yield whole

    def _read(self, item: Item) -> ExperimentCounts:
        """The item's counts. Raises UnreadableRecordError, also where nothing could be compared with the best value."""
        counts = self._records.one(ExperimentCounts, item)
        if counts.best is not None and not math.isfinite(counts.best):
            self._records.refuse(item, f"its best value is {counts.best}")
        return counts

    def save(self, counts: ExperimentCounts) -> None:
        """Save the counts as the next version of those that were read; ConflictError when others are stored."""
        try:
            parts = self._parts(counts.experiment)
        except UnreadableRecordError:
            parts = {}
        kept = sum(part.version for part in parts.values())
        spilled = [sk for sk, part in parts.items() if sk != COUNTS and not _is_empty(part)]
        empty = ExperimentCounts(experiment=counts.experiment)
        puts = [self._put(COUNTS, parts.get(COUNTS), counts), *(self._put(sk, parts[sk], empty) for sk in spilled)]
        if kept != counts.version or not self._put_all(puts):
            raise ConflictError(f"the counts of {counts.experiment} were changed meanwhile")

    def put_each(self, experiment: str, puts: Sequence[Put], changed: Changed) -> list[bool]:
        """Put each item whose condition holds, and say of each whether it did. `changed`: the counts after the puts of
        these numbers, which are written with them: both or neither.
        """
        parts: dict[str, ExperimentCounts] = {}
        after = -1  # the number of the first put of the last transaction

        def tally(numbers: Sequence[int]) -> Put | None:
            nonlocal parts, after
            overtaken = numbers[0] <= after
            if overtaken or after < 0:
                try:
                    parts = dict(self._parts(experiment))
                except UnreadableRecordError:
                    return None  # it is left as it is, and whoever wants to know counts the trials
            # Behind other puts the counts are probably as they were written with those.
            sk, after = (_spill() if overtaken else COUNTS), numbers[0]
            whole = _sum(parts) or ExperimentCounts(experiment=experiment)
            former = parts.get(sk)
            written = with_difference(former or ExperimentCounts(experiment=experiment), whole, changed(numbers, whole))
            put = self._put(sk, former, written)
            parts[sk] = replace(written, version=(former.version if former else 0) + 1)
            return put

        return self._table.put_each(puts, tally)

    def _parts(self, experiment: str) -> Parts:
        """The first item and the spills as they are stored. Raises UnreadableRecordError."""
        found = self._table.below(_partition(experiment), COUNTS)
        return {item.sk: self._read(item) for item in found}

    def _put_all(self, puts: Sequence[Put]) -> bool:
        if len(puts) == 1:
            return self._table.put(puts[0].item, condition=puts[0].condition, values=puts[0].values)
        return self._table.put_together(puts)

    def _put(self, sk: str, former: ExperimentCounts | None, counts: ExperimentCounts) -> Put:
        """The part in place of the one that was read; an empty spill is in no list."""
        version = former.version if former is not None else 0
        kept = replace(counts, version=version + 1)
        item = Item(
            pk=_partition(kept.experiment),
            sk=sk,
            document=to_json(kept),
            attributes={"schema": self._schema, "version": str(kept.version)},
            index=(INDEXED, kept.experiment) if sk == COUNTS or not _is_empty(kept) else None,
        )
        if not version:
            return Put(item, "attribute_not_exists(pk)")
        return Put(item, "version = :version", {":version": str(version)})


def _sum(parts: Parts) -> ExperimentCounts | None:
    first, spills = parts.get(COUNTS), [part for sk, part in parts.items() if sk != COUNTS]
    if first is None and not spills:
        return None
    return together(first or ExperimentCounts(experiment=spills[0].experiment), spills)


def _is_empty(spill: ExperimentCounts) -> bool:
    return replace(spill, version=0) == ExperimentCounts(experiment=spill.experiment)


def _spill() -> str:
    return f"{COUNTS}#{random.randrange(SPILLS):02d}"  # noqa: S311 - spreads writers, guards nothing


def _partition(experiment: str) -> str:
    return f"experiment#{experiment}"
