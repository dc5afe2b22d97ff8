"""The account's service quotas, as far as the caller is allowed to read them."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch_rules.failures import GridwatchError, NotFoundError

_SERVICE = "sagemaker"
_PROCESSING = "L-F311B08F"  # "Number of instances across all processing jobs"


def processing_instances(quotas: Any = None) -> int | None:
    """The account's quota of processing instances, or AWS's default where it has none of its own; None when it cannot
    be read.

    It is used for advice only (SageMaker itself refuses what is too much), so errors of Service Quotas are not raised.
    """
    asked = {"ServiceCode": _SERVICE, "QuotaCode": _PROCESSING}
    service = quotas or client("service-quotas")
    try:
        with translated():
            return int(service.get_service_quota(**asked)["Quota"]["Value"])
    except NotFoundError:
        pass
    except GridwatchError:
        return None
    try:
        with translated():
            return int(service.get_aws_default_service_quota(**asked)["Quota"]["Value"])
    except GridwatchError:
        return None
