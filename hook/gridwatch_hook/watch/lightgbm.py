"""Watches LightGBM: a step is an update of the first booster. Results are seen where validation sets are given."""

from __future__ import annotations

import weakref
from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import after
from gridwatch_hook.watch.reported import report
from gridwatch_hook.watch.session import session

BY = "lightgbm"


class _First:
    """The booster whose updates are steps: of the several that a cross-validation trains by turns, the first."""

    booster: weakref.ref[Any] | None = None

    def is_it(self, booster: Any) -> bool:
        """Whether this is the booster. One that is gone makes room for the next."""
        held = self.booster() if self.booster is not None else None
        if held is None:
            self.booster = weakref.ref(booster)
            return True
        return held is booster


_first = _First()


def install(module: ModuleType) -> None:
    """Watch the class `lightgbm.basic.Booster`."""
    booster = module.Booster
    after(booster, "update", _updated, "a round")
    after(booster, "eval_valid", _evaluated, "an evaluation")
    after(booster, "eval_train", _evaluated, "an evaluation")


def _updated(_: Any, booster: Any, *__: Any, **___: Any) -> None:
    if _first.is_it(booster):
        session().step_ended(BY, BY)


def _evaluated(results: Any, booster: Any, *_: Any, **__: Any) -> None:
    if _first.is_it(booster):
        report(session(), {f"{data}-{metric}": value for data, metric, value, *_ in results})
