"""Watches what scripts log to TensorBoard, MLflow and Weights & Biases.

Classes are wrapped, not functions of modules: scripts hold on to those. Where nothing else tells of steps, the step
that is logged does.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gridwatch_hook.watch.calls import logged
from gridwatch_hook.watch.guard import before, number
from gridwatch_hook.watch.session import session


def install(module: ModuleType) -> None:
    """Watch the module's class, whichever of the loggers it is."""
    if hasattr(module, "SummaryWriter"):
        before(module.SummaryWriter, "add_scalar", _tensorboard, "what goes to TensorBoard")
        before(module.SummaryWriter, "add_scalars", _tensorboard_many, "what goes to TensorBoard")
    if hasattr(module, "MlflowClient"):
        before(module.MlflowClient, "log_metric", _mlflow, "what goes to MLflow")
        before(module.MlflowClient, "log_batch", _mlflow_batch, "what goes to MLflow")
    if hasattr(module, "Run"):
        before(module.Run, "log", _wandb, "what goes to Weights & Biases")


def read(value: Any) -> Any:
    """The number that is logged, on whatever device it is; None for anything else."""
    if hasattr(value, "numel") and hasattr(value, "device"):
        from gridwatch_hook.watch.torch_device import scalar  # noqa: PLC0415  (a tensor: torch is there)

        return scalar(value)
    return number(value)


def _hear(step: Any, values: dict[str, Any]) -> None:
    current = session()
    if current.hears_loggers:
        logged(current, int(step) if isinstance(step, int | float) else None, values, read)


def _tensorboard(_: Any, tag: str, scalar_value: Any, global_step: Any = None, *__: Any, **___: Any) -> None:
    _hear(global_step, {tag: scalar_value})


def _tensorboard_many(
    _: Any, main_tag: str, values: dict[str, Any], global_step: Any = None, *__: Any, **___: Any
) -> None:
    _hear(global_step, {f"{main_tag}/{name}": value for name, value in values.items()})


def _mlflow(_: Any, run_id: str, key: str, value: Any, timestamp: Any = None, step: Any = None, **__: Any) -> None:
    _hear(step, {key: value})


def _mlflow_batch(_: Any, run_id: str, metrics: Any = (), *__: Any, **___: Any) -> None:
    for each in metrics or ():
        _hear(each.step, {each.key: each.value})


def _wandb(_: Any, data: Any, step: Any = None, *__: Any, **___: Any) -> None:
    _hear(step, {name: value for name, value in data.items() if isinstance(name, str)})
