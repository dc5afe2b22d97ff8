"""The whole check of one experiment, which `launch_grid`, `gridwatch plan` and `gridwatch preflight` call."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from gridwatch.domain.notices import Notice, Report
from gridwatch.preflight.examination import ChannelData, Machine, examine
from gridwatch.preflight.manifests import LookedInto, OpenUri, look_into
from gridwatch.preflight.sampling import Budget
from gridwatch.preflight.sight import blind_rules
from gridwatch.preflight.spec_checks import Trials, check_spec
from gridwatch.preflight.targets import targets_of
from gridwatch.savings.prices import PriceTable
from gridwatch.spec.problems import Problem
from gridwatch.spec.search_space import INSTANCE_TYPE
from gridwatch.storage.data_source import DataSource

if TYPE_CHECKING:
    from gridwatch.launch.plan import Plan
    from gridwatch.spec.model import ExperimentSpec
    from gridwatch.spec.parts.data import Channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What a check works with. `sources`: where each channel's data is; channels without one are not checked.
    `open_uri` opens other addresses, which manifests list; None where only the sources can be reached.
    """

    sources: Mapping[str, DataSource]
    budget: Budget
    prices: PriceTable
    now: datetime
    open_uri: OpenUri | None = None

    def check(self, plan: Plan, further: tuple[Notice, ...] = ()) -> Report:
        """Check an experiment. Raises TransientError when the data's source is unwell. `further`: notices found
        elsewhere.
        """
        spec = plan.spec
        points = [trial.hyperparameters for trial in plan.points]
        usual, _ = spec.resources.largest
        kinds = dict.fromkeys(str(trial.settings.get(INSTANCE_TYPE, usual)) for trial in plan.points)
        notices = [*further, *check_spec(spec, Trials(points, tuple(kinds)), self.prices, self.now)]
        manifests = {name: self._manifest(name, channel) for name, channel in self._with_manifest(spec)}
        notices += [notice for each in manifests.values() for notice in each.notices]
        sources = {**self.sources, **{name: each.source for name, each in manifests.items() if each.source is not None}}
        known = [name for name in spec.data if name in sources and _is_known(spec, name, manifests.get(name))]
        notices += blind_rules(plan)
        examined = examine(
            [
                ChannelData(
                    name, spec.data[name].content_type or "", sources[name], weighted=_weighted(name, points[0])
                )
                for name in known
            ],
            targets_of(points, spec.objective.metric),
            Machine(tuple(kinds), spec.resources.volume_gb),
            self.budget,
        )
        looked_at = [each.looked_at for each in manifests.values()]
        looked_at += [*examined.looked_at, *_not_looked_at(spec, {*known, *manifests}, self.sources)]
        return spec.preflight.weights.report([*notices, *examined.notices], looked_at)

    def _with_manifest(self, spec: ExperimentSpec) -> Iterator[tuple[str, Channel]]:
        for name, channel in spec.data.items():
            if channel.kind != "prefix" and name in self.sources:
                yield name, channel

    def _manifest(self, name: str, channel: Channel) -> LookedInto:
        attributes = channel.attributes if channel.kind == "augmented_manifest" else None
        return look_into(name, self.sources[name], attributes, self.open_uri)


def _is_known(spec: ExperimentSpec, name: str, manifest: LookedInto | None) -> bool:
    """Whether the form of the channel's data is known: other algorithms and scripts read what they like."""
    channel = spec.data[name]
    listed = channel.kind == "manifest" and manifest is not None and manifest.source is not None
    return spec.algorithm.is_own_xgboost and (channel.kind == "prefix" or listed)


def _not_looked_at(spec: ExperimentSpec, known: Collection[str], sources: Collection[str]) -> Iterator[str]:
    """The channels with no other notice, each with the reason why it was not checked."""
    for name, channel in spec.data.items():
        if name in known:
            continue
        if channel.file_system is not None:
            yield f"{name}: not looked at, since it lies in a file system"
        elif name in sources:
            yield f"{name}: its rows were not looked at, since its form is the affair of the script that reads it"


def as_problem(notice: Notice) -> Problem:
    """A refusal as a problem of the spec: its place in the spec and, in the message, the place in the data."""
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
