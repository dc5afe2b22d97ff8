"""An experiment in SageMaker's own tracking: a second one when the first is full, and what all trials share."""

from __future__ import annotations

import json
from typing import Any

from gridwatch.cli.analytics.frames import Analytics
from gridwatch.cli.context import Cloud
from gridwatch.cli.local_state import RunningCloud
from gridwatch.cli.teardown import Teardown, entities_of, forget_further, own_trials
from tests.fakes.clock import FakeClock
from tests.story.deployed import Deployed

FIRST, SECOND = "gridwatch-tracked", "gridwatch-tracked-002"
QUOTA = 300
PREPARED = "tracked-prepare-aws-processing-job"
SPEC = {
    "name": "tracked",
    "hypothesis": "Small steps need more rounds.",
    "objective": {"metric": "validation-rmse", "direction": "minimize"},
    "algorithm": {"name": "xgboost", "version": "3.2-0"},
    "preprocessing": {
        "script": "s3://code/prepare.py",
        "jobs": ["Tracked-Prepare", "never-ran"],
    },
    "data": {
        "train": {"uri": "tracked/train.csv", "content_type": "text/csv"},
        "validation": {"uri": "tracked/train.csv", "content_type": "text/csv"},
    },
    "hyperparameters": {"objective": "reg:squarederror", "eval_metric": "rmse", "num_round": 4},
    "grid": {"eta": [0.1, 0.5, 0.9]},
    "limits": {"parallel_jobs": 1},
}


def test_trials_beyond_the_quota_are_in_a_second_experiment_and_share_what_describes_them(deployed: Deployed) -> None:
    sagemaker = deployed.client("sagemaker")
    _all_but_one_taken(sagemaker)
    sagemaker.create_trial_component(TrialComponentName=PREPARED)  # as SageMaker does for a processing job
    deployed.put("data/tracked/train.csv", "".join(f"{n * 3 % 17},{n},{n % 7}\n" for n in range(200)))
    deployed.put("experiments/tracked.json", json.dumps(SPEC))
    jobs = deployed.wait_for_jobs("tracked", 3, 120)

    assert [job["ExperimentConfig"]["ExperimentName"] for job in jobs] == [FIRST, SECOND, SECOND]
    trials = [job["ExperimentConfig"]["TrialName"] for job in jobs]
    for job, trial in zip(jobs, trials, strict=True):
        assert sagemaker.describe_trial(TrialName=trial)["ExperimentName"] == job["ExperimentConfig"]["ExperimentName"]
        found = deployed.wait(lambda trial=trial: _has_three(sagemaker, trial), f"the components of {trial}", 30)
        own = f"{job['TrainingJobName']}-aws-training-job"
        (metadata,) = set(found) - {own, PREPARED}
        assert metadata.startswith(f"{job['ExperimentConfig']['ExperimentName']}-metadata-")
        told = sagemaker.describe_trial_component(TrialComponentName=metadata)
        assert told["Parameters"]["gridwatch.hypothesis"] == {"StringValue": SPEC["hypothesis"]}
        assert told["Parameters"]["num_round"] == {"NumberValue": 4.0}
        assert told["InputArtifacts"]["gridwatch.preprocessing_script"] == {"Value": "s3://code/prepare.py"}

    deployed.snapshot("tracked")
    rows = deployed.query("SELECT experiment, search_state FROM trials WHERE experiment = 'tracked'")
    assert rows == [{"experiment": "tracked", "search_state": "current"}] * 3, "the tables have all, under one name"
    cloud = _cloud(deployed)
    _looks_as_the_sdk_shows_it(cloud, {job["TrainingJobName"] for job in jobs})
    _is_torn_down(cloud, sagemaker)


def _all_but_one_taken(sagemaker: Any) -> None:
    sagemaker.create_experiment(ExperimentName=FIRST)
    for number in range(QUOTA - 1):
        sagemaker.create_trial(ExperimentName=FIRST, TrialName=f"{FIRST}-former-{number}")


def _has_three(sagemaker: Any, trial: str) -> list[str]:
    listed = sagemaker.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    return [each["TrialComponentName"] for each in listed] if len(listed) == 3 else []


def _cloud(deployed: Deployed) -> Cloud:
    keys = deployed.session.get_credentials()
    assert keys is not None
    return Cloud.at(RunningCloud(deployed.endpoint, keys.access_key, keys.secret_key, deployed.session.region_name))


def _looks_as_the_sdk_shows_it(cloud: Cloud, jobs: set[str]) -> None:
    frame = Analytics(cloud).experiment_analytics("tracked")
    shared = frame[frame["DisplayName"] == "metadata"]
    assert sorted(each[0] for each in shared["Experiments"]) == [FIRST, SECOND]
    assert set(frame["DisplayName"]) == {"metadata", PREPARED, *jobs}
    assert set(frame["gridwatch.hypothesis"].dropna()) == {SPEC["hypothesis"]}


def _is_torn_down(cloud: Cloud, sagemaker: Any) -> None:
    calls = Teardown(sagemaker, FakeClock(), rate=20)
    entities = entities_of(cloud, "tracked")
    assert entities == (FIRST, SECOND)
    own = own_trials(cloud, "tracked")
    for step in calls.plan(*entities, own=own):
        calls.take(step)
    assert calls.plan(*entities, own=own) == []
    forget_further(cloud, "tracked")
    assert entities_of(cloud, "tracked") == (FIRST,)
    assert sagemaker.describe_trial_component(TrialComponentName=PREPARED), "it was there before"
