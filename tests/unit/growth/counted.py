"""A deployment in memory whose every call to AWS is counted: handlers and commands run whole, as Lambda and people call
them, over an experiment of any size and any number of experiments that are over.
"""

from __future__ import annotations

import importlib
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self
from unittest import mock

import boto3
from typer.testing import CliRunner

from gridwatch.cli import main
from gridwatch.cli.analytics.local_tables import LocalTables
from gridwatch.cli.context import Cloud as ChosenCloud
from gridwatch.cli.session import Session
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import Message, to_body
from gridwatch.storage import layout
from gridwatch.tables import schemas
from gridwatch.tables.parquet import write_parquet
from gridwatch_rules.tensors.scalars import ScalarStep, collections_file, scalar_files
from tests.fakes.clock import FakeClock
from tests.simulation.clients import Client, installed
from tests.simulation.dynamodb import DynamoDB
from tests.simulation.environments import _handler
from tests.simulation.s3 import S3, Stored
from tests.simulation.sagemaker import Course, Job, SageMaker
from tests.unit.functions.test_handlers import Context
from tests.unit.functions.world import EXAMPLES
from tests.unit.growth.grown import RULES, Grown
from tests.unit.tables.facts_of import a_job, a_trial, an_experiment

EXPERIMENTS, ARTIFACTS = "experiments-bucket", "artifacts-bucket"
PAGE = 100  # results of an answer of SageMaker
_QUEUES = ("start.fifo", "track", "evaluate", "slow", "snapshot", "alerts", "webhooks", "dead-letters")
URLS = {name: f"https://sqs.eu-west-1.amazonaws.com/123456789012/{name}" for name in _QUEUES}
ENVIRONMENT = {
    "ACCOUNT_ID": "123456789012", "EXPERIMENTS_BUCKET": EXPERIMENTS, "ARTIFACTS_BUCKET": ARTIFACTS,
    "STATE_TABLE": "state", "IDEMPOTENCY_TABLE": "idempotency", "NAME_PREFIX": "gridwatch",
    "START_QUEUE_URL": URLS["start.fifo"], "TRACK_QUEUE_URL": URLS["track"], "EVALUATE_QUEUE_URL": URLS["evaluate"],
    "SLOW_QUEUE_URL": URLS["slow"], "SNAPSHOT_QUEUE_URL": URLS["snapshot"], "ALERT_QUEUE_URL": URLS["alerts"],
    "WEBHOOK_QUEUE_URL": URLS["webhooks"], "DEAD_LETTER_QUEUE_URL": URLS["dead-letters"], "EVENT_BUS_NAME": "bus",
    "ALERT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alerts", "CHAT_TOPIC_ARN": "", "WEBHOOK_CHANNELS": "",
    "GROUP_SECONDS": "60", "QUIET_HOURS": "", "TIME_ZONE": "UTC", "ALERTS_PER_HOUR": "0", "CRITICAL_PASSES": "false",
    "CUSTOM_RULE_FUNCTION": "", "CUSTOM_RULE_SECONDS": "60", "CUSTOM_RULE_SOURCES": "", "MAX_DELIVERIES": "5",
    "CUSTOM_RULE_INTERVAL_SECONDS": "60", "LOOK_INTERVAL_SECONDS": "60", "TABLE_INTERVAL_SECONDS": "0",
    "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/gridwatch-training", "XGBOOST_SOURCE_URI": "s3://assets/0.tar.gz",
    "PROCESSING_INSTANCES": "0", "ALLOWED_IN_SPECS": "", "BATCH_JOB_QUEUE": "", "BATCH_ATTEMPTS": "3",
    "LAUNCH_RATE_PER_SECOND": "1000", "LAUNCH_BURST": "1000", "SLACK_SECRET_ARN": "arn:slack",
    "INCIDENT_SECRET_ARN": "", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}  # fmt: skip
FUNCTIONS = Path(__file__).resolve().parents[3] / "functions"


@cache
def environment() -> Mapping[str, str]:
    """The environment of all functions: what matters here, and something for each setting beside it."""
    found = dict(ENVIRONMENT)
    for path in FUNCTIONS.glob("*/settings.py"):
        for each in fields(importlib.import_module(f"{path.parent.name}.settings").Settings):
            if each.default is MISSING:
                found.setdefault(each.name.upper(), "unset" if "str" in str(each.type) else "0")
    return found


_OUTPUTS = {
    "ExperimentsBucket": EXPERIMENTS, "ArtifactsBucket": ARTIFACTS, "StateTable": "state", "AlertTopic": "topic",
    "Database": "gridwatch", "WorkGroup": "gridwatch", "NamePrefix": "gridwatch", "StartQueue": URLS["start.fifo"],
    "SnapshotQueue": URLS["snapshot"], "JobRole": ENVIRONMENT["JOB_ROLE_ARN"], "XgboostSource": "s3://assets/0.tar.gz",
    "LaunchTarget": "direct", "EvaluateQueue": URLS["evaluate"],
}  # fmt: skip


@dataclass
class _Stage:
    """Simulated time that nobody waits for. `acting` is whoever calls."""

    clock: FakeClock
    calls: Counter[str]
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(0)
        self.acting = SimpleNamespace(
            name="entry#1", check=lambda: None, pause=self.clock.advance, moment=self.clock.now
        )

    @property
    def now(self) -> float:
        return self.clock.now().timestamp()

    def moment(self) -> Any:
        return self.clock.now()

    def after(self, seconds: float, action: Any) -> None:
        """Drop what would happen later: one call is looked at."""

    def tell(self, line: str) -> None:
        self.trace.append(line)

    def of_call(self, act: str, name: str) -> None:
        self.calls[name] += 1


class Tables:
    """DynamoDB: the state table counts what is read of it, other tables have some items."""

    def __init__(self, state: Any, stage: Any) -> None:
        self.state, self.other = state, DynamoDB(stage, index_lag=0)

    def __getattr__(self, operation: str) -> Any:
        def call(**request: Any) -> Any:
            return getattr(self.other if "idempotency" in str(request) else self.state, operation)(**request)

        return call


class PagedSageMaker(SageMaker):
    """SageMaker whose answers have a hundred results."""

    def list_training_jobs(self, **request: Any) -> dict[str, Any]:
        token, _ = request.pop("ContinuationToken", None), request.pop("NextToken", None)
        return _page("TrainingJobSummaries", super().list_training_jobs(**request), token)

    def search(self, **request: Any) -> dict[str, Any]:
        token = request.pop("ContinuationToken", None) or request.pop("NextToken", None)
        return _page("Results", super().search(**request), token)

    def associate_trial_component(self, **request: Any) -> dict[str, Any]:
        return {}

    def __getattr__(self, operation: str) -> Any:
        """Answer what else is asked for with lists that are empty: what an experiment has besides trials."""
        if not operation.startswith(("describe_", "list_", "disassociate_", "delete_", "update_")):
            raise AttributeError(operation)
        return lambda **request: {
            "Associations": [], "TrialSummaries": [], "TrialComponentSummaries": [], "ExperimentSummaries": [],
            "ModelPackageSummaryList": [],
        }  # fmt: skip


def _page(name: str, answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    begin = int(token or 0)
    rest = {"NextToken": str(begin + PAGE)} if begin + PAGE < len(answer[name]) else {}
    return {name: answer[name][begin : begin + PAGE]} | rest


class Queues:
    """SQS that takes everything. `bodies` has what was sent, by queue."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[str]] = {}

    def send_message(self, *, QueueUrl: str, MessageBody: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.bodies.setdefault(QueueUrl, []).append(MessageBody)
        return {"MessageId": "m"}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 0 < len(Entries) <= 10
        for entry in Entries:
            self.send_message(QueueUrl=QueueUrl, MessageBody=entry["MessageBody"])
        return {"Successful": Entries}

    def list_queues(self, **_: Any) -> dict[str, Any]:
        return {"QueueUrls": []}


class Others:
    """What is told and asked besides: it takes everything, and has nothing."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert 0 < len(Entries) <= 10
        self.events += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in Entries]}

    def publish(self, **_: Any) -> dict[str, Any]:
        return {"MessageId": "m"}

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in _OUTPUTS.items()]
        return {"Stacks": [{"StackName": "gridwatch", "Outputs": outputs}]}

    def get_caller_identity(self) -> dict[str, Any]:
        return {"Arn": "arn:aws:iam::123456789012:user/ana", "Account": "123456789012"}

    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        return {"SecretString": json.dumps({"url": "https://hooks.example.org/x"})}

    def describe_log_streams(self, **_: Any) -> dict[str, Any]:
        return {"logStreams": [{"logStreamName": "algo-1", "creationTime": 1}]}

    def get_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": [{"timestamp": 1, "message": "[1] loss 0.5"}], "nextForwardToken": "end"}

    def filter_log_events(self, **_: Any) -> dict[str, Any]:
        return {"events": []}

    def batch_get_image(self, **request: Any) -> dict[str, Any]:
        return {"images": [{"imageId": {"imageDigest": "sha256:0"}} for _ in request["imageIds"]], "failures": []}

    def list_functions(self, **_: Any) -> dict[str, Any]:
        return {"Functions": []}


@dataclass
class OwnTables:
    """S3 in which only the experiment's own tables are listed: what else a query may read is none of its calls."""

    s3: S3

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        found = self.s3.list_objects_v2(**request)
        return {"Contents": [each for each in found["Contents"] if each["Key"].endswith("/blobs.parquet")]}

    def get_object(self, **request: Any) -> dict[str, Any]:
        return self.s3.get_object(**request)


class Queries:
    """Athena, whose queries DuckDB answers from the bucket's files."""

    def __init__(self, tables: LocalTables) -> None:
        self.tables, self.answers = tables, {}  # type: ignore[var-annotated]

    def start_query_execution(self, *, QueryString: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        self.tables.refresh()
        answer = self.tables.ask(QueryString)
        rows = [{"Data": [{"VarCharValue": name} for name in answer.columns]}]
        rows += [{"Data": [_cell(row[name]) for name in answer.columns]} for row in answer.rows]
        kinds = [_kind([row[name] for row in answer.rows]) for name in answer.columns]
        number = str(len(self.answers))
        columns = [{"Name": name, "Type": kind} for name, kind in zip(answer.columns, kinds, strict=True)]
        self.answers[number] = {"ResultSetMetadata": {"ColumnInfo": columns}, "Rows": rows}
        return {"QueryExecutionId": number}

    def get_query_execution(self, *, QueryExecutionId: str) -> dict[str, Any]:  # noqa: N803
        return {"QueryExecution": {"Status": {"State": "SUCCEEDED"}}}

    def get_query_results(self, *, QueryExecutionId: str, **request: Any) -> dict[str, Any]:  # noqa: N803
        whole, begin = self.answers[QueryExecutionId], int(request.get("ContinuationToken") or 0)
        page = {**whole, "Rows": whole["Rows"][begin : begin + 1_000]}
        more = {"NextToken": str(begin + 1_000)} if begin + 1_000 < len(whole["Rows"]) else {}
        return {"ResultSet": page} | more


def _cell(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    return {"VarCharValue": str(value).lower() if isinstance(value, bool) else str(value)}


def _kind(values: list[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    of: dict[type, str] = {bool: "boolean", int: "bigint", float: "double"}
    return of.get(kinds.pop(), "varchar") if len(kinds) == 1 else "varchar"


class Counted:
    """A deployment with one experiment of `trials`, and `past` experiments that are over. `calls` counts by service and
    operation since the last `start`.
    """

    def __init__(self, trials: int, past: int, *, state: TrialState = TrialState.COMPLETED) -> None:
        self.calls: Counter[str] = Counter()
        self.world = Grown(trials, state=state, clock=FakeClock())
        self.clock, self.store = self.world.clock, self.world.store
        stage: Any = _Stage(self.clock, self.calls)
        self.stage = stage
        self.s3 = S3(stage, lambda *_: None)
        self.queues, self.others = Queues(), Others()
        self.sagemaker = PagedSageMaker(stage, _course, lambda *_: None, lambda _: None, quota=10**6)
        self._made = tempfile.TemporaryDirectory(prefix="counted-")
        self.folder = Path(self._made.name)
        self.queries = Queries(LocalTables(self._uncounted_s3(), ARTIFACTS, self.folder))
        self.services: Mapping[str, Any] = {
            "dynamodb": Tables(self.world.table, self.stage), "s3": self.s3, "sqs": self.queues,
            "sagemaker": self.sagemaker, "athena": self.queries,
            **dict.fromkeys(
                ("sns", "events", "lambda", "ecr", "logs", "cloudformation", "sts", "secretsmanager", "batch"),
                self.others,
            ),
        }  # fmt: skip
        own = self.world.experiment
        self.store.put_experiment(replace(own, template={"ExperimentConfig": {"ExperimentName": "gridwatch-blobs"}}))
        self.past = [f"past-{number:05d}" for number in range(past)]
        for number, name in enumerate(self.past):
            self._add_past(name, number)
        for trial in self.trials:
            self.sagemaker.jobs[trial.job_name] = self.job_of(trial)
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.cleanup()

    # What lies there ------------------------------------------------------------------------------------------------

    @property
    def trials(self) -> list[TrialRecord]:
        return list(self.store.list_trials("blobs"))

    def job_of(self, trial: TrialRecord, status: str | None = None, **tags: str) -> Job:
        request = {
            "TrainingJobName": trial.job_name, "HyperParameters": {}, "Environment": {},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
            "ExperimentConfig": {"ExperimentName": "gridwatch-blobs"},
        }  # fmt: skip
        running = not trial.state.is_finished
        job = Job(request, dict(tags), _course(request), self.stage.now - 600, self.stage.now - 300)
        job.status = status or ("InProgress" if running else "Completed")
        job.secondary, job.started = ("Training" if running else "Completed"), self.stage.now - 500
        job.ended = None if running else self.stage.now - 300
        return job

    def _add_past(self, name: str, number: int) -> None:
        trials = [a_trial(index, experiment=name) for index in range(3)]
        made = an_experiment(*trials)
        created = made.created_at + timedelta(minutes=number)
        self.store.put_experiment(replace(made, name=name, created_at=created, final_states={"completed": 3}))
        self.store.add_trials(trials)
        for trial in trials:
            self.store.put_job(replace(a_job(trial), policies=RULES))
        for table in schemas.TABLES:
            self.put_long_ago(layout.table_key(table.name, name), _empty(table))

    def put_long_ago(self, key: str, content: bytes, bucket: str = ARTIFACTS) -> None:
        at = self.clock.now() - timedelta(days=3)
        self.s3.objects[bucket, key] = [Stored(content, at, "v0", f"e{len(self.s3.objects)}", {})]

    def save_tensors(self, job_name: str, steps: int = 3) -> None:
        written = [collections_file({"metrics": ["validation-error"]})]
        written += scalar_files([ScalarStep(step, self.stage.now, {"validation-error": 0.5}) for step in range(steps)])
        for key, content in written:
            self.s3.put_object(Bucket=ARTIFACTS, Key=layout.tensor_prefix(job_name) + key, Body=content)

    # What is called -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.calls.clear()
        self.world.table.start()

    @property
    def megabytes(self) -> float:
        return self.world.table.count.megabytes

    @contextmanager
    def installed(self) -> Iterator[None]:
        seen: Any = SimpleNamespace(stage=self.stage, services=self.services)
        seen.trouble = SimpleNamespace(of_call=self.stage.of_call)
        seen.blueprint = SimpleNamespace(environment=dict(environment()))
        with installed(seen):
            yield

    def invoke(self, function: str, event: Mapping[str, Any]) -> Any:
        """One call of a function, in an environment of its own."""
        with self.installed():
            answer = _handler(function)(json.loads(json.dumps(event)), Context())
        assert not (answer or {}).get("batchItemFailures"), (function, event, self.stage.trace[-5:])
        return answer

    def send(self, function: str, *messages: Message) -> Any:
        return self.invoke(function, sqs_event(*(to_body(message) for message in messages), now=self.stage.now))

    def command(self, *words: str, typed: str | None = None) -> str:
        """What a command prints; it must succeed."""
        with self.installed(), tempfile.TemporaryDirectory() as folder:
            cloud = ChosenCloud(self.session, "gridwatch", self.clock, is_named=True)
            runner = CliRunner(env={"GRIDWATCH_FILES": folder, "COLUMNS": "200"})
            with mock.patch.object(main, "connect", return_value=cloud):
                result = runner.invoke(main.app, list(words), input=typed, catch_exceptions=False)
        assert result.exit_code == 0, (words, result.output[-2000:])
        return result.output

    def session(self) -> Session:
        session: Any = boto3.Session()
        return Session(session)

    def _uncounted_s3(self) -> Any:
        quiet: Any = SimpleNamespace(stage=SimpleNamespace(acting=None), services={"s3": OwnTables(self.s3)})
        return Client("s3", quiet)


@cache
def _empty(table: schemas.Table) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty"
        write_parquet(table, [], path)
        return path.read_bytes()


def sqs_event(*bodies: str, now: float = 0.0) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}", "receiptHandle": f"r{number}", "body": body, "eventSource": "aws:sqs",
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(round(now * 1000))},
            }
            for number, body in enumerate(bodies)
        ]
    }  # fmt: skip


def _course(_: Mapping[str, Any]) -> Course:
    return Course(values=(0.5, 0.4))


def a_spec(points: int) -> str:
    """The example with that many points."""
    text = (EXAMPLES / "blobs.yaml").read_text().replace("  trials: 16", f"  trials: {points}")
    return text.replace("  eta: [0.2]", f"  eta: {[round(0.1 + number / 10_000, 4) for number in range(points // 8)]}")
