"""A rule of Gridwatch in ten lines."""

from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule


class LossBelow(Rule):
    name, summary = "LossBelow", "the loss is low enough"

    def requirement(self):
        return Requirement(collections=("losses",))

    def check(self, view):
        for loss in view.names(self.required):
            if view.scalar(loss) < 0.15:
                return self.finding(view, loss, view.scalar(loss), 0.15, f"{loss} is below 0.15")

# ruff: noqa: ANN001, ANN201, RET503 - as users write their rules
