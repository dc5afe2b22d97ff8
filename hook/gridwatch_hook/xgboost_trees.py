"""Reads the trees of a booster's last round as columns with one entry for each node, as smdebug's XGBoost hook saves
them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gridwatch_hook.arrays import Array

_NONE = float("nan")  # smdebug's entry where a node has no such value; in columns of text it appears as "nan"
COLUMNS = ("Tree", "Node", "ID", "Feature", "Split", "Yes", "No", "Missing", "Gain", "Cover", "Category")
_TEXT_COLUMNS = ("ID", "Feature", "Yes", "No", "Missing", "Category")


def tree_columns(model: Any) -> dict[str, Array]:
    """The columns Tree, Node (int64), Split, Gain, Cover (float64; a leaf's Gain is its value) and columns of text,
    ordered by tree and node.

    A round grows one tree, or one for each class and parallel tree. Trees are numbered across the whole booster. Raises
    XGBoostError for a linear booster, which has no trees.
    """
    rounds = model.num_boosted_rounds()
    dumps = model[rounds - 1 : rounds].get_dump(with_stats=True, dump_format="json")
    first = (rounds - 1) * len(dumps)
    rows = [row for number, dump in enumerate(dumps, first) for row in _rows(number, json.loads(dump))]
    columns: dict[str, Array] = {}
    for name in COLUMNS:
        values = [row[name] for row in rows]
        columns[name] = np.array([str(value) for value in values]) if name in _TEXT_COLUMNS else np.array(values)
    return columns


def _rows(tree: int, root: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [_row(tree, node) for node in sorted(_nodes(root), key=lambda node: node["nodeid"])]


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    waiting = [node]
    while waiting:
        current = waiting.pop()
        yield current
        waiting.extend(current.get("children", ()))


def _row(tree: int, node: Mapping[str, Any]) -> dict[str, Any]:
    number = node["nodeid"]
    is_leaf = "leaf" in node
    condition = node.get("split_condition")
    categories = condition if isinstance(condition, list) else None
    return {
        "Tree": tree,
        "Node": number,
        "ID": f"{tree}-{number}",
        "Feature": "Leaf" if is_leaf else node["split"],
        # A split on an indicator feature has no threshold.
        "Split": _NONE if categories is not None or condition is None else float(condition),
        "Yes": _NONE if is_leaf else f"{tree}-{node['yes']}",
        "No": _NONE if is_leaf else f"{tree}-{node['no']}",
        "Missing": _NONE if is_leaf else f"{tree}-{node.get('missing', node['no'])}",
        "Gain": float(node["leaf"] if is_leaf else node.get("gain", _NONE)),
        "Cover": float(node.get("cover", _NONE)),
        "Category": _NONE if categories is None else [str(item) for item in categories],
    }
