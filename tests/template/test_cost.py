"""docs/cost.md says what the template and the counted figures come to."""

from __future__ import annotations

from gridwatch.savings.watching import WatchingTable, cost_of_watching
from scripts.cost_page import PAGE, Deployment, render
from tests.template.conftest import Synthesize


def test_the_page_is_current(synthesize: Synthesize) -> None:
    template = synthesize().raw
    assert PAGE.read_text(encoding="utf-8") == render(Deployment.of(template)), "run python -m scripts.cost_page"


def test_everything_that_is_counted_has_a_price_and_was_counted() -> None:
    table = WatchingTable.built_in()
    assert set(table.shares) == {"experiment", "trial", "look", "job_minute", "sweep"}
    for name, share in table.shares.items():
        assert set(share.units) <= set(table.prices), name
        assert share.units.get("lambda_gb_second", 0) > 0, name
        assert table.price_of(share) > 0, name


def test_more_of_anything_costs_more() -> None:
    table = WatchingTable.built_in()
    usual = cost_of_watching(10, 100, 60, table)
    for more in ((11, 100, 60), (10, 200, 60), (10, 100, 120)):
        assert cost_of_watching(*more, table).cost > usual.cost
        assert cost_of_watching(*more, table).requests > usual.requests
