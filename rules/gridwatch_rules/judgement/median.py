"""Rules by median stopping: a trial is compared with the median of the running averages of the others."""

from __future__ import annotations

from dataclasses import dataclass

from gridwatch_rules.judgement.history import Curve, History, Statistic
from gridwatch_rules.judgement.ranks import median
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.parameters import integer, text


@dataclass(frozen=True, slots=True)
class MedianStoppingParameters(JudgementParameters):
    min_trials: int = integer(1, "other trials that must have come as far", minimum=1)
    start: int = integer(1, "the first resource at which trials are judged", minimum=1)
    trials: str = text(
        "completed",
        "the trials it is compared with: those that trained to their end, or `all` that came as far",
        choices=("completed", "all"),
    )


class MedianStopping(JudgementRule):
    """Stops a trial whose metric is worse than the median of the running averages of other trials up to the same
    resource.

    SageMaker's automatic model tuning stops trials this way (Developer Guide, "Stop Training Jobs Early"). The guide
    does not say which trials its "previous training jobs" are; by default they are here those that completed, as in
    Golovin et al., "Google Vizier" (KDD 2017), section 3.2.1.
    """

    name = "MedianStopping"
    summary = "worse than the median of other trials' running averages (SageMaker tuning's early stopping)"
    Parameters = MedianStoppingParameters
    parameters: MedianStoppingParameters

    @property
    def resource_needed(self) -> float:
        return self.parameters.start

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        at = curve.reached
        if at < self.parameters.start:
            return None
        completed = self.parameters.trials == "completed"
        others = (
            history.ranked(Statistic.MEAN, at, completed=True)
            if completed
            else history.others(Statistic.MEAN, curve, at)
        )
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
    start_step: int = integer(4, "the report from which trials are judged", minimum=1)
    form: str = text(
        "documented",
        "`documented`: against the median of running averages up to the same step; `implemented`: against the mean of "
        "the averages of the first `start_step` reports, as Katib's code has it",
        choices=("documented", "implemented"),
    )


class KatibMedianStopping(JudgementRule):
    """Stops a trial whose best value is worse than the median of the running averages of the completed trials up to the
    same step.

    This is Katib's early stopping `medianstop` as its documentation describes it ("Katib Early Stopping", after Golovin
    et al., 2017, with `min_trials_required` and `start_step`). Its code (kubeflow/katib,
    pkg/earlystopping/v1beta1/medianstop/service.py) differs: what it calls a median is the mean of each completed
    trial's average over its first `start_step` reports, one limit for all later steps.
    """

    name = "KatibMedianStopping"
    summary = "its best is worse than the median of completed trials' running averages (Katib's medianstop)"
    Parameters = KatibMedianStoppingParameters
    parameters: KatibMedianStoppingParameters

    @property
    def reports_needed(self) -> int:
        return self.parameters.start_step

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        first = self.parameters.start_step
        if len(curve.values) < first or history.completed < self.parameters.min_trials_required:
            return None
        if self.parameters.form == "implemented":
            others = history.ranked(Statistic.MEAN, curve.resources[first - 1], completed=True)
            if len(others) < self.parameters.min_trials_required:
                return None
            limit, what = sum(others) / len(others), f"mean of the first {first} reports"
        else:
            others = history.ranked(Statistic.MEAN, curve.reached, completed=True)
            if len(others) < self.parameters.min_trials_required:
                return None
            limit, what = median(others), "median running average"
        if curve.best <= limit:
            return None
        because = f"its best is worse than the {what} of {len(others)} completed trials"
        return self.stop(curve, history, observed=curve.best, threshold=limit, because=because, others=others)
