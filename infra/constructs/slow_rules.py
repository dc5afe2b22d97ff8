"""The functions for slow rules and users' own rules: `evaluate_slow_rules`, and `run_custom_rule` where the deployment
allows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.constructs import permissions as may
from infra.constructs.function import FunctionFactory, FunctionShape
from infra.constructs.queues import SHAPES
from infra.constructs.state import State
from infra.constructs.storage import Storage
from infra.settings import DeploymentSettings


@dataclass(frozen=True, slots=True)
class RuleSource:
    """A prefix from which users' code may run as a rule."""

    bucket: s3.IBucket
    prefix: str

    @property
    def uri(self) -> str:
        return f"s3://{self.bucket.bucket_name}/{self.prefix}"


def rule_sources(scope: Construct, settings: DeploymentSettings, storage: Storage) -> list[RuleSource]:
    """The prefixes that the deployment's settings allow; a path without a bucket lies in the experiments bucket."""
    sources = []
    for number, given in enumerate(settings.custom_rule_sources):
        bucket, _, prefix = given.removeprefix("s3://").partition("/")
        if given.startswith("s3://"):
            sources.append(RuleSource(s3.Bucket.from_bucket_name(scope, f"RuleSource{number}", bucket), prefix))
        else:
            sources.append(RuleSource(storage.experiments, given))
    return sources


class SlowRules(Construct):
    """The functions for slow rules. `evaluate` reads the queue `slow`; it alone may invoke the function that runs
    users' code.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        settings: DeploymentSettings,
        storage: Storage,
        state: State,
        bus: events.IEventBus,
        factory: FunctionFactory,
        elsewhere: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(scope, name)
        self._settings, self._storage, self._factory = settings, storage, factory
        self.sources = rule_sources(self, settings, storage)
        custom = self._run_custom_rule() if self.sources else None
        self.evaluate = factory.create(
            "evaluate_slow_rules",
            # The timeout exceeds the longest run of a custom rule, for which the function waits.
            FunctionShape(timeout_seconds=180, memory_mb=1024, layers=("plots",)),
            environment={
                "state_table": state.table.table_name,
                "artifacts_bucket": storage.artifacts.bucket_name,
                "event_bus_name": bus.event_bus_name,
                "name_prefix": settings.name_prefix,
                "custom_rule_function": custom.function_name if custom else "",
                "max_deliveries": str(SHAPES["slow"].max_receive_count),
            },
            statements=[
                may.read_objects(storage.artifacts, "tensors/"),
                may.list_objects(storage.artifacts, "tensors/"),
                may.write_objects(storage.artifacts, "reports/"),
                *elsewhere,
                *may.use_state(state.table),
                may.put_own_events(bus.event_bus_arn),
                *([may.invoke(custom)] if custom else []),
            ],
        )

    def _run_custom_rule(self) -> lambda_.Function:
        """The function that runs users' code. It may read tensors and the code itself, and nothing else."""
        return self._factory.create(
            "run_custom_rule",
            FunctionShape(
                timeout_seconds=self._settings.custom_rule_seconds + 30,
                memory_mb=1024,
                layers=("plots",),  # AWS's own rules on profiles import matplotlib
                runs_foreign_code=True,
            ),
            environment={
                "artifacts_bucket": self._storage.artifacts.bucket_name,
                "custom_rule_sources": ",".join(source.uri for source in self.sources),
                "custom_rule_seconds": str(self._settings.custom_rule_seconds),
            },
            statements=[
                may.read_objects(self._storage.artifacts, "tensors/"),
                may.list_objects(self._storage.artifacts, "tensors/"),
                *(may.read_objects(source.bucket, source.prefix) for source in self.sources),
            ],
        )
