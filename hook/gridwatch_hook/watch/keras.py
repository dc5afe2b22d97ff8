"""Watches Keras 3: a step is a batch of `fit`.

With the PyTorch backend the loss is that of the batch; with others it is what Keras logs, the mean over the epoch so
far.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import quietly, require, wrap
from gridwatch_hook.watch.reported import report, report_next
from gridwatch_hook.watch.session import session

BY = "keras"


def install(module: ModuleType) -> None:
    """Add our callback to each list of callbacks. Raises UnsupportedVersionError."""
    from keras.src import version  # noqa: PLC0415  (Keras is being imported)

    require(version, "Keras", (3, 0), (4, 0))
    callback = _callback(module.Callback)

    def make(original: Any) -> Any:
        def __init__(listed: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807  (it takes the method's place)
            original(listed, *args, **kwargs)
            quietly("Keras", _join, listed, callback())

        return __init__

    wrap(module.CallbackList, "__init__", make)


def _callback(base: Any) -> Any:
    """The class of our callbacks."""

    class GridwatchCallback(base):  # type: ignore[misc]  # the framework is published without types
        """Tells the watch of each batch and epoch."""

        async_safe = False  # it looks at the model

        def __init__(self) -> None:
            super().__init__()
            self.tensors: Any = None

        def on_train_begin(self, logs: Any = None) -> None:
            quietly("the model's tensors", self._watch_tensors)

        def _watch_tensors(self) -> None:
            gate = session().gate(BY)
            if gate is not None:
                from gridwatch_hook.keras import KerasHook  # noqa: PLC0415  (only where tensors are asked for)

                self.tensors = KerasHook(gate)  # type: ignore[arg-type]  # the gate has what the hook uses
                self.tensors.set_model(self.model)

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            session().recorder.enter("forward-backward")

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            quietly("a batch", _end_batch, self, logs or {})

        def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
            session().recorder.enter("eval")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            quietly("an epoch", _end_epoch, self.model, logs or {})

    return GridwatchCallback


def _join(listed: Any, callback: Any) -> None:
    """Add the callback to a list that is made. Where all callbacks of a list allow it, Keras calls them in a thread of
    their own while the next batch is trained; ours looks at the model, so it must be called in between.
    """
    listed._async_train = False
    if listed.model is not None:
        callback.set_model(listed.model)
    callback.set_params(listed.params)
    listed.callbacks.append(callback)


def _end_batch(callback: Any, logs: dict[str, Any]) -> None:
    current = session()
    if callback.tensors is not None and callback.tensors.hook.due:
        callback.tensors._save_variables()
    report_next(current, logs)
    current.step_ended(BY, BY)


def _end_epoch(model: Any, logs: dict[str, Any]) -> None:
    current = session()
    current.recorder.enter("forward-backward")
    report(current, {name: value for name, value in logs.items() if name.startswith("val_") or name == "learning_rate"})
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    if rate is not None:
        import keras  # noqa: PLC0415  (it is there)

        report(current, {"learning_rate": float(keras.ops.convert_to_numpy(rate))})
