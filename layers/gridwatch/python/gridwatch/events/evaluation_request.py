"""What asks for an evaluation: an index file that landed in S3, or a message of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridwatch.events.messages import EvaluateJob
from gridwatch.storage.layout import job_of_index_key


def evaluation_request(body: Mapping[str, Any]) -> EvaluateJob | None:
    """The job to look at; None when the message asks for nothing of the kind. Raises ValueError for a broken one."""
    try:
        if body.get("type") == EvaluateJob.__name__:
            return EvaluateJob(str(body["job_name"]), ended=body.get("ended") is True)
        if body.get("source") == "aws.s3" and body.get("detail-type") == "Object Created":
            job_name = job_of_index_key(body["detail"]["object"]["key"])
            return EvaluateJob(job_name) if job_name else None
    except (KeyError, TypeError) as error:
        raise ValueError(f"a request to evaluate of an unknown shape: {error!r}") from error
    return None
