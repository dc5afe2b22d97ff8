"""Requests and capacity units of what reads all trials of an experiment, from 10 to 10,000 of them, on the real code
over a table that counts (1 MB a page, 400 kB an item).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import benchmarks._functions  # noqa: F401  makes the functions importable
from benchmarks.result import Result, report
from deliver_alert.digesting import Digester
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.cli.current import with_current
from gridwatch.cli.experiments import read_status
from gridwatch.domain.trials import TrialState
from gridwatch.launch.steering import Steering
from gridwatch.savings.watching import WatchingTable
from gridwatch.state.job_records import records_of_trials
from tests.fakes.counting_table import Count
from tests.fakes.queues import FakeQueue
from tests.fakes.training import FakeTraining
from tests.unit.functions.watching import World
from tests.unit.growth.grown import NAME, Grown

SIZES = (10, 100, 1_000, 10_000)
BEFORE = 3  # requests for each trial, of the digest: its rules, its reactions, its job
Act = Callable[[Grown], int]


def measure() -> Result:
    figures: dict[str, Any] = {}
    exponents: dict[str, float] = {}
    for name, (state, act) in ACTS.items():
        counts = {trials: _counted(Grown(trials, state=state), act) for trials in SIZES}
        figures[name] = {str(trials): _shown(*counted) for trials, counted in counts.items()}
        exponents[name] = _exponent(counts)
    digest = figures["digest"][str(SIZES[-1])]["requests"]
    peer = BEFORE * SIZES[-1]
    return Result(
        name="growth",
        ours=digest,
        peer=peer,
        unit="requests",
        ratio=round(peer / digest, 1),
        what=f"requests of the digest of {SIZES[-1]:,} trials; peer: {BEFORE} for each trial",
        more={"worst_exponent": max(exponents.values()), "exponents": exponents, **figures},
    )


def _counted(world: Grown, act: Act) -> tuple[Count, int]:
    """What was asked of the table, and of a queue."""
    count = world.table.start()
    sent = act(world)
    return count, sent


def _shown(count: Count, sent: int) -> Mapping[str, float]:
    prices = WatchingTable.built_in().prices
    usd = count.read_units * prices["dynamodb_read"] + count.write_units * prices["dynamodb_write"]
    return {
        "requests": count.total,
        "queue_requests": sent,
        "read_units": count.read_units,
        "write_units": count.write_units,
        "megabytes": round(count.megabytes, 2),
        "usd": round(usd + sent * prices["sqs_request"], 6),
    }


def _exponent(counts: Mapping[int, tuple[Count, int]]) -> float:
    """How the largest of requests and units grows over the last factor of ten: 1 is in proportion to the trials."""
    (before, sent_before), (after, sent_after) = (counts[trials] for trials in SIZES[-2:])
    pairs = (
        (before.total, after.total),
        (sent_before, sent_after),
        (before.read_units, after.read_units),
        (before.write_units, after.write_units),
    )
    return round(max(math.log10(later / earlier) for earlier, later in pairs if earlier and later), 3)


def _digest(world: Grown) -> int:
    Digester(store=world.store, alerts=AlertOutbox(world.store, FakeQueue()), clock=world.clock).digest(NAME)
    return 0


def _snapshot(world: Grown) -> int:
    """What a snapshot reads of the table."""
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


ACTS: Mapping[str, tuple[TrialState, Act]] = {
    "digest": (TrialState.COMPLETED, _digest),
    "snapshot": (TrialState.COMPLETED, _snapshot),
    "status": (TrialState.COMPLETED, _status),
    "leaderboard": (TrialState.COMPLETED, _leaderboard),
    "sweep_of_a_minute": (TrialState.RUNNING, _sweep),
    "cancel": (TrialState.WAITING, _cancel),
    "retry": (TrialState.COMPLETED, _retry),
}


if __name__ == "__main__":
    report(measure())
