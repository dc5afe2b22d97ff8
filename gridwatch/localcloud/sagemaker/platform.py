"""The cloud around the jobs: settings, clients and addresses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gridwatch.localcloud.guard import Guard
from gridwatch.localcloud.sagemaker.limits import Limits


@dataclass(frozen=True, slots=True)
class JobSettings:
    """How jobs behave here. Times are in seconds."""

    starting_delay: float = 0.2
    uploading_delay: float = 0.0
    stop_grace: float = 120.0
    rule_grace: float = 60.0
    sync_interval: float = 0.25
    threads_per_job: int = 1
    keep_folders: bool = False


@dataclass(frozen=True, slots=True)
class Platform:
    """The surroundings of one account and region. ``client`` makes a boto3 client for a service name, and
    ``client_as`` one for a service name that acts as the role with that ARN.
    """

    account: str
    region: str
    endpoint: str
    scratch: Path
    mlflow_stores: Path
    guard: Guard
    settings: JobSettings
    client: Callable[[str], Any]
    client_as: Callable[[str, str], Any]
    put_event: Callable[[Mapping[str, Any]], None]
    has_role: Callable[[str], bool]
    has_objects: Callable[[str, str], bool]
    credentials: Callable[[str], Mapping[str, str]]
    limits: Limits = field(default_factory=Limits)

    def arn(self, resource: str) -> str:
        """The ARN of one of SageMaker's resources here."""
        return f"arn:{partition(self.region)}:sagemaker:{self.region}:{self.account}:{resource}"

    def environment(self, role: str) -> dict[str, str]:
        """The variables of a process that acts as ``role``; from the host it gets only where programs are."""
        threads = str(self.settings.threads_per_job)
        limits = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            **dict.fromkeys(limits, threads),
            **self.credentials(role),
        }


def partition(region: str) -> str:
    """The AWS partition of a region."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
