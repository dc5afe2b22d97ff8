"""Experiment entities, a job's own component, Search and the metrics API."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.contract.localcloud_world import World


def _trial(world: World) -> tuple[str, str]:
    sagemaker = world.client("sagemaker")
    experiment, trial = world.name("experiment"), world.name("trial")
    sagemaker.create_experiment(ExperimentName=experiment)
    sagemaker.create_trial(ExperimentName=experiment, TrialName=trial)
    return experiment, trial


def test_a_job_makes_a_component_in_its_trial(world: World) -> None:
    experiment, trial = _trial(world)
    name = world.train(
        HyperParameters={"rounds": "2", "eta": "0.2", "objective": "binary:logistic"},
        ExperimentConfig={"ExperimentName": experiment, "TrialName": trial, "TrialComponentDisplayName": "Training"},
    )
    job = world.ended(name)
    sagemaker = world.client("sagemaker")
    listed = sagemaker.list_trial_components(TrialName=trial)["TrialComponentSummaries"]
    assert [component["TrialComponentName"] for component in listed] == [f"{name}-aws-training-job"]
    component = sagemaker.describe_trial_component(TrialComponentName=f"{name}-aws-training-job")
    assert component["DisplayName"] == "Training"
    assert component["Source"]["SourceArn"] == job["TrainingJobArn"]
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["Parameters"]["eta"] == {"NumberValue": 0.2}
    assert component["Parameters"]["objective"] == {"StringValue": "binary:logistic"}
    assert component["OutputArtifacts"]["SageMaker.ModelArtifact"]["Value"] == job["ModelArtifacts"]["S3ModelArtifacts"]
    metric = component["Metrics"][0]
    assert {key: metric[key] for key in ("MetricName", "Min", "Max", "Avg", "StdDev", "Last", "Count")} == {
        "MetricName": "train:error", "Min": 0.5, "Max": 1.0, "Avg": 0.75, "StdDev": 0.25, "Last": 0.5, "Count": 2,
    }  # fmt: skip


def test_search_finds_an_experiments_components_in_pages(world: World) -> None:
    experiment, trial = _trial(world)
    sagemaker = world.client("sagemaker")
    for eta in (0.1, 0.2, 0.3):
        component = world.name("component")
        sagemaker.create_trial_component(TrialComponentName=component, Parameters={"eta": {"NumberValue": eta}})
        sagemaker.associate_trial_component(TrialName=trial, TrialComponentName=component)
    request = {
        "Resource": "ExperimentTrialComponent",
        "SearchExpression": {
            "Filters": [
                {"Name": "Parents.ExperimentName", "Operator": "Equals", "Value": experiment},
                {"Name": "Parameters.eta", "Operator": "GreaterThan", "Value": "0.1"},
            ]
        },
        "SortBy": "Parameters.eta",
        "SortOrder": "Ascending",
        "MaxResults": 1,
    }
    first = sagemaker.search(**request)
    second = sagemaker.search(**request, NextToken=first["NextToken"])
    assert "NextToken" not in second
    found = [page["Results"][0]["TrialComponent"]["Parameters"]["eta"]["NumberValue"] for page in (first, second)]
    assert found == [0.2, 0.3]
    assert first["Results"][0]["TrialComponent"]["Parents"] == [{"TrialName": trial, "ExperimentName": experiment}]


def test_search_finds_training_jobs_by_tag_hyperparameter_and_input(world: World) -> None:
    name = world.train(HyperParameters={"rounds": "1", "depth": "7"}, Tags=[{"Key": "kind", "Value": "searched"}])
    world.ended(name)

    def found(*filters: tuple[str, str, str], **more: object) -> list[str]:
        expression = {"Filters": [{"Name": n, "Operator": o, "Value": v} for n, o, v in filters], **more}
        answer = world.client("sagemaker").search(Resource="TrainingJob", SearchExpression=expression)
        return [result["TrainingJob"]["TrainingJobName"] for result in answer["Results"]]

    assert found(("Tags.kind", "Equals", "searched")) == [name]
    assert found(("Tags.kind", "Equals", "searched"), ("HyperParameters.depth", "LessThanOrEqualTo", "6")) == []
    assert found(("Tags.kind", "In", "other,searched"), ("TrainingJobStatus", "NotEquals", "Failed")) == [name]
    nested = {
        "NestedPropertyName": "InputDataConfig",
        "Filters": [
            {"Name": "InputDataConfig.DataSource.S3DataSource.S3Uri", "Operator": "Contains", "Value": "a.csv"}
        ],
    }
    assert name in found(("CreationTime", "GreaterThan", "2020-01-01T00:00:00Z"), NestedFilters=[nested])


def test_metrics_are_put_on_a_component_and_read_back(world: World) -> None:
    component = world.name("measured")
    arn = world.client("sagemaker").create_trial_component(TrialComponentName=component)["TrialComponentArn"]
    metrics = world.client("sagemaker-metrics")
    now = datetime(2026, 11, 21, tzinfo=UTC)
    data = [{"MetricName": "loss", "Timestamp": now, "Step": step, "Value": 1 / (step + 1)} for step in range(2)]
    assert not metrics.batch_put_metrics(TrialComponentName=component, MetricData=data).get("Errors")
    query = {
        "MetricName": "loss",
        "ResourceArn": arn,
        "MetricStat": "Last",
        "Period": "IterationNumber",
        "XAxisType": "IterationNumber",
    }
    answer = metrics.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"][0]
    assert (answer["XAxisValues"], answer["MetricValues"]) == ([0, 1], [1.0, 0.5])


def test_entities_in_use_are_not_deleted(world: World) -> None:
    experiment, trial = _trial(world)
    sagemaker = world.client("sagemaker")
    with pytest.raises(ClientError, match="it has trials"):
        sagemaker.delete_experiment(ExperimentName=experiment)
    sagemaker.delete_trial(TrialName=trial)
    sagemaker.delete_experiment(ExperimentName=experiment)
    with pytest.raises(ClientError, match="ResourceNotFound"):
        sagemaker.describe_experiment(ExperimentName=experiment)


def test_entities_are_listed_by_their_own_names(world: World) -> None:
    sagemaker = world.client("sagemaker")
    sagemaker.create_experiment(ExperimentName="listed")
    sagemaker.create_trial(ExperimentName="listed", TrialName="listed-1")
    experiments = sagemaker.list_experiments(MaxResults=100)["ExperimentSummaries"]
    assert "listed" in [each["ExperimentName"] for each in experiments]
    (trial,) = sagemaker.list_trials(ExperimentName="listed")["TrialSummaries"]
    assert trial["TrialName"] == "listed-1"
    assert "ExperimentName" not in trial
