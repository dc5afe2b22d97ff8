"""Measures the requests and capacity units of what reads or writes all trials of an experiment, from 10 to 10,000 of
them, and of what a year of experiments could slow down, with the real code over a table that counts (1 MB a page, 400
kB an item); and for functions the share of their time and memory that the largest needs.
"""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import benchmarks._functions  # noqa: F401  makes the functions importable
from benchmarks.result import Result, report
from deliver_alert.digesting import Digester
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.cli.current import with_current
from gridwatch.cli.experiments import read_status, summaries
from gridwatch.cli.looking.conditions import Condition
from gridwatch.cli.looking.search import rows_of
from gridwatch.domain.trials import TrialState
from gridwatch.launch.steering import Steering
from gridwatch.savings.watching import WatchingTable
from gridwatch.state.job_records import records_of_trials
from react_to_finding.regions import RegionKeeper
from tests.fakes.counting_table import Count
from tests.fakes.queues import FakeQueue
from tests.fakes.training import FakeTraining
from tests.unit.functions.watching import World
from tests.unit.growth.grown import NAME, Grown
from tests.unit.growth.test_what_is_over import World as Past
from tests.unit.tables.facts_of import NOON

SIZES = (10, 100, 1_000, 10_000)
BEFORE = 3  # requests for each trial, of the digest: its rules, its reactions, its job
# Seconds and MB of functions, as infra/constructs/functions.py has them.
LIMITS: Mapping[str, tuple[int, int]] = {
    "deliver_alert": (30, 1_024),
    "react_to_finding": (60, 512),
    "snapshot_experiment": (300, 1_024),
    "sweep": (300, 512),
}
A_REQUEST, A_MEGABYTE = 0.01, 0.05  # seconds of DynamoDB
WHOLE_CPU = 1_769  # MB of a function that has one
RUNTIME = 120  # MB of a function before it does anything


@dataclass(frozen=True, slots=True)
class Act:
    """Something whose cost may grow. `do` returns the requests to a queue. `function`: the one that does it, if one
    does; `past`: what grows is the number of experiments that are over.
    """

    do: Callable[[Any], int]
    state: TrialState = TrialState.COMPLETED
    function: str | None = None
    past: bool = False

    def world(self, size: int) -> Any:
        return _Year(size) if self.past else Grown(size, state=self.state)


class _Year(Past):
    """A deployment with this many experiments of three trials each that are over and closed, and one that runs."""

    def __init__(self, experiments: int) -> None:
        super().__init__(experiments)
        self.snapshots_were_taken(NOON + timedelta(hours=1))
        self.tick()
        self.add("runs", self.trial("runs", 0, state=TrialState.RUNNING, status="InProgress", ended_at=None))


@dataclass(frozen=True, slots=True)
class Cost:
    count: Count
    sent: int
    cpu: float  # seconds of one whole processor


def measure() -> Result:
    figures: dict[str, Any] = {}
    exponents: dict[str, float] = {}
    shares: dict[str, float] = {}
    for name, act in ACTS.items():
        costs = {size: _cost(act, size) for size in SIZES}
        figures[name] = {str(size): _shown(cost) for size, cost in costs.items()}
        exponents[name] = _exponent(costs)
        if act.function is not None:
            shares[name] = _share(act.function, costs[SIZES[-1]], _peak(act, SIZES[-1]))
    digest = figures["digest"][str(SIZES[-1])]["requests"]
    peer = BEFORE * SIZES[-1]
    return Result(
        name="growth",
        ours=digest,
        peer=peer,
        unit="requests",
        ratio=round(peer / digest, 1),
        what=f"requests of the digest of {SIZES[-1]:,} trials; peer: {BEFORE} for each trial",
        more={
            "worst_exponent": max(exponents.values()),
            "worst_share": max(shares.values()),
            "exponents": exponents,
            "shares": shares,
            **figures,
        },
    )


def _cost(act: Act, size: int) -> Cost:
    """The requests to the table and to a queue."""
    world = act.world(size)
    count = world.table.start()
    began = time.process_time()
    sent = act.do(world)
    return Cost(count, sent, time.process_time() - began)


def _peak(act: Act, size: int) -> float:
    """The most MB that are in use at one time while it is done, besides what lies in the table."""
    world = act.world(size)
    world.table.start()
    tracemalloc.start()
    try:
        act.do(world)
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def _share(function: str, cost: Cost, peak: float) -> float:
    """The larger of the shares of its time and of its memory that a function needs."""
    seconds, megabytes = LIMITS[function]
    asking = cost.count.total * A_REQUEST + cost.count.megabytes * A_MEGABYTE + cost.sent * A_REQUEST
    computing = cost.cpu * max(1.0, WHOLE_CPU / megabytes)
    return round(max((asking + computing) / seconds, (RUNTIME + peak) / megabytes), 3)


def _shown(cost: Cost) -> Mapping[str, float]:
    prices = WatchingTable.built_in().prices
    count = cost.count
    usd = count.read_units * prices["dynamodb_read"] + count.write_units * prices["dynamodb_write"]
    return {
        "requests": count.total,
        "queue_requests": cost.sent,
        "read_units": count.read_units,
        "write_units": count.write_units,
        "megabytes": round(count.megabytes, 2),
        "usd": round(usd + cost.sent * prices["sqs_request"], 6),
    }


def _exponent(costs: Mapping[int, Cost]) -> float:
    """The exponent by which the larger of requests and units grows over the last factor of ten; 1 means in proportion
    to the trials.
    """
    before, after = (costs[size] for size in SIZES[-2:])
    pairs = (
        (before.count.total, after.count.total),
        (before.sent, after.sent),
        (before.count.read_units, after.count.read_units),
        (before.count.write_units, after.count.write_units),
    )
    return round(max(math.log10(later / earlier) for earlier, later in pairs if earlier and later), 3)


def _digest(world: Grown) -> int:
    Digester(store=world.store, alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock).digest(NAME)
    return 0


def _snapshot(world: Grown) -> int:
    """Read from the table what a snapshot reads."""
    world.store.get_experiment(NAME)
    records_of_trials(world.store, world.store.list_trials(NAME))
    return 0


def _status(world: Grown) -> int:
    read_status(_cloud(world), NAME)
    return 0


def _leaderboard(world: Grown) -> int:
    with_current(_cloud(world), NAME, [])
    return 0


def _cloud(world: Grown) -> Any:
    return SimpleNamespace(store=world.store, unreadable={}, clock=world.clock)


def _sweep(world: Grown) -> int:
    around, queue = World(), FakeQueue()
    around.store, around.clock = world.store, world.clock  # type: ignore[assignment]
    replace(around.sweeper(), evaluate_queue=queue).wake_evaluations()
    return queue.requests


def _cancel(world: Grown) -> int:
    _steering(world).stop(NAME, lambda trial: True)
    return 0


def _retry(world: Grown) -> int:
    _steering(world).retry(world.experiment, {TrialState.COMPLETED})
    return 0


def _steering(world: Grown) -> Steering:
    return Steering(
        store=world.store, training=FakeTraining(world.clock), start_queue=FakeQueue(fifo=True),
        snapshot_queue=FakeQueue(), clock=world.clock, tell=lambda line: None,
    )  # fmt: skip


def _upload(world: Grown) -> int:
    """Record as many trials of another experiment, as an upload does."""
    trials = [replace(trial, experiment="another") for trial in world.store.list_trials(NAME)]
    world.table.start()
    world.store.put_experiment(replace(world.experiment, name="another"))
    world.store.add_trials(trials)
    return 0


def _again(world: Grown) -> int:
    world.store.add_trials(world.store.list_trials(NAME))
    return 0


def _stop(world: Grown) -> int:
    """What the stop of one trial costs besides: the doomed regions, of which all trials are asked once a minute."""
    record = world.experiment
    asked = {"action": "cancel", "confidence": 0.8, "share": 0.5, "min_failures": 4}
    later = record.uploaded_at + timedelta(seconds=1)
    world.store.put_experiment(
        replace(record, document={**record.document, "doomed_regions": asked}, uploaded_at=later)
    )
    RegionKeeper(store=world.store, alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock).look(NAME)
    return 0


def _tick(world: _Year) -> int:
    assert list(world.writer.changed_experiments()) == ["runs"]
    return 0


def _experiments(world: _Year) -> int:
    summaries(world.store)
    return 0


def _search(world: _Year) -> int:
    rows_of(world.store, world.store.list_experiments(), [Condition.parse("state=running")])
    return 0


ACTS: Mapping[str, Act] = {
    "upload": Act(_upload),
    "upload_again": Act(_again),
    "digest": Act(_digest, function="deliver_alert"),
    "snapshot": Act(_snapshot, function="snapshot_experiment"),
    "status": Act(_status),
    "leaderboard": Act(_leaderboard),
    "sweep_of_a_minute": Act(_sweep, TrialState.RUNNING, "sweep"),
    "stop_of_a_trial": Act(_stop, function="react_to_finding"),
    "cancel": Act(_cancel, TrialState.WAITING),
    "retry": Act(_retry),
    "tick_after_a_year": Act(_tick, function="snapshot_experiment", past=True),
    "experiments": Act(_experiments, past=True),
    "search_by_state": Act(_search, past=True),
}


if __name__ == "__main__":
    report(measure())
