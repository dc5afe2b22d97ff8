"""What is known of an account's access to SageMaker Debugger, and what follows from it.

Debugger was closed to new customers on 30 July 2026. SageMaker has no call that says whether an account has it: one
finds out when SageMaker accepts a job only without its Debugger fields.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.launch.request import without_debugger
from gridwatch.spec.problems import Problem

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan

TRIED_AGAIN = timedelta(days=30)  # access may be granted; one refused call a month costs nothing


def refused_now(refusal: DebuggerRefusal | None, now: datetime) -> bool:
    """Whether Debugger was refused recently, so that it need not be tried."""
    return refusal is not None and not refusal.forgotten and now - refusal.at < TRIED_AGAIN


def as_known(plan: Plan, refusal: DebuggerRefusal | None, now: datetime) -> Plan:
    """A plan of the engine `auto`, adjusted to what is known of the account."""
    if refusal is None or not refused_now(refusal, now):
        return plan
    message = f"SageMaker refused Debugger to this account on {refusal.at:%Y-%m-%d}: Gridwatch evaluates the rules"
    advice = "`gridwatch debugger forget` has it tried again"
    return plan.without_debugger(Problem(path=("engine",), message=message, advice=advice))


def under_own_engine(experiment: ExperimentRecord) -> ExperimentRecord:
    """The experiment of the engine `auto` as it is launched when Gridwatch's own engine evaluates the rules."""
    return replace(
        experiment,
        engine="gridwatch",
        template=without_debugger(experiment.template, experiment.own_fields),
        policies=tuple(replace(policy, managed=False) for policy in experiment.policies),
        own_fields={},
    )
