"""The names by which people know the curves of `metrics`: the metric's name and, where several curves share it, what
distinguishes them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple


class CurveKey(NamedTuple):
    """Which curves belong together across trials. Old tables name neither source nor worker: everything was the
    hook's.
    """

    name: str
    mode: str
    source: str = "hook"
    worker: str | None = None


def curve_labels(keys: Iterable[CurveKey]) -> dict[CurveKey, str]:
    """The curve's name, with mode, source and worker where curves of that name differ in them."""
    by_name: dict[str, list[CurveKey]] = {}
    for key in dict.fromkeys(keys):
        by_name.setdefault(key.name, []).append(key)
    return {key: _label(key, its) for its in by_name.values() for key in its}


def echoes(points: Mapping[CurveKey, int], shown: Collection[CurveKey] = ()) -> set[CurveKey]:
    """The curves from a job's log that repeat what the hook saved, which happens with Gridwatch's XGBoost script;
    judged by how many points they have. Never those in `shown`.
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
