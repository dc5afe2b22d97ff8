"""A call leaves the new steps of a job for which it has no time to another call, which it asks for at once.

The saved state of the evaluation names that call by the moment of asking. Until it has come, others leave the job's
tensors to it, so that a backlog is read by one call at a time. What those were told of while the last one worked is
looked at once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import EvaluateJob
from gridwatch.events.queue import MessageQueue
from gridwatch.state.codec import moment_text
from gridwatch_rules.clock import Clock

LOST = timedelta(seconds=60)  # a call that was asked for and is so late is not coming
_REST = "rest"  # in the saved state


@dataclass(frozen=True, slots=True)
class Rests:
    """Asks for calls through `queue`, which is the one that evaluations are asked for with."""

    queue: MessageQueue
    clock: Clock

    def ask(self, job_name: str, *, ended: bool) -> str:
        """Ask for another call; returns its name."""
        name = moment_text(self.clock.now())
        self.queue.send(EvaluateJob(job_name, ended=ended, rest=name))
        return name

    def is_left_to_another(self, saved: Mapping[str, Any] | None, request: EvaluationRequest) -> bool:
        """Whether a call that was asked for takes all new steps, those that this one was told of among them."""
        name = (saved or {}).get(_REST)
        if not isinstance(name, str) or request.ended or name in request.rests:
            return False
        try:
            return self.clock.now() < datetime.fromisoformat(name) + LOST
        except ValueError:
            return False

    def named(
        self, request: EvaluationRequest, saved: Mapping[str, Any] | None, *, behind: bool, tensors: bool
    ) -> dict[str, str]:
        """What the state to save says of it: of a call that was `behind` the next one, which it asks for before it
        saves, because a call that dies in between is repeated; of one that left the `tensors` alone what stood there.
        """
        if behind:
            return {_REST: self.ask(request.job_name, ended=request.ended)}
        return {_REST: saved[_REST]} if saved and not tensors and _REST in saved else {}

    def finish(self, job_name: str, saved: Mapping[str, Any] | None, document: Mapping[str, Any]) -> None:
        """After the last call has saved: look once more at what others have left to it meanwhile."""
        if saved and _REST in saved and _REST not in document:
            self.ask(job_name, ended=False)
