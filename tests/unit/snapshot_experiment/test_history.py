"""A day's last state of each experiment, in one file for each table."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb

from gridwatch.domain.trials import TrialState
from gridwatch.tables import schemas
from gridwatch.tables.facts import Stamp
from snapshot_experiment.history import History
from tests.unit.snapshot_experiment.test_snapshot import World
from tests.unit.tables.facts_of import NOON, STAMP, a_trial

TOMORROW = NOON + timedelta(days=1)


def test_a_day_that_is_over_is_kept_once_with_what_changed_on_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name, at in (("old", NOON - timedelta(days=3)), ("blobs", STAMP.as_of), ("digits", STAMP.as_of)):
        world.add(a_trial(0, experiment=name, status=None, state=TrialState.CANCELLED))
        world.writer.take(name, Stamp(f"of-{name}", at))
        world.bucket.times |= {f"tables/{table.name}/{name}.parquet": at for table in schemas.TABLES}
    history = History(world.bucket)
    assert history.close_yesterday(TOMORROW) == 8, "of two experiments each: itself, a trial, two final metrics"
    file = tmp_path / "all.parquet"
    file.write_bytes(world.bucket.objects["history/trials/dt=2026-03-01/all.parquet"])
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT experiment, snapshot_id FROM read_parquet('{file}')").fetchall()
    assert found == [("blobs", "of-blobs"), ("digits", "of-digits")]

    world.bucket.times["history/experiments/dt=2026-03-01/all.parquet"] = TOMORROW
    world.bucket.puts.clear()
    assert history.close_yesterday(TOMORROW) == 0
    assert world.bucket.puts == []


def test_a_day_on_which_nothing_changed_is_marked_too(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert History(world.bucket).close_yesterday(TOMORROW) == 0
    assert world.bucket.puts == ["history/experiments/dt=2026-03-01/all.parquet"]
