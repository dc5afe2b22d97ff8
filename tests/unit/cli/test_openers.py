"""Tensors named as people name them: by a path, an address, or the trial that saved them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import NoRegionError

from gridwatch.alerts.rule_saw_nothing import rule_saw_nothing
from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.cli.main import main
from gridwatch.cli.openers import tensors_of
from gridwatch.domain.jobs import JobRecord
from gridwatch.state.memory import MemoryStore
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus
from tests.unit.tables.facts_of import LOSS_RULE, NOON, a_trial, an_experiment

BOOSTING = Path(__file__).parents[2] / "data" / "tensors" / "boosting"
TRIAL = a_trial(0)
JOB = JobRecord(
    job_name=TRIAL.job_name, experiment="blobs", trial_id=TRIAL.trial_id, attempt=1, policies=(LOSS_RULE,),
    hyperparameters=TRIAL.hyperparameters, objective_metric="validation:error", objective_direction="minimize",
)  # fmt: skip
OUTPUT = f"tensors/{JOB.job_name}"


@dataclass
class Listing:
    """S3's client, of which only the listing is asked for."""

    keys: tuple[str, ...] = ()

    def list_objects_v2(self, **asked: Any) -> dict[str, Any]:
        return {"Contents": [{"Key": key} for key in self.keys if key.startswith(asked["Prefix"])]}


def cloud(*keys: str, job: JobRecord = JOB) -> Cloud:
    """A deployment with one trial, and these objects in its bucket."""
    store = MemoryStore()
    store.put_experiment(an_experiment(TRIAL))
    store.add_trials([TRIAL])
    store.put_job(job)
    bucket = SimpleNamespace(artifacts_bucket="artifacts")
    made: Any = SimpleNamespace(store=store, deployment=bucket, session=SimpleNamespace(s3=Listing(keys)))
    return made  # type: ignore[no-any-return]


@pytest.mark.parametrize("subject", [JOB.job_name, TRIAL.trial_id, "blobs/0"])
@pytest.mark.parametrize("saved", ["debug-output", "log-output"])
def test_a_trial_is_named_as_in_other_commands(subject: str, saved: str) -> None:
    found = tensors_of(subject, cloud(f"{OUTPUT}/{saved}/index/000000000/000000000000_worker_0.json"))
    assert found == f"s3://artifacts/{OUTPUT}/{saved}"


def test_a_trial_that_saved_nothing_has_its_place_all_the_same() -> None:
    assert tensors_of("blobs/0", cloud()) == f"s3://artifacts/{OUTPUT}"


def test_a_watched_job_has_its_tensors_where_it_says() -> None:
    watched = replace(JOB, tensors_uri="s3://elsewhere/run/debug-output", watched=True)
    assert tensors_of("blobs/0", cloud(job=watched)) == "s3://elsewhere/run/debug-output"


@pytest.mark.parametrize("written", ["./blobs/0", "s3://bucket/blobs/0", "/blobs/0", "a/blobs/0"])
def test_what_is_written_as_a_path_is_never_a_trial(written: str) -> None:
    if written.startswith("s3://"):
        assert tensors_of(written, cloud()) == written
        return
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        tensors_of(written, cloud())


def test_a_folder_that_is_here_comes_before_a_trial_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blobs" / "0" / "index").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert tensors_of("blobs/0", cloud()) == "blobs/0"


def test_what_is_neither_is_told_as_both() -> None:
    with pytest.raises(CliError, match=r"there is no folder blobs/7, and .* there is no trial 'blobs/7'"):
        tensors_of("blobs/7", cloud())


class Nowhere:
    """A cloud without a region."""

    @property
    def store(self) -> MemoryStore:
        raise NoRegionError


def test_a_folder_misspelt_is_told_also_where_there_is_no_deployment() -> None:
    nowhere: Any = Nowhere()
    with pytest.raises(CliError, match=r"there is no folder tensrs, and .*specify a region"):
        tensors_of("tensrs", nowhere)


def test_the_command_of_the_alert_about_a_blind_rule_lists_what_the_job_saved(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    change = StatusChange("DeadRelu", RuleStatus.ERROR, "it saw nothing")
    alert = rule_saw_nothing(job=JOB, upload="1", change=change, now=NOON)
    (command,) = (each for each in alert.content["commands"] if " tensors " in each)
    here = cloud(job=replace(JOB, tensors_uri=str(BOOSTING)))
    monkeypatch.setattr("gridwatch.cli.tensors.cloud_of", lambda context: here)
    monkeypatch.setattr("sys.argv", command.split())
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "train-error" in capsys.readouterr().out
