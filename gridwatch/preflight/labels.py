"""Checks that the first column is a label that the objective can learn and that its metrics can judge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from gridwatch.domain.notices import Level, Notice
from gridwatch.preflight.columns import is_numbered
from gridwatch.preflight.tables import Table
from gridwatch.preflight.targets import Judge, Target
from gridwatch.spec.xgboost.numbers import is_single
from gridwatch.spec.xgboost.outcomes import Domain, Effect

_BALANCE = 0.1  # a class with less than this part of an equal share is rare
_CLASSES = 30  # more distinct values are hardly classes
_BINARY = Domain(0, 1, whole=True)


def check_label(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """The notices about labels. Refusals are for labels that cannot be learned; there is one notice for each kind."""
    if not table.count:
        return
    wrong = [place for place, value in enumerate(table.label) if not is_single(value)]
    if wrong:
        large = math.isfinite(table.label[wrong[0]])
        what = "too large for single precision" if large else "missing or not finite"
        message = f"{len(wrong):,} of {table.count:,} labels are {what}, which XGBoost refuses or takes for 0"
        yield Notice(check="label", message=message, channel=table.channel, row=table.rows[wrong[0]], column=1)
        return
    if is_numbered(table.label, table.rows):
        advice = "save the table without its index: the label must come first"
        message = "the first column counts the rows: an index, not a label"
        # A regression trains on it all the same.
        level = Level.WARN if all(target.classes is None for target in targets) else None
        yield Notice(check="label", message=message, channel=table.channel, column=1, level=level, advice=advice)
        if level is None:
            return
    unfit = list(_once(notice for target in targets for notice in _unfits(table, target)))
    yield from unfit
    if any(notice.level is None or notice.check == "label-place" for notice in unfit):
        return
    if without := next((_without_positive(table, target) for target in targets if target.without_positive), None):
        yield without
        return
    values = Counter(table.label)
    if len(values) == 1:
        yield from _one_value(table, targets)
    elif targets[0].classes is not None:
        yield from _balance(table, values, targets)


def _without_positive(table: Table, target: Target) -> Notice | None:
    if max(table.label) > 0 or not table.is_whole:
        return None
    message = f"no label is above 0, of which {target.objective} cannot learn: {target.without_positive}"
    level = None if table.channel == "train" else Level.WARN
    return Notice(check="label", message=message, channel=table.channel, column=1, level=level)


def _once(notices: Iterator[Notice]) -> Iterator[Notice]:
    return iter(dict.fromkeys(notices))


def _unfits(table: Table, target: Target) -> Iterator[Notice]:
    """Why labels do not suit the objective, else why they do not suit each of its metrics."""
    wrong = _for_objective(table, target)
    if wrong is not None:
        yield wrong
        return
    for judge in target.judges:
        at = _first_beyond(table, judge.labels)
        if at is not None and not (judge.by_query and table.is_sparse):
            yield _for_metric(table, target, judge, at)


def _for_objective(table: Table, target: Target) -> Notice | None:
    at = _first_beyond(table, target.labels)
    if at is not None:
        return _unfit(table, target, at, target.allowed)
    place = _first_beyond(table, _BINARY) if target.is_binary else None
    if place is None:
        return None
    notice = _unfit(table, target, place, _BINARY.allowed)  # XGBoost trains on probabilities, which are rarely meant
    return replace(notice, check="label-place", message=f"{notice.message}, a fraction", level=Level.WARN)


def _for_metric(table: Table, target: Target, judge: Judge, at: int) -> Notice:
    ranked = f"{table.channel}-{judge.name}" == target.ranked_by
    fatal = judge.outside is Effect.FAILS or (judge.outside is Effect.NO_NUMBER and ranked)
    return Notice(
        check="label", message=f"the label {table.label[at]:g} does not suit the metric {judge.name}: {judge.outside}",
        channel=table.channel, row=table.rows[at], column=1, allowed=judge.labels.allowed,
        level=None if fatal else Level.WARN, advice="take another eval_metric, or other labels",
    )  # fmt: skip


def _first_beyond(table: Table, domain: Domain) -> int | None:
    return next((place for place, value in enumerate(table.label) if not domain.accepts(value)), None)


def _one_value(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    message = f"every label is {table.label[0]:g}: there is nothing to learn"
    yield _no_area(table, targets, Notice(check="label", message=message, channel=table.channel, column=1))


def _no_area(table: Table, targets: Sequence[Target], notice: Notice) -> Notice:
    """The notice that a class has no rows. It is a warning; where an area under a curve needs those rows it says so,
    and it refuses when trials are ranked by it.
    """
    areas = [judge.name for target in targets for judge in target.judges if judge.needs_two_classes]
    ranked = any(target.ranked_by in {f"{table.channel}-{name}" for name in areas} for target in targets)
    beside = f", and {areas[0]} is no number" if areas else ""
    level = Level.REFUSE if ranked and table.is_whole else Level.WARN
    return replace(notice, message=f"{notice.message}{beside}", level=level)


def _unfit(table: Table, target: Target, at: int, allowed: str) -> Notice:
    return Notice(
        check="label", message=f"the label {table.label[at]:g} does not suit {target.objective}",
        channel=table.channel, row=table.rows[at], column=1, allowed=allowed, advice=_advice(table, target),
    )  # fmt: skip


def _advice(table: Table, target: Target) -> str:
    if target.classes is None:
        return "the label must be the first column"
    wanted = set(map(float, range(target.classes)))
    for feature in [*range(len(table.columns) - 1, -1, -1)][:1]:
        if len(set(table.columns[feature])) > 1 and set(table.columns[feature]) <= wanted:
            return f"column {table.number(feature)}, the last one, looks like the label, which must come first"
    found = sorted(set(table.label))
    if len(found) <= _CLASSES and all(value == int(value) for value in found):
        names = ", ".join(f"{value:g}" for value in found[:8])
        return f"number the classes from 0: found are {names}{' …' if len(found) > 8 else ''}"
    return "the label must be the first column"


def _balance(table: Table, values: Counter[float], targets: Sequence[Target]) -> Iterator[Notice]:
    classes = targets[0].classes or len(values)
    absent = [number for number in range(classes) if float(number) not in values]
    if absent and table.is_whole:
        names = ", ".join(map(str, absent[:8]))
        message = f"no row has the class {names}{' …' if len(absent) > 8 else ''} of {classes}"
        notice = Notice(check="label-balance", message=message, channel=table.channel, column=1)
        yield _no_area(table, targets, notice)
    rarest, count = min(values.items(), key=lambda each: each[1])
    share = count / table.count
    if share < _BALANCE / classes:
        yield Notice(
            check="label-balance",
            message=f"the class {rarest:g} is {share:.2%} of the rows ({count:,} of {table.count:,})",
            channel=table.channel, column=1,
            advice="judge by a metric that sees rare classes (aucpr, logloss), and weigh rows or scale_pos_weight",
        )  # fmt: skip
