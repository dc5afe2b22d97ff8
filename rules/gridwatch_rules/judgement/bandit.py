"""The bandit rule: a trial must stay within a distance of the best one."""

from __future__ import annotations

from dataclasses import dataclass

from gridwatch_rules.judgement.history import Curve, History, Statistic
from gridwatch_rules.judgement.percentile import is_due
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.errors import RuleConfigurationError
from gridwatch_rules.rules.parameters import integer, number


@dataclass(frozen=True, slots=True)
class BanditStoppingParameters(JudgementParameters):
    slack_factor: float | None = number(None, "allowed distance as a share of the best value", minimum=0)
    slack_amount: float | None = number(None, "allowed distance in the metric's unit, instead", minimum=0)
    evaluation_interval: int = integer(1, "judged at every so many units of the resource", minimum=1)
    delay_evaluation: int = integer(5, "the first resource at which trials are judged", minimum=0)


class BanditStopping(JudgementRule):
    """Stops a trial whose best value is worse than that of the best trial, up to the same resource, by more than the
    slack.

    Azure Machine Learning's BanditPolicy (learn.microsoft.com, "Hyperparameter tuning a model", early termination).
    With `slack_factor` f a score must reach best / (1 + f), and a loss stay below best * (1 + f). Without either slack
    the factor is 0.1.
    """

    name = "BanditStopping"
    summary = "worse than the best trial by more than a slack (Azure's bandit policy)"
    Parameters = BanditStoppingParameters
    parameters: BanditStoppingParameters

    def __init__(self, parameters: BanditStoppingParameters) -> None:
        if parameters.slack_factor is not None and parameters.slack_amount is not None:
            raise RuleConfigurationError(f"{self.name}: give slack_factor or slack_amount, not both")
        super().__init__(parameters)

    @property
    def resource_needed(self) -> float:
        return self.parameters.delay_evaluation

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        chosen = self.parameters
        if not is_due(curve, chosen.delay_evaluation, chosen.evaluation_interval):
            return None
        ranked = history.ranked(Statistic.BEST, curve.reached)
        limit = self._limit(ranked[0])
        if curve.best <= limit:
            return None
        because = f"it is worse than the best of {len(ranked)} trials by more than the slack"
        return self.stop(curve, history, observed=curve.best, threshold=limit, because=because, others=ranked)

    def _limit(self, best: float) -> float:
        if self.parameters.slack_amount is not None:
            return best + self.parameters.slack_amount
        factor = 0.1 if self.parameters.slack_factor is None else self.parameters.slack_factor
        # A score is kept as its negative: best / (1 + f) of it lies f / (1 + f) of its size away.
        return best * (1 + factor) if best >= 0 else best / (1 + factor)
