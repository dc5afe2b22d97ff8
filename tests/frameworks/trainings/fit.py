"""A Keras training on PyTorch (not a test). Arguments as name=value: `hook` (out folder; none without). Prints a
digest.
"""

from __future__ import annotations

import hashlib
import sys

import keras
import numpy as np


def main() -> None:
    options = dict(word.split("=", 1) for word in sys.argv[1:])
    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [keras.Input((8,)), keras.layers.Dense(16, activation="relu", name="first"), keras.layers.Dense(1, name="last")]
    )
    model.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    random = np.random.default_rng(1)
    x = random.normal(size=(128, 8)).astype(np.float32)
    y = x.sum(axis=1, keepdims=True)
    callbacks = []
    if "hook" in options:
        from gridwatch_hook.keras import KerasHook

        hook = KerasHook.from_environment() or KerasHook.create(options["hook"])
        callbacks.append(hook)
    model.fit(x, y, batch_size=32, epochs=2, validation_split=0.25, verbose=0, callbacks=callbacks)
    if callbacks:
        hook.close()
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(weight).tobytes() for weight in model.get_weights()))
    sys.stdout.write(digest.hexdigest() + "\n")


main()
