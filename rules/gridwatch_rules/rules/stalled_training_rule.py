"""StalledTrainingRule: no tensor has arrived for too long."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import flag, integer, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView


@dataclass(frozen=True, slots=True)
class StalledTrainingRuleParameters:
    threshold: int = integer(1800, "seconds without a new tensor that are too many", minimum=1)
    stop_training_on_fire: bool = flag(
        "whether the job should be stopped; here the rule's policy decides", default=False
    )
    training_job_name_prefix: str | None = text(None, "which job Debugger would stop; here it is the judged job itself")


class StalledTrainingRule(Rule):
    """Fires when no new step was seen for more than `threshold` seconds, counted from the call that saw the last one.
    The time does not count in which the job waits for machines.

    It judges by the clock of the evaluation, so it must be evaluated from time to time also when nothing arrives. It
    never stops a job itself, as Debugger's rule does with `stop_training_on_fire`. The reaction to its finding does
    that, by the job's exact name. Source: SageMaker Developer Guide, "List of Debugger built-in rules",
    StalledTrainingRule.
    """

    name = "StalledTrainingRule"
    summary = "no new tensor has come for too long"
    Parameters = StalledTrainingRuleParameters
    parameters: StalledTrainingRuleParameters
    looks_at_time: ClassVar[bool] = True
    judged = 0

    def __init__(self, parameters: StalledTrainingRuleParameters) -> None:
        super().__init__(parameters)
        self._step: int | None = None
        self._since: datetime | None = None

    def requirement(self) -> Requirement:
        return Requirement()

    def looks_for(self) -> str:
        return "a step that saved any tensor, to count the time since it"

    def check(self, view: StepView) -> Finding | None:
        del view
        self.judged += 1
        return None

    def check_time(self, now: datetime, last_step: int) -> Finding | None:
        if self._since is None or last_step != self._step:
            self._step, self._since = last_step, now
            return None
        waited = (now - self._since).total_seconds()
        if waited <= self.parameters.threshold:
            return None
        after = f"after step {last_step}" if last_step >= 0 else "and none came before"
        return Finding(
            rule=self.name,
            step=max(last_step, 0),
            mode=Mode.GLOBAL,
            observed=waited,
            threshold=self.parameters.threshold,
            sentence=f"no tensor came for {waited:.0f} s {after} (limit {self.parameters.threshold} s)",
        )

    def wait(self, now: datetime) -> None:
        self._since = now

    def save(self) -> dict[str, Any]:
        return {"step": self._step, "since": self._since.isoformat() if self._since else None}

    def restore(self, saved: Mapping[str, Any]) -> None:
        self._step = saved["step"]
        self._since = datetime.fromisoformat(saved["since"]) if saved["since"] else None
