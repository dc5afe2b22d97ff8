"""The rest that the stack stands on: S3's events, the service model, forgetting everything, and our own seams."""

import json
import re
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.validation import operation_model, validate
from tests.contract.localcloud_world import World, wait_for, write_images

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "events"


def _queue(world: World, name: str) -> tuple[str, str]:
    url = world.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:{world.cloud.region}:{world.cloud.account}:{name}"


def _first(world: World, url: str) -> dict[str, Any]:
    sqs = world.client("sqs")
    message = wait_for(lambda: next(iter(sqs.receive_message(QueueUrl=url).get("Messages", [])), None))
    body: dict[str, Any] = json.loads(message["Body"])
    return body


def test_an_uploaded_object_is_the_golden_event_with_its_key_as_it_is(world: World) -> None:
    golden = json.loads((GOLDEN / "s3_spec_created.json").read_text())
    url, arn = _queue(world, "uploads")
    s3, bus = world.client("s3"), world.client("events")
    s3.create_bucket(Bucket="experiments-here")
    s3.put_bucket_versioning(Bucket="experiments-here", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket="experiments-here", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    pattern = {
        "source": ["aws.s3"],
        "detail": {"bucket": {"name": ["experiments-here"]}, "object": {"key": [{"prefix": "experiments/"}]}},
    }
    bus.put_rule(Name="uploads", EventPattern=json.dumps(pattern))
    bus.put_targets(Rule="uploads", Targets=[{"Id": "q", "Arn": arn}])
    s3.put_object(Bucket="experiments-here", Key="status/not this.json", Body=b"{}")
    put = s3.put_object(Bucket="experiments-here", Key="experiments/a b+ü.yaml", Body=b"name: x")
    event = _first(world, url)
    assert event["detail"]["object"]["key"] == "experiments/a b+ü.yaml"
    assert event["detail"]["object"]["version-id"] == put["VersionId"]
    assert set(event) == set(golden)
    assert set(event["detail"]) == {*golden["detail"], "event-version"}
    assert set(event["detail"]["object"]) == set(golden["detail"]["object"])


def test_forgetting_everything_ends_jobs_and_drops_them(tmp_path: Path) -> None:
    with LocalCloud.start(images=write_images(tmp_path), options=("--stop-grace", "60")) as cloud:
        world = World(cloud)
        world.prepare()
        name = world.train(HyperParameters={"rounds": "1000", "pause": "0.1", "stubborn": "yes"})
        wait_for(lambda: world.describe(name).get("FinalMetricDataList"))
        with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/reset", data=b"", timeout=20) as answer:
            assert answer.status == 200
        with pytest.raises(ClientError, match="Requested resource not found"):
            world.describe(name)
        world.prepare()
        world.client("sagemaker").create_training_job(**world.request(name, HyperParameters={"rounds": "1"}))
        assert world.ended(name)["TrainingJobStatus"] == "Completed"


def test_only_the_adapter_knows_ministack() -> None:
    """Its private names would otherwise spread, and an upgrade could not be judged in one place."""
    users = {
        path.parent.name
        for path in (ROOT / "gridwatch" / "localcloud").rglob("*.py")
        if re.search(r"^\s*(from|import) (ministack|hypercorn)\b", path.read_text(), re.MULTILINE)
    }
    assert users == {"adapter"}


def test_the_local_cloud_imports_nothing_of_the_rest() -> None:
    """It may ask where the project lies."""
    foreign = r"^\s*(from|import) (?!gridwatch\.(?:localcloud|project)\b)(gridwatch\w*|functions|infra|hook)\b"
    users = [
        p for p in (ROOT / "gridwatch" / "localcloud").rglob("*.py") if re.search(foreign, p.read_text(), re.MULTILINE)
    ]
    assert users == []


def test_ministack_is_the_version_whose_private_names_we_use() -> None:
    assert version("ministack") == "1.5.33"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"TrainingJobName": "no_underscores"}, "regular expression pattern"),
        ({"TrainingJobName": "x" * 64}, "length less than or equal to 63"),
        ({"RoleArn": None}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        (
            {"HyperParameters": {"eta": 0.2}},
            "'hyperParameters.eta.member' failed to satisfy constraint: Member must be of type",
        ),
        ({"Colour": "red"}, "Member is not known"),
        ({"EnableNetworkIsolation": "yes"}, "Member must be of type boolean"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "greater than or equal to 1"),
        ({"InputDataConfig": [{}]}, "2 validation errors detected"),
    ],
)
def test_requests_are_held_to_the_service_model(changes: dict[str, Any], said: str) -> None:
    request = {
        "TrainingJobName": "a",
        "RoleArn": "arn:aws:iam::123456789012:role/r",
        "OutputDataConfig": {"S3OutputPath": "s3://b/o"},
    }
    validate("sagemaker", "CreateTrainingJob", request)
    with pytest.raises(ServiceError, match="ValidationException") as caught:
        validate("sagemaker", "CreateTrainingJob", request | changes)
    assert said in caught.value.message


def test_an_operation_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(ServiceError, match="UnknownOperation"):
        operation_model("sagemaker", "MakeCoffee")
    with pytest.raises(ClientError, match="does not have the SageMaker operation ListModels"):
        world.client("sagemaker").list_models()
