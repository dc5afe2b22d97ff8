"""Training jobs in the local cloud, seen through AWS's own clients."""

import io
import itertools
import json
import re
import tarfile
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.localcloud_world import BUCKET, World, channel, wait_for

PHASES = ["Starting", "Downloading", "Training", "Uploading", "Completed"]


def _refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def _archive(world: World, uri: str) -> dict[str, bytes]:
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    body = world.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as bundle:
        return {m.name: bundle.extractfile(m).read() for m in bundle if m.isfile()}  # type: ignore[union-attr]


def test_a_job_goes_through_every_phase_and_leaves_its_model(world: World) -> None:
    job = world.ended(world.train())
    assert job["TrainingJobStatus"] == "Completed"
    transitions = job["SecondaryStatusTransitions"]
    assert [step["Status"] for step in transitions] == PHASES
    assert all(a["EndTime"] == b["StartTime"] for a, b in itertools.pairwise(transitions))
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1
    assert _archive(world, job["ModelArtifacts"]["S3ModelArtifacts"]) == {"model.txt": b"weights"}


def test_the_container_finds_its_files_and_variables(world: World) -> None:
    name = world.train(
        HyperParameters={"rounds": "1"},
        Environment={"OWN": "value"},
        InputDataConfig=[channel("train", f"s3://{BUCKET}/train"), channel("test", f"s3://{BUCKET}/train/a.csv")],
    )
    job = world.ended(name)
    seen = json.loads(_archive(world, f"s3://{BUCKET}/models/{name}/output/output.tar.gz")["seen.json"])
    assert seen["rows"] == 3 + 2  # train/a.csv, train/more/b.csv; test/a.csv
    assert seen["config"] == ["hyperparameters.json", "inputdataconfig.json", "resourceconfig.json"]
    variables = seen["environment"]
    assert variables["TRAINING_JOB_NAME"] == name
    assert variables["TRAINING_JOB_ARN"] == job["TrainingJobArn"]
    assert variables["OWN"] == "value"
    assert variables["AWS_ENDPOINT_URL"] == world.cloud.endpoint
    assert variables["OMP_NUM_THREADS"] == "1"
    assert "PYTEST_CURRENT_TEST" not in variables, "the host's environment leaks into jobs"


def test_mlflow_is_a_folder_of_the_local_cloud_and_described_as_it_was_asked_for(world: World) -> None:
    app = "arn:aws:sagemaker:us-east-1:000000000000:mlflow-app/../app-0A1B"
    config = {"MlflowResourceArn": app, "MlflowExperimentName": "blobs", "MlflowRunName": "one"}
    told = {"MLFLOW_TRACKING_URI": app, "MLFLOW_EXPERIMENT_NAME": "blobs"}
    name = world.train(HyperParameters={"rounds": "1"}, MlflowConfig=config, Environment=told)
    job = world.ended(name)
    assert job["MlflowConfig"] == config
    assert "MlflowDetails" not in job  # there is no run: nobody but the script makes one
    assert job["Environment"] == told
    seen = json.loads(_archive(world, f"s3://{BUCKET}/models/{name}/output/output.tar.gz")["seen.json"])
    variables = seen["environment"]
    assert re.fullmatch(r"file:///.*/mlflow/mlflow-app-app-0A1B", variables["MLFLOW_TRACKING_URI"])
    assert variables["MLFLOW_EXPERIMENT_NAME"] == "blobs"
    assert variables["MLFLOW_ALLOW_FILE_STORE"] == "true"


def test_a_tracking_server_of_ones_own_stays_what_it_is(world: World) -> None:
    own = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"}
    name = world.train(HyperParameters={"rounds": "1"}, Environment=own)
    world.ended(name)
    seen = json.loads(_archive(world, f"s3://{BUCKET}/models/{name}/output/output.tar.gz")["seen.json"])
    assert seen["environment"]["MLFLOW_TRACKING_URI"] == own["MLFLOW_TRACKING_URI"]
    assert "MLFLOW_ALLOW_FILE_STORE" not in seen["environment"]


def test_a_manifest_names_the_objects_of_a_channel(world: World) -> None:
    manifest = [{"prefix": f"s3://{BUCKET}/train/"}, "a.csv"]
    world.client("s3").put_object(Bucket=BUCKET, Key="lists/one.json", Body=json.dumps(manifest).encode())
    name = world.train(InputDataConfig=[channel("train", f"s3://{BUCKET}/lists/one.json", S3DataType="ManifestFile")])
    world.ended(name)
    seen = _archive(world, f"s3://{BUCKET}/models/{name}/output/output.tar.gz")["seen.json"]
    assert json.loads(seen)["rows"] == 2


def test_metrics_come_from_the_log_by_regular_expression(world: World) -> None:
    job = world.ended(world.train())
    assert [(m["MetricName"], round(m["Value"], 3)) for m in job["FinalMetricDataList"]] == [("train:error", 0.333)]


def test_the_log_is_in_cloudwatch(world: World) -> None:
    name = world.train()
    world.ended(name)
    logs = world.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/algo-1-")["logStreams"]
    events = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True)
    assert [event["message"] for event in events["events"]] == [
        "[0] train-error:1.000", "[1] train-error:0.500", "[2] train-error:0.333",
    ]  # fmt: skip


def test_a_failing_job_says_why(world: World) -> None:
    job = world.ended(world.train(HyperParameters={"rounds": "1", "fail": "the data is empty"}))
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
    assert job["FailureReason"] == "AlgorithmError: the data is empty, exit code: 3"
    assert "ModelArtifacts" not in job
    long = world.ended(world.train(HyperParameters={"rounds": "1", "fail": "x" * 100, "times": "50"}))
    assert len(long["FailureReason"]) <= 1024
    assert long["FailureReason"].endswith("exit code: 3")


@pytest.mark.parametrize("uri", [f"s3://{BUCKET}/nowhere/", "s3://a-bucket-that-is-not-there/train"])
def test_a_channel_without_objects_is_refused(world: World, uri: str) -> None:
    request = world.request(world.name("empty"), InputDataConfig=[channel("train", uri)])
    code, message = _refusal(world.client("sagemaker").create_training_job, **request)
    assert (code, message.split(" given")[0]) == ("ValidationException", f'No S3 objects found under S3 URL "{uri}"')


def test_a_running_job_is_stopped_and_then_refuses_another_stop(world: World) -> None:
    name = world.train(HyperParameters={"rounds": "1000", "pause": "0.05"})
    wait_for(lambda: world.describe(name).get("FinalMetricDataList"))
    sagemaker = world.client("sagemaker")
    sagemaker.stop_training_job(TrainingJobName=name)
    assert world.describe(name)["TrainingJobStatus"] in ("Stopping", "Stopped")
    job = world.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    said = _archive(world, job["ModelArtifacts"]["S3ModelArtifacts"])
    assert said == {"model.txt": b"stopped"}, "the script got no SIGTERM to save its model on"
    assert [s["Status"] for s in job["SecondaryStatusTransitions"]][-2:] == ["Stopping", "Stopped"]
    code, message = _refusal(sagemaker.stop_training_job, TrainingJobName=name)
    assert code == "ValidationException"
    assert message.startswith("The request was rejected because the training job is in status Stopped")


def test_a_script_that_ignores_the_stop_is_killed(world: World) -> None:
    name = world.train(HyperParameters={"rounds": "600", "pause": "0.1", "stubborn": "yes"})
    wait_for(lambda: world.describe(name).get("FinalMetricDataList"))
    world.client("sagemaker").stop_training_job(TrainingJobName=name)
    job = world.ended(name, timeout=10)
    assert job["TrainingJobStatus"] == "Stopped"
    assert "ModelArtifacts" not in job


def test_a_job_over_its_time_is_stopped_by_the_platform(world: World) -> None:
    name = world.train(
        HyperParameters={"rounds": "1000", "pause": "0.05"}, StoppingCondition={"MaxRuntimeInSeconds": 1}
    )
    job = world.ended(name)
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


def test_a_name_is_used_up_for_ever(world: World) -> None:
    name = world.train()
    world.ended(name)
    code, message = _refusal(world.client("sagemaker").create_training_job, **world.request(name))
    assert code == "ResourceInUse"
    assert name in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"RoleArn": "arn:aws:iam::000000000000:role/nobody"}, "Could not assume role"),
        ({"InputDataConfig": [channel("a", "s3://b/c"), channel("a", "s3://b/c")]}, "Duplicate channel names: a"),
        ({"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 17, "VolumeSizeInGB": 5}}, "16 at most"),
        ({"ResourceConfig": {"InstanceType": "ml.x9.huge", "InstanceCount": 1, "VolumeSizeInGB": 5}}, "enum value set"),
        ({"Tags": [{"Key": "aws:team", "Value": "x"}]}, "aws: prefixed tag key names are not allowed"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 28 * 24 * 3600 + 1}}, "at most 2419200"),
        ({"HyperParameters": {"a": "x" * 2501}}, "length less than or equal to 2500"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 10, "MaxWaitTimeInSeconds": 20}}, "EnableManagedSpotTraining"),
        ({"ExperimentConfig": {"TrialName": "no-such-trial"}}, "does not exist"),
    ],
)
def test_what_aws_refuses_is_refused(world: World, changes: dict[str, Any], said: str) -> None:
    request = world.request(world.name("refused"), **changes)
    code, message = _refusal(world.client("sagemaker").create_training_job, **request)
    assert code == ("ResourceNotFound" if "ExperimentConfig" in changes else "ValidationException")
    assert said in message
    describe = world.client("sagemaker").describe_training_job
    code, message = _refusal(describe, TrainingJobName=request["TrainingJobName"])
    assert (code, message) == ("ValidationException", "Requested resource not found.")


def test_an_unknown_image_names_the_local_ones(world: World) -> None:
    request = world.request(world.name())
    request["AlgorithmSpecification"]["TrainingImage"] = "some/other:1"
    code, message = _refusal(world.client("sagemaker").create_training_job, **request)
    assert code == "ValidationException"
    assert "sagemaker-xgboost:3.2-0" in message
    assert "tiny-trainer:1" in message


def test_jobs_are_listed_by_filter_order_and_page(world: World) -> None:
    names = [world.train("listed", HyperParameters={"rounds": "1"}) for _ in range(3)]
    for name in names:
        world.ended(name)
    pages = (
        world.client("sagemaker")
        .get_paginator("list_training_jobs")
        .paginate(
            NameContains="listed",
            StatusEquals="Completed",
            SortBy="Name",
            SortOrder="Ascending",
            PaginationConfig={"PageSize": 2},
        )
    )
    found = [[job["TrainingJobName"] for job in page["TrainingJobSummaries"]] for page in pages]
    assert found == [sorted(names)[:2], sorted(names)[2:]]


def test_tags_are_kept(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name = world.train(Tags=[{"Key": "owner", "Value": "me"}])
    arn = world.ended(name)["TrainingJobArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "us"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["owner"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "us"}]


def test_a_hooks_tensors_reach_s3_while_training_runs(world: World) -> None:
    name = world.train(
        HyperParameters={"rounds": "600", "pause": "0.1"}, DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"}
    )
    prefix = f"tensors/{name}/debug-output/"

    def keys() -> list[str]:
        listed = world.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for item in listed.get("Contents", [])]

    wait_for(lambda: keys() or None, timeout=10)
    assert world.describe(name)["SecondaryStatus"] == "Training"
    assert "training_job_end.ts" not in keys()
    world.client("sagemaker").stop_training_job(TrainingJobName=name)
    world.ended(name)
    assert "training_job_end.ts" in keys()
    assert "index/0.json" in keys()
