"""Watches any loop of PyTorch 2: a step is a step of its first optimizer, its loss what backward was called on.

It sees the learning rates, the norm that `clip_grad_norm_` returns, steps that a gradient scaler skips, and checkpoints
by `torch.save`. It adds no hook to modules and starts no work on a GPU but the copy of single numbers.
"""

from __future__ import annotations

import os
import weakref
from types import ModuleType
from typing import Any

import torch

from gridwatch_hook.watch.guard import after, before, during, quietly, require, wrap
from gridwatch_hook.watch.session import session
from gridwatch_hook.watch.torch_device import scalar, whole

BY = "torch"
_SILENT = 20  # steps of other optimizers after which the first is taken for done with
_MOST_GROUPS = 4
_compiling = torch.compiler.is_compiling


class _Optimizers:
    """Knows which optimizer's steps count. Several may train one model by turns, or one model after the other."""

    def __init__(self) -> None:
        self.main: weakref.ref[Any] | None = None
        self.others = 0
        self.stepped = False  # whether steps are seen at all: those of a compiled `step` are not
        self.scaled = False
        self.process = os.getpid()

    def counts(self, optimizer: Any) -> bool:
        """Whether a step of this optimizer is a step of the training."""
        main = self.main() if self.main is not None else None
        if main is optimizer:
            self.others = 0
            return True
        self.others += 1
        if main is None or self.others > _SILENT:
            self.main, self.others = weakref.ref(optimizer), 0
            return True
        return False


_optimizers = _Optimizers()
_scaled: dict[int, Any] = {}  # the last scaled loss, by its id: the scaled tensor (weakly) and the loss itself


def install(module: ModuleType) -> None:
    """Watch PyTorch, which was just imported. Raises UnsupportedVersionError."""
    require(module, "PyTorch", (2, 0), (3, 0))
    from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook  # noqa: PLC0415

    register_optimizer_step_pre_hook(_before_step)
    register_optimizer_step_post_hook(_after_step)
    wrap(torch.autograd, "backward", _backward)
    after(torch.nn.utils, "clip_grad_norm_", _after_clipping, "the gradient norm")
    torch.nn.utils.clip_grad.clip_grad_norm_ = torch.nn.utils.clip_grad_norm_
    after(torch.amp.GradScaler, "scale", _after_scaling, "the gradient scaler")
    wrap(torch.amp.GradScaler, "step", _scaler_step)
    before(torch.optim.Optimizer, "zero_grad", _before_zero_grad, "steps of a compiled optimizer")
    after(torch.optim.Optimizer, "__init__", _after_creation, "the model's tensors")
    during(torch, "save", "checkpoint")


def _before_step(optimizer: Any, *_: Any) -> None:
    if not _compiling():
        session().recorder.enter("step")


def _after_step(optimizer: Any, *_: Any) -> None:
    if _compiling():
        return
    if _optimizers.counts(optimizer):
        _optimizers.stepped = True
        quietly("a step", _end_step, optimizer)


def _end_step(optimizer: Any) -> None:
    current = session()
    recorder = current.recorder
    if recorder.by in (None, BY):
        _note_rates(recorder, optimizer)
        if (_rank() or (0, 1))[1] > 1:
            recorder.note_own()
    current.rank_of = current.rank_of or _rank
    current.step_ended(BY, "torch")


def _note_rates(recorder: Any, optimizer: Any) -> None:
    first = None
    for number, group in enumerate(optimizer.param_groups[:_MOST_GROUPS]):
        rate = group.get("lr")
        if rate is None or (number and rate is first):
            continue
        if number == 0:
            first = rate
        value = float(rate) if isinstance(rate, float | int) else scalar(rate)
        if value is not None and (number == 0 or value != first):
            recorder.scalar(f"learning_rate/{number}" if number else "learning_rate", value)


def _backward(original: Any) -> Any:
    """See what backward is called on, and how long it takes, in which ranks wait for each other."""

    def backward(*args: Any, **kwargs: Any) -> Any:
        quietly("the loss", _before_backward, *args, **kwargs)
        result = original(*args, **kwargs)
        quietly("the loss", _after_backward)
        return result

    return backward


def _after_backward() -> None:
    if not _compiling():
        session().recorder.end_shared()


def _before_backward(tensors: Any = None, *_: Any, **__: Any) -> None:
    if _compiling():
        return
    recorder = session().recorder
    recorder.begin_shared()
    if recorder.phase != "forward-backward":
        recorder.enter("forward-backward")
    for each in tensors if isinstance(tensors, tuple | list) else (tensors,):
        if not isinstance(each, torch.Tensor) or each.numel() != 1:
            continue
        held = _scaled.pop(id(each), None)
        loss = whole(held[1] if held is not None and held[0]() is each else each)
        value = scalar(loss) if loss is not None else None
        if value is not None:
            recorder.loss(value)


def _after_clipping(norm: Any, *_: Any, **__: Any) -> None:
    if _compiling() or not isinstance(norm, torch.Tensor):
        return
    norm = whole(norm)
    value = scalar(norm) if norm is not None else None
    if value is not None:
        session().recorder.scalar("gradient_norm", value)


def _after_scaling(scaled: Any, scaler: Any, outputs: Any) -> None:
    if isinstance(outputs, torch.Tensor) and outputs.numel() == 1 and not _compiling():
        _optimizers.scaled = True
        _scaled.clear()
        _scaled[id(scaled)] = (weakref.ref(scaled), outputs.detach())


def _scaler_step(original: Any) -> Any:
    """Tell a step that the scaler skips because gradients are not finite: the optimizer's own step does not run."""

    def step(scaler: Any, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        recorder = session().recorder
        number = recorder.step
        result = original(scaler, optimizer, *args, **kwargs)
        if recorder.by in (None, BY) and recorder.step == number and scaler.is_enabled():
            quietly("a skipped step", _skipped, optimizer)
        return result

    return step


def _skipped(optimizer: Any) -> None:
    if _optimizers.counts(optimizer):
        session().recorder.scalar("skipped_steps", 1.0)
        _end_step(optimizer)


def _before_zero_grad(optimizer: Any, *_: Any, **__: Any) -> None:
    """A step of a compiled optimizer is not seen itself; gradients that were made and are now dropped tell of it."""
    if _optimizers.stepped or _optimizers.scaled or _compiling():
        return
    current = session()
    if current.recorder.has_losses and current.recorder.by in (None, BY) and _optimizers.counts(optimizer):
        _end_step(optimizer)


def _after_creation(_: None, optimizer: Any, *__: Any, **___: Any) -> None:
    """The model exists before its optimizer, and nothing was computed yet: its tensors are watched from here on."""
    current = session()
    current.rank_of = _rank
    gate = current.gate("torch")
    if gate is not None:
        from gridwatch_hook.watch.torch_tensors import attach  # noqa: PLC0415  (only where tensors are asked for)

        attach(gate, optimizer)


def _rank() -> tuple[int, int] | None:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return None
