"""The strict profile: every call of a role is allowed by a policy, or refused in AWS's words and written down."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.authorization.needs import sagemaker_needs
from tests.contract.localcloud_world import TRAINER, wait_for, write_images

ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1})
DENIED = "AccessDeniedException"
HERE = "us-east-1:000000000000"
JOB = {
    "AlgorithmSpecification": {"TrainingImage": TRAINER, "TrainingInputMode": "File"},
    "OutputDataConfig": {"S3OutputPath": "s3://kept/models/"},
    "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60},
}


@dataclass(frozen=True)
class Strict:
    """A cloud under the strict profile, seen by its owner, who may do everything."""

    cloud: LocalCloud

    def client(self, service: str, **credentials: str) -> Any:
        owner = {"aws_access_key_id": self.cloud.account, "aws_secret_access_key": "local"}
        return boto3.client(
            service,
            endpoint_url=self.cloud.endpoint,
            region_name=self.cloud.region,
            config=ONCE,
            **(credentials or owner),
        )

    def role(self, name: str, *statements: dict[str, Any]) -> str:
        """The ARN of a role with these statements, assumable by SageMaker and by the owner."""
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
        principal = {"Service": "sagemaker.amazonaws.com", "AWS": f"arn:aws:iam::{self.cloud.account}:root"}
        trusted = {"Version": "2012-10-17", "Statement": [{**trust, "Principal": principal}]}
        iam = self.client("iam")
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trusted))["Role"]["Arn"])
        if statements:
            document = json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **s} for s in statements]}
            )
            iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        return arn

    def session(self, name: str, *statements: dict[str, Any]) -> dict[str, str]:
        """Credentials of a new role with these statements."""
        arn = self.role(name, *statements)
        keys = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }

    def acting_as(self, name: str, *statements: dict[str, Any]) -> Callable[[str], Any]:
        """Makes clients that act as a new role with these statements."""
        keys = self.session(name, *statements)
        return lambda service: self.client(service, **keys)

    def report(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.cloud.endpoint}/_localcloud/permissions") as answer:
            return dict(json.load(answer))

    def refused(self, principal: str) -> list[tuple[str, str]]:
        return [
            (each["action"], each["resource"]) for each in self.report()["refused"] if each["principal"] == principal
        ]


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    folder: Path = tmp_path_factory.mktemp("strict")
    with LocalCloud.start(images=write_images(folder), options=("--strict", "--starting-delay", "0.05")) as cloud:
        made = Strict(cloud)
        made.client("s3").create_bucket(Bucket="kept")
        made.client("s3").put_object(Bucket="kept", Key="data/rows.csv", Body=b"1,2\n")
        yield made


def over(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["TrainingJobStatus"] != "InProgress" else None


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_each_protocol_refuses_in_its_own_words(strict: Strict) -> None:
    nobody = strict.acting_as("nobody")
    queue = strict.client("sqs").create_queue(QueueName="words")["QueueUrl"]
    topic = strict.client("sns").create_topic(Name="words")["TopicArn"]
    strict.client("dynamodb").create_table(
        TableName="words", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )  # fmt: skip
    assert code_of(nobody("s3").get_object, Bucket="kept", Key="data/rows.csv") == "AccessDenied"
    assert code_of(nobody("sqs").send_message, QueueUrl=queue, MessageBody="x") in (
        "AccessDenied",
        DENIED,
    )
    assert code_of(nobody("sns").publish, TopicArn=topic, Message="x") == "AuthorizationError"
    item = {"pk": {"S": "1"}}
    assert code_of(nobody("dynamodb").put_item, TableName="words", Item=item) == DENIED
    with pytest.raises(ClientError, match="is not authorized to perform: sagemaker:ListTrainingJobs") as refused:
        nobody("sagemaker").list_training_jobs()
    assert refused.value.response["Error"]["Code"] == DENIED
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert code_of(nobody("batch").list_service_jobs, jobQueue="q") == DENIED
    assert strict.refused("nobody") == [
        ("batch:ListServiceJobs", "*"),
        ("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/words"),
        ("s3:GetObject", "arn:aws:s3:::kept/data/rows.csv"),
        ("sagemaker:ListTrainingJobs", "*"),
        ("sns:Publish", topic),
        ("sqs:SendMessage", f"arn:aws:sqs:{HERE}:words"),
    ]


def test_a_role_that_signs_with_a_guess_is_refused(strict: Strict) -> None:
    keys = strict.session("everything", {"Action": "*", "Resource": "*"})
    assert code_of(strict.client("s3", **keys).list_buckets) == "done"
    guessed = strict.client("s3", **{**keys, "aws_secret_access_key": "guessed"})
    assert code_of(guessed.list_buckets) == "SignatureDoesNotMatch"


def test_what_a_policy_allows_is_done_and_counted(strict: Strict) -> None:
    queue = strict.client("sqs").create_queue(QueueName="counted")["QueueUrl"]
    counted = {"Action": ["sqs:SendMessage", "sqs:DeleteMessage"], "Resource": f"arn:aws:sqs:{HERE}:counted"}
    sender = strict.acting_as("sender", counted)("sqs")
    sender.send_message_batch(QueueUrl=queue, Entries=[{"Id": "1", "MessageBody": "x"}])  # by the action of one
    granted = {
        each["action"]: (each["used"], each["needed"])
        for each in strict.report()["granted"]
        if each["role"] == "sender"
    }
    assert granted == {"sqs:SendMessage": (1, 1), "sqs:DeleteMessage": (0, 0)}


def test_a_condition_that_is_not_known_refuses(strict: Strict) -> None:
    strange = {
        "Action": "s3:GetObject",
        "Resource": "*",
        "Condition": {"StringSoundsLike": {"aws:RequestedRegion": "x"}},
    }
    client = strict.acting_as("strange", strange)("s3")
    assert code_of(client.get_object, Bucket="kept", Key="data/rows.csv") == "AccessDenied"
    (why,) = [each["reason"] for each in strict.report()["refused"] if each["principal"] == "strange"]
    assert "stringsoundslike" in why


def test_events_of_other_sources_are_refused(strict: Strict) -> None:
    own = {"Action": "events:PutEvents", "Resource": "*", "Condition": {"StringEquals": {"events:source": "own"}}}
    events = strict.acting_as("events", own)("events")

    def put(*sources: str) -> str:
        entries = [{"Source": source, "DetailType": "t", "Detail": "{}"} for source in sources]
        return code_of(events.put_events, Entries=entries)

    assert [put("own"), put("own", "own"), put("other"), put("own", "other")] == [
        "done", "done", DENIED, DENIED,
    ]  # fmt: skip


def test_a_key_that_is_not_there_is_hidden_from_who_may_not_list_it(strict: Strict) -> None:
    read = {"Action": "s3:GetObject", "Resource": "arn:aws:s3:::kept/*"}
    below = {"StringLike": {"s3:prefix": ["data/*"]}}
    listing = {"Action": "s3:ListBucket", "Resource": "arn:aws:s3:::kept"}
    missing = {"Bucket": "kept", "Key": "data/none"}
    partly = strict.acting_as("partly", read, {**listing, "Condition": below})("s3")
    wholly = strict.acting_as("wholly", read, listing)("s3")
    assert code_of(partly.get_object, **missing) == "AccessDenied"
    assert code_of(partly.head_object, **missing) == "403"
    assert code_of(wholly.get_object, **missing) == "NoSuchKey"
    assert strict.refused("partly") == []  # S3's way of saying that nothing is there


def test_a_role_is_handed_over_only_by_who_may_pass_it(strict: Strict) -> None:
    jobs = f"arn:aws:sagemaker:{HERE}:training-job"
    work = strict.role(
        "worker",
        {"Action": ["s3:PutObject"], "Resource": "arn:aws:s3:::kept/models/*"},
        {"Action": "logs:*", "Resource": "*"},
    )
    create = {"Action": "sagemaker:CreateTrainingJob", "Resource": f"{jobs}/mine-*"}
    only = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    passing = {"Action": "iam:PassRole", "Resource": work, "Condition": only}
    tagging = {"Action": "sagemaker:AddTags", "Resource": f"{jobs}/mine-*"}
    tags = [{"Key": "owner", "Value": "me"}]

    without = strict.acting_as("without", create)("sagemaker")
    with_role = strict.acting_as("with-role", create, passing)("sagemaker")
    with_all = strict.acting_as("with-all", create, passing, tagging)("sagemaker")
    assert code_of(without.create_training_job, TrainingJobName="mine-1", RoleArn=work, **JOB) == DENIED
    assert strict.refused("without") == [("iam:PassRole", work)]
    assert code_of(with_role.create_training_job, TrainingJobName="other", RoleArn=work, **JOB) == DENIED
    tagged = {"TrainingJobName": "mine-2", "RoleArn": work, "Tags": tags, **JOB}
    assert code_of(with_role.create_training_job, **tagged) == DENIED
    assert code_of(with_all.create_training_job, **tagged) == "done"
    owner = strict.client("sagemaker")
    job = wait_for(lambda: over(owner.describe_training_job(TrainingJobName="mine-2")))
    assert job["TrainingJobStatus"] == "Completed"
    used = {each["action"] for each in strict.report()["granted"] if each["role"] == "worker" and each["used"]}
    assert used == {"s3:PutObject", "logs:*"}, "its upload and its log are the role's own calls"


def test_a_job_is_reached_by_the_tag_that_it_carries(strict: Strict) -> None:
    tagged = {"Null": {"aws:ResourceTag/watch": "false"}}
    describe = {"Action": "sagemaker:DescribeTrainingJob", "Resource": "*", "Condition": tagged}
    watcher = strict.acting_as("watcher", describe)("sagemaker")
    work = strict.role("watched-worker", {"Action": "*", "Resource": "*"})
    owner = strict.client("sagemaker")
    owner.create_training_job(TrainingJobName="plain", RoleArn=work, **JOB)
    owner.create_training_job(TrainingJobName="watched", RoleArn=work, Tags=[{"Key": "watch", "Value": ""}], **JOB)
    assert code_of(watcher.describe_training_job, TrainingJobName="plain") == DENIED
    assert code_of(watcher.describe_training_job, TrainingJobName="watched") == "done"


def test_the_bus_delivers_only_where_the_queue_lets_it_in(strict: Strict) -> None:
    sqs, events = strict.client("sqs"), strict.client("events")
    pattern = json.dumps({"source": ["own.rule"]})
    rule = events.put_rule(Name="both", EventPattern=pattern)["RuleArn"]
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("open", "closed")}
    arns = {name: f"arn:aws:sqs:{HERE}:{name}" for name in urls}
    statement = {
        "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
        "Resource": arns["open"], "Condition": {"ArnEquals": {"aws:SourceArn": rule}},
    }  # fmt: skip
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=urls["open"], Attributes={"Policy": policy})
    events.put_targets(Rule="both", Targets=[{"Id": name, "Arn": arn} for name, arn in arns.items()])
    events.put_events(Entries=[{"Source": "own.rule", "DetailType": "t", "Detail": "{}"}])
    assert len(sqs.receive_message(QueueUrl=urls["open"], WaitTimeSeconds=5).get("Messages", [])) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=urls["closed"])
    assert strict.refused("events.amazonaws.com") == [("sqs:SendMessage", arns["closed"])]


def test_needs_of_requests() -> None:
    def needs(operation: str, request: dict[str, Any]) -> list[tuple[str, str]]:
        made = sagemaker_needs(operation, request, lambda resource: f"arn:{resource}", lambda _: {})
        return [(need.action, need.resource) for need in made]

    tuning = {
        "HyperParameterTuningJobName": "t-1",
        "TrainingJobDefinitions": [{"RoleArn": "r1"}, {"RoleArn": "r2"}, {"RoleArn": "r1"}],
    }
    assert needs("CreateHyperParameterTuningJob", tuning) == [
        ("sagemaker:CreateHyperParameterTuningJob", "arn:hyper-parameter-tuning-job/t-1"),
        ("iam:PassRole", "r1"),
        ("iam:PassRole", "r2"),
    ]
    assert needs("CreateTrial", {"TrialName": "T", "ExperimentName": "E"}) == [
        ("sagemaker:CreateTrial", "arn:experiment-trial/t")
    ]
    of_tuning = "ListTrainingJobsForHyperParameterTuningJob"
    assert needs(of_tuning, {"HyperParameterTuningJobName": "t-1"}) == [
        (f"sagemaker:{of_tuning}", "arn:hyper-parameter-tuning-job/t-1")
    ]
    assert needs("Search", {"Resource": "TrainingJob"}) == [("sagemaker:Search", "*")]
    assert needs("BatchPutMetrics", {"TrialComponentName": "C"}) == [
        ("sagemaker:BatchPutMetrics", "arn:experiment-trial-component/c")
    ]
