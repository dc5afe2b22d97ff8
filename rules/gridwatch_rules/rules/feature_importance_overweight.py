"""FeatureImportanceOverweight: a few features carry most of the importance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.numbers import exceeds, numbers_of
from gridwatch_rules.rules.parameters import integer, number, patterns
from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class FeatureImportanceOverweightParameters:
    threshold: float = number(0.8, "the share of importance that is no issue", minimum=0, maximum=1)
    nfeatures: int = integer(3, "how many of the most important features are added up", minimum=1)
    tensor_regex: tuple[str, ...] = patterns((".*feature_importance/weight",), "patterns of the importances' names")


class FeatureImportanceOverweight(Rule):
    """Fires when the `nfeatures` largest importances of a step sum up to more than `threshold`.

    Importances are taken as saved; when they sum up to more than 1 (counts instead of shares) they are divided by
    their sum. With at most `nfeatures` features it always fires, as Debugger's does. Source: SageMaker Developer
    Guide, "List of Debugger built-in rules", FeatureImportanceOverweight.
    """

    name = "FeatureImportanceOverweight"
    summary = "a few features carry most of the importance"
    collect = (Collect("feature_importance", {"save_interval": "500"}),)
    Parameters = FeatureImportanceOverweightParameters
    parameters: FeatureImportanceOverweightParameters
    judged = 0

    def requirement(self) -> Requirement:
        return Requirement(patterns=self.parameters.tensor_regex)

    def check(self, view: StepView) -> Finding | None:
        importances: list[tuple[float, str]] = []
        for name in view.names(self.required):
            values = numbers_of(view, name)
            if values is not None:
                importances.extend((float(value), name) for value in values.reshape(-1))
        if not importances:
            return None
        self.judged += 1
        total = sum(value for value, _ in importances)
        top = sorted(importances, reverse=True)[: self.parameters.nfeatures]
        share = sum(value for value, _ in top) / (total if total > 1 + 1e-6 else 1)
        if not exceeds(share, self.parameters.threshold):
            return None
        features = ", ".join(name.rpartition("/")[2] for _, name in top)
        limit = self.parameters.threshold
        sentence = f"{100 * share:.3g} % of the importance lies in {features} (limit {100 * limit:g} %)"
        return self.finding(view, top[0][1], share, limit, sentence)
