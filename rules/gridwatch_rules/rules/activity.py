"""Counts how often each node of a layer was active, over samples and steps, for DeadRelu and SaturatedActivation."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Activity:
    """The counts of one layer. A node is one position of the tensor without its first axis, which is the batch."""

    def __init__(self) -> None:
        self.samples = 0
        self._active: NDArray[Any] | None = None

    def add(self, active: NDArray[Any]) -> None:
        """Count a batch: booleans of shape (samples, nodes...). A changed shape starts the counts afresh."""
        import numpy as np

        flat = active.reshape(active.shape[0], -1)
        counts = np.count_nonzero(flat, axis=0).astype(np.int64)
        if self._active is None or self._active.shape != counts.shape:
            self.samples, self._active = 0, np.zeros_like(counts)
        self.samples += flat.shape[0]
        self._active = self._active + counts

    def inactive_percent(self, threshold: float) -> float:
        """The percentage of nodes that were active in less than `threshold` percent of the samples."""
        import numpy as np

        if self._active is None or not self.samples or not self._active.size:
            return 0.0
        inactive = np.count_nonzero(self._active * 100.0 / self.samples < threshold)
        return float(100.0 * inactive / self._active.size)

    def save(self) -> dict[str, Any]:
        counts = b"" if self._active is None else self._active.astype("<u4").tobytes()
        return {"samples": self.samples, "active": base64.b64encode(zlib.compress(counts)).decode("ascii")}

    @classmethod
    def restore(cls, saved: Mapping[str, Any]) -> Activity:
        import numpy as np

        found = cls()
        found.samples = int(saved["samples"])
        counts = zlib.decompress(base64.b64decode(saved["active"]))
        found._active = np.frombuffer(counts, dtype="<u4").astype(np.int64) if found.samples else None
        return found
