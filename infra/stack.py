"""The one stack, which holds everything that a deployment of Gridwatch consists of."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_events as events
from constructs import Construct

from infra.constructs import permissions
from infra.constructs.alarms import Alarms
from infra.constructs.alerts import alert_topic, chat_topic
from infra.constructs.analytics import Analytics
from infra.constructs.dashboard import Dashboard
from infra.constructs.encryption import encryption_key
from infra.constructs.function import FunctionFactory
from infra.constructs.functions import Functions
from infra.constructs.launch_queue import LaunchQueue
from infra.constructs.layers import Layers
from infra.constructs.placement import place
from infra.constructs.queues import Queues
from infra.constructs.routing import Routing
from infra.constructs.slow_rules import rule_sources
from infra.constructs.state import State
from infra.constructs.storage import Storage
from infra.constructs.training import Training
from infra.settings import DeploymentSettings

LOOK_INTERVAL, TABLE_INTERVAL = "LookIntervalSeconds", "TableIntervalSeconds"


class GridwatchStack(cdk.Stack):
    """Gridwatch's stack for any account and region, which are resolved at deployment. `root` is the checkout with the
    assets.
    """

    def __init__(self, scope: Construct, name: str, *, settings: DeploymentSettings, root: Path) -> None:
        super().__init__(
            scope,
            name,
            stack_name=settings.name_prefix,
            description="Gridwatch: hyperparameter grids on SageMaker, watched by rules",
            termination_protection=settings.keeps_data,
        )
        cdk.Tags.of(self).add("gridwatch:prefix", settings.name_prefix)
        # W3005 is about harmless DependsOn lines that the CDK adds to every function although GetAtt implies them.
        self.template_options.metadata = {
            "cfn-lint": {"config": {"ignore_checks": ["W3005"]}},
            # In this account looks cost nothing (gridwatch.localcloud.deploy).
            "localcloud": {"parameters": {LOOK_INTERVAL: "2", TABLE_INTERVAL: "3"}},
        }
        key = encryption_key(self, settings)
        storage = Storage(self, "Storage", settings=settings, key=key)
        state = State(self, "State", settings=settings, key=key)
        queues = Queues(self, "Queues", settings=settings, key=key)
        alerts = Construct(self, "Alerts")
        topic = alert_topic(alerts, settings, key)
        built = root / "layers" / "build" / "training"
        training = Training(
            self,
            "Training",
            storage=storage,
            key=key,
            archive=built / "xgboost" / "sourcedir.tar.gz",
            hook=built / "hook" / "gridwatch_hook.zip",
            allowed=settings.allowed_in_specs,
        )
        for source in rule_sources(training, settings, storage):  # Debugger runs such code under the jobs' role
            training.role.add_to_policy(permissions.read_objects(source.bucket, source.prefix))
        analytics = Analytics(self, "Analytics", settings=settings, storage=storage, key=key)
        # Events of AWS services arrive on the default bus only, so ours go there too.
        bus = events.EventBus.from_event_bus_name(self, "Bus", "default")
        layers = Layers(self, "Layers", architecture=settings.architecture, root=root)
        factory = FunctionFactory(
            Construct(self, "Function"),
            settings=settings,
            functions=root / "functions",
            layers=layers,
            failed_invocations=queues.failed_invocations,
            key=key,
        )
        through_batch = settings.launch_target == "batch"
        launch_queue_arn = LaunchQueue(self, "LaunchQueue", settings=settings).arn if through_batch else None
        functions = Functions(
            self,
            "Functions",
            settings=settings,
            launch_queue_arn=launch_queue_arn,
            storage=storage,
            state=state,
            queues=queues,
            training=training,
            topic=topic,
            chat=chat_topic(alerts, settings, key),
            bus=bus,
            factory=factory,
            look_interval=self._interval(
                LOOK_INTERVAL,
                settings.look_interval_seconds,
                1,
                "Seconds between two looks at a running job whose news no event tells, such as its log",
            ),
            table_interval=self._interval(
                TABLE_INTERVAL,
                settings.table_interval_seconds,
                0,
                "Seconds until what a running job says is in the tables; 0: they wait for ends and the schedule",
            ),
        )
        Routing(
            self,
            "Routing",
            settings=settings,
            storage=storage,
            queues=queues,
            functions=functions,
            bus=bus,
            launch_queue_arn=launch_queue_arn,
        )
        Alarms(self, "Alarms", settings=settings, queues=queues, functions=factory.made, key=key)
        Dashboard(self, "Dashboard", settings=settings, queues=queues.by_name)
        place(self, settings)
        self._outputs(
            {
                "ExperimentsBucket": storage.experiments.bucket_name,
                "ArtifactsBucket": storage.artifacts.bucket_name,
                "StateTable": state.table.table_name,
                "AlertTopic": topic.topic_arn,
                "Database": analytics.database,
                "WorkGroup": analytics.work_group,
                "JobRole": training.role.role_arn,
                "NamePrefix": settings.name_prefix,
                "StartQueue": queues["start"].queue_url,
                "EvaluateQueue": queues["evaluate"].queue_url,
                "SnapshotQueue": queues["snapshot"].queue_url,
                "XgboostSource": training.source.s3_object_url,
                "HookSource": training.hook.s3_object_url,
                "HookVersion": training.hook_version,
                "LaunchTarget": launch_queue_arn or "direct",
            }
        )

    def _interval(self, name: str, default: int, least: int, description: str) -> cdk.CfnParameter:
        """An interval as a stack parameter, because one template is deployed where looks cost money and where they do
        not.
        """
        parameter = cdk.CfnParameter(
            self, name, type="Number", default=default, min_value=least, max_value=900, description=description
        )
        parameter.override_logical_id(name)
        return parameter

    def _outputs(self, values: dict[str, str]) -> None:
        """Create the outputs that the command line reads, under exactly these keys."""
        for name, value in values.items():
            cdk.CfnOutput(self, name, value=value)
