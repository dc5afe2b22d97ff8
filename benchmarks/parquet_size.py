"""Measures a million rows of metrics as Parquet and as CSV, and how much a query of two columns reads of 10,000
trials.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from benchmarks.result import Result, report
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.tables import rows, schemas
from gridwatch.tables.facts import CurveCount, ExperimentFacts, Point, Stamp, TrialFacts
from gridwatch.tables.parquet import write_parquet

TRIALS, STEPS = 10_000, 100
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
STAMP = Stamp("20261121T120000Z-abcd1234", NOON)
COLUMNS = ("billable_seconds", "objective_value")  # what time buys
WITH_IDENTITY = ("trial_id", "objective_value")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        metrics, trials = Path(folder) / "metrics.parquet", Path(folder) / "trials.parquet"
        begin = time.process_time()
        count = write_parquet(schemas.METRICS, _points(), metrics)
        seconds = time.process_time() - begin
        write_parquet(schemas.TRIALS, rows.trial_rows(_facts(), STAMP), trials)
        ours = metrics.stat().st_size / 1e6
        csv = _csv_bytes(metrics) / 1e6
        read, trials_csv = _bytes_read(trials, COLUMNS), _csv_bytes(trials)
        with_identity = _bytes_read(trials, WITH_IDENTITY)
    report(
        Result(
            name="parquet_size",
            ours=round(ours, 2),
            peer=round(csv, 1),
            unit="MB",
            ratio=round(csv / ours, 1),
            what=f"{count:,} rows of metrics, values at random; peer: the same rows as CSV. Wanted: ours_mb at most 8, "
            f"and of the two columns {', '.join(COLUMNS)} of {TRIALS:,} trials at most 2 % of their CSV's bytes read",
            more={
                "ours_mb": round(ours, 2),
                "processor_seconds": round(seconds, 1),
                "query_share": round(read / trials_csv, 4),
                "query_bytes": read,
                "query_share_with_trial_id": round(with_identity / trials_csv, 4),  # ten random hex digits a row
                "trials_csv_bytes": trials_csv,
            },
        )
    )


def _points() -> Iterator[rows.Row]:
    draw = random.Random(7)
    for trial in _trials():
        points = (
            Point("validation-logloss", "EVAL", step, draw.random(), NOON + timedelta(seconds=step))
            for step in range(STEPS)
        )
        yield from rows.metric_rows(trial, points, STAMP)


def _trials() -> Iterator[TrialRecord]:
    draw = random.Random(8)
    for index in range(TRIALS):
        trial_id = f"{draw.getrandbits(40):010x}"
        yield TrialRecord(
            experiment="size", trial_id=trial_id, index=index, attempt=1, state=TrialState.COMPLETED,
            job_name=f"gridwatch-size-{trial_id}-1", created_at=NOON, updated_at=NOON, status="Completed",
            hyperparameters={
                "eta": round(draw.random(), 4), "max_depth": index % 12, "objective": "binary:logistic",
                "subsample": 0.8, "num_round": 100, "eval_metric": "logloss", "min_child_weight": index % 7,
            },
            instance_type="ml.m5.large", instance_count=1, billable_seconds=60,
            started_at=NOON + timedelta(seconds=index), ended_at=NOON + timedelta(seconds=index + 60),
            final_metrics={"validation:logloss": round(draw.random(), 5)}, model_uri=f"s3://models/{trial_id}/model.tar.gz",
        )  # fmt: skip


def _facts() -> ExperimentFacts:
    trials = tuple(TrialFacts(trial=trial) for trial in _trials())
    record = ExperimentRecord(
        name="size", spec_key="experiments/size.yaml", spec_version="1", uploaded_at=NOON, template={}, policies=(),
        document={"objective": {"metric": "validation:logloss", "direction": "minimize"}}, parallel_jobs=1,
        trial_ids=tuple(each.trial.trial_id for each in trials), created_at=NOON, updated_at=NOON,
    )  # fmt: skip
    counts = {each.trial.trial_id: CurveCount(points=STEPS, complete=True) for each in trials}
    return ExperimentFacts(record=record, trials=trials, curves=counts)


def _csv_bytes(parquet: Path) -> int:
    target = parquet.with_suffix(".csv")
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM read_parquet('{parquet}')) TO '{target}' (HEADER)")  # noqa: S608  our own
    return target.stat().st_size


def _bytes_read(parquet: Path, columns: Sequence[str]) -> int:
    """The bytes of the two columns' chunks and the footer, which an engine must fetch of the file."""
    with duckdb.connect() as connection:
        wanted = connection.execute(
            "SELECT sum(total_compressed_size)::BIGINT FROM parquet_metadata(?) WHERE path_in_schema IN (?, ?)",
            [str(parquet), *columns],
        ).fetchone()
        footer = connection.execute("SELECT footer_size FROM parquet_file_metadata(?)", [str(parquet)]).fetchone()
    assert wanted is not None
    assert footer is not None
    return int(wanted[0]) + int(footer[0]) + 8


if __name__ == "__main__":
    main()
