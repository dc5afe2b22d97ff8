"""A linear classifier in scikit-learn that learns batch by batch, for the specs beside this folder.

Data: CSV without a header, the label first, as files in the channels `train` and `validation`, or streamed through
their pipes (Pipe mode), which carry the data once in each epoch.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import joblib
import numpy as np
from sklearn.linear_model import SGDClassifier

BATCH = 200


def lines(channel: str, epoch: int) -> Iterator[str]:
    """The channel's rows, from its files or from the pipe of the epoch."""
    place = Path(os.environ[f"SM_CHANNEL_{channel.upper()}"])
    if json.loads(os.environ["SM_INPUT_DATA_CONFIG"])[channel]["TrainingInputMode"] == "Pipe":
        with Path(f"{place}_{epoch}").open() as pipe:
            yield from pipe
        return
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        with path.open() as file:
            yield from file


def batches(channel: str, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    waiting = lines(channel, epoch)
    while rows := list(islice(waiting, BATCH)):
        table = np.loadtxt(rows, delimiter=",", ndmin=2)
        yield table[:, 1:], table[:, 0]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--alpha", type=float, default=0.0001)
    parser.add_argument("--loss", default="hinge")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--classes", type=int, default=10)
    given = parser.parse_args()
    model = SGDClassifier(loss=given.loss, alpha=given.alpha, random_state=0)
    for epoch in range(given.epochs):
        for features, labels in batches("train", epoch):
            model.partial_fit(features, labels, classes=np.arange(given.classes))
        right = [model.predict(features) == labels for features, labels in batches("validation", epoch)]
        print(f"epoch {epoch}: validation accuracy: {np.concatenate(right).mean():.4f}", flush=True)
    joblib.dump(model, Path(os.environ["SM_MODEL_DIR"], "model.joblib"))


if __name__ == "__main__":
    main()
