"""What is damaged in one trial, or in a table of the last snapshot, keeps nothing else from the tables."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialState
from gridwatch.tables import schemas
from gridwatch.tables.facts import Stamp
from gridwatch.tables.parquet import damage_of
from snapshot_experiment.history import History
from tests.unit.snapshot_experiment.test_history import TOMORROW
from tests.unit.snapshot_experiment.test_snapshot import World
from tests.unit.tables.facts_of import NOON, STAMP, a_trial

LATER = Stamp("later", STAMP.as_of)


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def noise(content: bytes) -> bytes:
    return random.Random(1).randbytes(len(content))


def noise_inside(content: bytes) -> bytes:
    """What the file says of itself at its end is sound; what it says is not."""
    return content[:4] + random.Random(1).randbytes(len(content) // 3) + content[4 + len(content) // 3 :]


def other_columns(_: bytes) -> bytes:
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as connection:
        file = Path(folder) / "odd.parquet"
        connection.execute(f"COPY (SELECT 1 AS one, 5 AS job_name) TO '{file}' (FORMAT parquet)")
        return file.read_bytes()


DAMAGES = [lambda _: b"", cut, noise, noise_inside, lambda _: b"PAR1", other_columns]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("tables", [("metrics",), ("trials",), ("experiments", "findings"), tuple(schemas.HISTORY)])
def test_a_damaged_former_table_counts_as_absent_and_is_written_again(
    tmp_path: Path, damage: Callable[[bytes], bytes], tables: tuple[str | schemas.Table, ...]
) -> None:
    world = World(tmp_path)
    trial = a_trial(0)
    world.add(trial)
    for step in range(300):
        world.tensors[trial.job_name].save(step, {"error": [0.5 - step / 1000]})
    world.writer.take("blobs", STAMP)
    sound = {name: world.rows(name, "* EXCLUDE (snapshot_id)") for name in ("metrics", "trials", "experiments")}
    for table in tables:
        key = f"tables/{table if isinstance(table, str) else table.name}/blobs.parquet"
        world.bucket.objects[key] = damage(world.bucket.objects[key])
    world.writer.take("blobs", LATER)
    assert {name: world.rows(name, "* EXCLUDE (snapshot_id)") for name in sound} == sound
    assert world.rows("metrics", "DISTINCT snapshot_id") == [("later",)]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_by_reading_a_file_to_its_end(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    world = World(tmp_path)
    world.add(a_trial(0), a_trial(1))
    world.writer.take("blobs", STAMP)
    file = tmp_path / "one.parquet"
    file.write_bytes(world.bucket.objects["tables/trials/blobs.parquet"])
    assert damage_of(file, schemas.TRIALS) is None
    file.write_bytes(damage(file.read_bytes()))
    assert damage_of(file, schemas.TRIALS)


def test_a_damaged_table_keeps_only_itself_from_the_history_of_a_day(tmp_path: Path) -> None:
    world = World(tmp_path)
    for name in ("bad", "blobs", "digits"):
        world.add(a_trial(0, experiment=name, status=None, state=TrialState.CANCELLED))
        world.writer.take(name, Stamp(f"of-{name}", STAMP.as_of))
        world.bucket.times |= {f"tables/{table.name}/{name}.parquet": STAMP.as_of for table in schemas.TABLES}
    key = "tables/trials/bad.parquet"
    world.bucket.objects[key] = cut(world.bucket.objects[key])
    history = History(world.bucket)
    history.close_yesterday(TOMORROW)
    assert history.damaged == [key]
    file = tmp_path / "all.parquet"
    file.write_bytes(world.bucket.objects["history/trials/dt=2026-03-01/all.parquet"])
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT experiment FROM read_parquet('{file}')").fetchall()
    assert found == [("blobs",), ("digits",)]


def test_a_damaged_index_object_costs_its_steps_and_no_other_trial_anything(tmp_path: Path) -> None:
    world = World(tmp_path)
    bad, good = a_trial(0), a_trial(1)
    world.add(bad, good)
    for trial in (bad, good):
        for step in range(4):
            world.tensors[trial.job_name].save(step, {"error": [0.5 - step / 10]})
    source = world.tensors[bad.job_name].source()
    (key,) = [key for key in source.objects if key.startswith("index/") and "000000000002_" in key]
    source.objects[key] = source.objects[key].replace(b'"mode_step": 2', b'"mode_step": 1e999')
    world.tensors[bad.job_name].source = lambda: source  # type: ignore[method-assign]
    report = world.writer.take("blobs", STAMP)
    assert any(key in damage for damage in report.damaged)
    steps = world.rows("metrics", "job_name, step, source")
    assert [step for name, step, source in steps if (name, source) == (bad.job_name, "hook")] == [0, 1, 3]
    assert [step for name, step, source in steps if (name, source) == (good.job_name, "hook")] == [0, 1, 2, 3]
    assert "blobs" in world.pages.pages


def test_whatever_one_trials_tensors_raise_the_others_are_in_the_tables(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.add(a_trial(0), a_trial(1))
    world.tensors[a_trial(1).job_name].save(0, {"error": [0.5]})
    del world.tensors[a_trial(0).job_name]  # asking for them is a KeyError
    report = world.writer.take("blobs", STAMP)
    assert len(report.damaged) == 1
    found = world.rows("metrics", "job_name, source")
    assert [name for name, source in found if source == "hook"] == [a_trial(1).job_name]
    assert len(world.rows("trials")) == 2


def test_odd_values_of_a_finding_leave_its_row_in_the_table(tmp_path: Path) -> None:
    world = World(tmp_path)
    trial = a_trial(0, hyperparameters={"depth": 10**400})
    world.add(trial)
    finding = {"step": 2**70, "tensor": ["x"], "observed": {}, "threshold": "much", "sentence": 7}
    record = RuleEvaluationRecord(
        job_name=trial.job_name, rule_name="loss", status="Odd", details="d", finding=finding, updated_at=NOON
    )
    world.store.put_rule_evaluation(record)
    world.writer.take("blobs", STAMP)
    ((step, tensor, observed, details),) = world.rows("findings", "step, tensor, observed, details")
    assert (step, tensor, observed, details) == (None, None, None, "d")
    assert len(world.rows("parameters")) == 1
