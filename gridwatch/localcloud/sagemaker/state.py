"""The training jobs of one account and region."""

import threading
from collections import deque
from collections.abc import Callable, Iterable

from gridwatch.localcloud import clock
from gridwatch.localcloud.sagemaker.errors import in_use, validation_error
from gridwatch.localcloud.sagemaker.records import TrainingJob

Change = Callable[[TrainingJob], TrainingJob]


class JobStore:
    """Frozen job records under one lock. ``on_change`` is called for every new status, in the order of the changes.

    Former states of a job are remembered for ``kept_seconds``.
    """

    def __init__(self, on_change: Callable[[TrainingJob], None], kept_seconds: float = 0.0) -> None:
        self._jobs: dict[str, TrainingJob] = {}
        self._lock = threading.RLock()
        self._on_change = on_change
        self._muted = False
        self._kept_seconds = kept_seconds
        self._former: dict[str, deque[tuple[float, TrainingJob]]] = {}

    def mute(self) -> None:
        """Announce nothing any more: the jobs are forgotten."""
        with self._lock:
            self._muted = True

    def add(self, job: TrainingJob) -> None:
        """Keep a new job. Raises ResourceInUse when its name was ever used."""
        with self._lock:
            self.refuse_used(job.name)
            self._keep(job)
            self._on_change(job)

    def refuse_used(self, name: str) -> None:
        """Raise ResourceInUse if the name was ever used."""
        with self._lock:
            if name in self._jobs:
                raise in_use(
                    "Training job names must be unique within an AWS account and region, and a training job with this "
                    f"name already exists ({self._jobs[name].arn})"
                )

    def restore(self, jobs: Iterable[TrainingJob]) -> None:
        """Take up jobs that were kept; nothing is announced."""
        with self._lock:
            for job in jobs:
                self._keep(job)

    def get(self, name: str) -> TrainingJob:
        """The job of that name. Raises ValidationException, which SageMaker answers for a training job that is not
        there (boto/boto3#2808), unlike for other things.
        """
        with self._lock:
            if name not in self._jobs:
                raise validation_error("Requested resource not found.")
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

    def as_of(self, seconds: float) -> list[TrainingJob]:
        """The jobs as they were that many seconds ago, which must still be remembered."""
        if seconds <= 0:
            return self.all()
        then = clock.now() - seconds
        with self._lock:
            found = ([job for at, job in former if at <= then] for former in self._former.values())
            return [known[-1] for known in found if known]

    def _keep(self, job: TrainingJob) -> None:
        self._jobs[job.name] = job
        if self._kept_seconds <= 0:
            return
        now = clock.now()
        former = self._former.setdefault(job.name, deque())
        former.append((now, job))
        while len(former) > 1 and former[1][0] <= now - self._kept_seconds:
            former.popleft()

    def update(self, name: str, change: Change, announce: bool = True) -> TrainingJob:
        """Replace a job by ``change`` of it, atomically, and announce it where its record really changed."""
        with self._lock:
            before = self.get(name)
            after = change(before)
            self._keep(after)
            if announce and after != before and not self._muted:
                self._on_change(after)
            return after
