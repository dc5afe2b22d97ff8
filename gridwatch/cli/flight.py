"""The checks before a launch, as `gridwatch plan` and `gridwatch preflight` run them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gridwatch_rules.clock import SystemClock

if TYPE_CHECKING:
    from gridwatch.domain.notices import Notice, Report
    from gridwatch.launch.plan import Plan
    from gridwatch.preflight.manifests import OpenUri
    from gridwatch.preflight.sampling import Budget
    from gridwatch.storage.data_source import DataSource

# pydantic takes a while to import: only commands that read specs pay for it.
# ruff: noqa: PLC0415


def checked(
    made: Plan,
    sources: Mapping[str, DataSource],
    budget: Budget,
    further: tuple[Notice, ...] = (),
    *,
    open_uri: OpenUri | None = None,
) -> Report:
    """The notices of the package's checks, made with the package's prices, and the `further` ones."""
    from gridwatch.preflight.flight import Preflight
    from gridwatch.savings.prices import PriceTable

    now = SystemClock().now()
    prices = PriceTable.built_in()
    flight = Preflight(sources=sources, budget=budget, prices=prices, now=now, open_uri=open_uri)
    return flight.check(made, further)
