"""Rules by percentiles of the trials at one resource: Optuna's percentile pruner and Azure's truncation."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from gridwatch_rules.judgement.history import Curve, History, Statistic
from gridwatch_rules.judgement.ranks import quantile
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.parameters import integer, number
from gridwatch_rules.wording import counted


@dataclass(frozen=True, slots=True)
class PercentileStoppingParameters(JudgementParameters):
    percentile: float = number(50.0, "the share of the trials, in percent, that is kept", minimum=0, maximum=100)
    n_startup_trials: int = integer(5, "trials that must have completed", minimum=0)
    n_min_trials: int = integer(1, "completed trials that must have come as far", minimum=1)
    start: int = integer(1, "the first resource at which trials are judged", minimum=1)
    interval: int = integer(1, "judged at every so many units of the resource from `start` on", minimum=1)


class PercentileStopping(JudgementRule):
    """Stops a trial whose best value so far is worse than the given percentile of the completed trials' values at the
    same resource.

    This is Optuna's PercentilePruner, and with `percentile` 50, the default here, Optuna's MedianPruner
    (optuna.readthedocs.io, `optuna.pruners`). Optuna counts its steps as the user reports them, mostly from 0; here
    they are counted from 1, so its `n_warmup_steps` w is `start` w + 1.
    """

    name = "PercentileStopping"
    summary = "its best is below a percentile of the completed trials (Optuna's percentile and median pruner)"
    Parameters = PercentileStoppingParameters
    parameters: PercentileStoppingParameters

    @property
    def resource_needed(self) -> float:
        return self.parameters.start

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen, at = self.parameters, curve.reached
        if history.completed < chosen.n_startup_trials or not is_due(curve, chosen.start, chosen.interval):
            return None
        others = history.ranked(Statistic.VALUE, at, completed=True)
        if len(others) < chosen.n_min_trials:
            return None
        limit = quantile(others, chosen.percentile / 100)
        if curve.best <= limit:
            return None
        because = f"its best is not within the best {chosen.percentile:g} % of {len(others)} completed trials"
        return self.stop(curve, history, observed=curve.best, threshold=limit, because=because, others=others)


@dataclass(frozen=True, slots=True)
class TruncationStoppingParameters(JudgementParameters):
    truncation_percentage: float = number(
        20.0, "the share of trials, in percent, that is stopped", minimum=1, maximum=99
    )
    evaluation_interval: int = integer(1, "judged at every so many units of the resource", minimum=1)
    delay_evaluation: int = integer(5, "the first resource at which trials are judged", minimum=0)


class TruncationStopping(JudgementRule):
    """Stops a trial that is among the worst `truncation_percentage` percent of all trials that have come as far, by
    their values there.

    This is Azure Machine Learning's TruncationSelectionPolicy (learn.microsoft.com, "Hyperparameter tuning a model",
    early termination). Past trials count even when they were stopped. The number to stop is rounded down: among fewer
    than 100 / `truncation_percentage` trials none is stopped.
    """

    name = "TruncationStopping"
    summary = "among the worst of all trials at the same resource (Azure's truncation selection)"
    Parameters = TruncationStoppingParameters
    parameters: TruncationStoppingParameters

    @property
    def resource_needed(self) -> float:
        return self.parameters.delay_evaluation

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen = self.parameters
        if not is_due(curve, chosen.delay_evaluation, chosen.evaluation_interval):
            return None
        ranked = history.ranked(Statistic.VALUE, curve.reached)
        worst = int(len(ranked) * chosen.truncation_percentage / 100)
        if not worst:
            return None
        kept = ranked[len(ranked) - worst - 1]
        if curve.values[-1] <= kept:
            return None
        because = f"it is among the worst {worst} of {counted(len(ranked), 'trial')}"
        return self.stop(curve, history, observed=curve.values[-1], threshold=kept, because=because, others=ranked)


def is_due(curve: Curve, start: float, interval: float) -> bool:
    """Whether a judgement is due: a multiple of `interval`, from `start` on, lies after the curve's last report but one
    and not after its last. So a multiple without a report of its own is judged at the next report.
    """
    at = curve.reached
    if at < start:
        return False
    due = start + (at - start) // interval * interval
    return bisect_left(curve.resources, due) == len(curve.resources) - 1
