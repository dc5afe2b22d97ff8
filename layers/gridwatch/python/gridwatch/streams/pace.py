"""How long until a running job is looked at again whose news no event tells, such as what its log says."""

from __future__ import annotations

from gridwatch.state.records import JobRecord

LONGEST = 900.0  # seconds: SQS keeps no message back longer


def next_look(job: JobRecord, *, interval: float) -> float:
    """Seconds from this look at the job to the next. `interval` is the deployment's setting."""
    del job
    return min(max(interval, 0.0), LONGEST)
