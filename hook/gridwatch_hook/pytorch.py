"""The hook for PyTorch 2.x: weights, biases, gradients, losses and activations, under the names of smdebug's PyTorch
hook.

    hook = PyTorchHook.create("out")
    hook.register_module(model)
    hook.register_loss(criterion)

A step is one forward pass of the registered model. Its mode is TRAIN or EVAL as the model's own `training` says,
unless `set_mode` is called. Names: `Net_fc1.weight`, `gradient/Net_fc1.weight`, `fc1_input_0`, `fc1_output_0`,
`CrossEntropyLoss_output_0`.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gridwatch_hook.arrays import Array, to_array
from gridwatch_hook.collection import PYTORCH
from gridwatch_hook.config import HookConfig
from gridwatch_hook.hook import Hook
from gridwatch_hook.modes import Mode
from gridwatch_hook.report import Report

# Activations belong to these collections whatever their module's name, which is only a number in an nn.Sequential.
_ACTIVATIONS: dict[str, tuple[type[nn.Module], ...]] = {
    "relu": (nn.ReLU, nn.ReLU6),
    "tanh": (nn.Tanh,),
    "sigmoid": (nn.Sigmoid,),
}


class PyTorchHook:
    """Saves the tensors of one model and its losses. It changes no value, gradient or random number of the training.

    A copy (deepcopy, pickle) of a watched model is not watched: its copy of the hook does nothing.
    """

    _hook: Hook | None = None  # the inert state of a copy

    def __init__(self, hook: Hook) -> None:
        self._hook = hook
        self._mode: Mode | None = None
        self._names: dict[nn.Module, str] = {}
        self._activations: dict[str, str] = {}  # `<module>_input` or `<module>_output` -> collection
        self._calls: dict[str, int] = {}

    @classmethod
    def create(cls, uri: str | os.PathLike[str] | None = None, configuration: Any = None) -> PyTorchHook:
        """A hook that writes to `uri`, configured by a document like SageMaker's. Raises ConfigError."""
        config = HookConfig.parse(configuration, PYTORCH)
        return cls(Hook.create(uri, config, framework=PYTORCH, rank=_rank(), workers=_workers()))

    @classmethod
    def from_environment(cls) -> PyTorchHook | None:
        """The hook that SageMaker's or Gridwatch's configuration asks for, or None. Raises ConfigError."""
        hook = Hook.from_environment(framework=PYTORCH, rank=_rank(), workers=_workers())
        return cls(hook) if hook else None

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def register_module(self, module: nn.Module) -> None:
        """Watch a model: each of its forward passes is a step."""
        root = type(module).__name__
        for name, part in module.named_modules():
            self._names[part] = name or root
            if kind := next((kind for kind, types in _ACTIVATIONS.items() if isinstance(part, types)), None):
                for end in ("input", "output"):
                    self._activations[f"{name or root}_{end}"] = f"{kind}_{end}"
            part.register_forward_hook(self._after_forward)
        module.register_forward_pre_hook(self._before_step)
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                parameter.register_hook(self._gradient_saver(f"gradient/{root}_{name}"))

    def register_loss(self, loss: nn.Module) -> None:
        """Watch a loss module (`nn.CrossEntropyLoss()`); for a function see `record_tensor_value`."""
        self._names[loss] = type(loss).__name__
        loss.register_forward_hook(self._after_forward)

    def record_tensor_value(self, name: str, value: torch.Tensor) -> None:
        """Save the result of a function, such as F.mse_loss, as `<name>_output_0`."""
        self._guarded(name, lambda hook: self._offer_all(hook, f"{name}_output", value))

    def save_scalar(self, name: str, value: Any, collection: str | None = None) -> None:
        """Save one number, as Hook.save_scalar does. The value may be a tensor of one element."""
        self._guarded(name, lambda hook: hook.save_scalar(name, _plain(value), collection))

    def save_tensor(self, name: str, value: Any, collection: str | None = None) -> None:
        """Save an array, as Hook.save_tensor does. The value may be a tensor on any device."""
        self._guarded(name, lambda hook: hook.save_tensor(name, _plain(value), collection))

    def set_mode(self, mode: Mode) -> None:
        """Set the mode of the steps that follow, whatever the model's `training` says."""
        self._mode = mode

    def close(self) -> Report | None:
        """Write what is left and close the hook, as Hook.close does."""
        return self._hook.close() if self._hook else None

    def _before_step(self, module: nn.Module, _: Any) -> None:
        self._guarded("a step", lambda hook: self._begin_step(hook, module))

    def _begin_step(self, hook: Hook, module: nn.Module) -> None:
        self._calls.clear()
        mode = self._mode or (Mode.TRAIN if module.training else Mode.EVAL)
        hook.begin_step(mode)
        if hook.due:
            root = self._names[module]
            for name, parameter in module.named_parameters():
                hook.offer(f"{root}_{name}", parameter, _array)

    def _after_forward(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        if self._hook is None or not self._hook.due:
            return
        name = self._names[module]
        self._guarded(name, lambda hook: self._offer_all(hook, f"{name}_input", inputs))
        self._guarded(name, lambda hook: self._offer_all(hook, f"{name}_output", outputs))

    def _gradient_saver(self, name: str) -> Callable[[torch.Tensor], None]:
        def save(gradient: torch.Tensor) -> None:
            if self._hook is not None and self._hook.due:
                self._guarded(name, lambda hook: hook.offer(name, gradient, _array))

        return save

    def _offer_all(self, hook: Hook, stem: str, values: Any) -> None:
        """Offer all tensors in `values`. They are numbered consecutively, across nested tuples and lists and across
        several calls of one module in a step.
        """
        if isinstance(values, torch.Tensor):
            number = self._calls.get(stem, 0)
            self._calls[stem] = number + 1
            if stem in self._activations:
                hook.enlist(self._activations[stem], f"{stem}_{number}")
            hook.offer(f"{stem}_{number}", values, _array)
        elif isinstance(values, tuple | list):
            for value in values:
                self._offer_all(hook, stem, value)

    def _guarded(self, what: str, save: Callable[[Hook], None]) -> None:
        hook = self._hook
        if hook is None:
            return
        try:
            save(hook)
        except Exception as error:  # noqa: BLE001  (a hook must never stop the training it watches)
            hook.problem(what, error)


def _array(tensor: torch.Tensor) -> Array:
    return to_array(_plain(tensor))


def _plain(value: Any) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    dense = value.detach().to_dense() if value.is_sparse else value.detach()
    # numpy has neither bfloat16 nor the types of quantized tensors.
    known = dense.float() if dense.dtype == torch.bfloat16 or dense.is_quantized else dense
    return known.cpu().resolve_conj().resolve_neg().numpy()


def _rank() -> int:
    return torch.distributed.get_rank() if _is_distributed() else 0


def _workers() -> int:
    return torch.distributed.get_world_size() if _is_distributed() else 1


def _is_distributed() -> bool:
    return bool(torch.distributed.is_available() and torch.distributed.is_initialized())
