"""Watches Lightning's Trainer. PyTorch's watcher counts its steps; this callback adds what modules log, and phases."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import number, quietly, require, wrap
from gridwatch_hook.watch.reported import report
from gridwatch_hook.watch.session import session


def install(module: ModuleType) -> None:
    """Add our callback to each Trainer of the module. Raises UnsupportedVersionError."""
    package = module.__name__.rpartition(".trainer.trainer")[0]
    require(sys.modules[package.partition(".")[0]], package, (2, 0), (3, 0))
    from importlib import import_module  # noqa: PLC0415  (`lightning.pytorch` or `pytorch_lightning`)

    callback = _callback(import_module(f"{package}.callbacks.callback").Callback)

    def make(original: Any) -> Any:
        def __init__(trainer: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  (it takes the method's place)
            original(trainer, *args, **kwargs)
            if not any(isinstance(each, callback) for each in trainer.callbacks):
                trainer.callbacks.insert(0, callback())

        return __init__

    wrap(module.Trainer, "__init__", make)


def _callback(base: Any) -> Any:
    """The class of our callbacks."""

    class GridwatchCallback(base):  # type: ignore[misc]  # the framework is published without types
        """Tells the watch what the Trainer does."""

        def on_train_start(self, trainer: Any, module: Any) -> None:
            quietly("the Trainer", _begin, trainer)

        def on_train_batch_end(self, trainer: Any, *_: Any, **__: Any) -> None:
            if trainer.log_every_n_steps and trainer.global_step % trainer.log_every_n_steps == 0:
                quietly("what the module logs", _note_training, trainer.logged_metrics)

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            quietly("what the module logs", _note_training, trainer.callback_metrics)

        def on_validation_start(self, trainer: Any, module: Any) -> None:
            session().recorder.enter("eval")

        def on_validation_end(self, trainer: Any, module: Any) -> None:
            session().recorder.enter("forward-backward")
            if not trainer.sanity_checking:
                quietly("what the module logs", _note, trainer.callback_metrics)

    return GridwatchCallback


def _begin(trainer: Any) -> None:
    current = session()
    current.hears_loggers = False
    current.recorder.align(int(trainer.global_step))


def _note(metrics: Any) -> None:
    names = {
        name: value
        for name, value in metrics.items()
        if not name.endswith("_step") or f"{name[:-5]}_epoch" not in metrics
    }
    report(session(), names, _read)


def _note_training(metrics: Any) -> None:
    """Lightning keeps what the last validation logged among the metrics; those were noted when they were new."""
    _note({name: value for name, value in metrics.items() if not name.lower().startswith(("val", "eval", "test"))})


def _read(value: Any) -> Any:
    from gridwatch_hook.watch.torch_device import scalar  # noqa: PLC0415  (torch is there, since Lightning is)

    return scalar(value) if hasattr(value, "numel") else number(value)
