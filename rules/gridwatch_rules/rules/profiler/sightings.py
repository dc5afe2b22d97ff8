"""Counts the measurements in a profile, for the details of rules that could judge nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from gridwatch_rules.rules.profiler.metrics import Measurement, Sample


@dataclass(slots=True)
class ProfileSightings:
    """The number of measurements of each kind in a profile."""

    samples: int = 0
    with_gpu: int = 0
    spans: int = 0
    steps: int = 0

    @classmethod
    def restore(cls, saved: Mapping[str, int]) -> ProfileSightings:
        return cls(**saved)

    def save(self) -> dict[str, Any]:
        return asdict(self)

    def note(self, measurements: Iterable[Measurement]) -> None:
        for each in measurements:
            if isinstance(each, Sample):
                self.samples += 1
                self.with_gpu += bool(each.gpu or each.gpu_memory)
            else:
                self.spans += 1
                self.steps += each.is_step

    @property
    def in_words(self) -> str:
        if not self.samples and not self.spans:
            return "the job wrote no profile"
        gpu = f"{self.with_gpu:,} of them with a GPU" if self.with_gpu else "none with a GPU"
        return f"there were {self.samples:,} samples of machines, {gpu}, and the times of {self.steps:,} steps"
