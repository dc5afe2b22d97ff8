"""EventBridge rules and schedules that wake the functions, each with retries and a dead-letter queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.constructs import permissions
from infra.constructs.functions import Functions
from infra.constructs.queues import Queues
from infra.constructs.storage import Storage
from infra.settings import DeploymentSettings

# An event that could not be handed over for a day goes to the dead-letter queue.
RETRIES = 185
MAX_EVENT_AGE = cdk.Duration.hours(24)
# The FIFO queue `start` has one group, so one message at a time.
MESSAGE_GROUP = "gridwatch"


class Routing(Construct):
    """All EventBridge rules of the deployment. Patterns filter by its buckets and prefix: stages share one bus."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: DeploymentSettings,
        storage: Storage,
        queues: Queues,
        functions: Functions,
        bus: events.IEventBus,
        launch_queue_arn: str | None,
    ) -> None:
        super().__init__(scope, name)
        self._launch_queue_arn = launch_queue_arn
        self._prefix = settings.name_prefix
        self._queues = queues
        self._bus = bus
        self._specs(storage, functions.launch_grid)
        self._tensors(storage)
        self._training_jobs()
        if launch_queue_arn:
            self._ends_in_queue(launch_queue_arn)
        self._rule_statuses()
        self._schedules(functions.sweep, functions.launch_grid)

    def _specs(self, storage: Storage, launch_grid: lambda_.Function) -> None:
        # A pattern cannot combine a prefix with a suffix that ignores case, so these are the usual spellings. A spec
        # with another one (.yAML) is found by the schedule that looks for uploads without an answer.
        suffixes = [
            f".{write(kind)}" for kind in ("yaml", "yml", "json") for write in (str.lower, str.upper, str.title)
        ]
        keys = [{"wildcard": f"experiments/*{suffix}"} for suffix in suffixes]
        pattern = _object_created(storage.experiments.bucket_name, keys)
        self._rule("SpecUploaded", "A spec was uploaded", pattern).add_target(self._invoke(launch_grid))

    def _tensors(self, storage: Storage) -> None:
        # The objects that a hook adds at the end for other readers (index/completed/) wake no function: other folders
        # of index objects are numbers, which begin with a zero up to step 10^11.
        patterns = ("index/0*.json", "events/flushes/*.tfevents")
        keys = [{"wildcard": f"tensors/*/debug-output/{pattern}"} for pattern in patterns]
        pattern = _object_created(storage.artifacts.bucket_name, keys)
        self._rule("TensorsLanded", "New tensors of a job are complete", pattern).add_target(self._queue("evaluate"))
        # Framework metrics of the same time are written earlier, so they need not wake a function.
        profiles = [{"wildcard": "tensors/*/profiler-output/system/*.json"}]
        pattern = _object_created(storage.artifacts.bucket_name, profiles)
        self._rule("ProfileLanded", "New system metrics of a job", pattern).add_target(self._queue("evaluate"))

    def _training_jobs(self) -> None:
        pattern = events.EventPattern(
            source=["aws.sagemaker"],
            detail_type=["SageMaker Training Job State Change"],
            detail={"TrainingJobName": self._own_jobs()},
        )
        self._rule("TrainingJobChanged", "A training job changed its state", pattern).add_target(self._queue("track"))
        tuning = events.EventPattern(
            source=["aws.sagemaker"],
            detail_type=["SageMaker HyperParameter Tuning Job State Change"],
            detail={"HyperParameterTuningJobName": [{"prefix": f"{self._prefix}-"}]},
        )
        self._rule("TuningJobChanged", "A tuning job changed its state", tuning).add_target(self._queue("track"))
        watched = events.EventPattern(
            source=["aws.sagemaker"],
            detail_type=["SageMaker Training Job State Change"],
            # Our own jobs, which are matched by their names, cannot carry the tag, because specs may not give such
            # tags.
            detail={"Tags": {permissions.WATCH_TAG: [{"exists": True}]}},
        )
        self._rule("WatchedJobChanged", "A job whose owner wants it watched changed its state", watched).add_target(
            self._queue("track")
        )

    def _ends_in_queue(self, launch_queue_arn: str) -> None:
        """Route the ends of service jobs. A job taken out of the queue never had a training job, and one that failed in
        every attempt had several.
        """
        pattern = events.EventPattern(
            source=["aws.batch"],
            detail_type=["Batch Service Job State Change"],
            detail={"jobQueue": [launch_queue_arn], "status": ["SUCCEEDED", "FAILED"]},
        )
        self._rule("ServiceJobEnded", "AWS Batch is through with a job", pattern).add_target(self._queue("track"))

    def _rule_statuses(self) -> None:
        """Route rule statuses. SageMaker's events with rule statuses and our own go to the same functions."""
        managed = events.EventPattern(
            source=["aws.sagemaker"],
            detail_type=["SageMaker Training Job State Change"],
            detail={
                "TrainingJobName": self._own_jobs(),
                "$or": [
                    {"DebugRuleEvaluationStatuses": {"RuleEvaluationStatus": [{"exists": True}]}},
                    {"ProfilerRuleEvaluationStatuses": {"RuleEvaluationStatus": [{"exists": True}]}},
                ],
            },
        )
        own = events.EventPattern(
            source=["gridwatch"],
            detail_type=["Gridwatch Rule Status Change"],
            detail={"$or": [{"TrainingJobName": self._own_jobs()}, {"Experiment": [{"prefix": "watch."}]}]},
        )
        reactions = self._queue("reactions")
        self._rule("DebuggerRuleStatus", "A managed Debugger rule has a status", managed).add_target(reactions)
        self._rule("RuleStatus", "A rule of Gridwatch changed its status", own).add_target(reactions)

    def _schedules(self, sweep: lambda_.Function, launch_grid: lambda_.Function) -> None:
        self._schedule("SweepSchedule", "Repair what lost events left behind", 5).add_target(self._invoke(sweep))
        evaluations = events.RuleTargetInput.from_object({"task": "wake evaluations"})
        self._schedule("EvaluateSchedule", "Look at every running job, also without news", 1).add_target(
            self._invoke(sweep, evaluations)
        )
        missed = events.RuleTargetInput.from_object({"task": "look for missed uploads"})
        self._schedule("UploadSchedule", "Look for uploads that nobody has answered", 5).add_target(
            self._invoke(launch_grid, missed)
        )
        self._schedule("StartSchedule", "Look for trials that wait", 5).add_target(self._queue("start", MESSAGE_GROUP))
        self._schedule("SnapshotSchedule", "Refresh the tables of what runs", 15).add_target(self._queue("snapshot"))

    def _own_jobs(self) -> list[Mapping[str, str]]:
        names = [f"{self._prefix}-", *([f"AWSBatch{self._prefix}-"] if self._launch_queue_arn else [])]
        return [{"prefix": name} for name in names]

    def _rule(self, name: str, description: str, pattern: events.EventPattern) -> events.Rule:
        return events.Rule(self, name, event_bus=self._bus, description=description, event_pattern=pattern)

    def _schedule(self, name: str, description: str, minutes: int) -> events.Rule:
        rate = events.Schedule.rate(cdk.Duration.minutes(minutes))
        return events.Rule(self, name, description=description, schedule=rate)

    def _invoke(self, function: lambda_.Function, event: events.RuleTargetInput | None = None) -> events.IRuleTarget:
        return targets.LambdaFunction(
            function,
            event=event,
            dead_letter_queue=self._queues.undelivered_events,
            retry_attempts=RETRIES,
            max_event_age=MAX_EVENT_AGE,
        )

    def _queue(self, name: str, message_group: str | None = None) -> events.IRuleTarget:
        """A queue as a target; the event becomes the message's body."""
        return targets.SqsQueue(
            self._queues[name],
            message_group_id=message_group,
            dead_letter_queue=self._queues.undelivered_events,
            retry_attempts=RETRIES,
            max_event_age=MAX_EVENT_AGE,
        )


def _object_created(bucket_name: str, keys: list[dict[str, str]]) -> events.EventPattern:
    detail: dict[str, Any] = {"bucket": {"name": [bucket_name]}, "object": {"key": keys}}
    return events.EventPattern(source=["aws.s3"], detail_type=["Object Created"], detail=detail)
