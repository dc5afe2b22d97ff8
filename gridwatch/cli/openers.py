"""How the command line reaches tensors: a path, or an s3:// address in AWS or in the local cloud."""

from __future__ import annotations

from gridwatch.cli.context import Cloud
from gridwatch.cli.local_state import recall, refuse_ended, state_file
from gridwatch.cli.settings import Environment, child_environment
from gridwatch_rules.places import Opener
from gridwatch_rules.tensors.source import TensorSource, open_folder


def opener_of(cloud: Cloud, environment: dict[str, str] | None = None) -> Opener:
    """Opens what lies on this machine and in S3."""

    def opened(location: str) -> TensorSource:
        if not location.startswith("s3://"):
            return open_folder(location)
        from gridwatch.aws.tensor_source import S3Source  # noqa: PLC0415  boto3 is slow to import

        return S3Source.at(cloud.session.s3, location)

    return Opener(opened, "gridwatch.aws.tensor_source:open_source", environment or {})


def environment_for(location: str) -> dict[str, str]:
    """Ours; for S3, as other commands do, the local cloud's if one is running and nothing else is said."""
    if not location.startswith("s3://") or Environment.read().endpoint_url is not None:
        return child_environment()
    cloud = recall(state_file())
    if cloud is None:
        refuse_ended(state_file())
    return child_environment(**(cloud.environment() if cloud else {}))
