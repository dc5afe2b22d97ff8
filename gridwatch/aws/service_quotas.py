"""What AWS lets the account have, as far as whoever asks may know it."""

from __future__ import annotations

from typing import Any

from gridwatch.aws.clients import client
from gridwatch.aws.errors import translated
from gridwatch_rules.failures import GridwatchError, NotFoundError

_SERVICE = "sagemaker"
_PROCESSING = "L-F311B08F"  # "Number of instances across all processing jobs"


def processing_instances(quotas: Any = None) -> int | None:
    """The account's quota; AWS's default where the account has none of its own. None when it cannot be asked for.

    Only advice hangs on it: SageMaker itself refuses what is too much. So no error of Service Quotas is the caller's.
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
