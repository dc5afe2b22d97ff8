"""The command line's one way to AWS, or to the local cloud that stands in for it."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from gridwatch_cli.local_state import RunningCloud, recall, state_file
from gridwatch_cli.settings import Environment

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

AWS_ERRORS = (BotoCoreError, ClientError)

_CONFIG = Config(connect_timeout=5, retries={"mode": "standard", "max_attempts": 4})
# A local endpoint has no host for each bucket.
_LOCAL = _CONFIG.merge(Config(s3={"addressing_style": "path"}))


class Session:
    """Clients of one account and region, made when they are first used."""

    def __init__(self, session: boto3.Session, endpoint_url: str | None = None) -> None:
        self._session = session
        self._endpoint_url = endpoint_url

    @classmethod
    def of(cls, cloud: RunningCloud) -> Session:
        """A session with the local cloud."""
        session = boto3.Session(
            aws_access_key_id=cloud.access_key_id,
            aws_secret_access_key=cloud.secret_access_key,
            region_name=cloud.region,
        )
        return cls(session, cloud.endpoint_url)

    @classmethod
    def discover(cls, environment: Environment) -> Session:
        """Where the shell points, else the local cloud that is running (which is said on stderr), else AWS."""
        if environment.endpoint_url is None:
            cloud = recall(state_file())
            if cloud is not None:
                print(
                    f"gridwatch: using the local cloud at {cloud.endpoint_url} (set AWS_ENDPOINT_URL to go elsewhere)",
                    file=sys.stderr,
                )
                return cls.of(cloud)
        return cls(boto3.Session(), environment.endpoint_url)

    @property
    def region(self) -> str:
        """Raises botocore's NoRegionError when none is named."""
        return str(self.s3.meta.region_name)

    def client(self, service: str) -> Any:
        config = _LOCAL if self._endpoint_url else _CONFIG
        return self._session.client(service, endpoint_url=self._endpoint_url, config=config)

    @cached_property
    def athena(self) -> AthenaClient:
        return self.client("athena")  # type: ignore[no-any-return]

    @cached_property
    def cloudformation(self) -> Any:
        return self.client("cloudformation")

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return self.client("dynamodb")  # type: ignore[no-any-return]

    @cached_property
    def s3(self) -> S3Client:
        return self.client("s3")  # type: ignore[no-any-return]

    @cached_property
    def patient_sagemaker(self) -> Any:
        """For Search, which has no published rate: it slows down by itself when told to, and goes on for minutes."""
        adaptive = Config(read_timeout=60, retries={"mode": "adaptive", "total_max_attempts": 10})
        config = (_LOCAL if self._endpoint_url else _CONFIG).merge(adaptive)
        return self._session.client("sagemaker", endpoint_url=self._endpoint_url, config=config)

    @cached_property
    def sns(self) -> SNSClient:
        return self.client("sns")  # type: ignore[no-any-return]

    @cached_property
    def sqs(self) -> SQSClient:
        return self.client("sqs")  # type: ignore[no-any-return]


def explain(error: Exception) -> str:
    """One line about an error of AWS or of the way to it."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"{error.operation_name} was refused: {told.get('Code')}: {told.get('Message')}"
    if isinstance(error, NoRegionError | NoCredentialsError):
        return f"{str(error).rstrip('.')}; for a cloud on this machine run `gridwatch local up`"
    return str(error)
