"""Record what a job's log says of its metrics as a stream of its own, in the layout of tensors.

Numbers follow from the position that was read, so two calls at once write the same steps, and a call that dies after
writing leaves files that the next one writes again. The position is moved last.

No event tells of a log. So each look at a running job plans the next one by a delayed message, and the position says
which message that is: whoever finds another one planned, or asks without a plan, reads nothing and plans nothing. So a
job has one chain of looks however many messages come, and the sweep's minute check begins another when it broke off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Protocol

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import EvaluateJob, SnapshotExperiment
from gridwatch.events.queue import MessageQueue
from gridwatch.state.codec import moment_text
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError
from gridwatch.streams.pace import LONGEST, next_look
from gridwatch_rules.clock import Clock
from gridwatch_rules.rules.evaluation import never
from gridwatch_rules.rules.metrics import is_score
from gridwatch_rules.tensors.log_metrics import LogPosition, MetricFinder, PositionExpiredError, TrainingLog
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files

_PATIENCE = 5.0  # seconds for the last look at a log, where others may be looking
STEPS_IN_FILE = 500
PAGES_AT_ONCE = 20  # of up to 10,000 lines each; what is left is for the next call, which is asked for at once
LOST = timedelta(seconds=30)  # a planned look that is so late is not coming
_FARTHEST = timedelta(seconds=LONGEST) + LOST  # no look is planned for later; clocks may differ
# CloudWatch may bring the last lines so long after the job's end. Where looks are closer together than that, as in the
# embedded cloud, lines are there as they are written.
SETTLING = timedelta(seconds=15)


class MetricRecord(Protocol):
    """The folders of what jobs' logs say, and how far each log was read."""

    def position(self, job_name: str) -> LogPosition: ...

    def write(self, job: JobRecord, key: str, content: bytes) -> None: ...

    def move(self, job_name: str, position: LogPosition) -> None:
        """Raises ConflictError when another look has moved it since `position` read its version."""


@dataclass(frozen=True, slots=True)
class Look:
    """`steps`: how many were new. `behind`: the log goes on, and the rest was asked for."""

    steps: int = 0
    behind: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecorder:
    log: TrainingLog
    record: MetricRecord
    queue: MessageQueue  # for the next look
    snapshot_queue: MessageQueue
    clock: Clock
    interval: float  # seconds between two looks at a running job, as the deployment has it

    def look(
        self,
        job: JobRecord,
        trial: TrialRecord | None,
        request: EvaluationRequest,
        time_is_up: Callable[[], bool] = never,
    ) -> Look:
        """Record the steps that are new and plan the next look. Of a log that was read to its end nothing is read; when
        `time_is_up`, which is asked after each page, the rest is left for the next look.

        Of looks at one time one moves the position; the last one of a job, which closes its log, begins again.
        """
        for _ in Patience(self.clock, seconds=_PATIENCE).tries():
            try:
                return self._look(job, trial, request, time_is_up)
            except ConflictError:
                if not request.ended:
                    return Look()
        raise ConflictError(f"the position in the log of {job.job_name} is written to all the time")

    def _look(
        self, job: JobRecord, trial: TrialRecord | None, request: EvaluationRequest, time_is_up: Callable[[], bool]
    ) -> Look:
        start, now = self.record.position(job.job_name), self.clock.now()
        if start.closed or not (request.ended or _is_turn(start, request, now)):
            return Look()
        if start.read_at is None:
            self.record.write(job, *collections_file(_collections(job)))
        training_job = trial.training_job if trial else job.job_name
        try:
            reached, behind = self._read_on(job, training_job, replace(start, read_at=now), time_is_up)
        except PositionExpiredError:
            begin = LogPosition(read_at=now, version=start.version)
            reached, behind = self._read_on(job, training_job, begin, time_is_up)
        if request.ended:
            reached = self._close(job, reached, self._settles(trial, now), behind=behind)
        else:
            reached = self._plan(job, reached, now, over=_is_over(job, trial), behind=behind)
        self.record.move(job.job_name, reached)
        if reached.closed:
            # The tables were asked for when the job ended, and may have been written before its last lines were read.
            self.snapshot_queue.send(SnapshotExperiment(job.experiment))
        return Look(max(reached.steps - start.steps, 0), behind)

    def _close(self, job: JobRecord, reached: LogPosition, settles: float, *, behind: bool) -> LogPosition:
        """The log of a job that is over is closed when it was read to its end after nothing more can come."""
        if behind or settles > 0:
            self.queue.send(EvaluateJob(job.job_name, ended=True), delay_seconds=0 if behind else math.ceil(settles))
        return replace(reached, closed=not behind and settles <= 0, due=None)

    def _settles(self, trial: TrialRecord | None, now: datetime) -> float:
        """Seconds during which lines may still come."""
        if trial is None or trial.ended_at is None or self.interval < SETTLING.total_seconds():
            return 0.0
        return (trial.ended_at + SETTLING - now).total_seconds()

    def _plan(self, job: JobRecord, reached: LogPosition, now: datetime, *, over: bool, behind: bool) -> LogPosition:
        """Ask for the next look before the position names it: a call that dies between is repeated by its message."""
        if over or (job.log_repeats_hook and not behind):
            # The end has a message of its own; what the hook has already waits for the minute check.
            return replace(reached, due=None)
        delay = 1 if behind else max(1, math.ceil(next_look(job, interval=self.interval)))
        due = now + timedelta(seconds=delay)
        self.queue.send(EvaluateJob(job.job_name, look=moment_text(due)), delay_seconds=delay)
        return replace(reached, due=due)

    def _read_on(
        self, job: JobRecord, training_job: str, position: LogPosition, time_is_up: Callable[[], bool]
    ) -> tuple[LogPosition, bool]:
        """How far the log was read, and whether there is more of it."""
        finder = MetricFinder(job.log_metrics)
        for _ in range(PAGES_AT_ONCE):
            page = self.log.page(training_job, position.stream, position.token)
            steps = list(finder.steps(page.lines, position.steps))
            self._write(job, steps)
            position = replace(position, stream=page.stream, token=page.token, steps=position.steps + len(steps))
            if not page.more:
                return position, False
            if time_is_up():
                break
        return position, True

    def _write(self, job: JobRecord, steps: Sequence[ScalarStep]) -> None:
        for part in _parts(steps):
            for key, content in scalar_files(part):
                self.record.write(job, key, content)


def _is_turn(position: LogPosition, request: EvaluationRequest, now: datetime) -> bool:
    """Whether this is the look that was planned, or none is, or the planned one is lost."""
    if not request.log:
        return False
    if position.due is None or moment_text(position.due) in request.looks:
        return True
    return not -LOST <= position.due - now <= _FARTHEST


def _is_over(job: JobRecord, trial: TrialRecord | None) -> bool:
    """Also of a former attempt."""
    return trial is None or trial.job_name != job.job_name or trial.state.is_finished


def _collections(job: JobRecord) -> dict[str, list[str]]:
    """As the hooks sort them: every scalar is a metric, and those that are better when lower are losses."""
    names = [metric.name for metric in job.log_metrics]
    return {"metrics": names, "losses": [name for name in names if not is_score(name)]}


def _parts(steps: Sequence[ScalarStep]) -> Iterator[list[ScalarStep]]:
    remaining = iter(steps)
    while part := list(islice(remaining, STEPS_IN_FILE)):
        yield part
