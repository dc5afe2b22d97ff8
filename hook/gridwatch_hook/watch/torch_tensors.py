"""Attaches the hook for PyTorch's tensors to the model that an optimizer trains, when collections ask for tensors."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from gridwatch_hook.pytorch import PyTorchHook
from gridwatch_hook.watch.gate import TensorGate

_watched: weakref.WeakSet[nn.Module] = weakref.WeakSet()
_WRAPPERS = ("_orig_mod", "module")  # torch.compile; DistributedDataParallel and DataParallel


def attach(gate: TensorGate, optimizer: Any) -> None:
    """Watch the optimizer's model and the loss modules of the process. Raises LookupError where no model is found."""
    model = model_of(optimizer)
    if model is None:
        raise LookupError("no module has the optimizer's parameters, so no tensors are saved")
    if model in _watched:
        return
    _watched.add(model)
    hook = WatchedModel(gate)
    hook.register_module(model)
    for loss in _modules():
        if type(loss).__module__.startswith("torch.nn.modules.loss") and loss not in _watched:
            _watched.add(loss)
            hook.register_loss(loss)


class WatchedModel(PyTorchHook):
    """The hook for PyTorch's tensors, for one model in training; what an evaluation computes is not saved."""

    def __init__(self, gate: TensorGate) -> None:
        super().__init__(gate)  # type: ignore[arg-type]  # the gate has what the hook uses
        self._root: nn.Module | None = None

    def register_module(self, module: nn.Module) -> None:
        """Watch a model."""
        self._root = module
        super().register_module(module)

    def _after_forward(self, module: nn.Module, inputs: Any, outputs: Any) -> None:
        if self._seen():
            super()._after_forward(module, inputs, outputs)

    def _before_step(self, module: nn.Module, _: Any) -> None:
        if self._seen():
            super()._before_step(module, _)

    def _seen(self) -> bool:
        trains = self._root is not None and self._root.training and torch.is_grad_enabled()
        return trains and not torch.compiler.is_compiling()


def model_of(optimizer: Any) -> nn.Module | None:
    """The outermost module, without wrappers, that holds the optimizer's parameters."""
    wanted = {id(each) for group in optimizer.param_groups for each in group["params"]}
    best, held = None, 0
    for module in _modules():
        own = {id(each) for each in module.parameters()}
        if own & wanted and len(own) >= held and not _is_inner(module, best, own, held):
            best, held = module, len(own)
    return _unwrapped(best)


def _is_inner(module: nn.Module, best: nn.Module | None, own: set[int], held: int) -> bool:
    """Whether a module of as many parameters as the best so far lies within that."""
    return best is not None and len(own) == held and any(each is module for each in best.modules())


def _unwrapped(module: nn.Module | None) -> nn.Module | None:
    while module is not None:
        inner = next((found for name in _WRAPPERS if isinstance(found := getattr(module, name, None), nn.Module)), None)
        if inner is None or next(iter(module.children()), None) is not inner:
            return module
        module = inner
    return None


def _modules() -> Iterator[nn.Module]:
    """The modules of the process. Nothing else is touched: `isinstance` asks an object for its class, at which proxies
    load what they stand for, warn, or raise.
    """
    return (each for each in gc.get_objects() if issubclass(type(each), nn.Module))
