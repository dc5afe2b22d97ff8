"""What Systems Manager, Secrets Manager and CloudWatch accept beyond their models (their API references)."""

from collections.abc import Mapping
from typing import Any

from gridwatch.localcloud.sagemaker.errors import ServiceError

_STANDARD = 4096  # bytes of a standard parameter
_ADVANCED = 8192
_SECRET = 65_536
_OF_ALARMS = ("ComparisonOperator", "EvaluationPeriods", "Namespace", "Period")
_SECONDS = (10, 20, 30)  # periods of alarms below a minute


def _parameter(request: Mapping[str, Any]) -> None:
    value, tier = str(request["Value"]), request.get("Tier", "Standard")
    if not value:
        raise ServiceError("ValidationException", "1 validation error detected: Value '' at 'value' is empty")
    most = _STANDARD if tier == "Standard" else _ADVANCED
    if len(value.encode()) > most:
        raise ServiceError(
            "ValidationException",
            f"{tier} tier parameters support a maximum parameter value of {most} characters, not {len(value)}",
        )


def _secret(request: Mapping[str, Any]) -> None:
    if len(str(request.get("SecretString") or "").encode()) > _SECRET:
        raise ServiceError("ValidationException", f"A secret holds {_SECRET} bytes at most")


def _metrics(request: Mapping[str, Any]) -> None:
    if str(request["Namespace"]).startswith("AWS/"):
        raise ServiceError(
            "InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid: it is reserved for AWS's own"
        )


def _alarm(request: Mapping[str, Any]) -> None:
    sources = [name for name in ("MetricName", "Metrics", "EvaluationCriteria") if request.get(name)]
    if len(sources) != 1:
        raise ServiceError("ValidationError", "Exactly one of MetricName, Metrics or EvaluationCriteria must be given")
    if request.get("MetricName"):
        missing = [name for name in _OF_ALARMS if name not in request]
        if "Statistic" not in request and "ExtendedStatistic" not in request:
            missing.append("Statistic")
        if missing:
            raise ServiceError("MissingParameter", f"The parameters {', '.join(missing)} are required")
    period = request.get("Period")
    if period is not None and period % 60 and period not in _SECONDS:
        raise ServiceError("ValidationError", "Period must be 10, 20, 30 or a multiple of 60")


CHECKS = {
    "ssm:PutParameter": _parameter,
    "secretsmanager:CreateSecret": _secret,
    "secretsmanager:PutSecretValue": _secret,
    "monitoring:PutMetricData": _metrics,
    "monitoring:PutMetricAlarm": _alarm,
}
