"""The time until a running job is looked at again when no event brings news of it, as when its metrics are in
its log.
"""

from __future__ import annotations

from gridwatch.domain.jobs import JobRecord

LONGEST = 900.0  # seconds: SQS keeps no message back longer


def next_look(job: JobRecord, *, interval: float) -> float:
    """Seconds until the next look at the job: as its price allows (gridwatch.pace) or, for a job whose record does not
    say, the deployment's setting `interval`.
    """
    seconds = interval if job.look_seconds is None else job.look_seconds
    return min(max(seconds, 0.0), LONGEST)
