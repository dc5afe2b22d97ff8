"""Collects a trial's reports of one metric from its steps, with the engine that evaluates rules."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.parameters import flag, text
from gridwatch_rules.rules.requirement import Requirement
from gridwatch_rules.rules.rule import Rule
from gridwatch_rules.tensors.modes import Mode

if TYPE_CHECKING:
    from gridwatch_rules.rules.view import StepView

_LENGTHS = ("epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs")


@dataclass(frozen=True, slots=True)
class MetricReport:
    """One value of the metric with its global step, the number of reports up to it, and the seconds since the first."""

    step: int
    count: int
    seconds: float
    value: float

    def resource(self, kind: str, *, counted: bool = False) -> float:
        """The report's resource in the unit of a rule across trials: rounds, epochs or seconds. With `counted` the
        steps are lines of a log, so that each report is a round.
        """
        rounds = float(self.count) if counted else self.step + 1.0
        return {"rounds": rounds, "epochs": float(self.count), "seconds": self.seconds}[kind]


@dataclass(frozen=True, slots=True)
class MetricReportsParameters:
    metric: str | None = text(None, "the scalar that is reported")
    timed: bool = flag("whether the time of each report is needed", default=False)


class MetricReports(Rule):
    """A rule that never fires. It collects the values of one scalar until the job is over, in the mode and from the
    worker in which it was saved first. `fresh` are the values of this call.
    """

    name = "MetricReports"
    summary = "collects what a trial reports"
    Parameters = MetricReportsParameters
    parameters: MetricReportsParameters

    def __init__(self, parameters: MetricReportsParameters) -> None:
        super().__init__(parameters)
        self.fresh: list[MetricReport] = []
        self.count = 0
        self.first_step = 0
        self.last_step = 0
        self._mode: str | None = None
        self._worker: str | None = None
        self._began: float | None = None

    @property
    def mode(self) -> Mode:
        return Mode[self._mode or Mode.GLOBAL.name]

    def requirement(self) -> Requirement:
        return Requirement(patterns=(f"^{re.escape(self.parameters.metric or '')}$",))

    def check(self, view: StepView) -> Finding | None:
        for name in view.names(self.required):
            worker = view.worker_of(name)
            if self._mode not in (None, view.mode.name) or self._worker not in (None, worker):
                continue
            seconds = self._seconds(view, name) if self.parameters.timed else 0.0
            value = view.scalar(name)
            if value is None:
                continue
            self._mode, self._worker = view.mode.name, worker
            self.first_step = view.step if not self.count else self.first_step
            self.last_step = view.step
            self.count += 1
            self.fresh.append(MetricReport(view.step, self.count, seconds, value))
        return None

    def _seconds(self, view: StepView, name: str) -> float:
        at = view.logged_at(name)
        now = at.timestamp() if at is not None else math.nan
        if self._began is None and math.isfinite(now):
            self._began = now
        return now - self._began if self._began is not None else math.nan

    def planned(self, kind: str, hyperparameters: Mapping[str, Any]) -> float | None:
        """The resource of the whole training, if the hyperparameters give it; otherwise None."""
        rounds = _number(hyperparameters.get("num_round"))
        if kind != "epochs":
            return rounds if kind == "rounds" else None
        if rounds is None:
            return next(filter(None, (_number(hyperparameters.get(name)) for name in _LENGTHS)), None)
        if self.count < 2:
            return None
        # Values are saved at a fixed interval of rounds, beginning with the first one saved.
        interval = (self.last_step - self.first_step) / (self.count - 1)
        return float(math.floor((rounds - 1 - self.first_step) / interval) + 1)

    def save(self) -> dict[str, Any]:
        return {
            "count": self.count,
            "first_step": self.first_step,
            "last_step": self.last_step,
            "mode": self._mode,
            "worker": self._worker,
            "began": self._began,
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        self.count, self._mode, self._began = int(saved["count"]), saved["mode"], saved["began"]
        self._worker = saved.get("worker")
        self.first_step, self.last_step = int(saved["first_step"]), int(saved["last_step"])


def _number(value: object) -> float | None:
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if number >= 1 and math.isfinite(number) else None
