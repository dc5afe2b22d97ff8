"""The hyperparameters of one trial, as the tables query them, and the clashes found in them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.spec.xgboost.objectives import default_metric
from gridwatch.spec.xgboost.outcomes import Effect

Setting = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A clash in one setting: `blame` is the hyperparameter to change, `value` the value it has there, if any."""

    blame: str
    message: str
    outcome: Effect
    allowed: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """A possible clash. `names` are all hyperparameters that it looks at: others make no difference."""

    names: tuple[str, ...]
    look: Callable[[Setting], Iterator[Found]]


def metrics_of(setting: Setting) -> tuple[str, ...]:
    """The metrics that a trial reports, by the names in its hyperparameters."""
    names = metrics_in(str(setting.get("eval_metric", "")))
    default = None if names else default_metric(setting)
    return tuple(dict.fromkeys(names)) or ((default,) if default else ())


def metrics_in(text: str) -> list[str]:
    """The metrics of an `eval_metric`: names separated by commas, a JSON list of them, or one in quotes."""
    try:
        listed = json.loads(text.replace("'", '"'))
    except ValueError:
        listed = text
    names = listed if isinstance(listed, list) else str(listed).split(",")
    return [name for each in names if (name := str(each).strip().strip("\"'"))]


def word(setting: Setting, name: str, default: str = "") -> str:
    """The value as a text."""
    return str(setting.get(name, default)).strip()
