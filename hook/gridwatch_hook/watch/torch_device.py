"""Reads single numbers of PyTorch without waiting for a GPU.

A number on a GPU is copied into pinned memory that was allocated beforehand, behind the work that computes it, and read
once an event says that the copy is done.
"""

from __future__ import annotations

from typing import Any

import torch

_SLOTS = 1024


class _Pool:
    """Pinned memory for one device's numbers that are on their way, with an event for each."""

    def __init__(self) -> None:
        self.memory = torch.empty(_SLOTS, dtype=torch.float32, pin_memory=True)
        self.events: list[Any] = [torch.cuda.Event() for _ in range(_SLOTS)]
        self.free = list(range(_SLOTS))


_pools: dict[int, _Pool] = {}


class Arriving:
    """A number on its way from a GPU."""

    __slots__ = ("_pool", "_slot", "_value")

    def __init__(self, pool: _Pool, slot: int) -> None:
        self._pool: _Pool | None = pool
        self._slot = slot
        self._value: float | None = None

    def value(self) -> float | None:
        """The number; None while the copy is not done."""
        pool = self._pool
        if pool is not None and pool.events[self._slot].query():
            self._value = float(pool.memory[self._slot].item())  # memory of the host
            self._pool = None
            pool.free.append(self._slot)
        return self._value

    def __del__(self) -> None:
        if self._pool is not None:
            self._pool.free.append(self._slot)


def scalar(tensor: Any) -> float | Arriving | None:
    """The one element of a tensor. None where it has several, and on devices that cannot be read without waiting."""
    if tensor.numel() != 1:
        return None
    kind = tensor.device.type
    if kind == "cpu":
        return float(tensor.detach())
    if kind != "cuda" or torch.cuda.is_current_stream_capturing():
        return None
    index = tensor.device.index
    pool = _pools.get(index)
    if pool is None:
        pool = _pools[index] = _Pool()
    if not pool.free:
        return None
    slot = pool.free.pop()
    with torch.cuda.device(index):
        pool.memory[slot].copy_(tensor.detach().reshape(()).float(), non_blocking=True)
        pool.events[slot].record()
    return Arriving(pool, slot)


def whole(value: Any) -> Any:
    """The local part of a distributed tensor of which every rank holds the whole; None for one that is in parts."""
    placements = getattr(value, "placements", None)
    if placements is None:
        return value
    return value.to_local() if all(each.is_replicate() for each in placements) else None
