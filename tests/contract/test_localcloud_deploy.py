"""A synthesized app in the local cloud: assets, layers, functions behind rules and queues, named queries, SQL."""

import json
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from gridwatch.localcloud import LocalCloud, LocalCloudError
from gridwatch.localcloud.assets import AssetError, for_this_machine
from gridwatch.localcloud.deploy import BOOTSTRAP_PARAMETER, DeployError, deploy
from tests.contract.localcloud_world import World, wait_for

_HANDLER = """
import json, os, time, boto3
from shared import greet

def handle(event, context):
    records = event.get("Records", [event])
    for record in records:
        body = record.get("body", json.dumps(record))
        if "slow" in body:
            time.sleep(0.5)
        if "poison" in body:
            raise RuntimeError("poisoned")
        answer = {"pid": os.getpid(), "said": greet(), "host": os.environ.get("PYTEST_CURRENT_TEST"),
                  "path": os.environ["OWN"], "event": json.loads(body)}
        boto3.client("sqs").send_message(QueueUrl=os.environ["ANSWERS"], MessageBody=json.dumps(answer))
    return {"batchItemFailures": []}
"""


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _layer(folder: Path, **changes: str) -> Path:
    """A layer folder with its build manifest."""
    (folder / "python").mkdir(parents=True)
    (folder / "python" / "shared.py").write_text("def greet():\n    return 'from the layer'\n")
    manifest = {"layer": "shared", "platform": "host", "python": _python(), "requirements_sha256": "abc"} | changes
    (folder / "layer-build.json").write_text(json.dumps(manifest))
    return folder


def _template(bucket: str) -> dict[str, Any]:
    role = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}]}  # fmt: skip
    function = {
        "Handler": "app.handler.handle", "Runtime": "python3.13", "Architectures": ["arm64"], "Timeout": 10,
        "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "Layers": [{"Ref": "Layer"}],
        "Code": {"S3Bucket": {"Fn::Sub": bucket}, "S3Key": "function.zip"},
        "Environment": {"Variables": {"OWN": {"Ref": "Name"}, "ANSWERS": {"Ref": "Answers"}}},
    }  # fmt: skip
    query = {"Name": "leaders", "Database": "results", "QueryString": "SELECT 1", "WorkGroup": {"Ref": "Group"}}
    return {
        "Parameters": {
            "Name": {"Type": "String", "Default": "unset"},
            "BootstrapVersion": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": BOOTSTRAP_PARAMETER},
        },
        "Resources": {
            "Answers": {"Type": "AWS::SQS::Queue"},
            "Dead": {"Type": "AWS::SQS::Queue"},
            "Work": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": True, "ContentBasedDeduplication": True}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": role}},
            "Layer": {"Type": "AWS::Lambda::LayerVersion", "Properties": {
                "Content": {"S3Bucket": {"Fn::Sub": bucket}, "S3Key": "layer.zip"}}},
            "Function": {"Type": "AWS::Lambda::Function", "Properties": function},
            "Failures": {"Type": "AWS::Lambda::EventInvokeConfig", "Properties": {
                "FunctionName": {"Ref": "Function"}, "Qualifier": "$LATEST", "MaximumRetryAttempts": 1,
                "DestinationConfig": {"OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}}}},
            "Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {
                "FunctionName": {"Ref": "Function"}, "EventSourceArn": {"Fn::GetAtt": ["Work", "Arn"]},
                "FunctionResponseTypes": ["ReportBatchItemFailures"]}},
            "ToFunction": {"Type": "AWS::Events::Rule", "Properties": {
                "EventPattern": {"source": ["test.direct"]},
                "Targets": [{"Id": "f", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}}]}},
            "ToQueue": {"Type": "AWS::Events::Rule", "Properties": {
                "EventPattern": {"source": ["test.queued"]},
                "Targets": [
                    {"Id": "q", "Arn": {"Fn::GetAtt": ["Work", "Arn"]}, "SqsParameters": {"MessageGroupId": "one"}}]}},
            "Group": {"Type": "AWS::Athena::WorkGroup", "Properties": {"Name": "sql", "WorkGroupConfiguration": {
                "ResultConfiguration": {"OutputLocation": "s3://data/athena/"}}}},
            "Query": {"Type": "AWS::Athena::NamedQuery", "Properties": query},
        },
        "Outputs": {
            "AnswerQueue": {"Value": {"Ref": "Answers"}},
            "DeadQueue": {"Value": {"Ref": "Dead"}},
            "QueryId": {"Value": {"Ref": "Query"}},
            "Group": {"Value": {"Ref": "Group"}},
            "FunctionName": {"Value": {"Ref": "Function"}},
        },
    }  # fmt: skip


def _assembly(folder: Path) -> Path:
    """A cloud assembly as the CDK writes it."""
    bucket = "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"
    (folder / "asset.code" / "app").mkdir(parents=True)
    (folder / "asset.code" / "app" / "handler.py").write_text(_HANDLER)
    _layer(folder / "asset.layer")
    (folder / "Test.template.json").write_text(json.dumps(_template(bucket)))
    files = {
        name: {
            "source": {"path": path, "packaging": "zip"},
            "destinations": {"current": {"bucketName": bucket, "objectKey": key}},
        }
        for name, path, key in (("code", "asset.code", "function.zip"), ("layer", "asset.layer", "layer.zip"))
    }
    (folder / "Test.assets.json").write_text(json.dumps({"version": "43.0.0", "files": files}))
    stack = {
        "type": "aws:cloudformation:stack",
        "properties": {"templateFile": "Test.template.json", "stackName": "test"},
    }
    (folder / "manifest.json").write_text(
        json.dumps({"version": "43.0.0", "artifacts": {"Test": stack, "Tree": {"type": "cdk:tree"}}})
    )
    return folder


class Deployed:
    """The stack's outputs and what its function answered."""

    def __init__(self, world: World, outputs: dict[str, str]) -> None:
        self.world = world
        self.outputs = outputs

    def put(self, source: str, **detail: Any) -> None:
        entry = {"Source": source, "DetailType": "test", "Detail": json.dumps(detail)}
        assert not self.world.client("events").put_events(Entries=[entry])["FailedEntryCount"]

    def receive(self, queue: str) -> list[dict[str, Any]]:
        sqs = self.world.client("sqs")
        messages = sqs.receive_message(QueueUrl=self.outputs[queue], MaxNumberOfMessages=10).get("Messages", [])
        for message in messages:
            sqs.delete_message(QueueUrl=self.outputs[queue], ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in messages]

    def answers(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []

        def look() -> list[dict[str, Any]] | None:
            found.extend(self.receive("AnswerQueue"))
            return found if len(found) >= count else None

        return wait_for(look)


@pytest.fixture(scope="module")
def deployed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = _assembly(tmp_path_factory.mktemp("cdk.out"))
    yield Deployed(world, deploy(folder, world.cloud.endpoint, {"Name": "given"}))
    world.client("cloudformation").delete_stack(StackName="test")


def test_a_rule_reaches_a_function_with_its_layer(deployed: Deployed) -> None:
    deployed.put("test.direct", number=1)
    (answer,) = deployed.answers(1)
    assert answer["said"] == "from the layer"
    assert answer["path"] == "given"
    assert answer["event"]["detail"] == {"number": 1}
    assert answer["host"] is None, "the host's environment leaks into functions"


def test_a_rule_reaches_a_function_through_a_fifo_queue_quickly(deployed: Deployed) -> None:
    deployed.put("test.queued", warm=True)
    deployed.answers(1)
    begin = time.monotonic()
    deployed.put("test.queued", number=2)
    (answer,) = deployed.answers(1)
    assert answer["event"]["detail"] == {"number": 2}
    assert time.monotonic() - begin < 1


def test_many_events_at_once_share_few_workers(deployed: Deployed) -> None:
    for number in range(6):
        deployed.put("test.direct", number=number, slow=True)
    answers = deployed.answers(6)
    assert sorted(answer["event"]["detail"]["number"] for answer in answers) == list(range(6))
    assert len({answer["pid"] for answer in answers}) <= 4


def test_an_event_that_always_fails_ends_in_the_functions_failure_queue(deployed: Deployed) -> None:
    deployed.put("test.direct", poison=True)
    (failure,) = wait_for(lambda: deployed.receive("DeadQueue") or None)
    assert failure["requestPayload"]["detail"] == {"poison": True}
    assert "poisoned" in failure["responsePayload"]["errorMessage"]


def test_deploying_again_changes_only_what_changed(deployed: Deployed, tmp_path: Path) -> None:
    again = deploy(_assembly(tmp_path), deployed.world.cloud.endpoint, {"Name": "given"})
    assert again == deployed.outputs
    changed = deploy(_assembly(tmp_path / "b"), deployed.world.cloud.endpoint, {"Name": "changed"})
    assert changed == deployed.outputs
    deployed.put("test.direct", number=3)
    assert deployed.answers(1)[0]["path"] == "changed"


def test_named_queries_of_a_template_exist(deployed: Deployed) -> None:
    query = deployed.world.client("athena").get_named_query(NamedQueryId=deployed.outputs["QueryId"])["NamedQuery"]
    assert (query["Name"], query["WorkGroup"], query["QueryString"]) == ("leaders", "sql", "SELECT 1")


def test_athena_speaks_its_own_dialect(deployed: Deployed, tmp_path: Path) -> None:
    world = deployed.world
    parquet = tmp_path / "trials.parquet"
    duckdb.sql(f"COPY (SELECT range AS n, 'eta' AS name FROM range(11)) TO '{parquet}' (FORMAT parquet)")
    world.client("s3").put_object(Bucket="data", Key="tables/trials/one.parquet", Body=parquet.read_bytes())
    glue, athena = world.client("glue"), world.client("athena")
    glue.create_database(DatabaseInput={"Name": "results"})
    serde = {"SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}
    columns = [{"Name": "n", "Type": "bigint"}, {"Name": "name", "Type": "string"}]
    storage = {"Columns": columns, "Location": "s3://data/tables/trials/", "SerdeInfo": serde}
    glue.create_table(DatabaseName="results", TableInput={"Name": "trials", "StorageDescriptor": storage})
    started = athena.start_query_execution(
        QueryString="SELECT approx_percentile(n, 0.5) AS middle, arbitrary(name) AS name FROM trials",
        QueryExecutionContext={"Database": "results"}, WorkGroup=deployed.outputs["Group"],
    )  # fmt: skip
    identity = started["QueryExecutionId"]

    def state() -> str | None:
        status = athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]["Status"]
        assert status["State"] != "FAILED", status.get("StateChangeReason")
        return "done" if status["State"] == "SUCCEEDED" else None

    wait_for(state)
    rows = athena.get_query_results(QueryExecutionId=identity)["ResultSet"]["Rows"]
    assert [cell.get("VarCharValue") for cell in rows[1]["Data"]] == ["5", "eta"]


def test_a_layer_of_another_platform_is_replaced_by_its_twin(tmp_path: Path) -> None:
    host = _layer(tmp_path / "host" / "shared")
    foreign = _layer(tmp_path / "asset", platform="aarch64-manylinux_2_28", python="3.13")
    assert for_this_machine(foreign, tmp_path / "host") == host
    assert for_this_machine(host, tmp_path / "host") == host


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"requirements_sha256": "other"}, "packages differ"), ({"python": "2.7"}, "built for Python 2.7")],
)
def test_a_twin_that_does_not_fit_is_a_clear_error(tmp_path: Path, changes: dict[str, str], said: str) -> None:
    _layer(tmp_path / "host" / "shared", **changes)
    foreign = _layer(tmp_path / "asset", platform="aarch64-manylinux_2_28", python="3.13")
    with pytest.raises(AssetError, match=said):
        for_this_machine(foreign, tmp_path / "host")
    with pytest.raises(AssetError, match="is missing"):
        for_this_machine(foreign, tmp_path / "nowhere")


def test_the_cloud_can_deploy_before_it_says_that_it_is_ready(tmp_path: Path) -> None:
    with LocalCloud.start(options=("--template", str(_assembly(tmp_path)))) as cloud:
        assert cloud.outputs["FunctionName"].startswith("test-Function")
    with pytest.raises(LocalCloudError, match="is not a synthesized app"):
        LocalCloud.start(options=("--template", str(tmp_path / "nowhere")))


def test_a_folder_that_is_no_assembly_is_a_clear_error(world: World, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match="run `make synth`"):
        deploy(tmp_path, world.cloud.endpoint)
