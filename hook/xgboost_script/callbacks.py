"""Callbacks that run after each round besides the hook: the log line, the checkpoint, and the stop that SageMaker asks
for.
"""

from __future__ import annotations

import math
import re
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import xgboost as xgb
from xgboost.callback import TrainingCallback

from gridwatch_hook.metrics import rises

_FLUSH_SECONDS = 0.2
_CHECKPOINT = re.compile(r"xgboost-checkpoint\.(\d+)")

EvalsLog = Mapping[str, Mapping[str, Any]]


class EvaluationLog(TrainingCallback):
    r"""Logs one line a round, as XGBoost's EvaluationMonitor prints it in the built-in algorithm
    (`[0]\ttrain-error:0.15970\t...`, with the tab shown as #011 in CloudWatch). Lines are written a few times a second,
    because thousands of small writes would slow training down.
    """

    def __init__(self, stream: TextIO, first_round: int) -> None:
        super().__init__()
        self._stream = stream
        self._first_round = first_round
        self._lines: list[str] = []
        self._flush_at = 0.0

    def after_iteration(self, model: Any, epoch: int, evals_log: EvalsLog) -> bool:
        parts = [f"[{self._first_round + epoch}]"]
        for data, metrics in evals_log.items():
            parts.extend(f"{data}-{metric}:{values[-1]:.5f}" for metric, values in metrics.items())
        self._lines.append("\t".join(parts))
        if time.monotonic() >= self._flush_at:
            self.flush()
        return False

    def after_training(self, model: Any) -> Any:
        self.flush()
        return model

    def flush(self) -> None:
        if self._lines:
            self._stream.write("\n".join(self._lines) + "\n")
            self._stream.flush()
            self._lines.clear()
        self._flush_at = time.monotonic() + _FLUSH_SECONDS


class StopOnSigterm(TrainingCallback):
    """Ends training on SIGTERM, with which SageMaker stops a job two minutes before it kills it. The current round is
    finished and its model is saved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked = False

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _: int, __: FrameType | None) -> None:
        self.asked = True

    def after_iteration(self, model: Any, epoch: int, evals_log: EvalsLog) -> bool:
        return self.asked


class Checkpoints(TrainingCallback):
    """Keeps the models of the last few rounds as `xgboost-checkpoint.<round>` where SageMaker syncs them, as the
    built-in algorithm does. It also keeps the best model, by the last metric of the last data set, from which a
    training that went wrong can continue.
    """

    def __init__(self, folder: Path, first_round: int, keep: int = 5) -> None:
        super().__init__()
        self._folder = folder
        self._first_round = first_round
        self._keep = keep
        self._saved: list[Path] = []
        self._best: tuple[float, Path] | None = None

    def after_iteration(self, model: Any, epoch: int, evals_log: EvalsLog) -> bool:
        path = self._folder / f"xgboost-checkpoint.{self._first_round + epoch}"
        waiting = path.with_name(f"{path.name}.sagemaker-ignore")  # SageMaker's sync ignores this suffix
        waiting.write_bytes(model.save_raw("ubj"))
        waiting.replace(path)
        self._saved.append(path)
        dropped = self._saved.pop(0) if len(self._saved) > self._keep else None
        beaten = self._judge(path, evals_log)
        for old in (dropped, beaten):
            if old is not None and old not in self._saved and (self._best is None or old != self._best[1]):
                old.unlink(missing_ok=True)
        return False

    def _judge(self, path: Path, evals_log: EvalsLog) -> Path | None:
        """The former best checkpoint, when this one beats it."""
        metrics = next(reversed(evals_log.values()), {})
        name = next(reversed(metrics), None)
        if name is None:
            return None
        value = float(metrics[name][-1]) * (-1 if rises(name) else 1)
        former = self._best
        if math.isnan(value) or (former is not None and value >= former[0]):
            return None
        self._best = (value, path)
        return former[1] if former else None


def latest_checkpoint(folder: Path | None) -> tuple[xgb.Booster | None, int]:
    """The newest readable checkpoint and the number of rounds in it; (None, 0) when training begins afresh."""
    found = []
    if folder is not None and folder.is_dir():
        found = [(int(match[1]), path) for path in folder.iterdir() if (match := _CHECKPOINT.fullmatch(path.name))]
    for done, path in sorted(found, reverse=True):
        try:
            return xgb.Booster(model_file=bytearray(path.read_bytes())), done + 1
        except xgb.core.XGBoostError:
            say(f"{path.name} is damaged; an earlier checkpoint is tried")
    return None, 0


def say(message: str) -> None:
    """Write a line to the training's log."""
    sys.stdout.write(f"{message}\n")
    sys.stdout.flush()
