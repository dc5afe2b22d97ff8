"""A second snapshot of 10,000 trials of which 1 % changed: what it fetches of Search and of the jobs' tensors."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import benchmarks._functions  # noqa: F401  makes snapshot_experiment importable
from benchmarks._search_api import EXPERIMENT, SearchApi, search_api
from benchmarks.result import Result, report
from benchmarks.snapshot_search import client_of
from gridwatch.alerts.outbox import AlertOutbox
from gridwatch.aws.component_search import ComponentSearch
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.memory import MemoryStore
from gridwatch.tables.facts import Stamp
from gridwatch_rules.tensors.source import TensorSource
from snapshot_experiment.searching import SearchReader
from snapshot_experiment.snapshot import SnapshotWriter
from tests.fakes.queues import FakeQueue
from tests.fakes.table_bucket import FakeTableBucket
from tests.tensor_folder import TensorFolder

COUNT, SHARE = 10_000, 0.01
CHANGED = round(COUNT * SHARE)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


class NoPages:
    """Reports are measured elsewhere."""

    def publish(self, record: ExperimentRecord, find: Any) -> str:
        return ""


@dataclass
class Tensors:
    """Every job's tensors: three steps of two scalars. `opened` counts the jobs that were read."""

    folder: TensorFolder
    opened: int = 0

    def __call__(self, job_name: str, job: JobRecord | None) -> TensorSource:
        self.opened += 1
        return self.folder.source()


@dataclass
class World:
    """An experiment whose last trials still run."""

    api: SearchApi
    tensors: Tensors
    store: MemoryStore = field(default_factory=MemoryStore)
    bucket: FakeTableBucket = field(default_factory=FakeTableBucket)

    def snapshot(self, at: datetime) -> Mapping[str, float]:
        writer = SnapshotWriter(
            store=self.store,
            open_tensors=self.tensors,
            search=SearchReader(ComponentSearch(client_of(self.api)), self.bucket),
            bucket=self.bucket,
            alerts=AlertOutbox(self.store, FakeQueue()),
            reports=NoPages(),
        )
        calls, self.tensors.opened = self.api.calls(), 0
        begin = time.perf_counter()
        report = writer.take("search", Stamp(f"{at:%H%M}", at))
        if report.row_counts["metrics"] != COUNT * 6:
            raise SystemExit(f"{report.row_counts['metrics']} rows of metrics are not {COUNT * 6}")
        return {
            "search_calls": self.api.calls() - calls,
            "jobs_read": self.tensors.opened,
            "seconds": round(time.perf_counter() - begin, 1),
        }

    def finish(self) -> None:
        """The trials that ran are over, and Search knows."""
        for trial in self.store.list_trials("search")[-CHANGED:]:
            over = replace(trial, state=TrialState.COMPLETED, status="Completed", ended_at=LATER, updated_at=LATER)
            self.store.update_trial(over, expected=trial)
        self.api.touch(SHARE)


@contextmanager
def world() -> Iterator[World]:
    folder = TensorFolder({"metrics": ["error"]})
    for step in range(3):
        folder.save(step, {"train-error": [0.5], "validation-error": [0.6]})
    with search_api(COUNT) as api:
        made = World(api, Tensors(folder))
        trials = [_trial(number) for number in range(COUNT)]
        made.store.put_experiment(_experiment(trials))
        made.store.add_trials(trials)
        yield made


def main() -> None:
    with world() as running:
        first = running.snapshot(NOON)
        running.finish()
        second = running.snapshot(LATER)
    fetched = second["search_calls"] / first["search_calls"]
    read = second["jobs_read"] / first["jobs_read"]
    report(
        Result(
            name="snapshot_incremental",
            ours=second["jobs_read"] + second["search_calls"],
            peer=first["jobs_read"] + first["search_calls"],
            unit="fetches",
            ratio=round(1 / max(fetched, read), 1),
            what=f"jobs read and calls of Search of a second snapshot of {COUNT:,} trials, {CHANGED} of which changed; "
            "peer: the first. Wanted: about 1 % of either",
            more={
                "search_share": round(fetched, 4),
                "jobs_share": round(read, 4),
                "first": first,
                "second": second,
            },
        )
    )


def _trial(number: int) -> TrialRecord:
    runs = number >= COUNT - CHANGED
    return TrialRecord(
        experiment="search", trial_id=f"{number:010x}", index=number, attempt=1,
        state=TrialState.RUNNING if runs else TrialState.COMPLETED, status="InProgress" if runs else "Completed",
        job_name=f"gridwatch-search-{number:010x}-1", hyperparameters={"max_depth": number % 12}, created_at=NOON,
        updated_at=NOON, started_at=NOON, ended_at=None if runs else NOON,
        final_metrics={} if runs else {"validation:error": 0.6},
    )  # fmt: skip


def _experiment(trials: list[TrialRecord]) -> ExperimentRecord:
    return ExperimentRecord(
        name="search", spec_key="experiments/search.yaml", spec_version="1", uploaded_at=NOON, policies=(),
        document={"objective": {"metric": "validation:error", "direction": "minimize"}}, parallel_jobs=CHANGED,
        template={"ExperimentConfig": {"ExperimentName": EXPERIMENT}}, created_at=NOON, updated_at=NOON,
        trial_ids=tuple(trial.trial_id for trial in trials),
    )  # fmt: skip


if __name__ == "__main__":
    main()
