"""What the messages of one batch ask for: evaluations by job, each with the messages that wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gridwatch.events.evaluation_request import EvaluationRequest, evaluation_request
from gridwatch.events.sqs import QueuedBody

LATE = timedelta(seconds=2)  # a message that has waited so long is looked at with all that has come since


@dataclass(slots=True)
class JobRequest:
    """All that a batch asks of one job."""

    message_ids: list[str] = field(default_factory=list)
    ended: bool = False
    tensors: bool = False
    profile: bool = False
    log: bool = False
    looks: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    arrived: tuple[str, ...] | None = ()
    late: bool = False

    def add(self, message_id: str, request: EvaluationRequest) -> None:
        self.message_ids.append(message_id)
        self.ended |= request.ended
        self.tensors |= request.tensors
        self.profile |= request.profile
        self.log |= request.log
        self.looks += request.looks
        self.rests += request.rests
        known = self.arrived is not None and request.arrived is not None
        self.arrived = (*(self.arrived or ()), *(request.arrived or ())) if known else None

    def of(self, job_name: str) -> EvaluationRequest:
        return EvaluationRequest(
            job_name,
            ended=self.ended,
            tensors=self.tensors,
            profile=self.profile,
            log=self.log,
            looks=self.looks,
            arrived=self.arrived,
            late=self.late,
            rests=self.rests,
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """`ignored` ask for nothing of this function; `unreadable` have a reason."""

    jobs: Mapping[str, JobRequest]
    ignored: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)


def read_batch(bodies: Iterable[QueuedBody], now: datetime | None = None) -> Batch:
    """Many index files of one job ask for one evaluation, the last one when any message says so. By `now` it is known
    which messages have waited.
    """
    jobs: dict[str, JobRequest] = {}
    ignored: list[str] = []
    unreadable: dict[str, str] = {}
    for body in bodies:
        try:
            request = evaluation_request(body.parsed())
        except ValueError as error:
            unreadable[body.message_id] = str(error)
            continue
        if request is None:
            ignored.append(body.message_id)
            continue
        asked = jobs.setdefault(request.job_name, JobRequest())
        asked.add(body.message_id, request)
        asked.late |= now is not None and body.sent_at is not None and now - body.sent_at > LATE
    return Batch(jobs, tuple(ignored), unreadable)
