"""Corrects an estimate once its job is over, when it is known how far the training had really come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.savings import Certainty, SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.savings.estimate import Remaining, RunningJob, remaining
from gridwatch.savings.progress import Progress
from gridwatch.verdicts.decision import Response

_MAX_RUNTIME = "MaxRuntimeExceeded"  # SageMaker's secondary status of a job that came to its limit


def needs_settling(trial: TrialRecord, reaction: ReactionRecord) -> bool:
    """Whether the job is over and its saving is still the one estimated when the stop was decided."""
    savings = reaction.savings
    done = reaction.carried_out_at is not None and trial.state.is_finished and trial.ended_at is not None
    return done and savings is not None and savings.certainty is Certainty.ESTIMATE


def settled(
    reaction: ReactionRecord,
    trial: TrialRecord,
    job: JobRecord,
    progress: Progress | None,
    siblings: Callable[[], Sequence[TrialRecord]],
) -> ReactionRecord:
    """The reaction with its saving corrected (for a stop), or with what the rest really took (for a stop that was not
    made).
    """
    savings, ended_at = reaction.savings, trial.ended_at
    if savings is None or ended_at is None:
        return reaction
    ran_on = max((ended_at - reaction.decided_at).total_seconds(), 0.0)
    if reaction.action == Response.STOP:
        return replace(reaction, savings=_corrected(savings, _left(trial, job, progress, siblings, savings), ran_on))
    whole = trial.state is not TrialState.STOPPED or trial.secondary_status == _MAX_RUNTIME
    return replace(reaction, savings=_measured(savings, ran_on)) if whole else reaction


def _measured(savings: SavingsRecord, ran_on: float) -> SavingsRecord:
    cost = None if savings.hourly is None else ran_on / 3600 * savings.hourly
    return replace(savings, certainty=Certainty.MEASURED, measured_seconds=round(ran_on, 3), measured_cost=cost)


def _left(
    trial: TrialRecord,
    job: JobRecord,
    progress: Progress | None,
    siblings: Callable[[], Sequence[TrialRecord]],
    savings: SavingsRecord,
) -> Remaining | None:
    """The time that remained when the job was over; None where nothing says it even now."""
    if trial.state is not TrialState.STOPPED:
        return Remaining(seconds=0.0, low=0.0, high=0.0, method="the training job came to its end before the stop")
    if trial.ended_at is None:
        return None
    running = RunningJob(
        started_at=trial.started_at,
        step=None,
        hyperparameters=job.hyperparameters,
        max_runtime_seconds=savings.longest_seconds,
        instance_type=trial.instance_type,
        instance_count=trial.instance_count,
        # A job that has done all it was to do was at its end, however long others took.
        siblings=tuple if _is_through(progress) else siblings,
        progress=progress,
        further_machines=trial.further_machines,
    )
    return remaining(running, _training_ended(trial.ended_at, progress))


def _is_through(progress: Progress | None) -> bool:
    return progress is not None and progress.newest.done >= progress.planned.length


def _training_ended(ended_at: datetime, progress: Progress | None) -> datetime:
    """When the last step was saved: what the job did afterwards it would also have done after its last step."""
    if progress is None or progress.newest.at > ended_at.timestamp():
        return ended_at
    return datetime.fromtimestamp(progress.newest.at, UTC)


def _corrected(savings: SavingsRecord, left: Remaining | None, ran_on: float) -> SavingsRecord:
    """The corrected estimate. Without news of its progress, the job has at least run on since the stop was decided."""
    if left is None:
        low, high = savings.seconds_range
        left = Remaining(
            seconds=max(savings.seconds - ran_on, 0.0), low=max(low - ran_on, 0.0), high=max(high - ran_on, 0.0),
            method=savings.method, at_most=savings.at_most,
        )  # fmt: skip
    hourly = savings.hourly
    least = hourly if savings.hourly_low is None else savings.hourly_low
    return replace(
        savings,
        seconds=round(left.seconds, 3),
        seconds_low=round(left.low, 3),
        seconds_high=round(left.high, 3),
        cost=_cost(left.seconds, hourly),
        cost_low=_cost(left.low, least),
        cost_high=_cost(left.high, hourly),
        bound="at most" if left.at_most or (savings.at_most and least != hourly) else "about",
        method=left.method,
        certainty=Certainty.CORRECTED,
        decided_seconds=savings.seconds,
    )


def _cost(seconds: float, hourly: float | None) -> float | None:
    return None if hourly is None else seconds / 3600 * hourly
