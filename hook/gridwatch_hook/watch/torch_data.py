"""Watches PyTorch's loaders of data: how long the training waits for a batch, and how many samples it has."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from types import ModuleType
from typing import Any

from gridwatch_hook.watch.guard import quietly, wrap
from gridwatch_hook.watch.session import session


def install(module: ModuleType) -> None:
    """Watch the iterators of the module `torch.utils.data.dataloader`."""
    wrap(module._BaseDataLoaderIter, "__next__", _next)


def _next(original: Any) -> Any:
    def __next__(loader: Any) -> Any:  # noqa: N807  (it takes the method's place)
        began = monotonic()
        quietly("the data", _enter)
        try:
            batch = original(loader)
        except StopIteration:
            session().recorder.enter("forward-backward")
            raise
        quietly("the data", _note, batch, monotonic() - began)
        return batch

    return __next__


def _trains() -> bool:
    import torch  # noqa: PLC0415  (it is there: this is its loader)

    return bool(torch.is_grad_enabled())


def _enter() -> None:
    session().recorder.enter("data" if _trains() else "eval")


def _note(batch: Any, seconds: float) -> None:
    if not _trains():
        return
    recorder = session().recorder
    samples, tokens = size_of(batch)
    recorder.waited(seconds, samples, tokens)
    recorder.enter("forward-backward")


def size_of(batch: Any) -> tuple[int, int]:
    """The numbers of samples and of tokens in a batch; 0 where they cannot be told."""
    tokens = 0
    if isinstance(batch, Mapping) or hasattr(batch, "input_ids"):
        ids = batch["input_ids"] if isinstance(batch, Mapping) and "input_ids" in batch else None
        if ids is not None and hasattr(ids, "numel"):
            tokens = int(ids.numel())
        batch = next(iter(batch.values()), None) if ids is None else ids
    while isinstance(batch, tuple | list) and batch:
        batch = batch[0]
    shape = getattr(batch, "shape", None)
    return (int(shape[0]) if shape else 0), tokens
