"""A spec from a training job: planned again, it sends what the job was created with."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridwatch.spec.from_job import Draft, spec_of_job
from tests.unit.functions.world import DEPLOYMENT, HOOK
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


@pytest.mark.parametrize("said", [None, "/opt/ml/code/lib"])
def test_a_hook_that_was_brought_is_no_channel_of_the_spec_and_no_path_of_its_own(said: str | None) -> None:
    document = yaml.safe_load((EXAMPLES / "scikit-learn.yaml").read_text())
    if said is not None:
        document["algorithm"]["environment"] = {"PYTHONPATH": said}
    with_hook = replace(DEPLOYED, **HOOK)
    request = requests(planned(document, with_hook))[0]
    assert "gridwatch" in {channel["ChannelName"] for channel in request["InputDataConfig"]}
    draft = spec_of_job(described(request))
    told = yaml.safe_load(draft.as_yaml())
    assert set(told["data"]) == {"train", "validation"}
    assert told["algorithm"].get("environment") == ({"PYTHONPATH": said} if said else None)
    sent = requests(planned(draft.as_yaml(), with_hook))[0]
    assert sent["InputDataConfig"][-1]["ChannelName"] == "gridwatch"
    assert sent["Environment"]["PYTHONPATH"] == request["Environment"]["PYTHONPATH"]


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
    assert not any(each["CollectionName"].startswith("gridwatch_") for each in collections), "that is the launch's own"
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


def test_what_a_tuning_job_and_old_images_add_does_not_keep_the_spec_from_being_launched() -> None:
    given = {"num_round": "50", "objective": "binary:logistic", "eval_metric": "error,auc", "silent": "0"}
    found = boosted(XGBOOST + "1.7-1", {**given, "_tuning_objective_metric": "validation:auc"})
    draft = spec_of_job(found)
    assert draft.document["objective"] == {"metric": "validation-auc", "direction": "maximize"}
    assert set(draft.document["hyperparameters"]) == {"num_round", "objective", "eval_metric"}
    assert any("silent = 0" in note for note in draft.notes["hyperparameters"])
    assert parsed(draft.as_yaml()).spec.objective.metric == "validation-auc"


@pytest.mark.parametrize("name", ["check_accuracy", "Loss not decreasing!", "a.b/c:d", "_x", "é" * 200])
def test_a_rules_name_goes_as_it_is(name: str) -> None:
    """RuleConfigurationName is `.*` in botocore."""
    image = "759209512951.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-debugger-rules:latest"
    parameters = {"rule_to_invoke": "AllZero", "tensor_regex": ".*"}
    rule = {"RuleConfigurationName": name, "RuleEvaluatorImage": image, "RuleParameters": parameters}
    draft = spec_of_job(job(DebugRuleConfigurations=[rule], DebugHookConfig={"S3OutputPath": "s3://there/debug"}))
    draft.document["debugger"]["on_issue"] = {name: "stop"}
    (sent,) = again(draft)["DebugRuleConfigurations"]
    assert sent["RuleConfigurationName"] == name
    (policy,) = planned(draft.as_yaml(), DEPLOYED).policies
    assert (policy.name, policy.on_issue) == (name, "stop")
    draft.document["engine"] = "gridwatch"
    assert planned(draft.as_yaml(), DEPLOYED).policies[0].name == name


@pytest.mark.parametrize(
    "parameters",
    [
        {"rule_to_invoke": "LossNotDecreasing", "numsteps": "5"},  # which Debugger passes to the rule as it is
        {"rule_to_invoke": "LossNotDecreasing", "num_steps": "ten"},
        {"rule_to_invoke": "TensorVariance", "collection_names": "weights"},
        {"rule_to_invoke": "SimilarAcrossRuns"},
        {"rule_to_invoke": "ARuleOfTomorrow"},
        {},
    ],
)
def test_rules_that_debugger_alone_understands_go_as_they_are(parameters: dict[str, str]) -> None:
    image = "759209512951.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-debugger-rules:latest"
    rule = {"RuleConfigurationName": "Overfit", "RuleEvaluatorImage": image, "RuleParameters": parameters}
    found = boosted(XGBOOST + "1.7-1", {"num_round": "50"})
    draft = spec_of_job(
        {**found, "DebugRuleConfigurations": [rule], "DebugHookConfig": {"S3OutputPath": "s3://there/x"}}
    )
    (sent,) = again(draft)["DebugRuleConfigurations"]
    assert sent.get("RuleParameters", {}) == parameters


XGBOOST = "246618743249.dkr.ecr.us-west-2.amazonaws.com/sagemaker-xgboost:"


def boosted(image: str, hyperparameters: dict[str, str], *, script: bool = False) -> dict[str, Any]:
    program = {"sagemaker_program": '"own.py"', "sagemaker_submit_directory": '"s3://there/source.tar.gz"'}
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://there/data/"}}
    names = ("train", "validation")
    return job(
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        HyperParameters={**hyperparameters, **(program if script else {})},
        InputDataConfig=[{"ChannelName": name, "DataSource": place, "ContentType": "text/csv"} for name in names],
    )


@pytest.mark.parametrize(
    ("hyperparameters", "metric"),
    [
        ({"objective": "binary:logistic"}, "validation-logloss"),
        ({"objective": "binary:hinge"}, "validation-error"),
        ({"objective": "binary:logitraw"}, "validation-logloss"),
        ({"objective": "multi:softmax", "num_class": "3"}, "validation-mlogloss"),
        ({"objective": "multi:softprob", "num_class": "3"}, "validation-mlogloss"),
        ({"objective": "count:poisson"}, "validation-poisson-nloglik"),
        ({"objective": "rank:pairwise"}, "validation-ndcg@32"),
        ({"objective": "rank:ndcg", "lambdarank_pair_method": "mean"}, "validation-ndcg"),
        ({"objective": "rank:map"}, "validation-map@32"),
        ({"objective": "reg:tweedie", "tweedie_variance_power": "1.2"}, "validation-tweedie-nloglik@1.2"),
        ({"objective": "reg:gamma"}, "validation-gamma-deviance"),
        ({"objective": "reg:squaredlogerror"}, "validation-rmsle"),
        ({"objective": "reg:absoluteerror"}, "validation-mae"),
        ({"objective": "reg:pseudohubererror"}, "validation-mphe"),
        ({"objective": "reg:logistic"}, "validation-rmse"),
        ({"objective": "survival:cox"}, "validation-cox-nloglik"),
        ({"objective": "reg:linear"}, "validation-rmse"),
        ({}, "validation-rmse"),
        ({"objective": "binary:logistic", "eval_metric": "auc,logloss"}, "validation-auc"),
        ({"objective": "binary:logistic", "eval_metric": '["auc", "error"]'}, "validation-auc"),
        ({"objective": "binary:logistic", "eval_metric": '"error@0.70"'}, "validation-error@0.7"),
    ],
)
@pytest.mark.parametrize("version", ["3.2-0", "1.7-1", "1.2-1", "0.90-2-cpu-py3"])
def test_a_job_of_xgboost_without_a_metric_has_that_of_its_objective(
    version: str, hyperparameters: dict[str, str], metric: str
) -> None:
    """Gridwatch trains with its own script in 3.2-0, whatever trained before."""
    draft = spec_of_job(boosted(XGBOOST + version, {"num_round": "10", **hyperparameters}))
    assert draft.document["objective"]["metric"] == metric
    assert again(draft)["AlgorithmSpecification"]["TrainingImage"].endswith("sagemaker-xgboost:3.2-0")


def test_the_metrics_that_sagemaker_defines_for_the_algorithm_do_not_hide_the_jobs_own() -> None:
    names = ["train:mae", "validation:aucpr", "validation:auc", "train:auc", "train:logloss", "validation:logloss"]
    given = {"objective": "binary:logistic", "num_round": "5", "eval_metric": "logloss,auc"}
    described = boosted(XGBOOST + "1.7-1", given)
    described["AlgorithmSpecification"]["MetricDefinitions"] = [{"Name": name, "Regex": "(.)"} for name in names]
    assert spec_of_job(described).document["objective"]["metric"] == "validation-logloss"
    described["FinalMetricDataList"] = [{"MetricName": "validation:auc", "Value": 0.9}]
    told = spec_of_job(described).document["objective"]
    assert told == {"metric": "validation-auc", "direction": "maximize"}


@pytest.mark.parametrize(
    ("version", "objective", "metric"),
    [
        ("1.7-1", "binary:logistic", "logloss"),
        ("1.2-1", "binary:logistic", "error"),
        ("0.90-2-cpu-py3", "multi:softmax", "merror"),
        ("1.7-1", "rank:ndcg", "map"),
        ("1.2-1", "binary:logitraw", "auc"),
        ("1.5-1", "reg:squarederror", "rmse"),
    ],
)
def test_a_script_in_an_older_image_reports_what_that_version_does(version: str, objective: str, metric: str) -> None:
    described = boosted(XGBOOST + version, {"objective": json.dumps(objective)}, script=True)
    draft = spec_of_job(described)
    assert draft.document["objective"]["metric"] == f"validation-{metric}"
    assert f"validation-{metric}" in draft.document["algorithm"]["metrics"]
    planned(draft.as_yaml(), DEPLOYED)


@pytest.mark.parametrize(
    ("algorithm", "channels", "metric", "direction"),
    [
        ("linear-learner", ("train", "validation"), "validation:absolute_loss", "minimize"),
        ("kmeans", ("train",), "test:msd", "minimize"),
        ("image-classification", ("train", "validation"), "validation:accuracy", "maximize"),
        ("forecasting-deepar", ("train", "test"), "test:RMSE", "minimize"),
        ("blazingtext", ("train",), "train:mean_rho", "maximize"),
    ],
)
def test_a_built_in_algorithm_is_judged_by_a_metric_that_aws_documents(
    algorithm: str, channels: tuple[str, ...], metric: str, direction: str
) -> None:
    place = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://there/data/"}}
    image = f"382416733822.dkr.ecr.us-east-1.amazonaws.com/{algorithm}:1"
    found = job(
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"}, HyperParameters={},
        InputDataConfig=[{"ChannelName": name, "DataSource": place} for name in channels],
    )  # fmt: skip
    assert spec_of_job(found).document["objective"] == {"metric": metric, "direction": direction}


@pytest.mark.parametrize("text", ["1e400", "nan", "-inf", "1_000"])
def test_what_is_no_finite_number_stays_a_text(text: str) -> None:
    found = boosted(XGBOOST + "1.7-1", {"num_round": "50", "base_score": text})
    assert spec_of_job(found).document["hyperparameters"]["base_score"] == text


def test_the_oldest_image_of_xgboost_stays_an_image_with_the_metrics_it_prints() -> None:
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:1"
    draft = spec_of_job(boosted(image, {"objective": "binary:logistic"}))
    assert draft.document["objective"]["metric"] == "validation-error"
    planned(draft.as_yaml(), DEPLOYED)
