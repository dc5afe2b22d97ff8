"""Watches XGBoost's `train` and its scikit-learn API: a step is a boosting round. Cross-validation is left alone."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import after, before, require
from gridwatch_hook.watch.reported import report_next
from gridwatch_hook.watch.session import session

BY = "xgboost"


def install(module: ModuleType) -> None:
    """Watch the rounds of `xgboost.callback.CallbackContainer`. Raises UnsupportedVersionError."""
    require(_version(), "XGBoost", (1, 3), (4, 0))
    container = module.CallbackContainer
    before(container, "before_iteration", _before_round, "a round")
    after(container, "after_iteration", _after_round, "a round")


def _version() -> Any:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  (XGBoost is half imported: it has no
    from types import SimpleNamespace  # noqa: PLC0415  `__version__` yet)

    for name in ("xgboost", "xgboost-cpu"):
        try:
            return SimpleNamespace(__version__=version(name))
        except PackageNotFoundError:
            continue
    return SimpleNamespace(__version__="")


def _before_round(container: Any, *_: Any, **__: Any) -> None:
    if not container.is_cv:
        session().recorder.enter("step")


def _after_round(_: Any, container: Any, model: Any, epoch: int, dtrain: Any = None, evals: Any = None) -> None:
    if container.is_cv:
        return
    current = session()
    current.rank_of = current.rank_of or _rank
    latest = {
        f"{data}-{metric}": values[-1]
        for data, metrics in container.history.items()
        for metric, values in metrics.items()
    }
    report_next(current, latest)
    gate = current.gate(BY)
    if gate is not None and gate.due:
        _tensors_of(container, gate, dtrain, evals).after_iteration(model, epoch, {})
    current.step_ended(BY, BY)


def _tensors_of(container: Any, gate: Any, dtrain: Any, evals: Any) -> Any:
    hook = getattr(container, "_gridwatch_tensors", None)
    if hook is None:
        from gridwatch_hook.xgboost import XGBoostHook  # noqa: PLC0415  (only where tensors are asked for)

        listed = [data for data, _ in evals or ()]
        others = [data for data in listed if data is not dtrain] or listed
        hook = XGBoostHook(gate, train_data=dtrain, validation_data=others[-1] if others else None)
        container._gridwatch_tensors = hook
    return hook


def _rank() -> tuple[int, int]:
    collective = sys.modules["xgboost.collective"]
    return int(collective.get_rank()), int(collective.get_world_size())
