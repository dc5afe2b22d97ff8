"""The memory that a training uses, by what the host knows: no device is asked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_STATM = Path("/proc/self/statm")
_KINDS = {"allocated_bytes": "gpu_allocated_bytes", "reserved_bytes": "gpu_reserved_bytes"}


def memory(torch: Any) -> dict[str, float]:
    """Bytes of the process that are in memory and, where PyTorch uses a GPU, what it has allocated and reserved."""
    found: dict[str, float] = {}
    if _STATM.exists():
        pages = int(_STATM.read_text().split()[1])
        found["resident_bytes"] = float(pages * os.sysconf("SC_PAGE_SIZE"))
    if torch is not None and _uses_gpu(torch):
        stats = torch.cuda.memory_stats()
        for kind, name in _KINDS.items():
            found[name] = float(stats.get(f"{kind}.all.current", 0))
    return found


def _uses_gpu(torch: Any) -> bool:
    """Whether the training has begun to use a GPU; asking `is_initialized` does not begin it."""
    cuda = getattr(torch, "cuda", None)
    return cuda is not None and bool(cuda.is_initialized())
