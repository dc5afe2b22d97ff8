"""The hyperparameters of one trial, as the tables ask for them, and what is found in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.spec.xgboost.objectives import default_metric
from gridwatch.spec.xgboost.outcomes import Outcome

Setting = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """A clash in one setting: `blame` is the hyperparameter to change, `value` what it has there, if anything."""

    blame: str
    message: str
    outcome: Outcome
    allowed: str | None = None
    advice: str | None = None


@dataclass(frozen=True, slots=True)
class Clash:
    """`names` are all that it looks at: what else a setting has makes no difference."""

    names: tuple[str, ...]
    look: Callable[[Setting], Iterator[Found]]


def metrics_of(setting: Setting) -> tuple[str, ...]:
    """The metrics that a trial reports, by the names it gives them."""
    asked = str(setting.get("eval_metric", ""))
    names = [name.strip() for name in asked.split(",") if name.strip()]
    default = None if names else default_metric(setting)
    return tuple(dict.fromkeys(names)) or ((default,) if default else ())


def word(setting: Setting, name: str, default: str = "") -> str:
    """The value as a text."""
    return str(setting.get(name, default)).strip()
