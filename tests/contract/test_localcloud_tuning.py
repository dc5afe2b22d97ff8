"""The local cloud's tuning jobs, over HTTP: real training jobs at random points, and every end that there is."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.aws.tuning_service import SageMakerTuning
from tests.contract.localcloud_world import World

OBJECTIVE = {"Type": "Minimize", "MetricName": "train:error"}
OVER = ("Completed", "Failed", "Stopped")


def tuning_request(world: World, **config: Any) -> dict[str, Any]:
    """Two jobs of the tiny trainer, whose last error is 1 / rounds."""
    job = world.request(world.name("unused"))
    name = world.name("tuning")[:32]
    rounds = {"IntegerParameterRanges": [{"Name": "rounds", "MinValue": "2", "MaxValue": "9"}]}
    definition = {key: job[key] for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")}
    definition["InputDataConfig"] = job["InputDataConfig"]
    definition["AlgorithmSpecification"] = {
        **job["AlgorithmSpecification"],
        "MetricDefinitions": [{"Name": "train:error", "Regex": "train-error:([0-9.]+)"}],
    }
    definition["StaticHyperParameters"] = {"pause": "0"}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": OBJECTIVE,
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 3, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": rounds,
            "RandomSeed": 5,
            **config,
        },
        "TrainingJobDefinition": definition,
        "Tags": [{"Key": "purpose", "Value": "test"}],
    }


def ended(world: World, name: str, seconds: float = 40) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        told: dict[str, Any] = world.client("sagemaker").describe_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=name
        )
        if told["HyperParameterTuningJobStatus"] in OVER:
            return told
        assert time.monotonic() < deadline, told
        time.sleep(0.1)


def jobs_of(world: World, name: str, **asked: Any) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = world.client("sagemaker").list_training_jobs_for_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name, SortOrder="Ascending", **asked
    )["TrainingJobSummaries"]
    return listed


def run(world: World, request: dict[str, Any]) -> dict[str, Any]:
    world.client("sagemaker").create_hyper_parameter_tuning_job(**request)
    return ended(world, request["HyperParameterTuningJobName"])


def test_a_tuning_job_trains_so_many_jobs_at_points_of_its_ranges(world: World) -> None:
    request = tuning_request(world)
    name = request["HyperParameterTuningJobName"]
    told = run(world, request)
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["TrainingJobStatusCounters"]["Completed"] == 3
    jobs = jobs_of(world, name)
    rounds = [int(job["TunedHyperParameters"]["rounds"]) for job in jobs]
    assert len(set(rounds)) == 3
    assert all(2 <= each <= 9 for each in rounds)
    best = told["BestTrainingJob"]
    assert int(best["TunedHyperParameters"]["rounds"]) == max(rounds)  # 1 / rounds is the smallest there
    value = best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]
    assert value == pytest.approx(1 / max(rounds), abs=0.001)


def test_its_jobs_have_its_name_its_tags_and_are_told_the_objective(world: World) -> None:
    request = tuning_request(world)
    name = request["HyperParameterTuningJobName"]
    told = run(world, request)
    sagemaker = world.client("sagemaker")
    for job in jobs_of(world, name):
        assert job["TrainingJobName"].startswith(f"{name}-00")
        described = sagemaker.describe_training_job(TrainingJobName=job["TrainingJobName"])
        assert described["TuningJobArn"] == told["HyperParameterTuningJobArn"]
        assert described["HyperParameters"]["_tuning_objective_metric"] == "train:error"
        assert sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == request["Tags"]


def test_the_same_seed_draws_the_same_points(world: World) -> None:
    drawn = []
    for _ in range(2):
        request = tuning_request(world)
        run(world, request)
        jobs = jobs_of(world, request["HyperParameterTuningJobName"])
        drawn.append([job["TunedHyperParameters"] for job in jobs])
    assert drawn[0] == drawn[1]


def test_a_target_that_is_reached_ends_it(world: World) -> None:
    criteria = {"TuningJobCompletionCriteria": {"TargetObjectiveMetricValue": 0.9}}
    limits = {"MaxNumberOfTrainingJobs": 8, "MaxParallelTrainingJobs": 1}
    told = run(world, tuning_request(world, ResourceLimits=limits, **criteria))
    assert told["HyperParameterTuningJobStatus"] == "Completed"
    assert told["TrainingJobStatusCounters"]["Completed"] == 1


def test_jobs_that_do_not_improve_end_it(world: World) -> None:
    criteria = {
        "TuningJobCompletionCriteria": {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    }
    limits = {"MaxNumberOfTrainingJobs": 9, "MaxParallelTrainingJobs": 1}
    flat = {"CategoricalParameterRanges": [{"Name": "unused", "Values": list("abcdefghi")}]}
    told = run(world, tuning_request(world, ResourceLimits=limits, ParameterRanges=flat, Strategy="Grid", **criteria))
    assert told["TrainingJobStatusCounters"]["Completed"] == 4
    assert told["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 3


def test_stopping_it_stops_its_jobs(world: World) -> None:
    request = tuning_request(world)
    request["TrainingJobDefinition"]["StaticHyperParameters"] = {"pause": "30"}
    name = request["HyperParameterTuningJobName"]
    sagemaker = world.client("sagemaker")
    sagemaker.create_hyper_parameter_tuning_job(**request)
    deadline = time.monotonic() + 20
    while not jobs_of(world, name, StatusEquals="InProgress"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    told = ended(world, name)
    assert told["HyperParameterTuningJobStatus"] == "Stopped"
    assert {job["TrainingJobStatus"] for job in jobs_of(world, name)} == {"Stopped"}
    with pytest.raises(ClientError, match="is in status Stopped"):
        sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)


def test_one_whose_jobs_all_fail_has_failed(world: World) -> None:
    request = tuning_request(world)
    request["TrainingJobDefinition"]["StaticHyperParameters"] = {"fail": "no"}
    told = run(world, request)
    assert told["HyperParameterTuningJobStatus"] == "Failed"
    assert "All training jobs failed" in told["FailureReason"]


def test_what_aws_refuses_is_refused(world: World) -> None:
    sagemaker = world.client("sagemaker")
    request = tuning_request(world)
    scaled = {"Name": "rounds", "MinValue": "0", "MaxValue": "9", "ScalingType": "Logarithmic"}
    for change, reason in (
        ({"ParameterRanges": {"IntegerParameterRanges": [scaled]}}, "greater than 0"),
        ({"Strategy": "Grid"}, "categorical parameters only"),
        ({"Strategy": "Guess"}, "enum value set"),
    ):
        config = {**request["HyperParameterTuningJobConfig"], **change}
        with pytest.raises(ClientError, match=reason):
            sagemaker.create_hyper_parameter_tuning_job(**{**request, "HyperParameterTuningJobConfig": config})
    parents = {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "unheard-of"}]}
    warm = {**parents, "WarmStartType": "TransferLearning"}
    with pytest.raises(ClientError, match="not found"):
        sagemaker.create_hyper_parameter_tuning_job(**request, WarmStartConfig=warm)
    sagemaker.create_hyper_parameter_tuning_job(**request)
    with pytest.raises(ClientError) as taken:
        sagemaker.create_hyper_parameter_tuning_job(**request)
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    ended(world, request["HyperParameterTuningJobName"])


def test_the_list_says_of_which_definition_each_job_is(world: World) -> None:
    """As Gridwatch asks for it: the youngest first, in pages."""
    request = tuning_request(world)
    config, definition = request["HyperParameterTuningJobConfig"], request.pop("TrainingJobDefinition")
    ranges = config.pop("ParameterRanges")
    objective = config.pop("HyperParameterTuningJobObjective")
    several = {"TuningObjective": objective, "HyperParameterRanges": ranges}
    request["TrainingJobDefinitions"] = [
        {**definition, **several, "DefinitionName": name, "StaticHyperParameters": {"pause": "0", "kind": name}}
        for name in ("small", "large")
    ]
    config["ResourceLimits"] = {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 2}
    name = request["HyperParameterTuningJobName"]
    run(world, request)
    found = list(SageMakerTuning(world.client("sagemaker")).tuned_jobs(name))
    assert [job.name for job in found] == [job["TrainingJobName"] for job in jobs_of(world, name)][::-1]
    assert {job.definition for job in found} == {"small", "large"}
    for job in found:
        assert world.describe(job.name)["HyperParameters"]["kind"] == job.definition


def test_what_only_sagemaker_can_choose_is_refused(world: World) -> None:
    request = {**tuning_request(world), "Autotune": {"Mode": "Enabled"}}
    with pytest.raises(ClientError, match="cannot choose ranges and limits"):
        world.client("sagemaker").create_hyper_parameter_tuning_job(**request)
