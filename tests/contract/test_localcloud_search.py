"""Search: what is asked for is done as AWS documents it, or refused; never passed over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.search import search
from tests.contract.localcloud_world import World

COMPONENTS = "ExperimentTrialComponent"
JOB = {
    "TrainingJobName": "a", "TrainingJobStatus": "Completed", "EnableManagedSpotTraining": True, "CreationTime": 1e9,
    "LastModifiedTime": 1e9, "BillableTimeInSeconds": 12, "HyperParameters": {"eta": "0.7", "kind": '"tree"'},
    "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.95}], "Tags": [{"Key": "team.x", "Value": "vision"}],
    "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://b/train"}}}],
}  # fmt: skip
OTHER = {**JOB, "TrainingJobName": "b", "EnableManagedSpotTraining": False, "HyperParameters": {"eta": "1.2"},
         "FinalMetricDataList": [{"MetricName": "accuracy", "Value": 0.5}], "Tags": []}  # fmt: skip


@pytest.fixture(scope="module")
def experiment(world: World) -> str:
    """Four components: eta 0.1 to 0.4, whose losses fall from 4 to 1 as they rise."""
    sagemaker, metrics, name = world.client("sagemaker"), world.client("sagemaker-metrics"), world.name("searched")
    sagemaker.create_experiment(ExperimentName=name)
    sagemaker.create_trial(TrialName=name, ExperimentName=name)
    for number in (3, 1, 4, 2):
        component = f"{name}-{number}"
        sagemaker.create_trial_component(
            TrialComponentName=component,
            Parameters={"eta": {"NumberValue": number / 10}, "kind": {"StringValue": "even" if number % 2 else "odd"}},
        )
        sagemaker.associate_trial_component(TrialComponentName=component, TrialName=name)
        values = [9.0, 5.0 - number]
        data = [{"MetricName": "test:loss.x", "Timestamp": 1e9, "Step": s, "Value": v} for s, v in enumerate(values)]
        metrics.batch_put_metrics(TrialComponentName=component, MetricData=data)
    return name


def found(world: World, experiment: str, *filters: tuple[str, ...], **request: Any) -> list[str]:
    """The numbers of the components that are found, in their order."""
    conditions = [("Parents.ExperimentName", "Equals", experiment), *filters]
    expression = {"Filters": [dict(zip(("Name", "Operator", "Value"), each, strict=False)) for each in conditions]}
    answer = world.client("sagemaker").search(Resource=COMPONENTS, SearchExpression=expression, **request)
    return [result["TrialComponent"]["TrialComponentName"].rpartition("-")[2] for result in answer["Results"]]


@pytest.mark.parametrize("name", ["Parameters.eta", "parameters.eta", "Parameters.eta.NumberValue", 'Parameters."eta"'])
def test_parameters_sort_and_filter(world: World, experiment: str, name: str) -> None:
    assert found(world, experiment, SortBy=name, SortOrder="Ascending") == ["1", "2", "3", "4"]
    assert found(world, experiment, SortBy=name) == ["4", "3", "2", "1"]
    assert found(world, experiment, (name, "GreaterThan", "0.25"), SortBy=name) == ["4", "3"]


@pytest.mark.parametrize(
    ("name", "ascending"),
    [
        ("Metrics.test:loss.x.Min", ["4", "3", "2", "1"]),
        ("metrics.test:loss.x.min", ["4", "3", "2", "1"]),
        ("metrics.test:loss.x.last", ["4", "3", "2", "1"]),
        ("Metrics.test:loss.x", ["4", "3", "2", "1"]),
        ("metrics.test:loss.x.stddev", ["1", "2", "3", "4"]),
    ],
)
def test_metrics_sort_by_their_statistics(world: World, experiment: str, name: str, ascending: list[str]) -> None:
    assert found(world, experiment, SortBy=name, SortOrder="Ascending") == ascending
    assert found(world, experiment, SortBy=name, SortOrder="Descending") == ascending[::-1]


def test_a_metric_is_compared_as_a_number(world: World, experiment: str) -> None:
    assert found(world, experiment, ("metrics.test:loss.x.min", "LessThan", "2.5"), SortBy="Parameters.eta") == [
        "4",
        "3",
    ]


def refusals() -> Iterator[tuple[Mapping[str, Any], str]]:
    def filtered(*condition: str) -> dict[str, Any]:
        return {"SearchExpression": {"Filters": [dict(zip(("Name", "Operator", "Value"), condition, strict=False))]}}

    for name in ("parms.eta", "Parameter.eta", "displayName", "TrialComponentname", "ExperimentName", "Source.Arn",
                 "Metrics", "Status.Primary", "CreationTime.x", "Tags", "", "metric.loss"):  # fmt: skip
        if name:
            yield {"SortBy": name}, name.partition(".")[0]
        if name not in ("", "Metrics", "Tags"):
            yield filtered(name, "Equals", "1"), name
    yield {"SortBy": "Metrics.test:loss.x.Median"}, "Median"
    yield filtered("metrics.test:loss.x.average", "LessThan", "1"), "average"
    yield filtered("DisplayName", "GreaterThan", "a"), "not supported for text"
    yield filtered("CreationTime", "Contains", "2026"), "Contains is for text"
    yield filtered("CreationTime", "GreaterThan", "yesterday"), "is no time"
    yield filtered("Metrics.loss", "GreaterThan", "high"), "is no number"
    yield filtered("Parameters.eta", "LessThan", "high"), "is no number"
    yield filtered("DisplayName", "Exists", "x"), "takes no Value"
    yield filtered("DisplayName", "Equals"), "needs a Value"
    yield {"SearchExpression": {}}, "at least one"
    yield {"SearchExpression": {"SubExpressions": [{}]}}, "at least one"
    yield {"CrossAccountFilterOption": "CrossAccount"}, "one account"
    nested = {"NestedPropertyName": "Parents", "Filters": [{"Name": "TrialName", "Value": "x"}]}
    yield {"SearchExpression": {"NestedFilters": [nested]}}, "must begin with"
    unknown = {**nested, "Filters": [{"Name": "Parents.Trial", "Value": "x"}]}
    yield {"SearchExpression": {"NestedFilters": [unknown]}}, "Parents.Trial"
    yield {"SearchExpression": {"NestedFilters": [{**nested, "NestedPropertyName": "Status"}]}}, "is no list"
    each = {"Name": "Source.SourceArn", "Operator": "Contains", "Value": "a"}
    yield {"SearchExpression": {"Filters": [each, each]}}, "usage limit of 1 exceeded"
    many = {"Filters": [{"Name": "DisplayName", "Value": "x"}] * 20}
    yield {"SearchExpression": {"SubExpressions": [many] * 3}}, "50 conditions"


@pytest.mark.parametrize(("request_", "words"), list(refusals()))
def test_what_cannot_be_done_as_asked_is_refused(
    world: World, experiment: str, request_: Mapping[str, Any], words: str
) -> None:
    with pytest.raises(ClientError) as refusal:
        world.client("sagemaker").search(Resource=COMPONENTS, **request_)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert words in refusal.value.response["Error"]["Message"]


def test_a_near_name_is_suggested(world: World) -> None:
    with pytest.raises(ClientError, match=r"did you mean DisplayName\?"):
        world.client("sagemaker").search(Resource="Experiment", SortBy="DisplayNam")


def jobs(*filters: tuple[str, ...], **request: Any) -> list[str]:
    expression = {"Filters": [dict(zip(("Name", "Operator", "Value"), each, strict=False)) for each in filters]}
    given = {**({"SearchExpression": expression} if filters else {}), **request}
    return [str(each["TrainingJobName"]) for each in search("TrainingJob", [JOB, OTHER], given)[0]]


def test_training_jobs_are_found_by_every_kind_of_property() -> None:
    assert jobs(("Metrics.accuracy", "GreaterThan", "0.9")) == ["a"], "as in AWS's own example"
    assert jobs(("HyperParameters.eta", "LessThan", "0.8")) == ["a"]
    assert jobs(("HyperParameters.eta", "Equals", "1")) == ["b"], "whole where the value is"
    assert jobs(("HyperParameters.kind", "Exists")) == ["a"]
    assert jobs(("Tags.team.x", "Equals", "vision")) == ["a"]
    assert jobs(("Tags.team.x", "NotExists")) == ["b"]
    assert jobs(("EnableManagedSpotTraining", "Equals", "true")) == ["a"]
    assert jobs(("EnableManagedSpotTraining", "NotEquals", "True")) == ["b"]
    assert jobs(("CreationTime", "LessThan", "2001-09-09T01:46:41")) == ["a", "b"]
    assert jobs(("BillableTimeInSeconds", "Equals", "12.0")) == ["a", "b"]
    assert jobs(("TrainingJobName", "In", "b, c")) == ["b"]
    assert jobs(SortBy="Metrics.accuracy", SortOrder="Ascending") == ["b", "a"]
    assert jobs(SortBy="HyperParameters.eta") == ["b", "a"]


def test_what_bears_another_value_of_a_tag_is_not_visible() -> None:
    condition = [{"Key": "Tags.team.x", "Value": "nlp"}]
    assert jobs(VisibilityConditions=condition) == ["b"]


def test_a_job_has_no_parameters() -> None:
    with pytest.raises(ServiceError, match="did you mean HyperParameters"):
        jobs(("Parameters.eta", "Exists"))
