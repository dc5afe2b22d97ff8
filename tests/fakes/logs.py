"""Training jobs' logs in memory, and the tensor folders that are made of them."""

from __future__ import annotations

from dataclasses import replace

from gridwatch.domain.jobs import JobRecord
from gridwatch.state.store import ConflictError
from gridwatch_rules.tensors.log_metrics import LogLine, LogPage, LogPosition, PositionExpiredError
from tests.tensor_folder import MemorySource


class FakeLog:
    """Implements `gridwatch_rules.tensors.log_metrics.TrainingLog`: one stream a job, `page_size` lines at once."""

    def __init__(self, page_size: int = 3) -> None:
        self.lines: list[str] = []
        self.page_size = page_size
        self.pages = 0
        self.expired = False

    def page(self, job_name: str, stream: str, token: str) -> LogPage:
        self.pages += 1
        if token and self.expired:
            self.expired = False
            raise PositionExpiredError("The specified nextToken is invalid.")
        start = int(token or 0)
        found = self.lines[start : start + self.page_size]
        lines = [LogLine(1.6e9 + start + number, text) for number, text in enumerate(found)]
        return LogPage(lines, f"{job_name}/algo-1-1", str(start + len(found)), more=bool(found))


class FakeMetricRecord:
    """Implements `evaluate_rules.recording.MetricRecord` for one job."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.kept = LogPosition()
        self.moves = 0

    def position(self, job_name: str) -> LogPosition:
        return self.kept

    def write(self, job: JobRecord, key: str, content: bytes) -> None:
        self.files[key] = content

    def move(self, job_name: str, position: LogPosition) -> None:
        if position.version != self.kept.version:
            raise ConflictError("another look has moved the position")
        self.moves += 1
        self.kept = replace(position, version=str(self.moves))

    def source(self) -> MemorySource:
        return MemorySource(self.files)
