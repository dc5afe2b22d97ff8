"""The switch on the command line, and the ledger in `gridwatch status`."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gridwatch.cli.context import Cloud
from gridwatch.cli.experiments import savings_lines
from gridwatch.cli.stopping import app
from gridwatch.domain.deployments import StoppingRecord
from gridwatch.state.memory import MemoryStore
from gridwatch.state.store import StateStore
from tests.fakes.clock import START, FakeClock
from tests.unit.functions.test_reacting import event
from tests.unit.functions.watching import JOB, World

ARN = "arn:aws:sts::123456789012:assumed-role/admin/ana"


class CloudInMemory(Cloud):
    """A deployment of which the command sees the store, and who calls."""

    def __init__(self) -> None:
        sts = SimpleNamespace(get_caller_identity=lambda: {"Arn": ARN})
        session: Any = SimpleNamespace(client=lambda service: sts)
        super().__init__(lambda: session, "Gridwatch", FakeClock(), is_named=True)
        self.__dict__["store"] = MemoryStore()
        self.others: dict[str, MemoryStore] = {}

    def stores(self) -> Mapping[str, StateStore]:
        return {self.stack: self.store, **self.others}


@pytest.fixture
def cloud() -> CloudInMemory:
    return CloudInMemory()


def run(cloud: CloudInMemory, *words: str) -> str:
    wrapped = typer.Typer()

    @wrapped.callback()
    def root(context: typer.Context) -> None:
        context.obj = cloud

    wrapped.add_typer(app, name="stopping")
    result = CliRunner().invoke(wrapped, ["stopping", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_pause_and_resume_say_who_and_why(cloud: CloudInMemory) -> None:
    assert run(cloud, "status").strip() == "Gridwatch: stopping is on"
    run(cloud, "pause", "--reason", "audit week")
    kept = cloud.store.get_stopping()
    assert kept is not None
    assert (kept.paused, kept.reason, kept.at) == (True, "audit week", START)
    assert ARN in kept.by
    shown = run(cloud, "status")
    assert shown.startswith("Gridwatch: stopping is paused since 2026-11-21 09:00:00 UTC, by ")
    assert shown.strip().endswith(": audit week")
    run(cloud, "resume")
    assert run(cloud, "status").startswith("Gridwatch: stopping is on since")
    assert '"paused": false' in run(cloud, "status", "--json")


def test_a_pause_needs_a_reason(cloud: CloudInMemory) -> None:
    with pytest.raises(AssertionError, match="--reason"):
        run(cloud, "pause")


def test_one_switch_for_all_deployments_of_an_account(cloud: CloudInMemory) -> None:
    cloud.others["Research"] = MemoryStore()
    run(cloud, "pause", "--reason", "audit week", "--account")
    assert [line.split(" since")[0] for line in run(cloud, "status", "--account").splitlines()] == [
        "Gridwatch: stopping is paused",
        "Research: stopping is paused",
    ]
    run(cloud, "resume")
    kept = cloud.others["Research"].get_stopping()
    assert kept is not None
    assert kept.paused


def test_who_still_runs_because_of_the_pause_is_listed_with_the_command_that_stops_it(cloud: CloudInMemory) -> None:
    watching = World()
    watching.store.put_stopping(StoppingRecord(paused=True, by="ana", reason="audit", at=START))
    watching.react(event())
    cloud.__dict__["store"] = watching.store
    shown = run(cloud, "resume")
    assert f"loss would have stopped {JOB}, which still runs: gridwatch stop blobs --where 'index == 0'" in shown
    assert f"{JOB}" in run(cloud, "resume")
    watching.training.finish(JOB)
    watching.sweep()
    assert JOB not in run(cloud, "resume")


SAVINGS = {
    "seconds": 5400.0, "cost": 1.5, "currency": "USD", "method": "progress", "price_per_hour": 1.0, "price_source": "a",
}  # fmt: skip


def test_the_ledger_keeps_what_was_saved_apart_from_what_would_have_been() -> None:
    rules = [
        {"action": "stop", "audited": False, "savings": SAVINGS},
        {"action": "stop", "audited": False, "savings": {**SAVINGS, "cost": None}},
        {"action": "would stop", "audited": False, "savings": SAVINGS},
        {"action": "would stop", "audited": True, "savings": {**SAVINGS, "measured_seconds": 5000.0}},
        {"action": "alert", "audited": False, "savings": None},
    ]
    saved, shadow, audited = savings_lines([{"rules": rules}])
    assert saved == "saved about 3 h 0 min and 1.50 USD (1 without a known price) of training by 2 stops: an estimate"
    assert shadow.startswith("would have saved, were it not for shadow mode, about 1 h 30 min and 1.50 USD")
    assert audited.startswith("audited trials, which are let run on, would have saved about 1 h 30 min and 1.50 USD")
    assert audited.endswith("by one stop: an estimate; measured: 1 h 23 min of 1 of them")
    assert savings_lines([{"rules": []}]) == []


@pytest.mark.parametrize("bound", [{"bound": "at most"}, {"method": "limit: at most, as it might have run 3600 s"}])
def test_at_most_stays_with_what_is_one_of_several(bound: dict[str, str]) -> None:
    """An old record has its bound in its method alone."""
    limited = {**SAVINGS, "cost": 0.0026, **bound}
    rules = [{"action": "stop", "audited": False, "savings": each} for each in (SAVINGS, limited)]
    (saved,) = savings_lines([{"rules": rules}])
    assert saved.startswith("saved at most 3 h 0 min and 1.50 USD")
    (alone,) = savings_lines([{"rules": rules[1:]}])
    assert alone.startswith("saved at most 1 h 30 min and 0.0026 USD")
