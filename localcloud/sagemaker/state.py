"""The training jobs of one account and region."""

import threading
from collections.abc import Callable

from localcloud.sagemaker.errors import in_use, not_found
from localcloud.sagemaker.records import TrainingJob

Change = Callable[[TrainingJob], TrainingJob]


class JobStore:
    """Frozen job records under one lock. ``on_change`` is called for every new status, in the order of the changes."""

    def __init__(self, on_change: Callable[[TrainingJob], None]) -> None:
        self._jobs: dict[str, TrainingJob] = {}
        self._lock = threading.RLock()
        self._on_change = on_change
        self._muted = False

    def mute(self) -> None:
        """Announce nothing any more: the jobs are forgotten."""
        with self._lock:
            self._muted = True

    def add(self, job: TrainingJob) -> None:
        """Keep a new job. Raises ResourceInUse when its name was ever used."""
        with self._lock:
            if job.name in self._jobs:
                raise in_use(
                    "Training job names must be unique within an AWS account and region, and a training job with this "
                    f"name already exists ({self._jobs[job.name].arn})"
                )
            self._jobs[job.name] = job
            self._on_change(job)

    def get(self, name: str) -> TrainingJob:
        """Raises ResourceNotFound."""
        with self._lock:
            if name not in self._jobs:
                raise not_found("Requested resource not found.")
            return self._jobs[name]

    def find(self, name: str) -> TrainingJob | None:
        """The job of that name, whatever its case (component names are lower-case), or None."""
        with self._lock:
            if name in self._jobs:
                return self._jobs[name]
            return next((job for job in self._jobs.values() if job.name.lower() == name), None)

    def all(self) -> list[TrainingJob]:
        with self._lock:
            return list(self._jobs.values())

    def update(self, name: str, change: Change, announce: bool = True) -> TrainingJob:
        """Replace a job by ``change`` of it, atomically, and announce it where its record really changed."""
        with self._lock:
            before = self.get(name)
            after = change(before)
            self._jobs[name] = after
            if announce and after != before and not self._muted:
                self._on_change(after)
            return after
