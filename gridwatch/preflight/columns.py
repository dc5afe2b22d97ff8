"""Checks single columns and whole rows of a channel: invalid values, copies, leaks, rows that occur twice."""

from __future__ import annotations

import hashlib
import math
import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.tables import Table
from gridwatch.spec.xgboost.numbers import LARGEST_SINGLE

_LISTED = 8
_SPARSE = 0.25  # from this share of zeros on, a column of zeros is how such tables are (pixels, one-hot codes)
_ROW_NUMBERS = 20  # so many rows that count up by one are numbered, not measured
_SAME = 1 - 1e-9  # Pearson's correlation of a column that is the label on another scale
_MEANT_APART = 100  # as often as chance would make rows alike, that many times over, is no chance


def check_columns(table: Table) -> Iterator[Notice]:
    yield from _non_finite(table)
    yield from _constant(table)
    yield from _copies(table)
    yield from _leaks(table)
    yield from _numbered(table)


def check_rows(table: Table) -> Iterator[Notice]:
    """Rows that occur twice, more often than rows of such values would by chance."""
    counts = Counter(row_hashes(table))
    twice = sum(count - 1 for count in counts.values())
    if not twice or table.count < 2:
        return
    pairs = sum(count * (count - 1) / 2 for count in counts.values())
    chance = table.count * (table.count - 1) / 2 * alike_by_chance(table)
    share = twice / table.count
    message = f"{twice:,} of {table.count:,} rows are there more than once ({share:.1%})"
    unlikely = pairs > max(1.0, _MEANT_APART * chance) or (pairs > 4 * chance and share > 0.2)
    if unlikely and share >= 0.001:
        advice = "a copy counts double, and ends up on both sides of a split: drop copies before splitting"
        yield Notice(check="duplicate-rows", message=message, channel=table.channel, advice=advice)
    else:
        yield Notice(check="duplicate-rows", message=message, channel=table.channel, level=Level.NOTE)


def row_hashes(table: Table) -> array[int]:
    """64 bits of each row's values, the label among them."""
    pack = struct.Struct(f"<{len(table.columns) + 1}d").pack
    digests = (
        hashlib.blake2b(pack(*_plain(table.row_values(at))), digest_size=8).digest() for at in range(table.count)
    )
    return array("Q", (int.from_bytes(digest) for digest in digests))


def alike_by_chance(table: Table) -> float:
    """The probability that two rows are equal, if at least the two most varied columns were independent (no more is
    assumed).
    """
    likely = sorted(_collision(column) for column in table.columns)
    return math.prod(likely[:2]) if likely else 1.0


def named(table: Table, features: Sequence[int]) -> str:
    """The names of columns of the file, as many as people read."""
    more = f" and {len(features) - _LISTED} more" if len(features) > _LISTED else ""
    numbers = ", ".join(str(table.number(feature)) for feature in features[:_LISTED])
    return f"column{'s' if len(features) > 1 else ''} {numbers}{more}"


def is_numbered(values: Sequence[float], rows: Sequence[int | None]) -> bool:
    """Whether the values count the rows, from wherever they begin."""
    if len(values) < _ROW_NUMBERS or any(row is None for row in rows):
        return False
    first = values[0] - (rows[0] or 0)
    counts = all(value - (row or 0) == first for value, row in zip(values, rows, strict=True))
    return counts and len(set(values)) >= len(set(rows))  # beside a large number a row's own is rounded away


def _plain(values: Sequence[float]) -> Iterator[float]:
    return (math.nan if math.isnan(value) else value + 0.0 for value in values)  # -0.0 is 0.0, every NaN the same


def _collision(column: Sequence[float]) -> float:
    counts = Counter(column)
    return max(sum(count * (count - 1) for count in counts.values()), 1) / max(1, len(column) * (len(column) - 1))


def _non_finite(table: Table) -> Iterator[Notice]:
    for feature, column in enumerate(table.columns):
        infinite = sum(map(math.isinf, column))
        absent = sum(math.isnan(value) for value in column)
        said = absent - table.empty[feature]
        at = next((place for place, value in enumerate(column) if not math.isfinite(value)), None)
        if infinite:
            message = f"{infinite:,} of {table.count:,} values are infinite: XGBoost refuses them or takes others"
            place = next(place for place, value in enumerate(column) if math.isinf(value))
            yield Notice(
                check="non-finite", message=message, channel=table.channel, column=table.number(feature),
                row=table.rows[place], level=Level.REFUSE, advice="leave the cell empty if the value is missing",
            )  # fmt: skip
        elif (place := next((at for at, value in enumerate(column) if abs(value) > LARGEST_SINGLE), -1)) >= 0:
            message = f"{column[place]:g} is too large for single precision: XGBoost refuses it or takes another number"
            yield Notice(
                check="non-finite", message=message, channel=table.channel, column=table.number(feature),
                row=table.rows[place], level=Level.REFUSE, advice="scale the column, or take its logarithm",
            )  # fmt: skip
        if said > 0 and at is not None:
            message = f"{said:,} of {table.count:,} values are NaN, which XGBoost takes for missing"
            yield Notice(
                check="non-finite", message=message, channel=table.channel, column=table.number(feature),
                row=table.rows[at], advice="leave cells empty where values are missing, so that it is meant",
            )  # fmt: skip


def _constant(table: Table) -> Iterator[Notice]:
    if table.count < 2:
        return
    empty = [feature for feature, column in enumerate(table.columns) if all(math.isnan(value) for value in column)]
    same = [
        feature
        for feature, column in enumerate(table.columns)
        if not math.isnan(column[0]) and all(value == column[0] for value in column)
    ]
    cells = table.count * max(1, len(table.columns))
    zeros = sum(column.count(0.0) for column in table.columns) / cells
    usual = [feature for feature in same if table.columns[feature][0] == 0.0 and zeros >= _SPARSE]
    doubtful = [feature for feature in same if feature not in usual]
    if empty and not table.is_sparse:
        message = f"{named(table, empty)}: no value at all in {table.count:,} rows"
        yield Notice(check="constant", message=message, channel=table.channel, advice="drop what teaches nothing")
    if doubtful:
        value = f", {table.columns[doubtful[0]][0]:g}" if len(doubtful) == 1 else ""
        message = f"{named(table, doubtful)}: the same value{value} in all of {table.count:,} rows"
        yield Notice(check="constant", message=message, channel=table.channel, advice="drop what teaches nothing")
    if usual:
        message = f"{named(table, usual)}: zero in all rows, as happens in tables that are mostly zeros"
        yield Notice(check="constant", message=message, channel=table.channel, level=Level.NOTE)


def _copies(table: Table) -> Iterator[Notice]:
    first: dict[bytes, int] = {}
    for feature, column in enumerate(table.columns):
        if table.count < 2 or len(set(column)) < 2 or all(math.isnan(value) for value in column):
            continue
        digest = hashlib.blake2b(column.tobytes()).digest()
        if digest in first:
            message = f"columns {table.number(first[digest])} and {table.number(feature)} are the same"
            yield Notice(
                check="duplicate-columns", message=message, channel=table.channel, advice="keep one of the two"
            )
        first.setdefault(digest, feature)


def _leaks(table: Table) -> Iterator[Notice]:
    if table.count < _ROW_NUMBERS or len(set(table.label)) < 2:
        return
    for feature, column in enumerate(table.columns):
        # What is true of columns that are the label by another name is seen early in others: they are left.
        if all(map(math.isfinite, column)) and abs(_correlation(table.label, column)) >= _SAME:
            what = "is" if column == table.label else "says the same as"
            yield Notice(
                check="leak", message=f"the column {what} the label", channel=table.channel,
                column=table.number(feature), advice="drop it, or the model learns to read it off and nothing else",
            )  # fmt: skip


def _numbered(table: Table) -> Iterator[Notice]:
    for feature, column in enumerate(table.columns):
        if is_numbered(column, table.rows):
            yield Notice(
                check="label-place", message="the column counts the rows: an index, not a feature",
                channel=table.channel, column=table.number(feature), advice="save the table without its index",
            )  # fmt: skip


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    count = len(first)
    middle_first, middle_second = math.fsum(first) / count, math.fsum(second) / count
    both = above = below = 0.0
    for one, other in zip(first, second, strict=True):
        to_first, to_second = one - middle_first, other - middle_second
        both, above, below = both + to_first * to_second, above + to_first**2, below + to_second**2
    return both / math.sqrt(above * below) if above > 0 and below > 0 else 0.0
