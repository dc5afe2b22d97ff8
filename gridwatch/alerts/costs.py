"""What stopping trials cost, or would have cost, as an experiment's digest says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from gridwatch.alerts.content import Fact, duration
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.trials import TrialRecord, TrialState

if TYPE_CHECKING:
    from gridwatch_rules.judgement.hindsight import Hindsight


def cost_of_stops(
    trials: Sequence[TrialRecord], reactions: Sequence[ReactionRecord], metric: str | None, *, maximize: bool
) -> tuple[Fact, ...]:
    """How the stopped trials stood when they were stopped. Where they would have ended is not known."""
    asked = {each.job_name for each in reactions if each.action == "stop"}
    jobs = {trial.job_name for trial in trials if trial.state is TrialState.STOPPED and trial.job_name in asked}
    if not jobs or metric is None:
        return ()
    choose = max if maximize else min
    stopped = choose(_values([trial for trial in trials if trial.job_name in jobs], metric), default=None)
    others = choose(_values([trial for trial in trials if trial.job_name not in jobs], metric), default=None)
    count = "the stopped trial" if len(jobs) == 1 else f"the {len(jobs)} stopped trials"
    stood = "" if stopped is None else f"; the best value when stopped: {stopped:.6g}"
    against = "" if stopped is None or others is None else f", of the others: {others:.6g}"
    unseen = f"where {count} would have ended was not seen (audit lets a share run on)"
    return (Fact("Cost of stops", f"{unseen}{stood}{against}"),)


def _values(trials: Sequence[TrialRecord], metric: str) -> list[float]:
    return [trial.final_metrics[metric] for trial in trials if math.isfinite(trial.final_metrics.get(metric, math.nan))]


def in_shadow(found: Sequence[Hindsight], metric: str | None) -> tuple[Fact, ...]:
    """What each rule in shadow mode would have saved and cost."""
    return tuple(Fact("In shadow", _words(each, metric or "objective")) for each in found)


def _words(found: Hindsight, metric: str) -> str:
    if not found.stopped:
        return f"{found.rule} would have stopped none of {found.trials} completed trials"
    ran_on = duration(timedelta(seconds=found.seconds))
    unseen = f"; of {found.without_curves} only the end is known" if found.without_curves else ""
    return (
        f"{found.rule} would have stopped {found.stopped} of {found.trials} completed trials, which then trained for "
        f"{ran_on}; {_lost(found)}; {_best(found, metric)}{unseen}"
    )


def _lost(found: Hindsight) -> str:
    if found.top == 1:
        return "the best trial would have been lost" if found.lost else "the best trial would not have been lost"
    return f"of the best {found.top} it would have lost {found.lost or 'none'}"


def _best(found: Hindsight, metric: str) -> str:
    if found.best_seen is None:
        return f"no {metric} would have been seen"
    if found.best_seen == found.best:
        return f"best {metric} {found.best:.6g} all the same"
    return f"best {metric} {found.best_seen:.6g} in place of {found.best:.6g}"
