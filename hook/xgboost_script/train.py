"""The script for SageMaker's script mode: trains as the built-in XGBoost algorithm does, and saves tensors through the
hook.

Hyperparameters, channels, content types, log lines and the model file are the built-in algorithm's (version 3.2).
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import callbacks as after_round
import xgboost as xgb
from boosting import boost
from data import check_columns, load_channel
from environment import TrainingEnvironment, output_folder
from failure import UserError, record_failure
from hyperparameters import Hyperparameters, parse_hyperparameters

from gridwatch_hook.metrics import rises
from gridwatch_hook.parameters import ConfigError
from gridwatch_hook.profiler import Profiler
from gridwatch_hook.profiler.xgboost import RoundTimer
from gridwatch_hook.xgboost import XGBoostHook

Evals = list[tuple[xgb.DMatrix, str]]

_STOPPING_SECONDS = 20.0  # seconds for tensors still waiting when SageMaker stops the job; it kills the job after 120
_STOPPING_BACKFILL_SECONDS = 5.0


def main(arguments: list[str]) -> int:
    """Run the script. The exit code is 0 when a model was saved, even if SageMaker stopped the training, and 1 for a
    fault, whose reason is recorded.
    """
    try:
        train(TrainingEnvironment.read(arguments))
    except (UserError, ConfigError) as error:
        sys.stderr.write(f"error: {error}\n")
        record_failure(output_folder(), str(error))
        return 1
    except Exception as error:  # noqa: BLE001  (the edge: SageMaker gets the reason of whatever went wrong)
        traceback.print_exc()
        record_failure(output_folder(), f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        return 1
    return 0


def train(environment: TrainingEnvironment) -> None:
    """Train and save the model, with a profile when one was asked for."""
    stop = after_round.StopOnSigterm()
    stop.listen()
    profiler = Profiler.from_environment()
    with profiler or nullcontext():
        _train(environment, stop, profiler)


def _train(environment: TrainingEnvironment, stop: after_round.StopOnSigterm, profiler: Profiler | None) -> None:
    if environment.hosts > 1:
        raise UserError(f"this script trains on one instance, and the job has {environment.hosts}")
    hyperparameters = parse_hyperparameters(environment.hyperparameters)
    if hyperparameters.left_out:
        after_round.say(f"not known to this version of XGBoost and left out: {', '.join(hyperparameters.left_out)}")
    evals = _timed(lambda: _load(environment, hyperparameters), profiler)
    checkpoint, rounds_done = after_round.latest_checkpoint(environment.checkpoint_folder)
    hook = _hook(hyperparameters, evals, rounds_done)
    try:
        chain = _callbacks(environment, hyperparameters, evals, rounds_done)
        if profiler:
            chain.insert(0, RoundTimer(profiler, rounds_done))
        model = boost(hyperparameters, evals, [*chain, *([hook] if hook else []), stop], checkpoint, rounds_done)
    finally:
        if hook and stop.asked:
            backfill = min(hook.hook.config.backfill_seconds, _STOPPING_BACKFILL_SECONDS)
            hook.hook.close(_STOPPING_SECONDS, backfill)
        elif hook:
            hook.hook.close()
    if not stop.asked or hyperparameters.save_model_on_termination:
        environment.model_folder.mkdir(parents=True, exist_ok=True)
        (environment.model_folder / "xgboost-model").write_bytes(model.save_raw("ubj"))


def _load(environment: TrainingEnvironment, hyperparameters: Hyperparameters) -> Evals:
    """Load the training data and then, if there is such a channel, the validation data."""
    if "train" not in environment.channels:
        raise UserError("the job has no channel 'train'")
    check_columns(environment.channels)
    evals: Evals = []
    for name, channel in environment.channels.items():
        matrix = load_channel(
            name,
            channel,
            csv_weights=hyperparameters.csv_weights and name == "train",
            nthread=hyperparameters.params.get("nthread"),
        )
        after_round.say(f"{name}: {matrix.num_row()} rows, {matrix.num_col()} columns")
        evals.append((matrix, name))
    return evals


def _timed(load: Callable[[], Evals], profiler: Profiler | None) -> Evals:
    """Load data with `load` and record the time in the profile."""
    return profiler.loading(load) if profiler else load()


def _hook(hyperparameters: Hyperparameters, evals: Evals, rounds_done: int) -> XGBoostHook | None:
    hook = XGBoostHook.from_environment(
        train_data=evals[0][0],
        validation_data=evals[1][0] if len(evals) > 1 else None,
        hyperparameters={"num_round": hyperparameters.num_round, **hyperparameters.params},
        first_round=rounds_done,
    )
    if hook and rounds_done:
        hook.hook.forget_end()
    return hook


def _callbacks(
    environment: TrainingEnvironment, hyperparameters: Hyperparameters, evals: Evals, rounds_done: int
) -> list[Any]:
    chain: list[Any] = [after_round.EvaluationLog(sys.stdout, rounds_done)]
    if environment.checkpoint_folder:
        environment.checkpoint_folder.mkdir(parents=True, exist_ok=True)
        chain.append(after_round.Checkpoints(environment.checkpoint_folder, rounds_done))
    if hyperparameters.early_stopping_rounds:
        chain.append(_early_stopping(hyperparameters, evals[-1][1]))
    return chain


def _early_stopping(hyperparameters: Hyperparameters, data: str) -> Any:
    """Early stopping as in the built-in algorithm: by the last metric given, on the validation data. The model is that
    of the best round.
    """
    metric = hyperparameters.eval_metrics[-1] if hyperparameters.eval_metrics else None
    return xgb.callback.EarlyStopping(
        rounds=hyperparameters.early_stopping_rounds,
        metric_name=metric,
        data_name=data,
        maximize=rises(metric) if metric else None,
        save_best=hyperparameters.params.get("booster") != "gblinear",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
