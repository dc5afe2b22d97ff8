"""Record what a job's log says of its metrics as tensors, for rules, curves and tables to read as they read any others.

Numbers follow from the position that was read, so two calls at once write the same steps, and a call that dies after
writing leaves files that the next one writes again. The position is moved last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Protocol

from gridwatch.clock import Clock
from gridwatch.rules.metrics import is_score
from gridwatch.state.records import JobRecord
from gridwatch.tensors.log_metrics import LogPosition, MetricFinder, PositionExpiredError, TrainingLog
from gridwatch.tensors.scalars import ScalarStep, collections_file, scalar_files

# The files that are written here wake the evaluation again: without a pause it would read the log for ever.
PAUSE = timedelta(seconds=10)
STEPS_IN_FILE = 500
PAGES_AT_ONCE = 20  # of up to 10,000 lines each; what is left is for the next call


class MetricRecord(Protocol):
    """A job's tensor folder, and how far its log was read."""

    def position(self, job_name: str) -> LogPosition: ...

    def write(self, job_name: str, key: str, content: bytes) -> None: ...

    def move(self, job_name: str, position: LogPosition) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecorder:
    log: TrainingLog
    record: MetricRecord
    clock: Clock

    def catch_up(self, job: JobRecord, training_job: str, *, ended: bool) -> int:
        """Record the steps that are new, and return how many; none when the log was read a moment ago.

        `training_job`: SageMaker's name, after which the log is called.
        """
        start = self.record.position(job.job_name)
        now = self.clock.now()
        if start.read_at is not None and now < start.read_at + PAUSE and not ended:
            return 0
        if start.read_at is None:
            self.record.write(job.job_name, *collections_file(_collections(job)))
        try:
            reached = self._read_on(job, training_job, replace(start, read_at=now))
        except PositionExpiredError:
            reached = self._read_on(job, training_job, LogPosition(read_at=now))
        self.record.move(job.job_name, reached)
        return max(reached.steps - start.steps, 0)

    def _read_on(self, job: JobRecord, training_job: str, position: LogPosition) -> LogPosition:
        finder = MetricFinder(job.log_metrics)
        for _ in range(PAGES_AT_ONCE):
            page = self.log.page(training_job, position.stream, position.token)
            steps = list(finder.steps(page.lines, position.steps))
            self._write(job.job_name, steps)
            position = replace(position, stream=page.stream, token=page.token, steps=position.steps + len(steps))
            if not page.more:
                break
        return position

    def _write(self, job_name: str, steps: Sequence[ScalarStep]) -> None:
        for part in _parts(steps):
            for key, content in scalar_files(part):
                self.record.write(job_name, key, content)


def _collections(job: JobRecord) -> dict[str, list[str]]:
    """As the hooks sort them: every scalar is a metric, and those that are better when lower are losses."""
    names = [metric.name for metric in job.log_metrics]
    return {"metrics": names, "losses": [name for name in names if not is_score(name)]}


def _parts(steps: Sequence[ScalarStep]) -> Iterator[list[ScalarStep]]:
    remaining = iter(steps)
    while part := list(islice(remaining, STEPS_IN_FILE)):
        yield part
