"""The whole check of one experiment, as `launch_grid`, `gridwatch plan` and `gridwatch preflight` ask for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gridwatch.preflight.examination import ChannelData, Machine, examine
from gridwatch.preflight.notices import Notice, Report
from gridwatch.preflight.sampling import Budget, DataSource
from gridwatch.preflight.spec_checks import Trials, check_spec
from gridwatch.preflight.targets import targets_of
from gridwatch.savings.prices import PriceTable
from gridwatch.spec.problems import Problem
from gridwatch.spec.search_space import INSTANCE_TYPE

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan
    from gridwatch.spec.model import ExperimentSpec
    from gridwatch.spec.parts.data import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """`sources`: where each channel's data is; channels without one are not looked at."""

    sources: Mapping[str, DataSource]
    budget: Budget
    prices: PriceTable
    now: datetime

    def check(self, plan: Plan, further: tuple[Notice, ...] = ()) -> Report:
        """Raises TransientError when the data's source is unwell. `further`: what else was found."""
        spec = plan.spec
        points = [trial.hyperparameters for trial in plan.points]
        usual, _ = spec.resources.largest
        kinds = dict.fromkeys(str(trial.settings.get(INSTANCE_TYPE, usual)) for trial in plan.points)
        notices = [*further, *check_spec(spec, Trials(points, tuple(kinds)), self.prices, self.now)]
        examined = examine(
            [
                ChannelData(name, channel.content_type or "", self.sources[name], weighted=_weighted(name, points[0]))
                for name, channel in self._known(spec)
            ],
            targets_of(points, spec.objective.metric),
            Machine(tuple(kinds), spec.resources.volume_gb),
            self.budget,
        )
        return spec.preflight.weights.report([*notices, *examined.notices], examined.looked_at)

    def _known(self, spec: ExperimentSpec) -> Iterator[tuple[str, Channel]]:
        """The channels whose form is known: what other algorithms and scripts read is their own affair."""
        for name, channel in spec.data.items():
            if spec.algorithm.is_own_xgboost and name in self.sources and channel.kind == "prefix":
                yield name, channel


def as_problem(notice: Notice) -> Problem:
    """A refusal as what is wrong with the spec: where in the spec, and in the message where in the data."""
    steps = re.findall(r"[^.\[\]]+", notice.field or "")
    path = (
        ("data", notice.channel) if notice.channel else tuple(int(step) if step.isdigit() else step for step in steps)
    )
    place = notice.place if notice.channel else ""
    message = f"preflight, {notice.check}: {place}{': ' if place else ''}{notice.message}"
    way_out = f"to launch all the same: preflight: {{warn: [{notice.check}]}}"
    advice = f"{notice.advice}; {way_out}" if notice.advice else way_out
    return Problem(path=path, message=message, allowed=notice.allowed, advice=advice)


def _weighted(channel: str, point: Mapping[str, object]) -> bool:
    return channel == "train" and str(point.get("csv_weights", "0")) == "1"
