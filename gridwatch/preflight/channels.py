"""Compares two channels: different columns, the same rows, different distributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.columns import alike_by_chance, row_hashes
from gridwatch.preflight.tables import Table

_ERROR = 0.001  # of all columns together: how often equal distributions would be called different
_DISTANCE = 0.1  # distributions nearer than this are told apart only by having many rows


def compare(train: Table, other: Table) -> Iterator[Notice]:
    yield from _columns(train, other)
    if train.count and other.count and len(train.columns) == len(other.columns):
        yield from _overlap(train, other)
        yield from _shift(train, other)


def ks_distance(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sample Kolmogorov-Smirnov statistic: the largest distance between the distribution functions.

    Source: Smirnov 1939, as in scipy.stats.ks_2samp. Values that are not finite are left out; 0 when nothing is left.
    """
    one = sorted(value for value in first if math.isfinite(value))
    two = sorted(value for value in second if math.isfinite(value))
    if not one or not two:
        return 0.0
    at_one = at_two = 0
    largest = 0.0
    while at_one < len(one) and at_two < len(two):
        value = min(one[at_one], two[at_two])
        while at_one < len(one) and one[at_one] == value:
            at_one += 1
        while at_two < len(two) and two[at_two] == value:
            at_two += 1
        largest = max(largest, abs(at_one / len(one) - at_two / len(two)))
    return largest


def ks_critical(first: int, second: int, error: float) -> float:
    """The distance that samples of equal distributions exceed with probability `error`, for large samples.

    Source: Smirnov's asymptotic formula sqrt(-ln(error / 2) / 2 * (n + m) / (n m)); it holds for continuous values,
    with ties the true error is smaller.
    """
    return math.sqrt(-math.log(error / 2) / 2 * (first + second) / (first * second))


def _columns(train: Table, other: Table) -> Iterator[Notice]:
    ours_count, theirs_count = len(train.columns), len(other.columns)
    differ = theirs_count > ours_count if train.is_sparse else theirs_count != ours_count
    if differ and ours_count and theirs_count:
        message = f"{theirs_count} columns of features, and {ours_count} in channel {train.channel}"
        advice = "both must have the same columns, in the same order"
        yield Notice(check="columns", message=message, channel=other.channel, advice=advice)
    elif train.names and other.names and train.names != other.names:
        place = next(
            place for place, pair in enumerate(zip(train.names, other.names, strict=True)) if len(set(pair)) > 1
        )
        order = "in another order" if set(train.names) == set(other.names) else "with other names"
        yield Notice(
            check="columns", channel=other.channel, column=place + 1,
            message=f"the columns of channel {train.channel} {order}: {other.names[place]!r} where that one has "
            f"{train.names[place]!r}; channels are put beside each other by position",
            advice="save both with the same columns in the same order, the label first",
        )  # fmt: skip


def _overlap(train: Table, other: Table) -> Iterator[Notice]:
    known = Counter(row_hashes(train))
    found = [place for place, digest in enumerate(row_hashes(other)) if digest in known]
    if not found:
        return
    alike = max(alike_by_chance(train), alike_by_chance(other))
    chance = 1 - math.exp(-train.count * alike)  # of one row to have its like among the training data
    share = len(found) / other.count
    part = "" if train.is_whole and other.is_whole else " of the sample, so at least as many"
    message = f"{len(found):,} of {other.count:,} rows ({share:.1%}){part} are in channel {train.channel} as well"
    unlikely = len(found) > 1 and share > min(3 * chance, 0.9) and chance < 0.5
    yield Notice(
        check="overlap", message=message, channel=other.channel, row=other.rows[found[0]],
        level=None if unlikely else Level.NOTE,
        advice="what was trained on cannot validate: split before copying, by entity and not by row"
        if unlikely else None,
    )  # fmt: skip


def _shift(train: Table, other: Table) -> Iterator[Notice]:
    pairs = [("label", 1, train.label, other.label)]
    for feature, (ours, theirs) in enumerate(zip(train.columns, other.columns, strict=True)):
        pairs.append((f"column {train.number(feature)}", train.number(feature), ours, theirs))
    critical = ks_critical(train.count, other.count, _ERROR / len(pairs))
    found = []
    for name, number, ours, theirs in pairs:
        distance = ks_distance(ours, theirs)
        absent = abs(_absent(ours) - _absent(theirs))
        if max(distance, absent) > max(critical, _DISTANCE):
            found.append((max(distance, absent), name, number, absent > distance))
    for distance, name, number, is_absence in sorted(found, reverse=True)[:5]:
        what = "another share of missing values" if is_absence else "distributed otherwise"
        message = f"{name} is {what} than in {train.channel}: {_statistic(is_absence)} {distance:.2f}"
        yield Notice(
            check="shift", message=message, channel=other.channel, column=number,
            allowed=f"up to {max(critical, _DISTANCE):.2f} ({train.count:,} and {other.count:,} rows)",
            advice="were the rows shuffled before they were split, and scaled alike?",
        )  # fmt: skip
    if len(found) > 5:
        message = f"and {len(found) - 5} more columns that are distributed otherwise"
        yield Notice(check="shift", message=message, channel=other.channel)


def _absent(values: Sequence[float]) -> float:
    return sum(math.isnan(value) for value in values) / len(values)


def _statistic(is_absence: bool) -> str:
    return "they differ by" if is_absence else "Kolmogorov-Smirnov distance"
