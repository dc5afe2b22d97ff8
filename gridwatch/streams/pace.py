"""How long until a running job is looked at again whose news no event tells, such as what its log says."""

from __future__ import annotations

from gridwatch.domain.jobs import JobRecord

LONGEST = 900.0  # seconds: SQS keeps no message back longer


def next_look(job: JobRecord, *, interval: float) -> float:
    """Seconds from this look at the job to the next: as its price allows (gridwatch.pace), or, of a job whose record
    does not say, the deployment's setting `interval`.
    """
    seconds = interval if job.look_seconds is None else job.look_seconds
    return min(max(seconds, 0.0), LONGEST)
