"""The watching functions as Lambda calls them, wired to AWS by their environment (moto in this process)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from gridwatch.aws import clients
from gridwatch.domain.jobs import JobRecord
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.storage.layout import tensor_prefix
from tests.tensor_folder import TensorFolder
from tests.unit.functions.test_handlers import BUCKET, REGION, Account, Context
from tests.unit.functions.watching import LOSS

EVENTS = Path(__file__).resolve().parents[2] / "events"
JOB = "gridwatch-blobs-0a1b2c3d4e-1"
ARTIFACTS = "artifacts-bucket"
_SLOW = {
    "CUSTOM_RULE_INTERVAL_SECONDS": "60",
    "SLOW_QUEUE_URL": "https://sqs.example/slow",
    "LOOK_INTERVAL_SECONDS": "60",
    "TABLE_INTERVAL_SECONDS": "0",
    "CUSTOM_RULE_FUNCTION": "",
    "MAX_DELIVERIES": "5",
}

_TELLING = {
    "CHAT_TOPIC_ARN": "",
    "WEBHOOK_QUEUE_URL": "",
    "WEBHOOK_CHANNELS": "",
    "GROUP_SECONDS": "300",
    "QUIET_HOURS": "",
    "TIME_ZONE": "UTC",
    "ALERTS_PER_HOUR": "0",
    "CRITICAL_PASSES": "false",
}
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


class Watched(Account):
    """An account with one training job under one rule. moto's jobs are over as soon as they are created."""

    def __init__(self) -> None:
        super().__init__()
        self.s3.create_bucket(Bucket=ARTIFACTS, CreateBucketConfiguration={"LocationConstraint": REGION})
        sns = boto3.client("sns", REGION)
        self.topic = sns.create_topic(Name="alerts")["TopicArn"]
        self.queues["mailbox"] = self._queue("mailbox")
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queues["mailbox"], AttributeNames=["QueueArn"])
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn["Attributes"]["QueueArn"])
        self._job()

    def _job(self) -> None:
        arn = self.sagemaker.create_training_job(
            TrainingJobName=JOB, RoleArn="arn:aws:iam::123456789012:role/r",
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            AlgorithmSpecification={"TrainingImage": "i", "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://x"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1},
        )["TrainingJobArn"]  # fmt: skip
        self.store.put_job(
            JobRecord(
                job_name=JOB, experiment="blobs", trial_id="0a1b2c3d4e", attempt=1, policies=(LOSS,),
                hyperparameters={"eta": 0.2}, objective_metric="validation-error", objective_direction="minimize",
            )
        )  # fmt: skip
        trial = TrialRecord(
            experiment="blobs", trial_id="0a1b2c3d4e", index=0, attempt=1, state=TrialState.RUNNING, job_name=JOB,
            hyperparameters={"eta": 0.2}, created_at=LONG_AGO, updated_at=LONG_AGO, job_arn=arn,
        )  # fmt: skip
        self.store.add_trials([trial])

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "EVENT_BUS_NAME": "default",
            "ALERT_TOPIC_ARN": self.topic,
            **_SLOW,
            **_TELLING,
        }

    def save_tensors(self) -> dict[str, Any]:
        """Tensors of a job that gets nowhere; returns the event of its last index file."""
        folder = TensorFolder({"metrics": ["loss"], "losses": ["loss"]})
        for step, value in enumerate([8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0]):
            folder.save(step, {"loss": [value]})
        for key, data in folder.objects.items():
            self.s3.put_object(Bucket=ARTIFACTS, Key=tensor_prefix(JOB) + key, Body=data)
        event: dict[str, Any] = json.loads((EVENTS / "s3_index_created.json").read_text())
        event["detail"]["object"]["key"] = f"{tensor_prefix(JOB)}index/000000000/000000000006_worker_0.json"
        return event

    def mails(self) -> list[dict[str, Any]]:
        return self.received("mailbox")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        made = Watched()
        for key, value in made.environment().items():
            monkeypatch.setenv(key, value)
        _forget()
        yield made
    _forget()


def _forget() -> None:
    """What a fresh Lambda environment does not have yet."""
    import deliver_alert.handler
    import evaluate_rules.handler
    import evaluate_slow_rules.handler
    import post_webhook.handler
    import react_to_finding.handler
    import sweep.handler
    import track_job.handler

    for cached in (
        clients.client, clients.region, evaluate_rules.handler._evaluator, react_to_finding.handler._settings,
        react_to_finding.handler._store, deliver_alert.handler._courier, deliver_alert.handler._gatekeeper,
        deliver_alert.handler._digester, deliver_alert.handler._prices, deliver_alert.handler._queue,
        deliver_alert.handler._store, deliver_alert.handler._settings, sweep.handler._settings, sweep.handler._store,
        track_job.handler._tracker,
        evaluate_slow_rules.handler._settings, evaluate_slow_rules.handler._evaluator, post_webhook.handler._settings,
        post_webhook.handler._webhook,
    ):  # fmt: skip
        cached.cache_clear()


def batch(*bodies: object) -> dict[str, Any]:
    return {"Records": [{"messageId": str(number), "body": json.dumps(body)} for number, body in enumerate(bodies)]}


def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What is put on the bus, as rules' targets get it: moto keeps no events."""
    events: list[dict[str, Any]] = []
    bus = clients.client("events")

    def put_events(**request: Any) -> dict[str, Any]:
        for entry in request["Entries"]:
            change = {
                "source": entry["Source"],
                "detail-type": entry["DetailType"],
                "detail": json.loads(entry["Detail"]),
            }
            events.append(change)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

    monkeypatch.setattr(bus, "put_events", put_events)
    return events


def test_from_the_index_file_to_the_mail(account: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    from deliver_alert.handler import handler as deliver
    from evaluate_rules.handler import handler as evaluate
    from react_to_finding.handler import handler as react

    events, arrived = published(monkeypatch), account.save_tensors()
    assert evaluate(batch(arrived, arrived), Context()) == {"batchItemFailures": []}
    assert evaluate(batch(arrived), Context()) == {"batchItemFailures": []}
    (event,) = events
    assert event["detail"]["Findings"][0]["Finding"]["step"] == 6

    assert react(batch(event), Context()) == {"batchItemFailures": []}
    assert react(event, Context()) == {"batchItemFailures": []}
    (reaction,) = account.store.list_reactions(JOB)
    assert (reaction.action, reaction.reason) == ("alert", "the training job had completed already")
    assert account.store.open_findings() == []

    (message,) = account.received("alerts")
    assert deliver(batch(message, message), Context()) == {"batchItemFailures": []}
    (mail,) = account.mails()
    assert mail["Subject"] == "[Gridwatch] loss in blobs/0a1b2c3d4e"
    assert "loss did not change over" in mail["Message"]
    assert mail["MessageAttributes"]["kind"] == {"Type": "String", "Value": "rule_issue"}


def test_the_schedule_repairs(account: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluate_rules.handler import handler as evaluate
    from sweep.handler import handler as sweep
    from track_job.handler import handler as track

    events, arrived = published(monkeypatch), account.save_tensors()
    evaluate(batch(arrived), Context())
    events.clear()

    sweep(json.loads((EVENTS / "scheduled_event.json").read_text()), Context())
    asked = account.received("track")
    assert asked == [{"type": "TrackJob", "job_name": JOB}]
    assert track(batch(*asked), Context()) == {"batchItemFailures": []}

    trial = account.store.get_trial("blobs", "0a1b2c3d4e")
    assert trial is not None
    assert trial.state is TrialState.COMPLETED
    assert {"type": "EvaluateJob", "job_name": JOB, "ended": True} in account.received("evaluate")
    assert events == []  # the finding is younger than a minute: its event is on its way


def test_a_job_for_which_a_call_has_no_time_is_evaluated_by_the_next(
    account: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluate_rules.handler import handler as evaluate

    class Late(Context):
        def get_remaining_time_in_millis(self) -> int:
            return 5_000

    events = published(monkeypatch)
    account.save_tensors()
    ended = {"type": "EvaluateJob", "job_name": JOB, "ended": True, "look": "2026-01-01"}
    assert evaluate(batch(ended), Late()) == {"batchItemFailures": []}
    assert events == []
    (asked,) = account.received("evaluate")
    assert asked == ended
    assert evaluate(batch(asked), Context()) == {"batchItemFailures": []}
    assert len(events) == 1


def test_only_what_failed_comes_again(account: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    from deliver_alert.handler import handler as deliver
    from evaluate_rules.handler import handler as evaluate
    from react_to_finding.handler import handler as react

    published(monkeypatch)
    assert evaluate(batch({"type": "EvaluateJob", "job_name": "of-others"}, {"type": "EvaluateJob"}), Context()) == {
        "batchItemFailures": [{"itemIdentifier": "1"}]
    }
    broken = {"source": "gridwatch", "detail-type": "Gridwatch Rule Status Change", "detail": None}
    assert react(batch({}, broken), Context()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert deliver(batch({"type": "DeliverAlert", "alert_id": "unknown"}, {"type": "x"}), Context()) == {
        "batchItemFailures": [{"itemIdentifier": "1"}]
    }


def test_a_bus_that_takes_nothing_makes_the_message_come_again(
    account: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluate_rules.handler import handler as evaluate

    arrived = account.save_tensors()
    refusal = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "unwell"}]}
    monkeypatch.setattr(clients.client("events"), "put_events", lambda **request: refusal)
    assert evaluate(batch(arrived), Context()) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert account.store.load_evaluation(JOB).version == 0

    events = published(monkeypatch)
    assert evaluate(batch(arrived), Context()) == {"batchItemFailures": []}
    assert len(events) == 1


def slow_request(policy: RulePolicy, account: Watched, *, deliveries: int = 1) -> dict[str, Any]:
    job = account.store.get_job(JOB)
    assert job is not None
    account.store.put_job(replace(job, policies=(policy,)))
    event = batch({"type": "EvaluateSlowRule", "job_name": JOB, "rule_name": policy.name, "ended": True})
    event["Records"][0]["attributes"] = {"ApproximateReceiveCount": str(deliveries)}
    return event


def test_a_slow_rule_that_this_deployment_does_not_run_is_told(
    account: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluate_slow_rules.handler import handler as evaluate

    events = published(monkeypatch)
    own = RulePolicy(name="own", rule="Slow", source=f"s3://{BUCKET}/code/slow.py")
    assert evaluate(slow_request(own, account), Context()) == {"batchItemFailures": []}
    (told,) = events[0]["detail"]["DebugRuleEvaluationStatuses"]
    assert (told["RuleEvaluationStatus"], "runs no rules" in told["StatusDetails"]) == ("Error", True)


def test_the_last_delivery_of_a_slow_rule_that_fails_says_so(account: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluate_slow_rules.handler import handler as evaluate

    events = published(monkeypatch)
    account.s3.delete_bucket(Bucket=ARTIFACTS)
    report = RulePolicy(name="report", rule="CreateXgboostReport")
    again = {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert evaluate(slow_request(report, account, deliveries=4), Context()) == again
    assert events == []
    assert evaluate(slow_request(report, account, deliveries=5), Context()) == again
    (told,) = events[0]["detail"]["DebugRuleEvaluationStatuses"]
    assert told["RuleEvaluationStatus"] == "Error"
    assert "bucket does not exist" in told["StatusDetails"]


class Webhooks:
    """A deployment with both webhooks, and the queues of `post_webhook`."""

    def __init__(self, account: Watched, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
        self.sqs = account.sqs
        self.queue = self.sqs.create_queue(QueueName="webhooks", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
        self.dead = self.sqs.create_queue(QueueName="webhooks-dead")["QueueUrl"]
        made = boto3.client("secretsmanager", REGION).create_secret(Name="slack", SecretString=secret)
        monkeypatch.setenv("SLACK_SECRET_ARN", made["ARN"])
        monkeypatch.setenv("INCIDENT_SECRET_ARN", "")
        monkeypatch.setenv("WEBHOOK_QUEUE_URL", self.queue)
        monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", self.dead)

    def post(self, channel: str) -> dict[str, Any]:
        from post_webhook.handler import handler

        message = {"type": "PostWebhook", "alert_id": "a", "channel": channel, "payload": "{}"}
        return handler(batch(message), Context())

    def dead_letters(self) -> list[dict[str, Any]]:
        received = self.sqs.receive_message(QueueUrl=self.dead, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]


def test_a_webhook_that_does_not_answer_is_posted_again(account: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    webhooks = Webhooks(account, monkeypatch, "https://127.0.0.1:9/services/secret")  # nobody listens there
    assert webhooks.post("slack") == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    assert webhooks.dead_letters() == []


@pytest.mark.parametrize(("channel", "secret"), [("slack", "no address"), ("incident", "https://example.com")])
def test_what_can_never_be_posted_lies_among_the_dead_letters_at_once(
    account: Watched, monkeypatch: pytest.MonkeyPatch, channel: str, secret: str
) -> None:
    webhooks = Webhooks(account, monkeypatch, secret)
    assert webhooks.post(channel) == {"batchItemFailures": []}
    assert [letter["channel"] for letter in webhooks.dead_letters()] == [channel]
