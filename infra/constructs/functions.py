"""All functions with their shapes, settings and permissions. docs/architecture.md says what each is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.constructs import permissions as may
from infra.constructs.function import FunctionFactory, FunctionShape
from infra.constructs.queues import Queues
from infra.constructs.slow_rules import SlowRules
from infra.constructs.state import State
from infra.constructs.storage import Storage
from infra.constructs.training import Training, image_repositories
from infra.settings import DeploymentSettings

# The calls on a training job when a finding is reacted to; tags say whether it may be stopped, and who stopped it.
_REACTING = (
    "sagemaker:AddTags",
    "sagemaker:DescribeTrainingJob",
    "sagemaker:ListTags",
    "sagemaker:StopTrainingJob",
)

BATCH_RATE = 20.0  # calls of SubmitServiceJob a second; AWS publishes no limit for it, and allows 50 of SubmitJob


class Functions(Construct):
    """All functions, each wired to the queue that it reads; `launch_grid` and `sweep` are invoked by EventBridge."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: DeploymentSettings,
        storage: Storage,
        state: State,
        queues: Queues,
        training: Training,
        topic: sns.ITopic,
        chat: sns.ITopic | None,
        bus: events.IEventBus,
        factory: FunctionFactory,
        launch_queue_arn: str | None,
        look_interval: cdk.CfnParameter,
        table_interval: cdk.CfnParameter,
    ) -> None:
        super().__init__(scope, name)
        self._launch_queue_arn = launch_queue_arn
        self._look_interval, self._table_interval = look_interval, table_interval
        self._prefix = settings.name_prefix
        self._rate, self._burst = settings.launch_rate_per_second, settings.launch_burst
        self._processing_instances = settings.processing_instances
        self._storage, self._state, self._queues, self._training = storage, state, queues, training
        self._topic, self._chat, self._bus, self._factory = topic, chat, bus, factory
        self._settings = settings
        self._custom_rule_interval = settings.custom_rule_interval_seconds
        slow = SlowRules(
            self,
            "SlowRules",
            settings=settings,
            storage=storage,
            state=state,
            bus=bus,
            factory=factory,
            elsewhere=self._read_tensors_elsewhere(),
        )
        self._rule_sources = slow.sources
        # Five at once, because each may keep the function with users' code busy for a minute.
        self._read_queue(slow.evaluate, "slow", batch_size=1, at_once=5)
        self.launch_grid = self._launch_grid()
        self._start_trials()
        self._track_job()
        self._evaluate_rules()
        self._react_to_finding()
        self._deliver_alert()
        if settings.webhooks:
            self._post_webhook(settings.webhooks)
        self._snapshot_experiment()
        self.sweep = self._sweep()

    @property
    def _script_archive(self) -> str:
        source = self._training.source
        return f"arn:{cdk.Aws.PARTITION}:s3:::{source.s3_bucket_name}/{source.s3_object_key}"

    def _launch_grid(self) -> lambda_.Function:
        data = [
            (self._storage.experiments, "data/"),
            (self._storage.experiments, "code/sources/"),
            *((bucket, "") for bucket in self._storage.data),
        ]
        return self._factory.create(
            "launch_grid",
            # A call that dies blocks its upload for others for as long as its timeout. Lambda tries it twice more, one
            # and three minutes later, and the last try must find the upload free. A grid of 10,000 takes 5 s.
            FunctionShape(timeout_seconds=90, memory_mb=512),
            environment={
                "experiments_bucket": self._storage.experiments.bucket_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "state_table": self._state.table.table_name,
                "idempotency_table": self._state.idempotency.table_name,
                "start_queue_url": self._queues["start"].queue_url,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "snapshot_queue_url": self._queues["snapshot"].queue_url,
                "job_role_arn": self._training.role.role_arn,
                "name_prefix": self._prefix,
                "xgboost_source_uri": self._training.source.s3_object_url,
                "hook_source_uri": self._training.hook.s3_object_url,
                "hook_version": self._training.hook_version,
                "processing_instances": str(self._processing_instances),
                "custom_rule_sources": ",".join(source.uri for source in self._rule_sources),
                "allowed_in_specs": ",".join(self._settings.allowed_in_specs),
            },
            statements=[
                may.read_objects(self._storage.experiments, "experiments/", versions=True),
                may.read_objects(self._storage.experiments, "settings/"),  # prices of the deployment's own
                may.list_objects(self._storage.experiments, "experiments/"),  # for uploads whose event was lost
                may.read_objects(self._storage.experiments, "status/"),
                may.write_objects(self._storage.experiments, "status/", "data/windows/", "fingerprints/"),
                may.delete_objects(self._storage.experiments, "status/"),  # the errors of a spec that was put right
                # A trial's identity holds the versions of its data, and preflight looks at the first rows.
                *(may.read_objects(bucket, prefix) for bucket, prefix in data),
                *(may.list_objects(bucket, *filter(None, [prefix])) for bucket, prefix in data),
                # It checks whether the model exists from which jobs are to start, and whether their hook does.
                may.list_objects(self._storage.artifacts, "models/", "hook/"),
                may.write_objects(self._storage.artifacts, "hook/"),
                may.allow(["s3:GetObject"], [self._training.hook_arn]),
                # A missing rule file is reported at once.
                *(may.list_objects(source.bucket, *filter(None, [source.prefix])) for source in self._rule_sources),
                *may.use_state(self._state.table),
                # It checks whether the XGBoost script and its pinned packages exist; only this archive may be listed.
                may.allow(
                    ["s3:ListBucket"],
                    [f"arn:{cdk.Aws.PARTITION}:s3:::{self._training.source.s3_bucket_name}"],
                    conditions={"StringLike": {"s3:prefix": [f"{self._training.source.s3_object_key}*"]}},
                ),
                may.allow(
                    ["s3:GetObject"],
                    [self._script_archive],
                ),
                may.use_idempotency(self._state.idempotency),
                may.send(*(self._queues[name] for name in ("start", "snapshot", "alerts"))),
                may.allow(["ecr:BatchGetImage"], image_repositories()),  # which digest an image's tag stands for
                # These actions cannot be limited to resources.
                may.allow(["servicequotas:GetAWSDefaultServiceQuota", "servicequotas:GetServiceQuota"], ["*"]),
            ],
            invoked_directly=True,
        )

    def _start_trials(self) -> None:
        function = self._factory.create(
            "start_trials",
            # It paces itself and spends nearly all its time waiting for the next call that SageMaker allows. The
            # timeout is short all the same: a launcher that dies keeps the next one out until its message is visible
            # again.
            FunctionShape(timeout_seconds=90),
            environment={
                "state_table": self._state.table.table_name,
                **self._look_settings,
                "start_queue_url": self._queues["start"].queue_url,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "snapshot_queue_url": self._queues["snapshot"].queue_url,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "experiments_bucket": self._storage.experiments.bucket_name,
                "launch_rate_per_second": f"{self._launch_rate():g}",
                "launch_burst": str(self._burst),
                "name_prefix": self._prefix,
                "batch_job_queue": self._launch_queue_arn or "",
                "batch_attempts": str(self._settings.batch_attempts),
            },
            statements=[
                self._training_jobs(
                    [
                        "sagemaker:AddTags",  # creating a job with tags needs it
                        "sagemaker:CreateTrainingJob",
                        "sagemaker:DescribeTrainingJob",
                        "sagemaker:ListTags",  # to find out whose job already has a name
                    ]
                ),
                may.tuning_jobs(
                    [
                        "sagemaker:AddTags",
                        "sagemaker:CreateHyperParameterTuningJob",
                        "sagemaker:DescribeHyperParameterTuningJob",
                        "sagemaker:ListTags",
                    ],
                    self._prefix,
                ),
                *may.experiments(self._prefix),
                may.pass_to_sagemaker(self._training.role.role_arn, *self._training.other_roles),
                may.read_objects(self._storage.experiments, "settings/"),  # the deployment's prices, for budgets
                *self._queued_jobs(),
                *([may.submit_to(self._launch_queue_arn)] if self._launch_queue_arn else []),
                *may.use_state(self._state.table),
                may.send(*(self._queues[name] for name in ("start", "snapshot", "alerts"))),
            ],
        )
        self._read_queue(function, "start", batch_size=1)

    def _track_job(self) -> None:
        function = self._factory.create(
            "track_job",
            FunctionShape(timeout_seconds=30),
            environment={
                "experiments_bucket": self._storage.experiments.bucket_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "state_table": self._state.table.table_name,
                **self._look_settings,
                "start_queue_url": self._queues["start"].queue_url,
                "evaluate_queue_url": self._queues["evaluate"].queue_url,
                "snapshot_queue_url": self._queues["snapshot"].queue_url,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "name_prefix": self._prefix,
                "batch_job_queue": self._launch_queue_arn or "",
            },
            statements=[
                self._training_jobs(["sagemaker:DescribeTrainingJob"]),
                may.watched_jobs(["sagemaker:DescribeTrainingJob"]),
                may.tuning_jobs(["sagemaker:ListTrainingJobsForHyperParameterTuningJob"], self._prefix),
                may.link_components(self._prefix),
                may.read_objects(self._storage.experiments, "rule-sets/"),
                *self._queued_jobs(),
                *self._copy_checkpoints(),
                *may.use_state(self._state.table),
                may.send(*(self._queues[name] for name in ("start", "evaluate", "snapshot", "alerts"))),
            ],
        )
        self._read_queue(function, "track", batch_size=10)

    def _evaluate_rules(self) -> None:
        function = self._factory.create(
            "evaluate_rules",
            FunctionShape(timeout_seconds=60, memory_mb=1024, layers=("numeric",)),
            environment={
                "state_table": self._state.table.table_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "event_bus_name": self._bus.event_bus_name,
                "name_prefix": self._prefix,
                "slow_queue_url": self._queues["slow"].queue_url,
                "custom_rule_interval_seconds": str(self._custom_rule_interval),
                "evaluate_queue_url": self._queues["evaluate"].queue_url,
                "snapshot_queue_url": self._queues["snapshot"].queue_url,
                "look_interval_seconds": self._look_interval.value_as_string,
                "table_interval_seconds": self._table_interval.value_as_string,
            },
            statements=[
                may.read_objects(self._storage.artifacts, "tensors/", "rule-state/"),
                # Metrics from jobs' logs are recorded in the layout of tensors.
                may.write_objects(self._storage.artifacts, "rule-state/", "tensors/", "reports/"),
                may.list_objects(self._storage.artifacts, "tensors/", "rule-state/"),
                may.read_training_logs(),
                *self._read_tensors_elsewhere(),
                *may.use_state(self._state.table),
                may.send(*(self._queues[name] for name in ("slow", "evaluate", "snapshot"))),
                may.put_own_events(self._bus.event_bus_arn),
            ],
        )
        # Many index files of one job arrive together; one call takes all that already lie in the queue.
        window = self._settings.evaluate_window_seconds
        # Lambda takes more than ten messages at once only with a batching window.
        self._read_queue(function, "evaluate", batch_size=1_000 if window else 10, window_seconds=window)

    def _react_to_finding(self) -> None:
        function = self._factory.create(
            "react_to_finding",
            FunctionShape(timeout_seconds=60, layers=("numeric",)),
            environment={
                "state_table": self._state.table.table_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "experiments_bucket": self._storage.experiments.bucket_name,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "name_prefix": self._prefix,
                "batch_job_queue": self._launch_queue_arn or "",
            },
            statements=[
                self._training_jobs(_REACTING),
                may.watched_jobs(_REACTING),
                may.tag_trials(self._prefix),  # where people look for the trial as well
                may.read_objects(self._storage.experiments, "settings/"),  # prices of the deployment's own
                # To see how far a job has come, from which the saving by its stop follows.
                may.read_objects(self._storage.artifacts, "tensors/"),
                may.list_objects(self._storage.artifacts, "tensors/"),
                *self._read_tensors_elsewhere(),
                *self._queued_jobs(),
                *([may.end_service_jobs(self._prefix)] if self._launch_queue_arn else []),
                *may.use_state(self._state.table),
                may.close_items(self._state.table),
                may.send(self._queues["alerts"]),
            ],
        )
        # SageMaker allows one stop a second in an account, so many calls at once would only throttle each other.
        self._read_queue(function, "reactions", batch_size=1, at_once=5)

    def _deliver_alert(self) -> None:
        function = self._factory.create(
            "deliver_alert",
            # Of ten thousand trials a digest reads 34 MB of records, in 280 MB of memory.
            FunctionShape(timeout_seconds=30, memory_mb=1024),
            environment={
                "state_table": self._state.table.table_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "experiments_bucket": self._storage.experiments.bucket_name,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "alert_topic_arn": self._topic.topic_arn,
                "chat_topic_arn": self._chat.topic_arn if self._chat else "",
                "webhook_queue_url": self._queues["webhooks"].queue_url if self._settings.webhooks else "",
                "webhook_channels": ",".join(self._settings.webhooks),
                "group_seconds": str(self._settings.alert_group_seconds),
                "quiet_hours": self._settings.alert_quiet_hours,
                "time_zone": self._settings.alert_time_zone,
                "alerts_per_hour": str(self._settings.alerts_per_hour),
                "critical_passes": str(self._settings.alert_critical_passes).lower(),
                "name_prefix": self._prefix,
            },
            statements=[
                *may.use_state(self._state.table),
                may.publish(*filter(None, [self._topic, self._chat])),
                may.read_objects(self._storage.artifacts, "reports/experiments/"),  # whether there is one to link
                may.read_objects(self._storage.experiments, "settings/"),  # prices of the deployment's own
                may.send(
                    *(self._queues[name] for name in ("alerts", *(["webhooks"] if self._settings.webhooks else [])))
                ),
            ],
        )
        # Few at once, because alerts of one cause come together, and calls that hold them back write to the same
        # record.
        self._read_queue(function, "alerts", batch_size=1, at_once=5)

    def _post_webhook(self, webhooks: Mapping[str, str]) -> None:
        function = self._factory.create(
            "post_webhook",
            FunctionShape(timeout_seconds=60),
            environment={
                "slack_secret_arn": webhooks.get("slack", ""),
                "incident_secret_arn": webhooks.get("incident", ""),
                "webhook_queue_url": self._queues["webhooks"].queue_url,
                "dead_letter_queue_url": self._queues.dead_letters_of("webhooks").queue_url,
                "name_prefix": self._prefix,
            },
            statements=[
                *may.read_secrets(list(webhooks.values())),
                may.send(self._queues.dead_letters_of("webhooks")),
            ],
        )
        # Two is the smallest concurrency that SQS allows; webhooks take about one message a second.
        self._read_queue(function, "webhooks", batch_size=1, at_once=2)

    def _snapshot_experiment(self) -> None:
        function = self._factory.create(
            "snapshot_experiment",
            FunctionShape(timeout_seconds=300, memory_mb=1024, layers=("numeric", "duckdb")),
            environment={
                "state_table": self._state.table.table_name,
                "experiments_bucket": self._storage.experiments.bucket_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "snapshot_queue_url": self._queues["snapshot"].queue_url,
                "name_prefix": self._prefix,
            },
            statements=[
                may.read_objects(self._storage.artifacts, "tensors/", "tables/", "components/"),
                may.write_objects(
                    self._storage.artifacts, "tables/", "history/", "components/", "reports/experiments/"
                ),
                may.list_objects(self._storage.artifacts, "tensors/", "tables/", "history/", "components/"),
                may.allow(["sagemaker:Search"], ["*"]),  # this action cannot be limited to resources
                may.read_objects(self._storage.experiments, "settings/"),  # prices of the deployment's own
                *self._read_tensors_elsewhere(),
                *may.use_state(self._state.table),
                may.send(self._queues["alerts"], self._queues["snapshot"]),
            ],
        )
        # Jobs that end within some seconds of each other make one snapshot.
        self._read_queue(function, "snapshot", batch_size=100, window_seconds=10)

    def _read_tensors_elsewhere(self) -> list[iam.PolicyStatement]:
        """Permissions to read tensors that the hooks of watched jobs wrote into other buckets."""
        return [
            statement
            for bucket in self._storage.tensors
            for statement in (may.read_objects(bucket, ""), may.list_objects(bucket))
        ]

    def _launch_rate(self) -> float:
        """The most launches a second. AWS Batch paces its calls of SageMaker itself, and accepts jobs much faster than
        SageMaker.
        """
        return max(self._rate, BATCH_RATE) if self._launch_queue_arn else self._rate

    def _training_jobs(self, actions: Sequence[str]) -> iam.PolicyStatement:
        return may.training_jobs(actions, self._prefix, by_batch=self._launch_queue_arn is not None)

    def _queued_jobs(self) -> list[iam.PolicyStatement]:
        return may.look_into_queue() if self._launch_queue_arn else []

    def _sweep(self) -> lambda_.Function:
        return self._factory.create(
            "sweep",
            FunctionShape(timeout_seconds=300),
            environment={
                "experiments_bucket": self._storage.experiments.bucket_name,
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "state_table": self._state.table.table_name,
                **self._look_settings,
                "start_queue_url": self._queues["start"].queue_url,
                "track_queue_url": self._queues["track"].queue_url,
                "evaluate_queue_url": self._queues["evaluate"].queue_url,
                "snapshot_queue_url": self._queues["snapshot"].queue_url,
                "alert_queue_url": self._queues["alerts"].queue_url,
                "event_bus_name": self._bus.event_bus_name,
                "name_prefix": self._prefix,
                "batch_job_queue": self._launch_queue_arn or "",
            },
            statements=[
                self._training_jobs(["sagemaker:DescribeTrainingJob"]),
                may.watched_jobs(["sagemaker:DescribeTrainingJob", "sagemaker:ListTags"]),
                may.tuning_jobs(
                    [
                        "sagemaker:DescribeHyperParameterTuningJob",
                        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
                    ],
                    self._prefix,
                ),
                may.read_objects(self._storage.experiments, "rule-sets/"),
                *self._copy_checkpoints(),
                may.allow(["sagemaker:ListTrainingJobs", "sagemaker:Search"], ["*"]),  # not limited to resources
                *self._queued_jobs(),
                *may.use_state(self._state.table),
                may.close_items(self._state.table),
                may.send(*(self._queues[name] for name in ("start", "track", "evaluate", "snapshot", "alerts"))),
                may.put_own_events(self._bus.event_bus_arn),
            ],
            invoked_directly=True,
        )

    @property
    def _look_settings(self) -> Mapping[str, str]:
        """The settings for how often jobs are looked at. The account number identifies the embedded cloud, where looks
        are free.
        """
        settings = self._settings
        return {
            "watch_share": f"{settings.watch_share:g}",
            "watch_every_seconds": f"{settings.watch_every_seconds:g}",
            "watch_pace": settings.watch_pace,
            "account_id": cdk.Aws.ACCOUNT_ID,
        }

    def _copy_checkpoints(self) -> list[iam.PolicyStatement]:
        """Permissions to copy checkpoints: a repaired trial starts from a checkpoint of the job that was stopped."""
        bucket = self._storage.artifacts
        return [
            may.read_objects(bucket, "checkpoints/"),
            may.write_objects(bucket, "checkpoints/"),
            may.list_objects(bucket, "checkpoints/"),
        ]

    def _read_queue(
        self,
        function: lambda_.Function,
        queue: str,
        *,
        batch_size: int,
        window_seconds: int = 0,
        at_once: int | None = None,
    ) -> None:
        """Invoke `function` with messages from `queue`. When a message fails, only that one comes back."""
        function.add_event_source(
            event_sources.SqsEventSource(
                self._queues[queue],
                batch_size=batch_size,
                max_batching_window=cdk.Duration.seconds(window_seconds) if window_seconds else None,
                max_concurrency=at_once,
                report_batch_item_failures=True,
            )
        )
