"""CreateXgboostReport: collects data for a report and judges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridwatch_rules.rules.requirement import Collect, Requirement
from gridwatch_rules.rules.rule import Rule

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


_SHOWN = Requirement(("metrics", "feature_importance", "hyperparameters", "predictions", "labels"))


class CreateXgboostReport(Rule):
    """Makes a job save what the report of an XGBoost training needs. Never fires, so it never stops a job.

    `gridwatch.reports.xgboost_report.create_report` makes the report from the job's tensors, at any time.
    Source of the collections: smdebug_rulesconfig 1.0.1, CreateXgboostReport.
    """

    name = "CreateXgboostReport"
    summary = "an HTML report of an XGBoost training; never fires"
    collect = (
        Collect("metrics", {"save_interval": "5"}),
        Collect("feature_importance", {"save_interval": "5"}),
        Collect("hyperparameters", {"save_steps": "0"}),
        Collect("predictions", {"save_interval": "5"}),
        Collect("labels", {"save_interval": "5"}),
    )

    judged = 0

    def requirement(self) -> Requirement:
        return Requirement()

    def looks_for(self) -> str:
        return _SHOWN.in_words

    def check(self, view: StepView) -> None:
        self.judged += bool(view.names(_SHOWN))
