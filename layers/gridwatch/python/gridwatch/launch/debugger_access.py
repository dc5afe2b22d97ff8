"""What is known of an account's access to SageMaker's own Debugger, and what follows from it.

Debugger was closed to new customers on 30 July 2026. SageMaker has no call that says whether an account has it: a job
that it takes only without what is Debugger's is how one finds out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gridwatch.launch.request import DEBUGGER_FIELDS
from gridwatch.state.records import DebuggerRefusal, ExperimentRecord

TRIED_AGAIN = timedelta(days=30)  # access may be granted; one refused call a month costs nothing


def refused_now(refusal: DebuggerRefusal | None, now: datetime) -> bool:
    """Whether Debugger need not be tried."""
    return refusal is not None and not refusal.forgotten and now - refusal.at < TRIED_AGAIN


def without_debugger(experiment: ExperimentRecord) -> ExperimentRecord:
    """The experiment of the engine `auto` as Gridwatch's own engine launches it."""
    kept = {name: value for name, value in experiment.template.items() if name not in DEBUGGER_FIELDS}
    return replace(
        experiment,
        engine="gridwatch",
        template={**kept, **experiment.own_fields},
        policies=tuple(replace(policy, managed=False) for policy in experiment.policies),
        own_fields={},
    )
