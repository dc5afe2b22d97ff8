"""What a deployment knows of itself and its account: whether stopping is paused, and whether Debugger was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRecord:
    """The switch that pauses all stopping in a deployment: how it stands, who set it and why."""

    paused: bool
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DebuggerRefusal:
    """The finding that this account has no Debugger: SageMaker accepted a job only after its Debugger fields were
    removed.

    `forgotten`: a person wants Debugger to be tried again.
    """

    account: str
    region: str
    at: datetime
    words: str  # SageMaker's
    code: str
    job_name: str  # that was launched under Gridwatch's own rules
    experiment: str
    forgotten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EnlistedRecord:
    """How far the experiments of a former version, which is not known to have listed the open ones, were listed."""

    until: datetime | None  # when the last of them was created
    is_whole: bool
