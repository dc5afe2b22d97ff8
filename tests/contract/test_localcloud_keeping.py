"""State in a folder: everything is there again after a stop and after a kill, and one cloud at a time has it."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridwatch.localcloud import LocalCloud, LocalCloudError
from tests.contract.localcloud_world import World, wait_for, write_images

KEYS = {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}  # fmt: skip
CODE = "def handle(event, context): return {'said': event.get('x')}"
TEMPLATE = {
    "Resources": {
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {**KEYS, "TableName": "of-the-stack"}},
        "Work": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "work", "VisibilityTimeout": 30}},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": {"Name": "r", "EventPattern": {"source": ["aws.sagemaker"]},
            "Targets": [{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:000000000000:waiting"}]}},
    },
    "Outputs": {"Table": {"Value": {"Ref": "Table"}}},
}  # fmt: skip


class Kept:
    """A cloud whose state is in a folder, started as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "state"
        self._images = write_images(folder)
        self.world = self.start()

    def start(self) -> World:
        options = ("--persist", "--starting-delay", "0.05", "--stop-grace", "2")
        self.world = World(LocalCloud.start(images=self._images, state_dir=self.folder, options=options))
        self.world.role = "arn:aws:iam::000000000000:role/job"
        return self.world

    def again(self, how: str) -> World:
        if how == "killed":
            time.sleep(3)  # the last second may be lost
            os.kill(self.world.cloud.pid, signal.SIGKILL)
            wait_for(lambda: True if not list(self.folder.glob("localcloud-*")) else None, timeout=15)
        self.world.cloud.stop()
        return self.start()


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    cloud = Kept(tmp_path)
    yield cloud
    cloud.world.cloud.stop()


def fill(world: World) -> dict[str, str]:
    """Something of every kind; the names that are not the tests' own."""
    world.prepare()
    s3 = world.client("s3")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket="data", Key="x/y", Body=text)["VersionId"] for text in (b"one", b"two")]
    dynamodb = world.client("dynamodb")
    dynamodb.create_table(TableName="table", **KEYS)
    dynamodb.put_item(TableName="table", Item={"pk": {"S": "a"}, "v": {"N": "1"}})
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="waiting")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="hello")
    topic = world.client("sns").create_topic(Name="told")["TopicArn"]
    world.client("sns").publish(TopicArn=topic, Subject="s", Message="mail")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("app.py", CODE)
    world.client("lambda").create_function(
        FunctionName="f", Runtime="python3.13", Role=world.role, Handler="app.handle",
        Code={"ZipFile": buffer.getvalue()},
    )  # fmt: skip
    cloudformation = world.client("cloudformation")
    cloudformation.create_stack(StackName="s", TemplateBody=json.dumps(TEMPLATE))
    wait_for(
        lambda: (
            True
            if cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
            else None
        )
    )
    world.client("lambda").create_event_source_mapping(
        FunctionName="f", EventSourceArn="arn:aws:sqs:us-east-1:000000000000:work"
    )
    sagemaker = world.client("sagemaker")
    sagemaker.create_experiment(ExperimentName="e")
    sagemaker.create_trial(TrialName="tr", ExperimentName="e")
    done = world.train("done", ExperimentConfig={"TrialName": "tr"}, Tags=[{"Key": "k", "Value": "v"}])
    assert world.ended(done)["TrainingJobStatus"] == "Completed"
    running = world.train("running", HyperParameters={"rounds": "1000", "pause": "1"})
    world.reaches(running, "Training")
    return {"first": versions[0], "queue": url, "topic": topic, "done": done, "running": running}


def check(world: World, names: dict[str, str], *, ended: bool) -> None:
    s3 = world.client("s3")
    assert s3.get_object(Bucket="data", Key="x/y")["Body"].read() == b"two"
    assert s3.get_object(Bucket="data", Key="x/y", VersionId=names["first"])["Body"].read() == b"one"
    item = world.client("dynamodb").get_item(TableName="table", Key={"pk": {"S": "a"}})["Item"]
    assert item == {"pk": {"S": "a"}, "v": {"N": "1"}}
    assert world.client("iam").get_role(RoleName="job")["Role"]["RoleName"] == "job"
    assert world.client("cloudformation").describe_stacks(StackName="s")["Stacks"][0]["Outputs"][0]["OutputValue"]
    answer = world.client("lambda").invoke(FunctionName="f", Payload=json.dumps({"x": 7}))
    assert json.loads(answer["Payload"].read()) == {"said": 7}
    sqs = world.client("sqs")
    work = sqs.get_queue_url(QueueName="work")["QueueUrl"]
    sqs.send_message(QueueUrl=work, MessageBody="{}")
    counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_done() -> bool | None:
        left = sqs.get_queue_attributes(QueueUrl=work, AttributeNames=counts)["Attributes"]
        return True if set(left.values()) == {"0"} else None

    wait_for(is_done)
    done = world.describe(names["done"])
    assert (done["TrainingJobStatus"], done["FinalMetricDataList"][0]["MetricName"]) == ("Completed", "train:error")
    sagemaker = world.client("sagemaker")
    assert sagemaker.list_tags(ResourceArn=done["TrainingJobArn"])["Tags"] == [{"Key": "k", "Value": "v"}]
    components = sagemaker.list_trial_components(TrialName="tr")["TrialComponentSummaries"]
    assert [each["TrialComponentName"] for each in components] == [f"{names['done']}-aws-training-job"]
    lines = log_lines(world, names["done"])
    assert any("train-error" in line for line in lines)
    if ended:
        lost = world.describe(names["running"])
        assert lost["TrainingJobStatus"] == "Failed"
        assert "the local cloud ended while the job was running" in lost["FailureReason"]


def updated_stack(world: World, template: dict[str, Any]) -> str:
    cloudformation = world.client("cloudformation")
    cloudformation.update_stack(StackName="s", TemplateBody=json.dumps(template))

    def status() -> str | None:
        told = str(cloudformation.describe_stacks(StackName="s")["Stacks"][0]["StackStatus"])
        return None if told.endswith("IN_PROGRESS") else told

    return wait_for(status)


def log_lines(world: World, job: str) -> list[str]:
    found = world.client("logs").filter_log_events(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{job}/"
    )
    return [event["message"] for event in found["events"]]


def messages(world: World, url: str) -> list[dict[str, Any]]:
    sqs, found = world.client("sqs"), []
    while some := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0).get("Messages"):
        found += some
        for each in some:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=each["ReceiptHandle"])
    return found


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_everything_is_there_again(kept: Kept, how: str) -> None:
    names = fill(kept.world)
    check(kept.world, names, ended=False)
    world = kept.again(how)
    check(world, names, ended=True)
    bodies = [each["Body"] for each in messages(world, names["queue"])]
    assert "hello" in bodies
    failed = [json.loads(body)["detail"] for body in bodies if body != "hello"]
    assert any(
        (detail["TrainingJobName"], detail["TrainingJobStatus"]) == (names["running"], "Failed") for detail in failed
    ), "the end of what ran is told as any other"
    changed = json.loads(json.dumps(TEMPLATE).replace('"VisibilityTimeout": 30', '"VisibilityTimeout": 60'))
    updated = updated_stack(world, changed)
    assert updated == "UPDATE_COMPLETE", "the queue is the same one at another port"
    again = world.train("later")
    assert world.ended(again)["TrainingJobStatus"] == "Completed"
    check(kept.again("stopped"), names, ended=True)


def test_what_cannot_be_read_is_told_and_left_as_it_is(kept: Kept) -> None:
    """A cloud that began anew would write over everything that was there."""
    kept.world.client("dynamodb").create_table(TableName="table", **KEYS)
    kept.world.cloud.stop()
    for name in ("own.pickle", "services/dynamodb.json"):
        file = kept.folder / name
        whole = file.read_bytes()
        for damaged in (whole[: len(whole) // 2], b"", b"[]"):
            file.write_bytes(damaged)
            with pytest.raises(LocalCloudError, match=rf"{file.name} is damaged or of another version"):
                kept.start()
            assert file.read_bytes() == damaged
        file.write_bytes(whole)
    assert kept.start().client("dynamodb").list_tables()["TableNames"] == ["table"]


def test_two_clouds_do_not_share_a_folder(kept: Kept) -> None:
    with pytest.raises(LocalCloudError, match="another local cloud keeps its state in"):
        LocalCloud.start(state_dir=kept.folder, options=("--persist",))


def test_without_a_folder_nothing_can_be_kept() -> None:
    with pytest.raises(LocalCloudError, match="--persist needs a --state-dir"):
        LocalCloud.start(options=("--persist",))
