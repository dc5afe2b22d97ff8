"""CreateTrainingJob requests: what SageMaker takes, what the container reads, how metrics are found in the log."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridwatch.launch.deployment import Deployment
from gridwatch.launch.hook import WHOLE_CURVES, told_document
from gridwatch.launch.images import UnknownRegionError, image_address
from gridwatch.launch.plan import Plan, make_plan, waiting_trial
from gridwatch.launch.request import training_request
from gridwatch.launch.template import Inputs
from gridwatch.spec.images import framework_image
from gridwatch.spec.parts.algorithm import Algorithm
from gridwatch_rules.clock import SystemClock
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.spec.specs import EXAMPLES, blobs, parsed

ALL_EXAMPLES = sorted(EXAMPLES.glob("*.yaml"))
# As XGBoost 3.2 prints a round, and as the container's log has it.
LOG_LINES = [
    "[0]\ttrain-error:0.15970\ttrain-logloss:0.58771\tvalidation-error:0.16500\tvalidation-logloss:0.59010",
    "[17:01:02] [0]#011train-error:.1597#011train-logloss:5.8771e-01#011validation-error:.165#011validation-logloss:.6",
]


def planned(document: Any, deployment: Deployment = DEPLOYMENT) -> Plan:
    spec = parsed(document)
    etags = {name: {"k": "etag"} for name in spec.spec.data}
    model = "s3://models/earlier/model.tar.gz" if spec.spec.start_from else None
    source = "s3://experiments-bucket/code/sources/0.tar.gz" if spec.spec.algorithm.entry_point else None
    return make_plan(spec, deployment, Inputs(etags=etags, source_uri=source, source_digest="0", model_uri=model))


def requests(plan: Plan, deployment: Deployment = DEPLOYMENT) -> list[dict[str, Any]]:
    now = SystemClock().now()
    return [
        training_request(
            plan.template,
            waiting_trial(trial, plan.spec, now),
            name_prefix=deployment.name_prefix,
            artifacts_bucket=deployment.artifacts_bucket,
        )
        for trial in plan.trials
    ]


@pytest.mark.parametrize("example", ALL_EXAMPLES, ids=lambda path: path.stem)
def test_sagemaker_takes_every_request_of_every_example(example: Path) -> None:
    for request in requests(planned(example.read_text())):
        assert faults("CreateTrainingJob", request) == []


def test_the_judge_of_requests_can_say_no() -> None:
    request = requests(planned(blobs()))[0]
    wrong = [
        {"TrainingJobName": "a_b"},
        {"TrainingJobName": "a" * 64},
        {"Unknown": 1},
        {"Environment": {"K": "v" * 513}},
        {"ResourceConfig": {"InstanceType": "m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}},
        {"Tags": [{"Key": "a;", "Value": "b"}]},
        {"StoppingCondition": {"MaxRuntimeInSeconds": 0}},
    ]
    for change in wrong:
        assert faults("CreateTrainingJob", request | change), change


def test_the_examples_make_the_trials_that_they_say() -> None:
    blobs_plan = planned((EXAMPLES / "blobs.yaml").read_text())
    assert [
        (t.hyperparameters["max_depth"], t.hyperparameters["gamma"], t.hyperparameters["num_round"])
        for t in blobs_plan.trials
    ] == [(d, g, n) for d in (2, 8) for g in (3, 4) for n in (10, 20)]
    assert blobs_plan.trials[0].hyperparameters == {
        "objective": "binary:logistic", "eval_metric": "error,logloss", "max_depth": 2, "eta": 0.2, "gamma": 3,
        "min_child_weight": 6, "subsample": 0.4, "num_round": 10,
    }  # fmt: skip
    assert not [rule for rule in blobs_plan.policies if rule.on_issue == "stop"]
    (trial,) = planned((EXAMPLES / "blobs-debugger.yaml").read_text()).trials
    assert (trial.hyperparameters["max_depth"], trial.hyperparameters["num_round"]) == (16, 10_000)


def test_the_request_is_what_the_container_reads() -> None:
    plan = planned((EXAMPLES / "blobs-debugger.yaml").read_text())
    (request,) = requests(plan)
    name = request["TrainingJobName"]

    decoded = {key: json.loads(value) for key, value in request["HyperParameters"].items()}
    assert decoded == {
        "objective": "binary:logistic",
        "eval_metric": "error",
        "max_depth": 16,
        "num_round": 10_000,
        "sagemaker_program": "train.py",
        "sagemaker_submit_directory": DEPLOYMENT.xgboost_source_uri,
        "sagemaker_region": "eu-west-1",
        "sagemaker_container_log_level": 20,
        "sagemaker_job_name": name,
    }
    assert request["AlgorithmSpecification"]["TrainingImage"] == (
        "141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:3.2-0"
    )
    assert request["Environment"]["GRIDWATCH_TENSORS_URI"] == f"s3://artifacts-bucket/tensors/{name}/debug-output"
    assert [channel["DataSource"]["S3DataSource"]["S3Uri"] for channel in request["InputDataConfig"]] == [
        "s3://experiments-bucket/data/blobs/train.csv",
        "s3://experiments-bucket/data/blobs/validation.csv",
    ]
    assert request["OutputDataConfig"] == {"S3OutputPath": "s3://artifacts-bucket/models"}
    assert request["ProfilerConfig"] == {"DisableProfiler": True}
    assert "DebugHookConfig" not in request
    identity = name.split("-")[-2]
    assert request["ExperimentConfig"]["TrialName"] == f"gridwatch-blobs-debugger-{identity}"
    assert {tag["Key"]: tag["Value"] for tag in request["Tags"]} == {
        "gridwatch:prefix": "gridwatch",
        "gridwatch:experiment": "blobs-debugger",
        "gridwatch:trial": identity,
        "owner": "data-science",
        "team": "research",
    }


@pytest.mark.parametrize("line", LOG_LINES)
def test_metrics_are_found_in_the_log_whatever_the_tab_became(line: str) -> None:
    definitions = planned(blobs()).template["AlgorithmSpecification"]["MetricDefinitions"]
    found = {item["Name"]: float(match[1]) for item in definitions if (match := re.search(item["Regex"], line))}
    assert found == {
        "train-error": 0.1597,
        "train-logloss": pytest.approx(0.58771),
        "validation-error": 0.165,
        "validation-logloss": pytest.approx(0.595, abs=6e-3),
    }


def test_metrics_with_a_parameter_are_told_apart() -> None:
    document = blobs()
    document["hyperparameters"]["eval_metric"] = ["error", "error@0.7", "ndcg@10-"]
    definitions = {
        d["Name"]: d["Regex"] for d in planned(document).template["AlgorithmSpecification"]["MetricDefinitions"]
    }
    line = "[3]\ttrain-error:0.1\ttrain-error@0.7:0.2\ttrain-ndcg@10-:0.3"
    values = {name: match[1] for name, regex in definitions.items() if (match := re.search(regex, line))}
    assert values == {"train-error": "0.1", "train-error@0.7": "0.2", "train-ndcg@10-": "0.3"}


def test_at_every_limit_the_request_is_still_taken() -> None:
    document = blobs()
    document["name"] = "n" * 64
    document["tags"] = {f"k{number}" + "x" * 120: "v" * 256 for number in range(40)}
    document["hyperparameters"]["interaction_constraints"] = "[" + " " * 2_496 + "]"
    document["collect"] = {f"collection{n}": {"include_regex": "r" * 250, "save_interval": 1} for n in range(20)}
    document["hypothesis"] = "\U0001f600 " * 1_000
    deployment = replace(DEPLOYMENT, name_prefix="p" * 20)

    for request in requests(planned(document, deployment), deployment):
        assert faults("CreateTrainingJob", request) == []
        assert len(request["TrainingJobName"]) == 63


XGBOOST = Algorithm(name="xgboost", version="3.2-0")
SUFFIXES = {"cn": "amazonaws.com.cn", "us-iso": "c2s.ic.gov", "us-isob": "sc2s.sgov.gov", "us-isof": "csp.hci.ic.gov"}


def test_every_region_has_its_image() -> None:
    """`make test-sagemaker` compares all images of all regions with the SDK's."""
    image = framework_image("xgboost", "3.2-0")
    assert image is not None
    assert len(image.accounts) == 37
    for region, account in image.accounts.items():
        partition = region.split("-")[0] if region.startswith("cn") else "-".join(region.split("-")[:2])
        suffix = SUFFIXES.get(partition, "amazonaws.com")
        address = image_address(XGBOOST, region, "ml.m5.large")
        assert address == f"{account}.dkr.ecr.{region}.{suffix}/sagemaker-xgboost:3.2-0"


def test_an_unknown_region_names_those_there_are() -> None:
    with pytest.raises(UnknownRegionError, match="eu-west-1"):
        image_address(XGBOOST, "mars-north-1", "ml.m5.large")


def test_rules_limits_and_machines_do_not_make_another_trial() -> None:
    document = blobs()
    before = planned(document).trial_ids
    document["rules"] = [{"rule": "LossNotDecreasing", "on_issue": "stop"}]
    document["limits"]["parallel_jobs"] = 1
    document["resources"]["instance_type"] = "ml.c5.xlarge"
    document["hypothesis"] = "another"
    assert planned(document).trial_ids == before
    assert planned(document | {"revision": 1}).trial_ids != before


def test_a_grid_of_ten_thousand_is_planned_quickly() -> None:
    document = blobs()
    document["grid"] = {"max_depth": list(range(100)), "num_round": list(range(1, 101))}
    document["limits"]["trials"] = 10_000
    plan = planned(document)
    assert (plan.count, len(set(plan.trial_ids))) == (10_000, 10_000)


@pytest.mark.parametrize(
    ("interval", "engine", "whole"), [(2, "gridwatch", True), (1, "gridwatch", False), (2, "debugger", False)]
)
def test_an_interval_of_metrics_leaves_the_curves_whole(interval: int, engine: str, whole: bool) -> None:
    document = yaml.safe_load((EXAMPLES / "blobs-debugger.yaml").read_text())
    document |= {"collect": {"metrics": {"save_interval": interval}}, "engine": engine}
    made = planned(yaml.safe_dump(document))
    told = told_document(made.template)
    named = {each["CollectionName"]: each["CollectionParameters"] for each in told["CollectionConfigurations"]}
    assert named["metrics"] == {"save_interval": str(interval)}
    assert (WHOLE_CURVES in named) is whole
    assert [policy.every for policy in made.policies] == [min(interval, 2)]
