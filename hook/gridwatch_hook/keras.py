"""The hook as a callback of Keras 3: `model.fit(..., callbacks=[KerasHook.create("out")])`.

A step is one batch, its mode TRAIN, EVAL or PREDICT. The hook saves variables under their paths
(`sequential/dense/kernel`), gradients as `gradient/<path>` where the backend keeps them (PyTorch), and the metrics that
Keras logs for the batch (`loss`, `accuracy`). Keras reports each metric as its mean over the epoch so far.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from gridwatch_hook.arrays import Array, to_array
from gridwatch_hook.collection import KERAS
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.modes import Mode
from gridwatch_hook.report import Report


class KerasHook(keras.callbacks.Callback):  # type: ignore[misc]  # keras is published without types
    """Saves tensors during `fit`, `evaluate` and `predict`. It never changes the training, and closes itself when the
    process ends.
    """

    def __init__(self, hook: Hook) -> None:
        super().__init__()
        self.hook = hook

    @classmethod
    def create(cls, uri: str | os.PathLike[str] | None = None, configuration: Any = None) -> KerasHook:
        """A callback that writes to `uri`, configured by a document like SageMaker's. Raises ConfigError."""
        return cls(Hook.create(uri, HookConfig.parse(configuration, KERAS), framework=KERAS))

    @classmethod
    def from_environment(cls) -> KerasHook | None:
        """The callback that SageMaker's or Gridwatch's configuration asks for, or None. Raises ConfigError."""
        hook = Hook.from_environment(framework=KERAS)
        return cls(hook) if hook else None

    def close(self) -> Report:
        """Write what is left and close the hook, as Hook.close does."""
        return self.hook.close()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.hook.begin_step(Mode.TRAIN)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._save(logs)

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.hook.begin_step(Mode.EVAL)

    def on_test_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        self._save(logs)

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.hook.begin_step(Mode.PREDICT)

    def _save(self, logs: Mapping[str, Any] | None) -> None:
        if not self.hook.due:
            return
        try:
            self._save_logs(logs or {})
            self._save_variables()
        except Exception as error:  # noqa: BLE001  (a hook must never stop the training it watches)
            self.hook.problem("a batch", error)

    def _save_logs(self, logs: Mapping[str, Any]) -> None:
        for name, value in logs.items():
            if not name.endswith("loss"):
                self.hook.enlist("metrics", name)
            self.hook.offer(name, value, _array)

    def _save_variables(self) -> None:
        for variable in self.model.trainable_variables:
            self.hook.offer(variable.path, variable, _array)
            gradient = getattr(variable.value, "grad", None)
            if gradient is not None:
                self.hook.offer(f"gradient/{variable.path}", gradient, _array)


def _array(value: Any) -> Array:
    plain = value if isinstance(value, float | int | np.ndarray) else keras.ops.convert_to_numpy(value)
    return to_array(plain)
