"""The action that stops a training job."""

from __future__ import annotations

from gridwatch_rules.rules.custom.smdebug.core.logger import get_logger


class StopTrainingAction:
    """Writes a line to the log, because Gridwatch stops jobs as the rule's policy says, and not a rule."""

    def __init__(self, rule_name: str, training_job_prefix: str) -> None:
        self._rule_name = rule_name
        self._training_job_prefix = training_job_prefix

    def invoke(self, message: str) -> None:
        get_logger().info(
            "%s fired: %s is not stopped by the rule. %s", self._rule_name, self._training_job_prefix, message
        )
