"""Times the rounds of an XGBoost training: `xgb.train(..., callbacks=[RoundTimer(profiler)])`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xgboost.callback import TrainingCallback

from gridwatch_hook.modes import Mode
from gridwatch_hook.profiler.profiler import Profiler


class RoundTimer(TrainingCallback):  # type: ignore[misc]  # xgboost is published without types
    """A callback that times each boosting round with its evaluation as one step, of mode GLOBAL like the rounds'
    tensors.
    """

    def __init__(self, profiler: Profiler, first_round: int = 0) -> None:
        super().__init__()
        self._profiler = profiler
        self._first_round = first_round
        self._timed: Any = None

    def before_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        del model, evals_log
        self._timed = self._profiler.step(Mode.GLOBAL.name, self._first_round + epoch)
        self._timed.__enter__()
        return False

    def after_iteration(self, model: Any, epoch: int, evals_log: Mapping[str, Any]) -> bool:
        """Record the round's time. Always returns False, because the profiler never asks XGBoost to stop."""
        del model, epoch, evals_log
        self._timed.__exit__(None, None, None)
        return False
