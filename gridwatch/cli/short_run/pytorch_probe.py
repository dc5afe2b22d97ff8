"""Runs a PyTorch script for some steps and measures: `pytorch_probe.py look|batch SECONDS REPORT MODULE ARGUMENT...`.

`look` lets the script train as it does, for at most LOOK_STEPS steps: what the first loss was and on which targets,
and the first gradient or loss that was not finite. `batch` gives it its first batch over and over, and steps with an
optimizer of its own, for BATCH_STEPS steps: whether the model, its loss and the batch fit together at all, whatever
the learning rate. Either ends after SECONDS with what was seen until then. REPORT gets one line of JSON; what the
numbers mean is judged elsewhere.

The script is not changed: the probe listens where every PyTorch training passes, `Tensor.backward`, the optimizers'
steps, the losses in torch.nn.functional and DataLoader. Runs under the training environment's own interpreter.
"""

from __future__ import annotations

import json
import math
import runpy
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from torch.utils.data import DataLoader

LOOK_STEPS = 30
BATCH_STEPS = 200
MISSING_PACKAGE = 3  # exit code
_LEAST_RATE = 3e-3  # of Adam, in steps with one batch; the script's own when that is larger
_LAST = 10  # losses whose median counts as the end
_SAME = 1e-4  # relative: how near the loss is to that of one known function, when it is that


class Enough(BaseException):
    """Raised to end the script once enough was seen. It is no Exception, so nothing in the script catches it."""


class Probe:
    """What was seen of a training; losses as they were passed to `backward`."""

    def __init__(self, most_steps: int, seconds: float) -> None:
        self.most_steps = most_steps
        self.until = time.monotonic() + seconds
        self.stepping = False  # with the probe's own optimizer, which is not the script's
        self.steps = 0
        self.losses: list[float | None] = []
        self.targets: dict[str, Any] | None = None  # of the first loss, when it is one of known functions alone
        self.not_finite: str | None = None
        self.batches = 0  # that data loaders gave to the training
        self.optimizers: set[int] = set()
        self._last: tuple[float, dict[str, Any]] | None = None

    def report(self) -> dict[str, Any]:
        return {
            "steps": self.steps, "first": self.losses[0] if self.losses else None, "last": self._last_loss(),
            "targets": self.targets, "not_finite": self.not_finite, "batches": self.batches,
            "optimizers": len(self.optimizers),
        }  # fmt: skip

    def _last_loss(self) -> float | None:
        """The median of the last losses."""
        last = sorted(loss for loss in self.losses[-_LAST:] if loss is not None)
        return last[len(last) // 2] if last else None

    def backward(self, loss: torch.Tensor) -> None:
        if loss.numel() != 1:
            return
        value = float(loss.detach())
        if not self.losses and self._last and math.isclose(value, self._last[0], rel_tol=_SAME, abs_tol=1e-9):
            self.targets = self._last[1]
        self.losses.append(value if math.isfinite(value) else None)
        if not math.isfinite(value):
            self.not_finite = f"the loss of step {self.steps}"
            raise Enough

    def before_step(self, optimizer: torch.optim.Optimizer) -> None:
        if self.stepping:
            return
        self.optimizers.add(id(optimizer))
        for number, parameter in enumerate(parameters(optimizer)):
            if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
                shape = " x ".join(map(str, parameter.shape)) or "one number"
                self.not_finite = f"the gradient of parameter {number} ({shape}) at step {self.steps}"
                raise Enough

    def after_step(self) -> None:
        if self.stepping:
            return
        self.steps += 1
        if self.steps >= self.most_steps or time.monotonic() > self.until:
            raise Enough

    def saw_loss(self, value: torch.Tensor, described: Callable[[], dict[str, Any] | None]) -> None:
        """Note the value of a known loss function; its targets are looked at only for the first."""
        if self.losses or value.numel() != 1 or not torch.is_grad_enabled():
            return
        targets = described()
        self._last = (float(value.detach()), targets) if targets else None


def parameters(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


def listen(probe: Probe) -> None:
    backward = torch.Tensor.backward

    def heard(self: torch.Tensor, *arguments: Any, **options: Any) -> None:
        probe.backward(self)
        backward(self, *arguments, **options)

    torch.Tensor.backward = heard
    register_optimizer_step_pre_hook(lambda optimizer, *_: probe.before_step(optimizer))
    register_optimizer_step_post_hook(lambda *_: probe.after_step())
    _listen_to_losses(probe)
    given = DataLoader.__iter__

    def counted(self: DataLoader[Any]) -> Iterator[Any]:
        for batch in given(self):
            probe.batches += torch.is_grad_enabled()
            yield batch

    DataLoader.__iter__ = counted


def _listen_to_losses(probe: Probe) -> None:
    for name, describe in LOSSES.items():
        setattr(functional, name, _heard(probe, getattr(functional, name), describe))


def _heard(probe: Probe, loss: Callable[..., torch.Tensor], describe: Callable[..., Any]) -> Callable[..., Any]:
    def heard(outputs: torch.Tensor, wanted: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        value = loss(outputs, wanted, *arguments, **options)
        if options.get("reduction", "mean") == "mean" and options.get("weight") is None and not arguments:
            probe.saw_loss(value, lambda: describe(outputs.detach(), wanted.detach()))
        return value

    return heard


def _classes(outputs: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any] | None:
    if wanted.is_floating_point():
        return None  # shares of classes
    classes = outputs.shape[min(1, outputs.ndim - 1)]
    counts = torch.bincount(wanted.flatten()[wanted.flatten() >= 0], minlength=classes)
    return {"kind": "classes", "classes": int(classes), "counts": counts.tolist()}


def _halves(outputs: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any] | None:
    if not bool(((wanted == 0) | (wanted == 1)).all()):
        return None
    ones = int(wanted.sum())
    return {"kind": "classes", "classes": 2, "counts": [wanted.numel() - ones, ones]}


def _numbers(outputs: torch.Tensor, wanted: torch.Tensor) -> dict[str, Any]:
    numbers = wanted.double().flatten()
    mean = float(numbers.mean())
    return {"kind": "numbers", "variance": float(((numbers - mean) ** 2).mean()), "square": float((numbers**2).mean())}


LOSSES = {
    "cross_entropy": _classes, "nll_loss": _classes, "binary_cross_entropy_with_logits": _halves,
    "binary_cross_entropy": _halves, "mse_loss": _numbers,
}  # fmt: skip


def hold_one_batch() -> None:
    """Have every loader return its first batch: endlessly in training, once where gradients are off."""
    given = DataLoader.__iter__

    def held(self: DataLoader[Any]) -> Iterator[Any]:
        for batch in given(self):
            yield batch
            while torch.is_grad_enabled():
                yield batch
            return

    DataLoader.__iter__ = held


def step_with_adam(probe: Probe) -> None:
    """Take an Adam step in place of every optimizer's own step."""
    adams: dict[int, torch.optim.Optimizer] = {}

    def step(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        if probe.stepping:
            return
        probe.stepping = True
        if id(optimizer) not in adams:
            rate = max(_LEAST_RATE, float(optimizer.param_groups[0].get("lr", 0.0)))
            adams[id(optimizer)] = torch.optim.Adam(list(parameters(optimizer)), lr=rate)
        adams[id(optimizer)].step()
        probe.stepping = False
        for parameter in parameters(optimizer):
            parameter.grad = None  # the script's own step finds nothing to do

    register_optimizer_step_pre_hook(step)


def main() -> int:
    mode, seconds, report, module = sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    sys.argv = [module, *sys.argv[5:]]
    sys.path[0] = str(Path.cwd())
    torch.manual_seed(0)
    probe = Probe(LOOK_STEPS if mode == "look" else BATCH_STEPS, seconds)
    listen(probe)
    if mode == "batch":
        hold_one_batch()
        step_with_adam(probe)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Enough:
        pass
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error.name or error}\n")
        return MISSING_PACKAGE
    except SystemExit as leaving:
        if leaving.code not in (0, None):
            raise
    report.write_text(json.dumps(probe.report()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
