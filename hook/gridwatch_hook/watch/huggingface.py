"""Watches the Trainer of Hugging Face Transformers, and those that are made of it (TRL's).

PyTorch's watcher counts its steps and sees each loss, also one that the Trainer hides when it is not finite
(`logging_nan_inf_filter`). This callback adds what the Trainer logs, and its phases. It never asks for more logs.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import quietly, require
from gridwatch_hook.watch.reported import report
from gridwatch_hook.watch.session import session


def install(module: ModuleType) -> None:
    """Add our callback to the defaults of the module `transformers.trainer`. Raises UnsupportedVersionError."""
    import transformers  # noqa: PLC0415  (it is being imported already)

    require(transformers, "transformers", (4, 30), (6, 0))
    base: Any = transformers.TrainerCallback

    class GridwatchCallback(base):  # type: ignore[misc]  # the framework is published without types
        """Tells the watch what the Trainer does. It never changes the Trainer's control."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            quietly("the Trainer", _begin, state)

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            quietly("the Trainer's log", _note, logs or {})

        def on_prediction_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            session().recorder.enter("eval")

        def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            session().recorder.enter("forward-backward")

    module.DEFAULT_CALLBACKS.append(GridwatchCallback)


def _begin(state: Any) -> None:
    current = session()
    current.hears_loggers = False
    current.recorder.align(int(state.global_step))


def _note(logs: dict[str, Any]) -> None:
    renamed = {"logged_loss" if name == "loss" else name: value for name, value in logs.items()}
    report(session(), renamed)
