"""What a deployment knows of itself and its account: whether stopping is paused, whether Debugger was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRecord:
    """The switch that pauses all stopping in a deployment: how it stands, and who set it so and why."""

    paused: bool
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DebuggerRefusal:
    """SageMaker's word that this account has no Debugger here: it took a job only without what is Debugger's.

    `forgotten`: a person wants it to be tried again.
    """

    account: str
    region: str
    at: datetime
    words: str  # SageMaker's
    code: str
    job_name: str  # that was launched under Gridwatch's own rules
    experiment: str
    forgotten: bool = False
