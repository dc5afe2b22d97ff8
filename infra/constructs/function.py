"""The function factory, the one place that defines the common properties of Gridwatch's Lambda functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs import permissions
from infra.constructs.layers import ARCHITECTURES, NOT_DEPLOYED, RUNTIME, Layers
from infra.settings import DeploymentSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShape:
    """The limits and layers of one function. `layers` are those beside `gridwatch` and `runtime`, which all functions
    have.

    With `runs_foreign_code` its role holds nothing that its work does not need, not even the right to be traced.
    """

    timeout_seconds: int
    memory_mb: int = 512
    layers: tuple[str, ...] = ()
    runs_foreign_code: bool = False


class FunctionFactory:
    """Creates functions that differ only in their code, shape, settings and permissions."""

    def __init__(
        self,
        scope: Construct,
        *,
        settings: DeploymentSettings,
        functions: Path,
        layers: Layers,
        failed_invocations: sqs.Queue,
        key: kms.IKey | None,
    ) -> None:
        self._scope = scope
        self._settings = settings
        self._functions = functions
        self._layers = layers
        self._failed_invocations = failed_invocations
        self._key = key
        self.made: dict[str, lambda_.Function] = {}  # by the folder's name

    def create(
        self,
        name: str,
        shape: FunctionShape,
        *,
        environment: Mapping[str, str],
        statements: Sequence[iam.PolicyStatement],
        invoked_directly: bool = False,
    ) -> lambda_.Function:
        """Create the function in the folder `name`. `environment` holds its settings under their field names, in lower
        case.

        `invoked_directly` means that EventBridge invokes it rather than a queue, so that Lambda's own retries apply.
        """
        function_name = f"{self._settings.name_prefix}-{name.replace('_', '-')}"
        construct = "".join(word.capitalize() for word in name.split("_"))
        log_group = self._log_group(construct, function_name)
        self.made[name] = lambda_.Function(
            self._scope,
            construct,
            function_name=function_name,
            description=f"Gridwatch ({self._settings.name_prefix}): {name}",
            runtime=RUNTIME,
            architecture=ARCHITECTURES[self._settings.architecture],
            handler=f"{name}.handler.handler",
            code=self._code(name),
            layers=[self._layers[layer] for layer in ("gridwatch", "runtime", *shape.layers)],
            memory_size=shape.memory_mb,
            timeout=cdk.Duration.seconds(shape.timeout_seconds),
            environment={field.upper(): value for field, value in environment.items()} | _powertools(name),
            role=self._role(construct, log_group, statements, only_reads=shape.runs_foreign_code),
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            tracing=lambda_.Tracing.DISABLED if shape.runs_foreign_code else lambda_.Tracing.ACTIVE,
            on_failure=destinations.SqsDestination(self._failed_invocations) if invoked_directly else None,
            retry_attempts=2 if invoked_directly else None,
            max_event_age=cdk.Duration.hours(6) if invoked_directly else None,
        )
        return self.made[name]

    def _code(self, name: str) -> lambda_.AssetCode:
        """An asset with only the package `name`, at its root."""
        if not (self._functions / name / "handler.py").is_file():
            raise FileNotFoundError(
                f"functions/{name}/handler.py is missing: the function {name} has no code to deploy"
            )
        return lambda_.Code.from_asset(
            str(self._functions), exclude=["/*", f"!/{name}", *NOT_DEPLOYED], ignore_mode=cdk.IgnoreMode.GIT
        )

    def _log_group(self, construct: str, function_name: str) -> logs.LogGroup:
        return logs.LogGroup(
            self._scope,
            f"{construct}Logs",
            log_group_name=f"/aws/lambda/{function_name}",
            retention=_RETENTION[self._settings.log_retention_days],
            encryption_key=self._key,
            removal_policy=cdk.RemovalPolicy.RETAIN if self._settings.keeps_data else cdk.RemovalPolicy.DESTROY,
        )

    def _role(
        self, construct: str, log_group: logs.LogGroup, statements: Sequence[iam.PolicyStatement], *, only_reads: bool
    ) -> iam.Role:
        """The function's own role. It has no managed policy, because the log permission of that would reach every log
        group.
        """
        role = iam.Role(self._scope, f"{construct}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        write_logs = permissions.allow(["logs:CreateLogStream", "logs:PutLogEvents"], [log_group.log_group_arn])
        use_key = [permissions.use_key(self._key, only_to_read=only_reads)] if self._key else []
        for statement in (write_logs, *statements, *use_key):
            role.add_to_policy(statement)
        return role


def _powertools(name: str) -> dict[str, str]:
    return {"POWERTOOLS_SERVICE_NAME": name, "POWERTOOLS_METRICS_NAMESPACE": "Gridwatch"}


# The enumeration's members are named in words (ONE_WEEK), so the number of days is found through the values.
_RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
    1096: logs.RetentionDays.THREE_YEARS,
    1827: logs.RetentionDays.FIVE_YEARS,
    2192: logs.RetentionDays.SIX_YEARS,
    2557: logs.RetentionDays.SEVEN_YEARS,
    2922: logs.RetentionDays.EIGHT_YEARS,
    3288: logs.RetentionDays.NINE_YEARS,
    3653: logs.RetentionDays.TEN_YEARS,
}
