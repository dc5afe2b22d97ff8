"""A trial is launched, the world changes, and the trial is run again from its fingerprint."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from gridwatch.domain.trials import TrialRecord
from gridwatch.launch.request import PARENT_TAG
from gridwatch.reproduce.differences import Findings, Place, State, find_differences
from gridwatch.reproduce.fingerprint import Fingerprint
from gridwatch.reproduce.rerunning import Rerunner
from tests.unit.functions.world import DEPLOYMENT, World, example
from tests.unit.reproduce.past import FakePast

TRAIN = "s3://experiments-bucket/data/blobs/train.csv"
DIGEST = "sha256:" + "a" * 64
HERE = Place("eu-west-1", "123456789012", "experiments-bucket")


def one_trial(**changes: Any) -> str:
    return yaml.safe_dump(yaml.safe_load(example()) | {"grid": {"num_round": [10]}} | changes)


class Launched:
    """One trial that was launched, and what was there when it was."""

    def __init__(
        self, spec: str | None = None, objects: tuple[str, ...] = (), *, allowed: tuple[str, ...] = ()
    ) -> None:
        self.world, self.past = World(allowed=allowed), FakePast()
        for uri in objects:
            self.world.bucket.objects[uri] = f"etag of {uri}"
        upload = self.world.upload(spec or one_trial())
        self.world.launch(upload)
        self.world.start()
        (self.trial,) = self.world.store.list_trials("blobs")
        for uri, etag in self.world.bucket.objects.items():
            self.past.put(uri, etag, f"of-{etag[:6]}")
        self.past.put(f"s3://experiments-bucket/{upload.key}", "spec", upload.version_id)
        self.past.put(DEPLOYMENT.xgboost_source_uri, "asset")
        self.past.images[self.image] = DIGEST

    @property
    def fingerprint(self) -> Fingerprint:
        job = self.world.store.get_job(self.trial.job_name)
        assert job is not None
        assert job.fingerprint is not None
        return Fingerprint.from_bytes(self.world.bucket.fingerprints[job.fingerprint])

    @property
    def image(self) -> str:
        return str(self.world.training.requests[0]["AlgorithmSpecification"]["TrainingImage"])

    def look(self, place: Place = HERE) -> Findings:
        return find_differences(self.fingerprint, self.image, place, self.past)

    def again(self, findings: Findings | None = None) -> TrialRecord:
        rerunner = Rerunner(
            store=self.world.store,
            restorer=self.past,
            start_queue=self.world.start_queue,
            deployment=DEPLOYMENT,
            clock=self.world.clock,
        )
        return rerunner.begin(self.trial, self.fingerprint, findings or self.look())


def states(findings: Findings) -> dict[str, State]:
    return {each.what: each.state for each in findings.differences}


def train_of(request: Any) -> str:
    channels = {each["ChannelName"]: each["DataSource"]["S3DataSource"]["S3Uri"] for each in request["InputDataConfig"]}
    return str(channels["train"])


def test_nothing_has_changed_and_the_request_is_the_same_but_for_its_names() -> None:
    launched = Launched()
    findings = launched.look()
    # Of the deployment's own script no version is recorded: its address holds its digest, and it is there.
    assert {what for what, state in states(findings).items() if state is not State.SAME} == {"code"}
    assert findings.hindrances == ()
    again = launched.again()
    launched.world.start()
    first, second = launched.world.training.requests
    own = ("TrainingJobName", "Environment", "ExperimentConfig", "Tags", "HyperParameters", "CheckpointConfig")
    assert {k: v for k, v in first.items() if k not in own} == {k: v for k, v in second.items() if k not in own}
    names = ("sagemaker_job_name",)
    assert {k: v for k, v in first["HyperParameters"].items() if k not in names} == {
        k: v for k, v in second["HyperParameters"].items() if k not in names
    }
    assert {tag["Key"]: tag["Value"] for tag in second["Tags"]}[PARENT_TAG] == f"blobs/{launched.trial.trial_id}"
    assert again.rerun_of == f"blobs/{launched.trial.trial_id}"
    assert again.experiment.startswith("blobs-rerun-")


def test_a_trial_without_sagemakers_experiments_is_run_again_without_them() -> None:
    launched = Launched(one_trial(tracking={"experiments": False}))
    launched.again()
    launched.world.start()
    assert ["ExperimentConfig" in request for request in launched.world.training.requests] == [False, False]
    assert launched.world.training.experiments == set()


def test_a_rerun_is_a_run_of_its_own_in_the_same_mlflow_experiment() -> None:
    app = f"arn:aws:sagemaker:{DEPLOYMENT.region}:123456789012:mlflow-app/app-0A1B"
    launched = Launched(one_trial(tracking={"mlflow": {"resource": app}}), allowed=(app,))
    again = launched.again()
    launched.world.start()
    first, second = (request["MlflowConfig"] for request in launched.world.training.requests)
    assert first == {
        "MlflowResourceArn": app,
        "MlflowExperimentName": "blobs",
        "MlflowRunName": launched.trial.job_name,
    }
    assert second == {**first, "MlflowRunName": again.job_name}


def test_data_that_was_overwritten_is_read_as_it_was() -> None:
    launched = Launched()
    launched.past.put(TRAIN, "other rows")
    findings = launched.look()
    assert states(findings)["data train"] is State.EARLIER
    assert findings.hindrances == ()
    launched.again()
    launched.world.start()
    place = train_of(launched.world.training.requests[1])
    assert place.startswith("s3://experiments-bucket/data/restored/")
    assert place.endswith("/train/train.csv")
    assert list(launched.past.etags(place).values()) == [launched.world.bucket.objects[TRAIN]]


def test_objects_added_to_a_prefix_are_left_out() -> None:
    prefix = "s3://events/day/"
    data = yaml.safe_load(example())["data"]
    spec = one_trial(data={**data, "train": {**data["train"], "uri": prefix}})
    launched = Launched(spec, (f"{prefix}a.csv", f"{prefix}b.csv"))
    launched.past.put(f"{prefix}late.csv", "late")
    (told,) = [each.words for each in launched.look().differences if each.what == "data train"]
    assert "new objects, which are left out: day/late.csv" in told
    launched.again()
    launched.world.start()
    place = train_of(launched.world.training.requests[1])
    assert {key.rpartition("/")[2] for key in launched.past.etags(place)} == {"a.csv", "b.csv"}


def test_a_window_is_read_through_a_manifest_of_the_days_as_they_were() -> None:
    data = yaml.safe_load(example())["data"]
    window = {"days": 2, "until": "2026-11-01"}
    spec = one_trial(data={**data, "train": {**data["train"], "uri": "s3://events/dt={date}/", "window": window}})
    days = ("s3://events/dt=2026-10-31/0.csv", "s3://events/dt=2026-11-01/0.csv")
    launched = Launched(spec, days)
    assert states(launched.look())["data train"] is State.SAME
    launched.past.put(days[1], "other rows")
    launched.past.put("s3://events/dt=2026-11-02/0.csv", "of no day of the window")
    launched.again()
    launched.world.start()
    manifest = json.loads(launched.past.written[train_of(launched.world.training.requests[1])])
    restored = [manifest[0]["prefix"] + name for name in manifest[1:]]
    assert [launched.past.versions[uri][-1][1] for uri in restored] == [f"etag of {day}" for day in days]


def test_what_is_gone_is_named_and_hinders() -> None:
    launched = Launched()
    launched.past.versions[TRAIN] = [("v9", "other rows")]
    launched.past.versions[DEPLOYMENT.xgboost_source_uri] = []
    del launched.past.images[launched.image]
    launched.past.versions["s3://experiments-bucket/experiments/blobs.yaml"] = []
    findings = launched.look()
    found = states(findings)
    assert [found[what] for what in ("spec", "code", "image", "data train")] == [State.GONE] * 4
    # The spec's outcome is in the fingerprint.
    assert [each.what for each in findings.hindrances] == ["code", "image", "data train"]
    (told,) = [each.words for each in findings.differences if each.what == "data train"]
    assert "data/blobs/train.csv (overwritten, its version of-" in told


def test_a_tag_that_stands_for_another_image_now_is_told_and_the_former_is_used_by_its_digest() -> None:
    launched = Launched()
    by_digest = f"{launched.image.rpartition(':')[0]}@{DIGEST}"
    launched.past.images |= {launched.image: "sha256:" + "b" * 64, by_digest: DIGEST}
    findings = launched.look()
    assert states(findings)["image"] is State.EARLIER
    launched.again(findings)
    launched.world.start()
    assert launched.world.training.requests[1]["AlgorithmSpecification"]["TrainingImage"] == by_digest


@pytest.mark.parametrize("place", [Place("us-east-1", HERE.account, HERE.experiments_bucket),
                                   Place(HERE.region, "210987654321", HERE.experiments_bucket)])  # fmt: skip
def test_another_region_or_account_hinders(place: Place) -> None:
    assert len(Launched().look(place).hindrances) == 1


def test_each_rerun_is_another_trial_and_survives_the_next_upload_of_the_spec() -> None:
    launched = Launched()
    first, second = launched.again(), launched.again()
    assert first.experiment != second.experiment
    launched.world.submit(one_trial(grid={"num_round": [11]}))
    launched.world.start()
    kept = launched.world.store.get_trial(first.experiment, first.trial_id)
    assert kept is not None
    assert kept.job_arn is not None


def test_a_rerun_can_be_run_again_from_its_copy() -> None:
    launched = Launched()
    launched.past.put(TRAIN, "other rows")
    again = launched.again()
    record = launched.world.store.get_experiment(again.experiment)
    assert record is not None
    made = Fingerprint.from_bytes(launched.past.written[f"s3://experiments-bucket/{record.fingerprint}"])
    findings = find_differences(made, launched.image, HERE, launched.past)
    assert states(findings)["data train"] is State.SAME
