"""The memory that a training uses, by what the host knows: no device is asked."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

_STATM = Path("/proc/self/statm")
_MEMINFO = Path("/proc/meminfo")
# What a container may use: control groups of version 2, and of version 1.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_KINDS = {"allocated_bytes": "gpu_allocated_bytes", "reserved_bytes": "gpu_reserved_bytes"}


def memory(torch: Any) -> dict[str, float]:
    """Bytes of the process that are in memory, those of them that no file backs, and the bytes that there are. Where
    PyTorch uses a GPU, also what it has allocated and reserved there.
    """
    found: dict[str, float] = {}
    if _STATM.exists():
        resident, shared = (int(pages) for pages in _STATM.read_text().split()[1:3])
        page = os.sysconf("SC_PAGE_SIZE")
        found["resident_bytes"] = float(resident * page)
        found["private_bytes"] = float((resident - shared) * page)
        if limit := memory_limit():
            found["memory_limit_bytes"] = limit
    if torch is not None and _uses_gpu(torch):
        stats = torch.cuda.memory_stats()
        for kind, name in _KINDS.items():
            found[name] = float(stats.get(f"{kind}.all.current", 0))
    return found


@cache
def memory_limit() -> float:
    """The bytes that the container or else the host has; 0 where nobody says."""
    said = [int(text) for path in _LIMITS if (text := _read(path)).isdigit()]
    total = next((line.split()[1] for line in _read(_MEMINFO).splitlines() if line.startswith("MemTotal:")), "")
    return float(min([*said, *([int(total) * 1024] if total.isdigit() else [])], default=0))


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _uses_gpu(torch: Any) -> bool:
    """Whether the training has begun to use a GPU; asking `is_initialized` does not begin it."""
    cuda = getattr(torch, "cuda", None)
    return cuda is not None and bool(cuda.is_initialized())
