"""Requests grow with what is read, never with the number of trials: whoever asks once for each trial fails here."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pytest

from deliver_alert.digesting import Digester
from deliver_alert.gatekeeping import AlertSettings, Gatekeeper
from gridwatch.alerts.content import TRIAL_FAILED, Alert, Severity, record
from gridwatch.alerts.gates import HOUR
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.cli.current import with_current
from gridwatch.cli.demo.observation import observe
from gridwatch.cli.experiments import read_status
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.savings import Certainty, SavingsRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.steering import Steering
from gridwatch.launch.watching import WATCH_TAG
from gridwatch.savings.prices import PriceTable
from gridwatch.state.accepted_spec import Objective
from gridwatch.state.job_records import records_of_trials
from gridwatch.tables.facts import Stamp, TrialFacts
from snapshot_experiment.proving import prove
from snapshot_experiment.publishing import ReportPublisher
from snapshot_experiment.searching import SearchReader
from snapshot_experiment.settling import Settler
from snapshot_experiment.snapshot import SnapshotWriter
from sweep.sweeping import Sweeper
from tests.fakes.bus import FakeBus
from tests.fakes.components import FakeSearch
from tests.fakes.queues import FakeQueue
from tests.fakes.table_bucket import FakeTableBucket
from tests.fakes.training import ARN, FakeTraining
from tests.tensor_folder import MemorySource
from tests.unit.functions.watching import World as WatchingWorld
from tests.unit.growth.grown import NAME, RULES, Grown
from tests.unit.tables.facts_of import NOON

SIZES = (10, 100, 1_000)
sizes = pytest.mark.parametrize("trials", SIZES)


@cache
def grown(trials: int) -> Grown:
    """One that is only read."""
    return Grown(trials)


def cloud_of(world: Grown) -> Any:
    return SimpleNamespace(store=world.store, unreadable={}, clock=world.clock)


@sizes
def test_what_is_recorded_of_all_jobs(trials: int) -> None:
    world = grown(trials)
    with world.held_to_the_bound(own=2) as count:
        found = records_of_trials(world.store, world.store.list_trials(NAME))
    assert count.requests.keys() == {"Query"}
    assert len(found) == trials
    for number, its in enumerate(found.values()):
        assert its.job is not None
        assert its.job.policies == RULES
        assert [each.rule_name for each in its.evaluations] == ["finite", "loss", "overfit"]
        assert len(its.reactions) == (number % 3 == 0)


@pytest.mark.parametrize("trials", [10, 100, 300])
def test_what_a_former_version_recorded_is_read_in_batches(trials: int) -> None:
    world, now = Grown(trials, former=True), grown(trials) if trials in SIZES else Grown(trials)
    world.table.start()
    read = world.store.list_trials(NAME)
    count = world.table.start()
    found = records_of_trials(world.store, read)
    assert count.requests["Query"] == 1, "the index, in which there is nothing"
    # A key for the job, and two for each rule: the statuses, and what was done.
    assert count.requests["BatchGetItem"] <= trials * (1 + 2 * len(RULES)) / 100 + 2
    as_now = records_of_trials(now.store, now.store.list_trials(NAME))
    assert found.keys() == as_now.keys()
    for name, its in found.items():
        assert its.job is not None
        assert not its.job.listed, "whoever writes it again leaves it outside of the index"
        assert (its.evaluations, its.reactions) == (as_now[name].evaluations, as_now[name].reactions)


@sizes
def test_the_digest(trials: int) -> None:
    world = Grown(trials)
    digester = Digester(store=world.store, alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock)
    with world.held_to_the_bound():
        digest = digester.digest(NAME)
    assert digest is not None
    facts = {fact["label"]: fact["value"] for fact in digest.content["facts"]}
    assert facts["Trials"] == f"{trials} completed"
    assert facts["Findings"].startswith(f"loss {-(-trials // 3)} x stopped")


@sizes
def test_a_snapshot(trials: int) -> None:
    world, bucket = Grown(trials), FakeTableBucket()
    writer = SnapshotWriter(
        store=world.store,
        open_tensors=lambda name, job: MemorySource({}),
        search=SearchReader(FakeSearch(), bucket),
        bucket=bucket,
        alerts=AlertOutbox(world.store, FakeQueue()),
        reports=NoPages(),
    )
    with world.held_to_the_bound():
        report = writer.take(NAME, Stamp("first", NOON))
    assert report.row_counts["trials"] == trials
    assert report.row_counts["rule_evaluations"] == trials * len(RULES)


class NoPages(ReportPublisher):
    def __init__(self) -> None:
        super().__init__(bucket=None, open_profile=None, prices=PriceTable.built_in)  # type: ignore[arg-type]

    def publish(self, record: Any, find: Any) -> str:
        return ""


@sizes
def test_the_status_of_an_experiment(trials: int) -> None:
    world = grown(trials)
    with world.held_to_the_bound():
        document = read_status(cloud_of(world), NAME)
    assert len(document["trials"]) == trials
    assert {len(trial["rules"]) for trial in document["trials"]} == {len(RULES)}
    assert sum(rule["action"] == "stop" for trial in document["trials"] for rule in trial["rules"]) == -(-trials // 3)


@sizes
def test_the_demos_progress(trials: int) -> None:
    world = grown(trials)
    with world.held_to_the_bound():
        assert all(view.finished and len(view.rules) == len(RULES) for view in observe(world.store, NAME))


@sizes
def test_the_leaderboard(trials: int) -> None:
    world = grown(trials)
    with world.held_to_the_bound():
        rows = with_current(cloud_of(world), NAME, [])
    assert [row["place"] for row in rows] == list(range(1, trials + 1))


@sizes
def test_the_sweep_of_each_minute(trials: int) -> None:
    world, messages = Grown(trials, state=TrialState.RUNNING), FakeQueue()
    with world.held_to_the_bound():
        assert sweeper(world, messages).wake_evaluations() == trials
    assert messages.requests == trials / 10
    assert {message.job_name for message in messages.messages} == {  # type: ignore[union-attr]
        trial.job_name for trial in world.store.list_trials(NAME)
    }


@sizes
def test_the_sweep_of_five_minutes(trials: int) -> None:
    """Jobs that others launched and tagged, and jobs that nobody waits for any more, are all looked up together."""
    world, messages = Grown(trials), FakeQueue()
    training = FakeTraining(world.clock)
    for trial in world.store.list_trials(NAME):
        training.put(trial.job_name, {})
        training.tag_job(ARN + trial.job_name, {WATCH_TAG: "all"})
    assert len(training.jobs_with_tag(WATCH_TAG)) == trials
    world.clock.advance(300)
    with world.held_to_the_bound(own=30 + 2 * trials / 100):
        sweeper(world, messages, training, seconds=31.0).sweep()


@sizes
def test_findings_of_which_nobody_was_told(trials: int) -> None:
    world = Grown(trials)
    world.clock.advance(3_600)
    jobs = [trial.job_name for trial in world.store.list_trials(NAME)]
    for job_name in jobs:
        (found,) = [each for each in world.store.list_rule_evaluations(job_name) if each.rule_name == "finite"]
        now = world.clock.now() - timedelta(minutes=2)
        world.store.put_rule_evaluation(replace(found, status="IssuesFound", finding={"step": 1}, updated_at=now))
    bus, made = FakeBus(), sweeper(world, FakeQueue())
    publisher = replace(made.publisher, store=world.store, bus=bus)
    with world.held_to_the_bound(own=15 + 2 * trials / 100):
        replace(made, publisher=publisher).sweep()
    assert {event["detail"]["TrainingJobName"] for event in bus.events} == set(jobs)
    assert len(bus.events) == trials


def test_a_stop_that_damage_keeps_from_being_settled_is_told_and_the_others_are_settled() -> None:
    world = Grown(3)
    trials = world.store.list_trials(NAME)
    for trial in trials:
        world.store.finish_reaction(a_stop(trial))
    records = records_of_trials(world.store, trials)
    facts = [
        TrialFacts(trial=trial, job=records[trial.job_name].job, reactions=records[trial.job_name].reactions)
        for trial in trials
    ]

    def open_tensors(name: str, job: Any) -> MemorySource:
        if name == trials[1].job_name:
            raise OverflowError("a step of 10**400")
        return MemorySource({})

    settler = Settler(world.store, facts, open_tensors)
    found = [each.reactions[0].savings for each in settler.settle()]
    assert [savings.certainty for savings in found if savings is not None] == [
        Certainty.CORRECTED, Certainty.ESTIMATE, Certainty.CORRECTED,
    ]  # fmt: skip
    assert settler.isolation.broken == {trials[1].trial_id: "OverflowError: a step of 10**400"}


@pytest.mark.parametrize("trials", [10, 100, 400])
def test_settling_what_stops_saved(trials: int) -> None:
    world = Grown(trials)
    for trial in world.store.list_trials(NAME):
        world.store.finish_reaction(a_stop(trial))
    records = records_of_trials(world.store, world.store.list_trials(NAME))
    facts = [
        TrialFacts(trial=trial, job=records[trial.job_name].job, reactions=records[trial.job_name].reactions)
        for trial in world.store.list_trials(NAME)
    ]
    opened: list[str] = []

    def open_tensors(name: str, job: Any) -> MemorySource:
        opened.append(name)
        return MemorySource({})

    settler = Settler(world.store, facts, open_tensors, time_is_up=lambda: len(opened) >= 60)
    with world.held_to_the_bound(own=3 + 6 * trials / 50):
        first = settler.settle()
    assert settler.left == max(trials - 60, 0), "the next call goes on"
    assert [
        each.reactions[0].savings is not None and each.reactions[0].savings.certainty is Certainty.CORRECTED
        for each in first
    ] == [number < 60 for number in range(trials)]
    again = Settler(world.store, first, open_tensors)
    with world.held_to_the_bound(own=3 + 6 * trials / 50):
        again.settle()
    assert (again.left, len(opened)) == (0, trials)
    kept = records_of_trials(world.store, world.store.list_trials(NAME))
    saved = [each.savings for its in kept.values() for each in its.reactions if each.rule_name == "finite"]
    assert {each.certainty for each in saved if each is not None} == {Certainty.CORRECTED}
    counts = world.store.get_counts(NAME)
    assert counts is not None
    assert counts.saved == sum(round(each.seconds * 1_000) for each in saved if each is not None)


def a_stop(trial: TrialRecord) -> ReactionRecord:
    savings = SavingsRecord(
        seconds=100.0, cost=1.0, currency="USD", method="", price_per_hour=36.0, price_source="",
        certainty=Certainty.ESTIMATE,
    )  # fmt: skip
    return ReactionRecord(
        job_name=trial.job_name, rule_name="finite", experiment=NAME, trial_id=trial.trial_id, action="stop",
        reason="", outcome="stop requested", alert_id=None, finding=None, decided_at=trial.updated_at,
        carried_out_at=trial.updated_at, savings=savings,
    )  # fmt: skip


@sizes
def test_proving_what_repairs_brought(trials: int, tmp_path: Path) -> None:
    world = Grown(trials)
    every = world.store.list_trials(NAME)
    repairs = [(trial, replace(trial, parent=every[0].trial_id)) for trial in every[1:]]
    world.store.update_trials(repairs)
    rows = ", ".join(f"('{trial.trial_id}', true, 0, {0.5 - trial.index / 10_000})" for trial in every)
    path = tmp_path / "metrics"
    table = f"(SELECT * FROM (VALUES {rows}) t(trial_id, objective, step, value))"
    duckdb.sql(f"COPY {table} TO '{path}' (FORMAT parquet)")
    objective = Objective(metric="validation:error", direction="minimize")
    now = world.clock.now() + timedelta(hours=1)
    with world.held_to_the_bound(own=3 + trials / 100):
        proven = prove(world.store, world.store.list_trials(NAME), path, objective, now)
    assert proven == tuple(world.store.list_trials(NAME))
    assert [(trial.proof or "").partition(":")[0] for trial in proven] == ["", *["better"] * (trials - 1)]
    with world.held_to_the_bound(own=1):
        assert prove(world.store, proven, path, objective, now) == proven, "nothing new is proven"


def sweeper(
    world: Grown, evaluate_queue: FakeQueue, training: FakeTraining | None = None, seconds: float = 300.0
) -> Sweeper:
    training = training or FakeTraining(world.clock)
    began = world.clock.now()
    around = WatchingWorld()
    around.store, around.training, around.clock = world.store, training, world.clock  # type: ignore[assignment]
    made = around.sweeper()
    return replace(
        made,
        evaluate_queue=evaluate_queue,
        seconds_left=lambda: seconds - (world.clock.now() - began).total_seconds(),
    )


ALERTS = pytest.mark.parametrize("alerts", [10, 400, 2_000])


@ALERTS
def test_many_failures_in_an_hour(alerts: int) -> None:
    world, names = Grown(10), [f"{number:064x}" for number in range(alerts)]
    for name in names:
        world.store.add_alert(_alert(name, world.clock.now()))
    keeper = gatekeeper(world)
    with world.held_to_the_bound(own=5 * alerts) as admitting:
        answers = [keeper.holds(alert) for alert in world.store.get_alerts(names)]
    assert [answer is None for answer in answers] == [True] * 3 + [False] * (alerts - 3)
    assert admitting.write_units <= 12 * alerts, "the gate is as small with many alerts as with few"
    assert [keeper.holds(alert) for alert in world.store.get_alerts(names[-2:])] == answers[-2:], "asked again"

    world.clock.advance(3_600)
    with world.held_to_the_bound(own=12 + 4 * alerts / 100):
        told = keeper.close(HOUR)
    assert told is not None
    assert told.alert_id == answers[-1]
    assert told.content["title"] == f"{alerts - 3} alerts held back beyond the limit of an hour"
    assert [alert.told_in for alert in world.store.get_alerts(names)] == answers
    gate = world.store.get_gate(HOUR)
    assert gate is not None
    assert (len(gate.collected), gate.held, gate.told) == (1, alerts - 4, True)


@ALERTS
def test_telling_what_a_gate_of_a_former_version_held_back(alerts: int) -> None:
    world, names = Grown(10), [f"{number:064x}" for number in range(alerts)]
    now = world.clock.now()
    for name in names:
        world.store.add_alert(_alert(name, now))
    world.store.save_gate(AlertGate(gate_id=HOUR, opened_at=now, closes_at=now, collected=tuple(names)))
    with world.held_to_the_bound(own=12 + 4 * alerts / 100):
        told = gatekeeper(world).close(HOUR)
    assert told is not None
    assert {alert.told_in for alert in world.store.get_alerts(names)} == {told.alert_id}


def gatekeeper(world: Grown) -> Gatekeeper:
    return Gatekeeper(
        store=world.store, queue=FakeQueue(), alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock,
        alert_settings=AlertSettings(most_per_hour=3),
    )  # fmt: skip


def _alert(name: str, now: datetime) -> AlertRecord:
    alert = Alert(kind=TRIAL_FAILED, severity=Severity.WARNING, title=f"Failed {name}", summary="It did.")
    made = record(alert, about=(name,), experiment=NAME, now=now, trial_id=name, cause="failed")
    return replace(made, alert_id=name)


@sizes
def test_cancelling_what_waits(trials: int) -> None:
    world = Grown(trials, state=TrialState.WAITING)
    with world.held_to_the_bound(own=12 + trials / 100):  # a transaction of a hundred is the most that DynamoDB takes
        report = steering(world).stop(NAME, lambda trial: True)
    assert report.cancelled == trials


@sizes
def test_trying_again(trials: int) -> None:
    world = Grown(trials)
    with world.held_to_the_bound(own=12 + trials / 100):
        assert steering(world).retry(world.experiment, {TrialState.COMPLETED}) == trials


def steering(world: Grown) -> Steering:
    return Steering(
        store=world.store, training=FakeTraining(world.clock), start_queue=FakeQueue(fifo=True),
        snapshot_queue=FakeQueue(), clock=world.clock, tell=lambda line: None,
    )  # fmt: skip


def test_one_request_for_each_trial_is_beyond_the_bound() -> None:
    world = grown(100)

    def ask() -> None:
        with world.held_to_the_bound():
            for trial in world.store.list_trials(NAME):
                world.store.get_job(trial.job_name)

    with pytest.raises(AssertionError, match="101 requests for"):
        ask()
