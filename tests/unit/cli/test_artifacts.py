"""Which objects a teardown deletes: those under recorded names of the experiment's jobs, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest

from gridwatch.cli.artifacts import artifact_keys, delete_objects
from gridwatch.cli.errors import CliError
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.launch.observation import next_attempt
from gridwatch.state.memory import MemoryStore
from tests.unit.tables.facts_of import NOON, a_trial


@dataclass
class Bucket:
    """An S3 bucket of keys, which refuses to delete some."""

    keys: list[str]
    refused: Sequence[str] = ()
    deleted: list[str] = field(default_factory=list)
    listings: int = 0

    def get_paginator(self, _: str) -> Any:
        return SimpleNamespace(paginate=self._pages)

    def _pages(self, Bucket: str, Prefix: str) -> Iterator[Mapping[str, Any]]:  # noqa: N803  boto3's spelling
        found = [{"Key": key} for key in self.keys if key.startswith(Prefix)]
        for start in range(0, max(len(found), 1), 1_000):
            self.listings += 1
            yield {"Contents": found[start : start + 1_000]}

    def delete_objects(self, Bucket: str, Delete: Mapping[str, Any]) -> Any:  # noqa: N803  boto3's spelling
        asked = [each["Key"] for each in Delete["Objects"]]
        self.deleted += [key for key in asked if key not in self.refused]
        return {"Errors": [{"Key": key, "Message": "no"} for key in asked if key in self.refused]}


def cloud(bucket: Bucket, *trials: TrialRecord, jobs: Sequence[JobRecord] = ()) -> Any:
    store = MemoryStore()
    store.add_trials(trials)
    for job in jobs:
        store.put_job(job)
    deployment = SimpleNamespace(artifacts_bucket="artifacts", name_prefix="gridwatch")
    return SimpleNamespace(store=store, session=SimpleNamespace(s3=bucket), deployment=deployment)


def job_of(trial: TrialRecord, name: str, **changes: Any) -> JobRecord:
    job = JobRecord(
        job_name=name, experiment=trial.experiment, trial_id=trial.trial_id, attempt=1, policies=(), hyperparameters={},
        objective_metric="loss", objective_direction="minimize",
    )  # fmt: skip
    return replace(job, **changes)


def left_by(job: str) -> list[str]:
    return [
        f"tensors/{job}/debug-output/index/000000000/000000000001_worker_0.json", f"tensors/{job}/log-position.json",
        f"tensors/{job}/profiler-output/system/a.json", f"models/{job}/output/model.tar.gz",
        f"models/{job}/metrics.json",
        f"tensors/{job}/heartbeat-output/status/worker_0.json",
        f"rule-state/{job}/3-ab.json", f"reports/{job}/loss.html",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("mine", "others"),
    [
        ("churn-2", "churn-1"),
        ("churn-2", "churn-20"),
        ("churn", "churn-1"),
        ("gridwatch-tuned-0123456789-001-0a1b2c3d", "gridwatch-tuned-0123456789-001-1"),
    ],
)
def test_a_job_that_gridwatch_did_not_name_goes_by_its_own_name(mine: str, others: str) -> None:
    bucket = Bucket([*left_by(mine), *left_by(others)])
    assert sorted(artifact_keys(cloud(bucket, a_trial(job_name=mine)), "blobs")) == sorted(left_by(mine))


def test_all_attempts_go_whatever_their_names_are() -> None:
    """A long name is cut by one character more when the attempt has two digits."""
    trial, names = a_trial(job_name=f"{'e' * 50}-0a1b2c3d4e-1", trial_id="0a1b2c3d4e"), []
    for _ in range(11):
        names.append(trial.job_name)
        trial = replace(next_attempt(replace(trial, state=TrialState.FAILED), NOON), state=TrialState.FAILED)
    bucket = Bucket([key for name in (*names, trial.job_name) for key in left_by(name)])
    assert len({len(name) for name in names}) == 1
    assert sorted(artifact_keys(cloud(bucket, trial), "blobs")) == sorted(bucket.keys)


def test_former_attempts_of_an_older_version_go_where_a_record_says_whose_they_are() -> None:
    trial = a_trial(job_name="gridwatch-blobs-0a1b2c3d4e-3", trial_id="0a1b2c3d4e", attempt=3)
    first, second = "gridwatch-blobs-0a1b2c3d4e-1", "gridwatch-blobs-0a1b2c3d4e-2"
    jobs = [job_of(trial, first), job_of(trial, second, experiment="of-somebody-else")]
    bucket = Bucket([*left_by(first), *left_by(second), *left_by(trial.job_name)])
    found = artifact_keys(cloud(bucket, trial, jobs=jobs), "blobs")
    assert sorted(found) == sorted([*left_by(first), *left_by(trial.job_name)])


def test_a_training_job_of_batch_goes_by_the_name_that_batch_gave_it() -> None:
    arn = "arn:aws:sagemaker:us-east-1:1:training-job/AWSBatch-gridwatch-blobs-x"
    trial = a_trial(job_name="gridwatch-blobs-0a1b2c3d4e-1", job_arn=arn)
    bucket = Bucket([*left_by("AWSBatch-gridwatch-blobs-x"), *left_by(trial.job_name)])
    assert sorted(artifact_keys(cloud(bucket, trial), "blobs")) == sorted(bucket.keys)


@pytest.mark.parametrize("state", [TrialState.REFUSED, TrialState.CANCELLED])
def test_what_was_never_launched_has_no_artifacts(state: TrialState) -> None:
    """Its name may have been refused because somebody else's job has it."""
    trial = a_trial(job_name="taken", state=state)
    assert artifact_keys(cloud(Bucket(left_by("taken")), trial), "blobs") == []
    assert artifact_keys(cloud(Bucket(left_by("taken")), next_attempt(trial, NOON)), "blobs") == []


def test_jobs_that_lie_in_a_folder_of_the_same_name_stay() -> None:
    """A watched job may be called as the folder that others write into."""
    others = [
        "models/team/churn-9/output/model.tar.gz", "models/team/a/churn-9/output/data/x",
        "tensors/team/churn-9/debug-output/events/000000000000/0.tfevents",
    ]  # fmt: skip
    mine = [*left_by("team"), "models/team/output/data/deep/output/x"]
    bucket = Bucket([*mine, *others])
    assert sorted(artifact_keys(cloud(bucket, a_trial(job_name="team")), "blobs")) == sorted(mine)


def test_the_pages_of_experiments_stay_when_a_job_is_called_experiments() -> None:
    bucket = Bucket(["reports/experiments/blobs.html", "reports/experiments/other.html", "models/experiments/output/m"])
    found = artifact_keys(cloud(bucket, a_trial(job_name="experiments")), "blobs")
    assert found == ["models/experiments/output/m"]


def test_checkpoints_go_with_the_trial() -> None:
    trial = a_trial(trial_id="0a1b2c3d4e")
    mine, others = "checkpoints/blobs/0a1b2c3d4e/c.pt", "checkpoints/blobs-2/0a1b2c3d4e/c.pt"
    assert artifact_keys(cloud(Bucket([mine, others]), trial), "blobs") == [mine]


@pytest.mark.parametrize("trials", [10, 100, 1_000])
def test_the_artifacts_of_an_experiment_are_listed_by_the_page(trials: int) -> None:
    mine = [
        a_trial(index, trial_id=f"{index:010x}", job_name=f"gridwatch-blobs-{index:010x}-1") for index in range(trials)
    ]
    others = [f"gridwatch-blobs-2-{index:010x}-1" for index in range(trials)]
    kept = [key for trial in mine for key in left_by(trial.job_name)]
    kept += [f"checkpoints/blobs/{trial.trial_id}/c.pt" for trial in mine]
    bucket = Bucket([*kept, *(key for name in others for key in left_by(name)), "checkpoints/blobs-2/0000000001/c.pt"])
    assert sorted(artifact_keys(cloud(bucket, *mine), "blobs")) == sorted(kept)
    assert bucket.listings <= 5 * 16 + 2 * len(bucket.keys) / 1_000


def test_what_could_not_be_deleted_is_named() -> None:
    bucket = Bucket([], refused=["b"])
    with pytest.raises(CliError, match="b could not be deleted: no"):
        delete_objects(cloud(bucket), ["a", "b"])
    assert bucket.deleted == ["a"]
