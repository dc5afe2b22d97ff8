"""The deployment as a user sees it: plain boto3, the stack's outputs, and waiting."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import boto3
import pytest

from tests.story.permissions import Permissions
from tests.story.witnesses import testimony

T = TypeVar("T")
_POLL_SECONDS = 0.3
# A job that takes seconds here takes minutes on AWS, where machines are found and images pulled first.
_PATIENCE = float(os.environ.get("GRIDWATCH_TEST_PATIENCE", "1"))


@dataclass
class Deployed:
    """A deployed stack: `outputs` by key; clients come from `session` and go to `endpoint` (None: AWS itself)."""

    session: boto3.Session
    endpoint: str | None
    outputs: Mapping[str, str]
    permissions: Permissions | None = None
    """Under the strict profile: a story ends at the first call that is refused."""
    storyteller: str = ""
    """The file whose story is told now."""
    _uploads: dict[str, str] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)
    _experiments: dict[str, str | None] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.session.client(service, endpoint_url=self.endpoint)
        return self._clients[service]

    def put(self, key: str, content: str | bytes) -> None:
        """Upload into the experiments bucket; a spec under a name that no other file's stories have."""
        if key.startswith("experiments/"):
            first = self._uploads.setdefault(key, self.storyteller)
            assert first == self.storyteller, f"{key} is of {first}: one of both stories would see the other's jobs"
        body = content.encode() if isinstance(content, str) else content
        self.client("s3").put_object(Bucket=self.outputs["ExperimentsBucket"], Key=key, Body=body)

    def get_json(self, key: str) -> Any:
        """An object of the experiments bucket; None while it does not exist."""
        s3 = self.client("s3")
        try:
            return json.loads(s3.get_object(Bucket=self.outputs["ExperimentsBucket"], Key=key)["Body"].read())
        except s3.exceptions.NoSuchKey:
            return None

    def jobs(self, experiment: str) -> list[dict[str, Any]]:
        """Every training job of the experiment, described, oldest first."""
        sagemaker = self.client("sagemaker")
        names = [job["TrainingJobName"] for job in self._summaries(experiment)]
        return [sagemaker.describe_training_job(TrainingJobName=name) for name in names]

    def log(self, job_name: str) -> list[str]:
        """The lines that the job wrote."""
        logs = self.client("logs")
        group = "/aws/sagemaker/TrainingJobs"
        streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job_name}/")["logStreams"]
        lines: list[str] = []
        for stream in streams:
            request = {"logGroupName": group, "logStreamName": stream["logStreamName"], "startFromHead": True}
            token, before = None, object()
            while token != before:  # the same token twice is the end
                page = logs.get_log_events(**request, **({"nextToken": token} if token else {}))
                lines += [event["message"] for event in page["events"]]
                before, token = token, page["nextForwardToken"]
        return lines

    def query(self, sql: str) -> list[dict[str, str | None]]:
        """The rows of a query as Athena returns them: everything text."""
        athena = self.client("athena")
        started = athena.start_query_execution(
            QueryString=sql,
            WorkGroup=self.outputs["WorkGroup"],
            QueryExecutionContext={"Database": self.outputs["Database"]},
        )
        asked = {"QueryExecutionId": started["QueryExecutionId"]}

        def over() -> Any:
            status = athena.get_query_execution(**asked)["QueryExecution"]["Status"]
            return status if status["State"] not in ("QUEUED", "RUNNING") else None

        status = self.wait(over, "the query's end", 30)
        assert status["State"] == "SUCCEEDED", status.get("StateChangeReason")
        pages = athena.get_paginator("get_query_results").paginate(**asked)
        lines = [
            [cell.get("VarCharValue") for cell in line["Data"]] for page in pages for line in page["ResultSet"]["Rows"]
        ]
        names = [name or "" for name in lines[0]]
        return [dict(zip(names, line, strict=True)) for line in lines[1:]]

    def snapshot(self, experiment: str) -> None:
        """Ask for a snapshot as anybody may, and wait until it is complete."""
        body = json.dumps({"type": "SnapshotExperiment", "experiment": experiment})
        self.client("sqs").send_message(QueueUrl=self.outputs["SnapshotQueue"], MessageBody=body, DelaySeconds=0)
        sql = f"SELECT complete FROM experiments WHERE experiment = '{experiment}'"
        self.wait(lambda: self._has_tables(experiment) and self.query(sql) == [{"complete": "true"}], "a snapshot", 60)

    def wait(self, look: Callable[[], T | None], what: str, seconds: float) -> T:
        """Wait until a look finds something."""
        seconds *= _PATIENCE
        deadline = time.monotonic() + seconds
        while not (found := look()):
            if self.permissions:
                self.permissions.check()
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not come within {seconds:.0f} s\n{testimony(self.client)}", pytrace=True)
            time.sleep(_POLL_SECONDS)
        return found

    def wait_for_jobs(self, experiment: str, count: int, seconds: float) -> list[dict[str, Any]]:
        """Wait for that many jobs of the experiment, all of them over."""
        over = ("Completed", "Failed", "Stopped")

        def look() -> bool:
            jobs = self._summaries(experiment)
            return len(jobs) >= count and all(job["TrainingJobStatus"] in over for job in jobs)

        self.wait(look, f"the end of {count} jobs of {experiment}", seconds)
        return self.jobs(experiment)

    def _has_tables(self, experiment: str) -> bool:
        key = f"tables/experiments/{experiment}.parquet"
        found = self.client("s3").list_objects_v2(Bucket=self.outputs["ArtifactsBucket"], Prefix=key)
        return bool(found.get("KeyCount"))

    def _summaries(self, experiment: str) -> list[dict[str, Any]]:
        request = {"SortBy": "CreationTime", "SortOrder": "Ascending"}
        pages = self.client("sagemaker").get_paginator("list_training_jobs").paginate(**request)
        jobs = [job for page in pages for job in page["TrainingJobSummaries"]]
        return [job for job in jobs if self._experiment_of(job["TrainingJobArn"]) == experiment]

    def _experiment_of(self, arn: str) -> str | None:
        if arn not in self._experiments:  # a job's tags do not change here
            tags = self.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
            self._experiments[arn] = {tag["Key"]: tag["Value"] for tag in tags}.get("gridwatch:experiment")
        return self._experiments[arn]


@dataclass
class Mailbox:
    """A queue on the alert topic; `mails` are the messages so far, as subscribers get them."""

    deployed: Deployed
    queue_url: str
    mails: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, deployed: Deployed, name: str) -> Mailbox:
        sqs = deployed.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = deployed.outputs["AlertTopic"]
        allowed = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
        deployed.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return cls(deployed, url)

    def about(self, word: str) -> list[dict[str, Any]]:
        """The mails whose subject or text contains the word."""
        sqs = self.deployed.client("sqs")
        while found := sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                self.mails.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return [mail for mail in self.mails if word in f"{mail.get('Subject')} {mail['Message']}"]
