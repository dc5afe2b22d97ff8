"""The command line's only access to AWS, or to the local cloud that stands in for it."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from gridwatch.cli.errors import CliError
from gridwatch.cli.local_state import (
    LOCAL_SECRET,
    RunningCloud,
    is_on_this_machine,
    listens,
    recall,
    refuse_ended,
    state_file,
    troubles_of,
)
from gridwatch.cli.output import visible_lines
from gridwatch.cli.settings import Environment

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
        """A session with that local cloud."""
        session = boto3.Session(
            aws_access_key_id=cloud.access_key_id,
            aws_secret_access_key=cloud.secret_access_key,
            region_name=cloud.region,
        )
        return cls(session, cloud.endpoint_url)

    @classmethod
    def discover(cls, environment: Environment) -> Session:
        """A session where the shell points, else with the running local cloud (which is said on stderr), else with AWS.

        Raises CliError where the shell was a local cloud's that has ended: no command turns to AWS by itself.
        """
        if environment.endpoint_url is None:
            cloud = recall(state_file())
            if cloud is not None:
                print(
                    f"gridwatch: using the local cloud at {cloud.endpoint_url} (set AWS_ENDPOINT_URL to go elsewhere)",
                    file=sys.stderr,
                )
                _tell_troubles(cloud.endpoint_url)
                return cls.of(cloud)
            refuse_ended(state_file())
        elif is_on_this_machine(environment.endpoint_url) and not listens(environment.endpoint_url):
            raise CliError(_nobody_at(environment.endpoint_url))
        elif is_on_this_machine(environment.endpoint_url):
            _tell_troubles(environment.endpoint_url)
        session = boto3.Session()
        if environment.endpoint_url is None:
            _refuse_local_shell(session, environment)
        return cls(session, environment.endpoint_url)

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint of a local cloud; None for AWS itself."""
        return self._endpoint_url

    @property
    def region(self) -> str:
        """The session's region. Raises botocore's NoRegionError when none is named."""
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
        """A client for Search that slows down when it is throttled and retries for minutes: Search has no published
        rate.
        """
        adaptive = Config(read_timeout=60, retries={"mode": "adaptive", "total_max_attempts": 10})
        config = (_LOCAL if self._endpoint_url else _CONFIG).merge(adaptive)
        return self._session.client("sagemaker", endpoint_url=self._endpoint_url, config=config)

    @cached_property
    def sns(self) -> SNSClient:
        return self.client("sns")  # type: ignore[no-any-return]

    @cached_property
    def sqs(self) -> SQSClient:
        return self.client("sqs")  # type: ignore[no-any-return]


def _tell_troubles(endpoint: str) -> None:
    for text in troubles_of(endpoint):
        print(f"gridwatch: warning: {visible_lines(text)}", file=sys.stderr)


def _refuse_local_shell(session: boto3.Session, environment: Environment) -> None:
    """Raise CliError if the credentials for AWS are a local cloud's, since the shell is then one that was set for it.

    A profile may name the local cloud's endpoint: then its credentials go there.
    """
    keys = session.get_credentials()
    if keys is not None and keys.secret_key == LOCAL_SECRET:
        mark = "AWS_SECRET_ACCESS_KEY"
    elif environment.of_local_cloud is not None:
        mark = environment.of_local_cloud
    else:
        return
    if session.region_name is None or _is_of_aws(str(session.client("sts").meta.endpoint_url)):
        raise CliError(
            f"{mark} is a local cloud's, and there is no AWS_ENDPOINT_URL: nothing was sent to AWS. "
            f"Set what `gridwatch local up` printed, or unset it all ({mark} too) to go to AWS"
        )


def _is_of_aws(endpoint: str) -> bool:
    return endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _nobody_at(endpoint: str) -> str:
    return (
        f"no local cloud answers at {endpoint}: it has ended, and nothing was sent to AWS. Start one again with "
        "`gridwatch local up`, or unset AWS_ENDPOINT_URL and what was set with it to go to AWS"
    )


def explain(error: Exception) -> str:
    """One line about an error of AWS or of the connection to it."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        why = filter(None, (told.get("Code"), told.get("Message")))  # some answers have a status and no words
        return ": ".join([f"{error.operation_name} was refused", *why])
    if isinstance(error, EndpointConnectionError) and is_on_this_machine(str(error.kwargs.get("endpoint_url"))):
        return _nobody_at(str(error.kwargs["endpoint_url"]))
    if isinstance(error, NoRegionError | NoCredentialsError):
        return f"{str(error).rstrip('.')}; for a cloud on this machine run `gridwatch local up`"
    return str(error)
