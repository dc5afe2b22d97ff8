"""A rule of one's own, written for Gridwatch: it fires when a loss has hardly moved since it was first saved."""

from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule


class NoProgress(Rule):
    name, summary = "NoProgress", "after 20 rounds the loss is still about what it was"

    def requirement(self):
        return Requirement(collections=("metrics",))

    def check(self, view):
        for loss in view.names(self.required) if view.step >= 20 else ():
            first, now = view.scalar(loss, 0), view.scalar(loss)
            if first and now is not None and abs(now / first - 1) < 0.01:
                return self.finding(view, loss, now, first, f"{loss} is {now:.4g}, and began at {first:.4g}")

# ruff: noqa: ANN001, ANN201, RET503 - as users write their rules
