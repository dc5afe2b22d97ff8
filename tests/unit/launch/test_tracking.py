"""Where else trials are written down: SageMaker's experiments and MLflow on SageMaker."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gridwatch.launch.plan import waiting_trial
from gridwatch.launch.request import training_request
from gridwatch.spec.from_job import spec_of_job
from gridwatch.spec.parse import SpecError
from gridwatch_rules.clock import SystemClock
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.launch.test_training_parts import script
from tests.unit.spec.specs import blobs, only_problem, problems

APP = "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-0A1B2C"
SERVER = "arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-tracking-server/team"
DEPLOYED = replace(DEPLOYMENT, allowed_in_specs=(APP,))


def tracked(**tracking: Any) -> dict[str, Any]:
    return script(tracking=tracking)


def test_sagemaker_and_the_container_are_told_of_mlflow() -> None:
    (made,) = requests(planned(tracked(mlflow={"resource": APP}), DEPLOYED))
    assert faults("CreateTrainingJob", made) == []
    name = made["TrainingJobName"]
    assert made["MlflowConfig"] == {
        "MlflowResourceArn": APP, "MlflowExperimentName": "parts", "MlflowRunName": name
    }  # fmt: skip
    said = {key: value for key, value in made["Environment"].items() if key.startswith("MLFLOW")}
    assert said == {"MLFLOW_TRACKING_URI": APP, "MLFLOW_EXPERIMENT_NAME": "parts"}
    assert made["ExperimentConfig"]["ExperimentName"] == "gridwatch-parts"


@pytest.mark.parametrize(
    ("tracking", "fields"),
    [
        ({}, {"ExperimentConfig"}),
        ({"experiments": False}, set()),
        ({"experiments": False, "mlflow": {"resource": APP, "experiment": "team: churn"}}, {"MlflowConfig"}),
        ({"mlflow": {"resource": APP}}, {"ExperimentConfig", "MlflowConfig"}),
    ],
)
def test_they_are_listed_beside_each_other_or_one_instead_of_the_other(
    tracking: dict[str, Any], fields: set[str]
) -> None:
    (made,) = requests(planned(tracked(**tracking), DEPLOYED))
    assert faults("CreateTrainingJob", made) == []
    assert made.keys() & {"ExperimentConfig", "MlflowConfig"} == fields


def test_each_attempt_has_a_run_of_its_own_and_the_trial_stays_the_same() -> None:
    plan = planned(tracked(mlflow={"resource": APP}), DEPLOYED)
    first = waiting_trial(plan.trials[0], plan.spec, SystemClock().now())
    again = replace(first, attempt=2, job_name=first.job_name[:-1] + "2")
    runs = [
        training_request(plan.template, trial, name_prefix="gridwatch", artifacts_bucket="a")["MlflowConfig"]
        for trial in (first, again)
    ]
    assert [run["MlflowRunName"] for run in runs] == [first.job_name, again.job_name]
    assert all(first.trial_id in run["MlflowRunName"] for run in runs)
    # What was trained without MLflow is not trained again because of it.
    assert plan.trial_ids == planned(tracked()).trial_ids


def test_the_jobs_of_a_tuning_job_are_told_and_the_plan_says_what_is_missing() -> None:
    tune = {"jobs": 4, "parameters": {"eta": {"continuous": [0.1, 0.5]}}}
    plan = planned(script(tracking={"mlflow": {"resource": APP}}, tune=tune, grid=None), DEPLOYED)
    assert plan.tuning is not None
    assert faults("CreateHyperParameterTuningJob", dict(plan.tuning)) == []
    environment = plan.tuning["TrainingJobDefinition"]["Environment"]
    assert environment["MLFLOW_TRACKING_URI"] == APP
    assert environment["MLFLOW_EXPERIMENT_NAME"] == "parts"
    assert any("no place for MlflowConfig" in warning.message for warning in plan.warnings)


@pytest.mark.parametrize(
    "resource",
    [
        "app-0A1B2C",
        "https://mlflow.example.com",
        "arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/",
        "arn:aws:sagemaker:eu-west-1:1234:mlflow-app/a",
        "arn:aws:sagemaker:eu-west-1:123456789012:training-job/a",
        "arn:aws:s3:::mlflow-app/a",
    ],
)
def test_what_is_no_mlflow_of_sagemakers_is_refused(resource: str) -> None:
    problem = only_problem(tracked(mlflow={"resource": resource}))
    assert problem.field == "tracking.mlflow.resource"
    assert resource in str(problem.found)
    assert "list-mlflow-apps" in str(problem.advice)


def test_a_deployment_refuses_mlflow_that_it_does_not_allow_or_that_is_elsewhere() -> None:
    other = APP.replace("app-0A1B2C", "app-9")
    with pytest.raises(SpecError) as refused:
        planned(tracked(mlflow={"resource": other}), DEPLOYED)
    assert [problem.field for problem in refused.value.problems] == ["tracking.mlflow.resource"]
    with pytest.raises(SpecError) as refused:
        planned(tracked(mlflow={"resource": SERVER}), replace(DEPLOYED, allowed_in_specs=("*",)))
    assert [problem.message for problem in refused.value.problems] == [
        "MLflow must be in the region of the training jobs"
    ]
    there = replace(DEPLOYED, allowed_in_specs=("*",), region="us-gov-west-1")
    assert planned(tracked(mlflow={"resource": SERVER}), there).count == 1
    # Where the deployment is not known, the region may be another than it seems.
    unknown = planned(tracked(mlflow={"resource": SERVER}), replace(DEPLOYED, is_known=False))
    assert ["must be in the region" in warning.message for warning in unknown.warnings] == [True]


def test_what_mlflow_cannot_go_with_is_refused_with_the_reason() -> None:
    document = tracked(mlflow={"resource": APP})
    document["algorithm"]["environment"] = {"MLFLOW_TRACKING_URI": "http://ours"}
    document["resources"]["isolated"] = True
    assert {problem.field for problem in problems(document)} == {"algorithm.environment", "resources.isolated"}


def test_the_plan_warns_where_nobody_writes_the_run_and_of_a_role_of_ones_own() -> None:
    document = {**blobs(), "tracking": {"mlflow": {"resource": APP}}}
    told = [warning.message for warning in planned(document, DEPLOYED).warnings]
    assert any("xgboost writes nothing into MLflow" in message for message in told)
    role = "arn:aws:iam::123456789012:role/own"
    document = script(tracking={"mlflow": {"resource": APP}}, resources={"role": role})
    told = [warning.message for warning in planned(document, replace(DEPLOYED, allowed_in_specs=("*",))).warnings]
    assert any("must be allowed to write into MLflow" in message for message in told)
    assert planned(tracked(mlflow={"resource": APP}), DEPLOYED).warnings == ()


def test_a_job_with_mlflow_becomes_a_spec_that_makes_the_same_request() -> None:
    (made,) = requests(planned(tracked(mlflow={"resource": APP, "experiment": "team"}), DEPLOYED))
    draft = spec_of_job(made)
    assert draft.document["tracking"] == {"mlflow": {"resource": APP, "experiment": "team"}}
    assert "MLFLOW_TRACKING_URI" not in draft.document["algorithm"].get("environment", {})
    assert "# The deployment must allow this MLflow (allowed_in_specs)." in draft.as_yaml()
    (again,) = requests(planned(draft.as_yaml(), DEPLOYED))
    assert {**again["MlflowConfig"], "MlflowRunName": ""} == {**made["MlflowConfig"], "MlflowRunName": ""}
    named = {**made, "MlflowConfig": {**made["MlflowConfig"], "MlflowRunName": "theirs"}}
    assert "# The run was theirs; here each is called as its job." in spec_of_job(named).as_yaml()
