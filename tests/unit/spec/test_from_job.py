"""A spec from a training job: planned again, it sends what the job was created with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridwatch.spec.from_job import Draft, spec_of_job
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_debugger import CONFIGURATION
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import EXAMPLES, parsed, yaml_of

# What SageMaker tunes has no jobs of its own until they run.
WITH_TRIALS = [path for path in sorted(EXAMPLES.glob("*.yaml")) if "\ntune:" not in path.read_text()]

DEPLOYED = replace(DEPLOYMENT, custom_rule_sources=("s3://experiments-bucket/code/",), allowed_in_specs=("*",))
ALL_EXAMPLES = sorted(EXAMPLES.glob("*.yaml"))
SAME = (
    "AlgorithmSpecification", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining",
    "EnableNetworkIsolation", "OutputDataConfig", "ResourceConfig", "RetryStrategy", "StoppingCondition", "VpcConfig",
)  # fmt: skip


def described(request: dict[str, Any]) -> dict[str, Any]:
    """As DescribeTrainingJob shows a job that was created so: with what SageMaker fills in."""
    defaults = {"CompressionType": "None", "RecordWrapperType": "None"}
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return {
        **json.loads(json.dumps(request)),
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{request['TrainingJobName']}",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "CreationTime": now,
        "LastModifiedTime": now,
        "InputDataConfig": [{**defaults, **channel} for channel in request["InputDataConfig"]],
        "EnableNetworkIsolation": request.get("EnableNetworkIsolation", False),
        "EnableInterContainerTrafficEncryption": request.get("EnableInterContainerTrafficEncryption", False),
        "EnableManagedSpotTraining": request.get("EnableManagedSpotTraining", False),
    }


def again(draft: Draft) -> dict[str, Any]:
    """The request that the draft leads to, through its text."""
    (request,) = requests(planned(draft.as_yaml(), DEPLOYED))
    assert faults("CreateTrainingJob", request) == []
    return request


def own(values: dict[str, str]) -> dict[str, Any]:
    """Hyperparameters but for the job's name, as values: SageMaker's toolkit reads JSON."""
    told: dict[str, Any] = {}
    for name, text in values.items():
        try:
            told[name] = json.loads(text)
        except ValueError:
            told[name] = text
    told.pop("sagemaker_job_name", None)
    return told


@pytest.mark.parametrize("example", WITH_TRIALS, ids=lambda path: path.stem)
def test_a_job_of_every_example_becomes_a_spec_that_sends_the_same(example: Path) -> None:
    request = requests(planned(example.read_text(), DEPLOYED))[0]
    sent = again(spec_of_job(described(request)))
    assert {name: sent.get(name) for name in SAME} == {name: request.get(name) for name in SAME}
    assert own(sent["HyperParameters"]) == own(request["HyperParameters"])
    assert sent["InputDataConfig"] == request["InputDataConfig"]
    assert (sent.get("CheckpointConfig") or {}).get("LocalPath") == (request.get("CheckpointConfig") or {}).get(
        "LocalPath"
    )


def test_what_debugger_was_told_is_carried_over_as_it_is() -> None:
    document = {**yaml_of("xgboost-debugger"), "collect": {}, "rules": [], "debugger": {"configuration": CONFIGURATION}}
    (request,) = requests(planned(document, DEPLOYED))
    draft = spec_of_job(described(request))
    assert draft.document["engine"] == "debugger"
    sent = again(draft)
    fields = ("DebugHookConfig", "DebugRuleConfigurations", "ProfilerConfig", "ProfilerRuleConfigurations")
    assert {name: sent[name] for name in fields} == {name: request[name] for name in fields}
    assert sent["TensorBoardOutputConfig"] == request["TensorBoardOutputConfig"]


def test_the_collections_of_a_job_of_gridwatchs_are_carried_over() -> None:
    request = requests(planned((EXAMPLES / "blobs-debugger.yaml").read_text(), DEPLOYED))[0]
    draft = spec_of_job(described(request))
    assert "engine" not in draft.document
    collections = draft.document["debugger"]["configuration"]["DebugHookConfig"]["CollectionConfigurations"]
    assert {"CollectionName": "metrics", "CollectionParameters": {"save_interval": "2"}} in collections
    assert again(draft)["Environment"] == request["Environment"] | {
        "GRIDWATCH_TENSORS_URI": again(draft)["Environment"]["GRIDWATCH_TENSORS_URI"]
    }


def job(**changes: Any) -> dict[str, Any]:
    """A job that somebody else launched."""
    return {
        "TrainingJobName": "churn-2024-03-01",
        "AlgorithmSpecification": {
            "TrainingImage": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn:3", "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "val:auc", "Regex": "auc=([0-9.]+)"}],
            "ContainerEntrypoint": ["python", "train.py"],
        },
        "HyperParameters": {"depth": "6", "eta": "0.1", "objective": "binary"},
        "InputDataConfig": [
            {"ChannelName": "train",
             "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://mine/train",
                                             "S3DataDistributionType": "FullyReplicated"}}},
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://mine/models", "KmsKeyId": ""},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "RoleArn": "arn:aws:iam::123456789012:role/mine",
        **changes,
    }  # fmt: skip


def test_comments_say_what_could_not_be_carried_over_and_what_is_guessed() -> None:
    found = job(
        ExperimentConfig={"ExperimentName": "theirs"},
        CheckpointConfig={"S3Uri": "s3://mine/checkpoints"},
        TuningJobArn="arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/t",
    )
    text = spec_of_job(found, {"project": "churn", "aws:x": "y", "gridwatch:prefix": "z"}).as_yaml()
    assert "# From the training job churn-2024-03-01" in text
    assert "# Not carried over: ExperimentConfig" in text
    assert "# Not carried over: TuningJobArn" in text
    assert "# The deployment must allow this image (allowed_in_specs).\nalgorithm:" in text
    assert "are a guess.\nobjective:\n  metric: val:auc\n  direction: maximize" in text
    assert "# The job ran in arn:aws:iam::123456789012:role/mine and wrote to s3://mine/models" in text
    assert "s3://mine/checkpoints" in text
    spec = parsed(text).spec
    assert spec.tags == {"project": "churn"}
    assert spec.hyperparameters == {"depth": 6, "eta": 0.1, "objective": "binary"}
    assert spec.algorithm.command == ["python", "train.py"]


def test_xgboost_in_algorithm_mode_becomes_gridwatchs_own_xgboost_and_says_so() -> None:
    algorithm = {
        "TrainingImage": "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1",
        "TrainingInputMode": "File",
    }
    channels = [{**job()["InputDataConfig"][0], "ContentType": "text/csv"}]
    given = {"objective": "binary:logistic", "num_round": "50", "eval_metric": "auc"}
    found = job(AlgorithmSpecification=algorithm, InputDataConfig=channels, HyperParameters=given)
    found["InputDataConfig"].append({**channels[0], "ChannelName": "validation"})
    draft = spec_of_job(found)
    assert draft.document["algorithm"] == {"name": "xgboost", "version": "3.2-0"}
    assert any("AWS's image 1.7-1" in note for note in draft.notes["algorithm"])
    assert parsed(draft.as_yaml()).spec.objective.metric == "validation-auc"


def test_a_rules_name_that_a_spec_cannot_have_is_changed_and_told() -> None:
    rule = {
        "RuleConfigurationName": "Loss not decreasing!", "RuleEvaluatorImage": "DEFAULT_RULE_EVALUATOR_IMAGE",
        "RuleParameters": {"rule_to_invoke": "LossNotDecreasing", "collection_names": "metrics"},
    }  # fmt: skip
    hook = {"S3OutputPath": "s3://mine/tensors", "HookParameters": {}, "CollectionConfigurations": []}
    draft = spec_of_job(job(DebugHookConfig=hook, DebugRuleConfigurations=[rule]))
    assert "The rule Loss not decreasing! is called Loss-not-decreasing here." in draft.notes["debugger"]
    (policy,) = planned(draft.as_yaml(), DEPLOYED).policies
    assert (policy.name, policy.managed) == ("Loss-not-decreasing", True)
