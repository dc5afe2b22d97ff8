"""The rule for patience: it stops a trial that no longer improves on itself."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from gridwatch_rules.judgement.history import Curve, History
from gridwatch_rules.judgement.rule import Judgement, JudgementParameters, JudgementRule
from gridwatch_rules.rules.parameters import integer, number


@dataclass(frozen=True, slots=True)
class PatienceParameters(JudgementParameters):
    patience: int = integer(10, "reports in a row without a new best that are too many", minimum=1)
    min_delta: float = number(0.0, "what a value must be better by to count as a new best", minimum=0)


class Patience(JudgementRule):
    """Stops a trial that had no new best for `patience` reports in a row.

    The criterion is that of Keras' EarlyStopping (keras.io/api/callbacks/early_stopping), after Prechelt, "Early
    Stopping - But When?" (1998). The rule looks at no other trial; it is here for comparison with the rules that do.
    """

    name = "Patience"
    summary = "no new best for long (Keras' EarlyStopping)"
    Parameters = PatienceParameters
    parameters: PatienceParameters
    compares = False

    @property
    def reports_needed(self) -> int:
        return self.parameters.patience + 1

    def compare(self, curve: Curve, history: History) -> Judgement | None:
        patience = self.parameters.patience
        if len(curve.values) <= patience:
            return None
        before = curve.bests[-patience - 1]
        if curve.best < before - self.parameters.min_delta or self._since_best(curve) < patience:
            return None
        because = f"its last {patience} reports were not better than its best"
        recent = sorted(curve.values[-patience:])
        return self.stop(curve, history, observed=recent[0], threshold=before, because=because, others=recent)

    def _since_best(self, curve: Curve) -> int:
        """The number of reports since the last one that improved on the best before it by more than `min_delta`."""
        if not self.parameters.min_delta:
            # bests never rise, so bisection finds the first report that reached the last best
            return len(curve.bests) - 1 - bisect_left(curve.bests, -curve.best, key=lambda best: -best)
        since, best = -1, curve.values[0]
        for value in curve.values:
            since += 1
            if value < best - self.parameters.min_delta:
                best, since = value, 0
        return since
