"""Tables that are damaged: a question goes on without them and says which; a snapshot is seen in spite of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gridwatch.cli.analytics.local_tables import LocalTables
from gridwatch.cli.analytics.shell import refreshed
from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.cli.snapshots import take_snapshot
from gridwatch.tables import rows, schemas
from gridwatch.tables.parquet import write_parquet
from tests.fakes.clock import FakeClock
from tests.unit.cli.test_sql_shell import FilesAsBucket
from tests.unit.snapshot_experiment.test_damage import DAMAGES
from tests.unit.tables.facts_of import STAMP, a_trial, some_facts


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_left_out_and_named(
    tmp_path: Path, damage: Callable[[bytes], bytes], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "bucket" / "tables" / "trials"
    folder.mkdir(parents=True)
    for name in ("bad", "blobs"):
        facts = some_facts(a_trial(0, experiment=name), a_trial(1, experiment=name))
        write_parquet(schemas.TRIALS, rows.trial_rows(facts, STAMP), folder / f"{name}.parquet")
    (folder / "bad.parquet").write_bytes(damage((folder / "bad.parquet").read_bytes()))
    s3: Any = FilesAsBucket(tmp_path / "bucket")
    tables = LocalTables(s3, "bucket", tmp_path / "here")
    for expected in (2, 0):  # told each time, fetched once
        assert refreshed(tables) == expected
        said = capsys.readouterr().err
        assert "left out, because it is damaged: s3://bucket/tables/trials/bad.parquet" in said
        assert tables.ask("SELECT count(*) AS n, min(experiment) AS name FROM trials").rows == [
            {"n": 2, "name": "blobs"}
        ]


class Listing:
    """A bucket with one object, which is written `after` seconds."""

    def __init__(self, clock: FakeClock, after: float | None) -> None:
        self.clock, self.began = clock, clock.now()
        self.after = after

    def list_objects_v2(self, **_: Any) -> dict[str, Any]:
        at = self.began - timedelta(hours=1)
        if self.after is not None and self.clock.now() >= self.began + timedelta(seconds=self.after):
            at = self.began + timedelta(seconds=self.after)
        return {"Contents": [{"Key": "tables/experiments/blobs.parquet", "ETag": at.isoformat(), "LastModified": at}]}


def a_cloud(clock: FakeClock, s3: Listing) -> Cloud:
    sqs = SimpleNamespace(send_message=lambda **_: None)
    session: Any = SimpleNamespace(s3=s3, sqs=sqs)
    cloud = Cloud(lambda: session, "Gridwatch", clock, is_named=True)
    cloud.__dict__["deployment"] = SimpleNamespace(snapshot_queue="q", artifacts_bucket="artifacts")

    def ask(sql: str) -> Any:
        raise CliError("the query failed: tables/experiments/other.parquet is no Parquet file")

    cloud.__dict__["ask"] = ask
    return cloud


def test_a_snapshot_is_seen_although_another_table_is_damaged() -> None:
    clock = FakeClock()
    s3 = Listing(clock, after=3.0)
    as_of = take_snapshot(a_cloud(clock, s3), "blobs", timeout=60.0)
    assert datetime.fromisoformat(as_of) == (s3.began + timedelta(seconds=3)).replace(tzinfo=None)
    assert (clock.now() - s3.began).total_seconds() < 4


def test_a_snapshot_that_does_not_come_says_what_else_hinders() -> None:
    clock = FakeClock()
    with pytest.raises(CliError, match=r"within 5 seconds; the tables cannot be asked: .*other\.parquet"):
        take_snapshot(a_cloud(clock, Listing(clock, after=None)), "blobs", timeout=5.0)
