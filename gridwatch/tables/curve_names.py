"""What people call the curves of `metrics`: by the metric's name, and where one name has several, by what tells them
apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class CurveKey(NamedTuple):
    """Which curves belong together over trials. Old tables say neither source nor worker: all was the hook's."""

    name: str
    mode: str
    source: str = "hook"
    worker: str | None = None


def curve_labels(keys: Iterable[CurveKey]) -> dict[CurveKey, str]:
    """The name, with the mode, the source and the worker as far as curves of that name differ in them."""
    by_name: dict[str, list[CurveKey]] = {}
    for key in dict.fromkeys(keys):
        by_name.setdefault(key.name, []).append(key)
    return {key: _label(key, its) for its in by_name.values() for key in its}


def echoes(points: Mapping[CurveKey, int], shown: Collection[CurveKey] = ()) -> set[CurveKey]:
    """Of one job's curves, by how many points they have, those of the log that say once more what the hook saved: of
    Gridwatch's XGBoost script. Never those in `shown`.
    """
    of_hook = {(key.name, count) for key, count in points.items() if key.source == "hook"}
    return {
        key
        for key, count in points.items()
        if key.source == "log" and key not in shown and (key.name, count) in of_hook
    }


def _label(key: CurveKey, others: Collection[CurveKey]) -> str:
    told = [
        value or "no worker"
        for value, values in (
            (key.mode, {each.mode for each in others}),
            (key.source, {each.source for each in others}),
            (key.worker, {each.worker for each in others if each.source == key.source}),
        )
        if len(values) > 1
    ]
    return f"{key.name} ({', '.join(told)})" if told else key.name
