"""Whether the first column is a label that the objective can learn from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridwatch.preflight.columns import is_numbered
from gridwatch.preflight.notices import Level, Notice
from gridwatch.preflight.tables import Table

_BALANCE = 0.1  # a class with less than this part of an equal share is rare
_CLASSES = 30  # more distinct values are hardly classes
_POSITIVE = {"reg:gamma": 0.0, "count:poisson": 0.0, "reg:tweedie": 0.0, "reg:squaredlogerror": -1.0}


@dataclass(frozen=True, slots=True)
class Target:
    """What one trial's objective wants; `classes` of a classification, else None."""

    objective: str
    classes: int | None

    @property
    def is_binary(self) -> bool:
        return self.objective.startswith("binary:")


def targets_of(points: Iterable[Mapping[str, Any]]) -> tuple[Target, ...]:
    """Every objective and number of classes that trials of these hyperparameters train with."""
    found = (_target(str(point.get("objective", "reg:squarederror")), point.get("num_class")) for point in points)
    return tuple(dict.fromkeys(found))


def check_label(table: Table, targets: Sequence[Target]) -> Iterator[Notice]:
    """Refusals are for what cannot be learned from; one notice for each kind."""
    if not table.count:
        return
    wrong = [place for place, value in enumerate(table.label) if not math.isfinite(value)]
    if wrong:
        message = f"{len(wrong):,} of {table.count:,} labels are missing or not finite, which XGBoost refuses"
        yield Notice(check="label", message=message, channel=table.channel, row=table.rows[wrong[0]], column=1)
        return
    if is_numbered(table.label, table.rows):
        advice = "save the table without its index: the label must come first"
        message = "the first column counts the rows: an index, not a label"
        # A regression trains on it all the same.
        level = Level.WARN if all(target.classes is None for target in targets) else None
        yield Notice(check="label", message=message, channel=table.channel, column=1, level=level, advice=advice)
        return
    for target in targets:
        notice = _suits(table, target)
        if notice is not None:
            yield notice
            return
    values = Counter(table.label)
    if len(values) == 1:
        message = f"every label is {table.label[0]:g}: there is nothing to learn"
        yield Notice(check="label", message=message, channel=table.channel, column=1, level=Level.WARN)
    elif targets[0].classes is not None:
        yield from _balance(table, values, targets[0])


def _target(objective: str, number: Any) -> Target:
    if objective.startswith("multi:"):
        return Target(objective, number if isinstance(number, int) else None)
    return Target(objective, 2 if objective.startswith("binary:") else None)


def _suits(table: Table, target: Target) -> Notice | None:
    if target.classes is not None:
        return _classes(table, target, target.classes)
    least = _POSITIVE.get(target.objective)
    if target.objective in ("reg:logistic", "binary:logitraw"):
        return _outside(table, target, 0.0, 1.0, "from 0 to 1")
    if least is not None:
        return _outside(table, target, least, math.inf, f"{'more than' if least < 0 else 'at least'} {least:g}")
    return None


def _outside(table: Table, target: Target, least: float, most: float, allowed: str) -> Notice | None:
    at = next((place for place, value in enumerate(table.label) if not least <= value <= most), None)
    return None if at is None else _unfit(table, target, at, allowed)


def _classes(table: Table, target: Target, classes: int) -> Notice | None:
    allowed = "0 or 1" if target.is_binary else f"whole numbers from 0 to {classes - 1} (num_class {classes})"
    outside = next((at for at, value in enumerate(table.label) if not 0 <= value <= classes - 1), None)
    at = outside
    if at is None:
        at = next((place for place, value in enumerate(table.label) if value != int(value)), None)
    if at is None:
        return None
    notice = _unfit(table, target, at, allowed)
    if target.is_binary and outside is None:  # XGBoost trains on probabilities, which are rarely meant
        return Notice(**{**_fields(notice), "check": "label-place", "message": f"{notice.message}, a fraction"})
    return notice


def _unfit(table: Table, target: Target, at: int, allowed: str) -> Notice:
    return Notice(
        check="label", message=f"the label {table.label[at]:g} does not suit {target.objective}",
        channel=table.channel, row=table.rows[at], column=1, allowed=allowed, advice=_advice(table, target),
    )  # fmt: skip


def _fields(notice: Notice) -> dict[str, Any]:
    return {name: getattr(notice, name) for name in Notice.__slots__}


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


def _balance(table: Table, values: Counter[float], target: Target) -> Iterator[Notice]:
    classes = target.classes or len(values)
    absent = [number for number in range(classes) if float(number) not in values]
    if absent and table.is_whole:
        names = ", ".join(map(str, absent[:8]))
        message = f"no row has the class {names}{' …' if len(absent) > 8 else ''} of {classes}"
        yield Notice(check="label-balance", message=message, channel=table.channel, column=1)
    rarest, count = min(values.items(), key=lambda each: each[1])
    share = count / table.count
    if share < _BALANCE / classes:
        yield Notice(
            check="label-balance",
            message=f"the class {rarest:g} is {share:.2%} of the rows ({count:,} of {table.count:,})",
            channel=table.channel, column=1,
            advice="judge by a metric that sees rare classes (aucpr, logloss), and weigh rows or scale_pos_weight",
        )  # fmt: skip
