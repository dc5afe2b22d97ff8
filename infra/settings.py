"""The settings of a deployment, read from CDK context (`-c name_prefix=staging`, or cdk.json) and checked before
synthesis.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from dateutil import tz

# The retentions in days that CloudWatch Logs accepts, up to ten years.
LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)


class DeploymentSettingsError(Exception):
    """The context asks for something that cannot be deployed; the message lists every problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentSettings:
    """The settings of one deployment. `docs/deploy.md` describes each; the field's name is the context key."""

    name_prefix: str = "gridwatch"
    architecture: str = "arm64"
    launch_rate_per_second: float = 1.0
    launch_burst: int = 1
    processing_instances: int = 0
    launch_target: str = "direct"
    batch_max_instances: int = 4
    batch_team_weights: tuple[str, ...] = ()
    batch_attempts: int = 3
    log_retention_days: int = 90
    tensor_retention_days: int = 90
    query_scan_limit_gb: int = 10
    removal_policy: str = "retain"
    alert_emails: tuple[str, ...] = ()
    alarm_emails: tuple[str, ...] = ()
    alarm_topic_arn: str = ""
    experiments_bucket_arn: str = ""
    artifacts_bucket_arn: str = ""
    data_bucket_arns: tuple[str, ...] = ()
    tensor_bucket_arns: tuple[str, ...] = ()
    kms_key_arn: str = ""
    create_kms_key: bool = False
    role_path: str = "/"
    permissions_boundary_arn: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    vpc_endpoints_in: str = ""
    route_table_ids: tuple[str, ...] = ()
    look_interval_seconds: int = 60
    table_interval_seconds: int = 0
    evaluate_window_seconds: int = 0
    watch_share: float = 0.01
    watch_every_seconds: float = 0.0
    watch_pace: str = "auto"
    alert_topic_arn: str = ""
    alert_group_seconds: int = 300
    alert_quiet_hours: str = ""
    alert_time_zone: str = "UTC"
    alerts_per_hour: int = 0
    alert_critical_passes: bool = False
    slack_workspace_id: str = ""
    slack_channel_id: str = ""
    teams_tenant_id: str = ""
    teams_team_id: str = ""
    teams_channel_id: str = ""
    slack_webhook_secret_arn: str = ""
    incident_webhook_secret_arn: str = ""
    custom_rule_sources: tuple[str, ...] = ()
    allowed_in_specs: tuple[str, ...] = ()
    custom_rule_seconds: int = 60
    custom_rule_interval_seconds: int = 60

    @classmethod
    def from_context(cls, context: Mapping[str, object]) -> DeploymentSettings:
        """Read every setting from the app's whole context. A misspelt key is a problem too.

        Raises DeploymentSettingsError with every problem found, not only the first.
        """
        types = get_type_hints(cls)
        problems = _unknown(context, types)
        values: dict[str, Any] = {}
        for name in (name for name in types if name in context):
            try:
                values[name] = _convert(context[name], types[name])
            except ValueError as error:
                problems.append(f"{name}: {error}")
        settings = cls(**values)
        problems += _problems(settings)
        if problems:
            raise DeploymentSettingsError("the deployment cannot be synthesized:\n  " + "\n  ".join(problems))
        return settings

    @property
    def webhooks(self) -> Mapping[str, str]:
        """The ARNs of the secrets that hold webhooks' addresses, by the channel's name."""
        secrets = {"slack": self.slack_webhook_secret_arn, "incident": self.incident_webhook_secret_arn}
        return {channel: arn for channel, arn in secrets.items() if arn}

    @property
    def team_weights(self) -> Mapping[str, int]:
        """The teams' weights in the launch queue, by their names."""
        pairs = (each.rpartition("=") for each in self.batch_team_weights)
        return {team.strip(): int(weight) for team, _, weight in pairs}

    @property
    def keeps_data(self) -> bool:
        """True when buckets and tables outlive the stack."""
        return self.removal_policy == "retain"


def _unknown(given: Mapping[str, object], known: Mapping[str, object]) -> list[str]:
    """A problem for each context key that is unknown. Keys with `:` or `/` belong to the CDK."""
    return [
        f"{key} is not a setting (there are: {', '.join(known)})"
        for key in given
        if not re.search("[:/]", key) and key not in known
    ]


def _convert(raw: object, kind: object) -> object:
    """Convert a context value to the field's type. The command line gives text, cdk.json also numbers, booleans and
    lists.
    """
    if kind == tuple[str, ...]:
        items = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError(f"{raw!r} is not a list of texts, or one text with commas")
        return tuple(item.strip() for item in items if item.strip())
    if kind is bool:
        if str(raw).lower() not in ("true", "false"):
            raise ValueError(f"{raw!r} is neither true nor false")
        return str(raw).lower() == "true"
    if kind in (int, float):
        try:
            return int(str(raw)) if kind is int else float(str(raw))
        except ValueError:
            raise ValueError(f"{raw!r} is not {'a whole number' if kind is int else 'a number'}") from None
    return str(raw)


def _problems(settings: DeploymentSettings) -> list[str]:
    """The problems with the values, each with what is allowed."""
    # Deployments tell their jobs apart by `<prefix>-`. With a hyphen in the prefix, `dev-a` would match `dev` in
    # patterns and policies. And a job's name has 63 characters, of which the experiment needs most.
    named = re.fullmatch(r"[a-z][a-z0-9]{1,19}", settings.name_prefix)
    paced = 0 < settings.launch_rate_per_second <= 100
    allowed = {
        "name_prefix": (named, "2 to 20 lower-case letters and digits, a letter first, no hyphen"),
        "architecture": (settings.architecture in ("arm64", "x86_64"), "arm64 or x86_64"),
        "launch_rate_per_second": (paced, "over 0 and at most 100 (SageMaker allows 1)"),
        "launch_burst": (1 <= settings.launch_burst <= 100, "1 to 100"),
        "processing_instances": (settings.processing_instances >= 0, "0 to ask Service Quotas, or the quota"),
        "log_retention_days": (
            settings.log_retention_days in LOG_RETENTION_DAYS,
            f"one of {', '.join(map(str, LOG_RETENTION_DAYS))}",
        ),
        "tensor_retention_days": (settings.tensor_retention_days >= 1, "at least 1"),
        "query_scan_limit_gb": (settings.query_scan_limit_gb >= 1, "at least 1"),
        "custom_rule_seconds": (1 <= settings.custom_rule_seconds <= 120, "from 1 to 120"),
        "custom_rule_interval_seconds": (settings.custom_rule_interval_seconds >= 1, "at least 1"),
        "launch_target": (settings.launch_target in ("direct", "batch"), "direct or batch"),
        "batch_max_instances": (settings.batch_max_instances >= 1, "at least 1"),
        "batch_attempts": (1 <= settings.batch_attempts <= 10, "1 to 10, as AWS Batch takes them"),
        "batch_team_weights": (
            all(re.fullmatch(r"[^=]*[A-Za-z0-9][^=]*=([1-9][0-9]{0,2})", each) for each in settings.batch_team_weights),
            "such as vision=2,nlp=1: whole numbers from 1 to 999, more is more",
        ),
        "role_path": (re.fullmatch(r"/([\x21-\x7e]+/)?", settings.role_path), "a path such as /platform/, or /"),
        "subnet_ids": (_are_ids("subnet", settings.subnet_ids), "ids such as subnet-0a1b2c3d, with commas"),
        "security_group_ids": (_are_ids("sg", settings.security_group_ids), "ids such as sg-0a1b2c3d, with commas"),
        "route_table_ids": (_are_ids("rtb", settings.route_table_ids), "ids such as rtb-0a1b2c3d, with commas"),
        "vpc_endpoints_in": (
            _are_ids("vpc", tuple(filter(None, [settings.vpc_endpoints_in]))),
            "the network's id, such as vpc-0a1b2c3d",
        ),
        "evaluate_window_seconds": (0 <= settings.evaluate_window_seconds <= 300, "0 to 300: Lambda waits no longer"),
        "look_interval_seconds": (
            1 <= settings.look_interval_seconds <= 900,
            "1 to 900: SQS keeps nothing back longer",
        ),
        "table_interval_seconds": (
            0 <= settings.table_interval_seconds <= 900,
            "0 to 900: SQS keeps nothing back longer",
        ),
        "watch_share": (0 < settings.watch_share <= 1, "over 0 and at most 1: a share of a job's price"),
        "watch_every_seconds": (0 <= settings.watch_every_seconds <= 600, "0 for the best distance, or up to 600"),
        "watch_pace": (settings.watch_pace in ("auto", "price", "free"), "auto, price or free"),
        "alert_group_seconds": (0 <= settings.alert_group_seconds <= 900, "0 to 900: SQS keeps nothing back longer"),
        "alert_quiet_hours": (_is_quiet(settings.alert_quiet_hours), "HH:MM-HH:MM, such as 22:00-07:00, or empty"),
        "alert_time_zone": (_is_zone(settings.alert_time_zone), "a time zone's name, such as Europe/Berlin"),
        "alerts_per_hour": (settings.alerts_per_hour >= 0, "0 for no limit, or more"),
        "removal_policy": (settings.removal_policy in ("retain", "destroy"), "retain or destroy"),
    }
    problems = [
        f"{name}: {getattr(settings, name)!r} must be {what}" for name, (holds, what) in allowed.items() if not holds
    ]
    if settings.kms_key_arn and settings.create_kms_key:
        problems.append("kms_key_arn and create_kms_key: give a key or have one created, not both")
    problems += [
        f"{name}: {mail!r} is not an address"
        for name, mails in (("alert_emails", settings.alert_emails), ("alarm_emails", settings.alarm_emails))
        for mail in mails
        if not re.fullmatch(r"\S+@\S+\.\S+", mail)
    ]
    problems += [
        f"custom_rule_sources: {source!r} must be s3://bucket/prefix/ or a folder in code/ of the experiments bucket "
        "(code/, code/team/), with a slash at its end"
        for source in settings.custom_rule_sources
        if not re.fullmatch(r"(s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/|code/)([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*", source)
    ]
    problems += [
        f"allowed_in_specs: {pattern!r} must be an ARN, an image's address, or an id such as subnet-0a1b2c3d, sg-…, "
        "fs-…, alias/…; with * for what may vary, but not alone"
        for pattern in settings.allowed_in_specs
        if not re.fullmatch(r"(arn:|subnet-|sg-|fs-|alias/|[0-9]{12}\.dkr\.ecr\.|[a-z0-9.-]+/)[^\s,]+", pattern)
    ]
    if settings.alarm_emails and settings.alarm_topic_arn:
        problems.append("alarm_emails and alarm_topic_arn: subscribe to the topic that you give, or have one made")
    shares = [re.sub(r"[^A-Za-z0-9]", "", each.rpartition("=")[0])[:255] for each in settings.batch_team_weights]
    if len(set(shares)) < len(settings.batch_team_weights):
        problems.append("batch_team_weights: two teams are one to AWS Batch, which knows letters and digits alone")
    if bool(settings.subnet_ids) != bool(settings.security_group_ids):
        problems.append("subnet_ids, security_group_ids: give both or neither")
    if settings.vpc_endpoints_in and not (settings.subnet_ids and settings.route_table_ids):
        problems.append("vpc_endpoints_in: needs subnet_ids, security_group_ids and route_table_ids")
    return problems + _half_given(settings) + _wrong_arns(settings)


def _are_ids(kind: str, ids: tuple[str, ...]) -> bool:
    return all(re.fullmatch(rf"{kind}-[0-9a-f]{{8,17}}", each) for each in ids)


def _is_quiet(text: str) -> bool:
    clock = r"([01][0-9]|2[0-3]):[0-5][0-9]"
    found = re.fullmatch(rf"(?P<begin>{clock})-(?P<end>{clock})", text)
    return not text or bool(found and found["begin"] != found["end"])


def _is_zone(name: str) -> bool:
    return bool(name) and tz.gettz(name) is not None


def _half_given(settings: DeploymentSettings) -> list[str]:
    """A problem for each chat that lacks an id: a chat is named by several ids, and needs all of them."""
    groups = (
        ("slack_workspace_id", "slack_channel_id"),
        ("teams_tenant_id", "teams_team_id", "teams_channel_id"),
    )
    return [
        f"{', '.join(group)}: give all of them or none"
        for group in groups
        if 0 < sum(bool(getattr(settings, name)) for name in group) < len(group)
    ]


def _wrong_arns(settings: DeploymentSettings) -> list[str]:
    expected = {
        "experiments_bucket_arn": ("s3", (settings.experiments_bucket_arn,)),
        "artifacts_bucket_arn": ("s3", (settings.artifacts_bucket_arn,)),
        "data_bucket_arns": ("s3", settings.data_bucket_arns),
        "tensor_bucket_arns": ("s3", settings.tensor_bucket_arns),
        "kms_key_arn": ("kms", (settings.kms_key_arn,)),
        "permissions_boundary_arn": ("iam", (settings.permissions_boundary_arn,)),
        "alert_topic_arn": ("sns", (settings.alert_topic_arn,)),
        "alarm_topic_arn": ("sns", (settings.alarm_topic_arn,)),
        "slack_webhook_secret_arn": ("secretsmanager", (settings.slack_webhook_secret_arn,)),
        "incident_webhook_secret_arn": ("secretsmanager", (settings.incident_webhook_secret_arn,)),
    }
    return [
        f"{name}: {arn!r} is not the ARN of a resource in {service}"
        for name, (service, arns) in expected.items()
        for arn in arns
        if arn and not re.fullmatch(rf"arn:aws[a-z-]*:{service}:[a-z0-9-]*:\d*:\S+", arn)
    ]
