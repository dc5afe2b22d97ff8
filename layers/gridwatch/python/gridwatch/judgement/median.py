"""Median stopping: a trial is compared with the median of the running averages of the others."""

from __future__ import annotations

from dataclasses import dataclass

from gridwatch.judgement.history import Curve, Ending, History, Statistic
from gridwatch.judgement.ranks import median
from gridwatch.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch.rules.parameters import integer


@dataclass(frozen=True, slots=True)
class MedianStoppingParameters(JudgementParameters):
    min_trials: int = integer(1, "other trials that must have come as far", minimum=1)
    start: int = integer(1, "the first resource at which trials are judged", minimum=1)


class MedianStopping(JudgementRule):
    """Stops a trial whose metric is worse than the median of the running averages of the other trials up to the same
    resource.

    What SageMaker's automatic model tuning does (Developer Guide, "Stop Training Jobs Early"), after Golovin et al.,
    "Google Vizier" (KDD 2017), section 3.2.1. Which other trials count, the guide does not say: here all that have come
    as far, running, stopped or completed.
    """

    name = "MedianStopping"
    summary = "worse than the median of the others' running averages (SageMaker tuning's early stopping)"
    Parameters = MedianStoppingParameters
    parameters: MedianStoppingParameters

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        at = curve.reached
        if at < self.parameters.start:
            return None
        others = history.others(Statistic.MEAN, curve, at)
        if len(others) < self.parameters.min_trials:
            return None
        limit, value = median(others), curve.values[-1]
        if value <= limit:
            return None
        because = f"it is worse than the median running average of {len(others)} other trials"
        return self.stop(curve, history, observed=value, threshold=limit, because=because, others=others)


@dataclass(frozen=True, slots=True)
class KatibMedianStoppingParameters(JudgementParameters):
    min_trials_required: int = integer(3, "completed trials that there must be", minimum=1)
    start_step: int = integer(4, "reports that are averaged, and after which trials are judged", minimum=1)


class KatibMedianStopping(JudgementRule):
    """Stops a trial whose best value, from its report number `start_step` on, is worse than the mean over the completed
    trials of the average of each one's first `start_step` reports.

    Katib's early stopping `medianstop` (kubeflow/katib, pkg/earlystopping/v1beta1/medianstop/service.py): what it calls
    a median is a mean, and the limit is the same at every step.
    """

    name = "KatibMedianStopping"
    summary = "its best is worse than the completed trials' first reports on average (Katib's medianstop)"
    Parameters = KatibMedianStoppingParameters
    parameters: KatibMedianStoppingParameters

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        first = self.parameters.start_step
        if len(curve.values) < first or history.completed < self.parameters.min_trials_required:
            return None
        others = sorted(
            each.means[min(first, len(each.means)) - 1]
            for each in history
            if each.ending is Ending.COMPLETED and each.means
        )
        if len(others) < self.parameters.min_trials_required:
            return None
        limit = sum(others) / len(others)
        if curve.best <= limit:
            return None
        because = f"its best is worse than the mean of {len(others)} completed trials over their first {first} reports"
        return self.stop(curve, history, observed=curve.best, threshold=limit, because=because, others=others)
