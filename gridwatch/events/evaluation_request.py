"""A request for an evaluation: a file of tensors or of a profile that landed in S3, or a message of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridwatch.events.messages import EvaluateJob
from gridwatch.storage.layout import job_of_index_key, job_of_profile_key, tensor_prefix
from gridwatch_rules.tensors.layout import parse_step_key


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """Which job to evaluate and what to look at: an event names what is new, a message asks for everything.

    `looks` are the planned times of the messages that ask. `arrived` are the objects named by events, relative to the
    folder of the job's hook; None means that others may have come. `late` means that the events waited, so more has
    come since. `rests` are the times at which earlier calls ran out of time for all of the new steps and planned this
    one.
    """

    job_name: str
    ended: bool = False
    tensors: bool = True
    profile: bool = True
    log: bool = True
    looks: tuple[str, ...] = ()
    arrived: tuple[str, ...] | None = None
    late: bool = False
    rests: tuple[str, ...] = ()

    @property
    def is_of_tensors_alone(self) -> bool:
        """Whether only events of new tensors ask."""
        return self.arrived is not None and not (self.ended or self.profile or self.log)

    def is_stale(self, judged: int) -> bool:
        """Whether it names only steps of the hook up to the one that was judged last."""
        if self.arrived is None or not self.is_of_tensors_alone or not self.tensors:
            return False
        steps = [parse_step_key(key) for key in self.arrived]
        return all(step is not None and step[0] <= judged for step in steps)


def evaluation_request(body: Mapping[str, Any]) -> EvaluationRequest | None:
    """The request in a message; None when the message asks for no evaluation. Raises ValueError for a broken one."""
    try:
        if body.get("type") == EvaluateJob.__name__:
            look, rest = (tuple(filter(None, [str(body.get(name) or "")])) for name in ("look", "rest"))
            ended = body.get("ended") is True
            # Who goes on with a job's tensors need not look at all else.
            also = ended or bool(look) or not rest
            return EvaluationRequest(str(body["job_name"]), ended=ended, profile=also, log=also, looks=look, rests=rest)
        if body.get("source") == "aws.s3" and body.get("detail-type") == "Object Created":
            return _of_object(body["detail"]["object"]["key"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"a request to evaluate of an unknown shape: {error!r}") from error
    return None


def _of_object(key: str) -> EvaluationRequest | None:
    if job_name := job_of_index_key(key):
        arrived = (key.removeprefix(tensor_prefix(job_name)),)
        return EvaluationRequest(job_name, profile=False, log=False, arrived=arrived)
    if job_name := job_of_profile_key(key):
        return EvaluationRequest(job_name, tensors=False, log=False, arrived=())
    return None
