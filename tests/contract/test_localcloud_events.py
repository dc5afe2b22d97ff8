"""What SageMaker's jobs put on the bus, seen by a rule and a queue."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.localcloud_world import BUCKET, EVALUATOR, World, wait_for


@pytest.fixture(scope="module")
def events(world: World) -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """What a rule on all training jobs hands to a FIFO queue, by job name."""
    sqs, bus = world.client("sqs"), world.client("events")
    queue = sqs.create_queue(
        QueueName="seen.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )
    arn = f"arn:aws:sqs:{world.cloud.region}:{world.cloud.account}:seen.fifo"
    pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Training Job State Change"]}
    bus.put_rule(Name="all-jobs", EventPattern=json.dumps(pattern))
    bus.put_targets(Rule="all-jobs", Targets=[{"Id": "queue", "Arn": arn, "SqsParameters": {"MessageGroupId": "jobs"}}])
    received: list[dict[str, Any]] = []

    def seen(job: str) -> list[dict[str, Any]]:
        while messages := sqs.receive_message(
            QueueUrl=queue["QueueUrl"], MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"]
        ).get("Messages", []):
            for message in messages:
                assert message["Attributes"]["MessageGroupId"] == "jobs"
                received.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=queue["QueueUrl"], ReceiptHandle=message["ReceiptHandle"])
        return [event for event in received if event["detail"]["TrainingJobName"] == job]

    yield seen
    bus.remove_targets(Rule="all-jobs", Ids=["queue"])
    bus.delete_rule(Name="all-jobs")


Events = Callable[[str], list[dict[str, Any]]]


def test_every_phase_is_an_event_in_order(world: World, events: Events) -> None:
    name = world.train(Tags=[{"Key": "gridwatch:experiment", "Value": "blobs"}])
    job = world.ended(name)
    seen = wait_for(lambda: found if len(found := events(name)) >= 5 else None)
    assert [event["detail"]["SecondaryStatus"] for event in seen] == [
        "Starting", "Downloading", "Training", "Uploading", "Completed",
    ]  # fmt: skip
    last = seen[-1]
    assert (last["source"], last["resources"]) == ("aws.sagemaker", [job["TrainingJobArn"]])
    assert last["detail"]["Tags"] == {"gridwatch:experiment": "blobs"}
    assert last["detail"]["TrainingEndTime"] == round(job["TrainingEndTime"].timestamp() * 1000)
    assert last["detail"]["HyperParameters"] == {"rounds": "3"}


def test_a_stop_is_seen_as_stopping_and_stopped(world: World, events: Events) -> None:
    name = world.train(HyperParameters={"rounds": "1000", "pause": "0.05"})
    world.reaches(name, "Training")
    world.client("sagemaker").stop_training_job(TrainingJobName=name)
    world.ended(name)
    seen = wait_for(lambda: found if len(found := events(name)) >= 5 else None)
    assert [event["detail"]["TrainingJobStatus"] for event in seen][-2:] == ["Stopping", "Stopped"]


GOLDEN = Path(__file__).parents[1] / "events"


def _shape(value: Any) -> Any:
    """Which members of which types; a time is a number whether it is written as one or as a string of digits."""
    if isinstance(value, dict):
        return {name: _shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value]
    return "number" if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else type(value).__name__


def _without(detail: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in detail.items() if name not in names}


def test_a_completed_jobs_event_has_the_golden_shape(world: World, events: Events) -> None:
    golden = json.loads((GOLDEN / "sagemaker_training_job_state_change.json").read_text())
    own = {
        "HyperParameters": golden["detail"]["HyperParameters"],
        "Tags": [{"Key": k, "Value": v} for k, v in golden["detail"]["Tags"].items()],
    }
    request = world.request(world.name("golden"), **own)
    del request["AlgorithmSpecification"]["MetricDefinitions"]
    world.client("sagemaker").create_training_job(**request)
    world.ended(request["TrainingJobName"])
    event = wait_for(lambda: found if len(found := events(request["TrainingJobName"])) >= 5 else None)[-1]
    assert _shape(event) == _shape(golden)


def test_a_rules_event_has_the_golden_shape(world: World, events: Events) -> None:
    golden = json.loads((GOLDEN / "sagemaker_training_job_rule_statuses.json").read_text())["detail"]
    name = world.train(
        HyperParameters={"rounds": "200", "pause": "0.05"},
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"},
        DebugRuleConfigurations=[_rule(limit="1"), _rule(limit="999") | {"RuleConfigurationName": "Overfit"}],
    )

    def with_finding() -> dict[str, Any] | None:
        return next(
            (
                e["detail"]
                for e in events(name)
                if e["detail"]["DebugRuleEvaluationStatuses"][0]["RuleEvaluationStatus"] != "InProgress"
            ),
            None,
        )

    detail = wait_for(with_finding)
    world.client("sagemaker").stop_training_job(TrainingJobName=name)
    assert _shape(detail["DebugRuleEvaluationStatuses"]) == _shape(golden["DebugRuleEvaluationStatuses"])
    own = ("HyperParameters", "AlgorithmSpecification", "Tags")
    assert set(detail) == set(golden)
    assert _shape(_without(detail, *own)) == _shape(_without(golden, *own))


def _rule(**parameters: str) -> dict[str, Any]:
    return {
        "RuleConfigurationName": "LossNotDecreasing",
        "RuleEvaluatorImage": EVALUATOR,
        "RuleParameters": {"rule_to_invoke": "LossNotDecreasing", **parameters},
    }


def _final_rule(world: World, job: str) -> dict[str, Any] | None:
    status: dict[str, Any] = world.describe(job)["DebugRuleEvaluationStatuses"][0]
    return status if status["RuleEvaluationStatus"] != "InProgress" else None


def test_a_rules_finding_is_on_the_job_and_on_the_bus(world: World, events: Events) -> None:
    name = world.train(
        HyperParameters={"rounds": "200", "pause": "0.05"},
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"},
        DebugRuleConfigurations=[_rule(limit="3")],
    )

    status = wait_for(lambda: _final_rule(world, name))
    assert (status["RuleEvaluationStatus"], status["StatusDetails"]) == ("IssuesFound", "limit reached")
    assert ":processing-job/" in status["RuleEvaluationJobArn"]
    assert world.describe(name)["TrainingJobStatus"] == "InProgress", "the rule must speak while training runs"
    world.client("sagemaker").stop_training_job(TrainingJobName=name)
    world.ended(name)
    seen = wait_for(lambda: found if len(found := events(name)) >= 6 else None)
    said = [event["detail"]["DebugRuleEvaluationStatuses"][0]["RuleEvaluationStatus"] for event in seen]
    assert said[0] == "InProgress"
    assert said[-1] == "IssuesFound"
    assert said == sorted(said, key="InProgress".__ne__), "a finding never goes back"


def test_a_rule_without_an_issue_ends_with_the_tensors(world: World) -> None:
    name = world.train(DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"}, DebugRuleConfigurations=[_rule()])
    world.ended(name)

    assert wait_for(lambda: _final_rule(world, name))["RuleEvaluationStatus"] == "NoIssuesFound"


def test_an_evaluator_that_saw_nothing_is_an_error_in_sagemakers_words(world: World) -> None:
    """The API knows no other status for it; Gridwatch recognises the words."""
    name = world.train(
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"}, DebugRuleConfigurations=[_rule(blind="yes")]
    )
    world.ended(name)

    status = wait_for(lambda: _final_rule(world, name))
    assert (status["RuleEvaluationStatus"], status["StatusDetails"]) == (
        "Error",
        "ClientError: No debugging data was saved by the training job. it looks for gradients",
    )


def test_an_evaluator_that_crashes_is_an_error_of_the_rule_not_of_the_job(world: World) -> None:
    name = world.train(
        DebugHookConfig={"S3OutputPath": f"s3://{BUCKET}/tensors"}, DebugRuleConfigurations=[_rule(crash="yes")]
    )
    assert world.ended(name)["TrainingJobStatus"] == "Completed"

    status = wait_for(lambda: _final_rule(world, name))
    assert status["RuleEvaluationStatus"] == "Error"
    assert "no such rule" in status["StatusDetails"]
