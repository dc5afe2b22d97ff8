"""Where a plan is for: the deployment within reach with its data, or placeholders when there is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from gridwatch import __version__
from gridwatch.cli.local_state import is_on_this_machine
from gridwatch_rules.failures import PermanentError

if TYPE_CHECKING:
    from gridwatch.cli.context import Cloud
    from gridwatch.launch.deployment import Deployment
    from gridwatch.launch.ports import ExperimentBucket
    from gridwatch.preflight.manifests import OpenUri
    from gridwatch.spec.parse import ParsedSpec
    from gridwatch.storage.data_source import DataSource

# pydantic and boto3 take a while to import: only who plans pays for them.
# ruff: noqa: PLC0415

_ACCOUNT = "123456789012"
_OFFLINE = (
    "planned offline: the versions of the data and of the training code are not known here, so the ten hex digits in "
    "the names will be others, and account, buckets and role in a request are placeholders"
)


class LaunchSite(Protocol):
    """What a plan needs to know besides the spec."""

    @property
    def deployment(self) -> Deployment: ...

    @property
    def note(self) -> str:
        """What the plan's reader must know about the site, once the plan is made."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether jobs would run in a local cloud."""
        ...

    def etags(self, parsed: ParsedSpec) -> Mapping[str, Mapping[str, str]]:
        """For each channel of the spec, its objects' keys and etags."""
        ...

    def data(self, parsed: ParsedSpec) -> Mapping[str, DataSource]:
        """The channels' data; channels that are out of reach are left out."""
        ...

    @property
    def open_uri(self) -> OpenUri | None:
        """A function that opens the data at another address, such as a manifest's; None where nothing is within
        reach.
        """
        ...

    def processing_instances(self) -> int | None:
        """The account's quota of processing instances; None when it is not known."""
        ...


@dataclass(frozen=True, slots=True)
class Nowhere:
    """No deployment within reach: the same spec gives the same plan on every machine."""

    deployment: Deployment
    note: str = _OFFLINE
    is_local: bool = False

    @classmethod
    def create(cls, region: str) -> Nowhere:
        from gridwatch.launch.deployment import Deployment

        return cls(
            Deployment(
                region=region,
                name_prefix="gridwatch",
                experiments_bucket=f"gridwatch-experiments-{_ACCOUNT}-{region}",
                artifacts_bucket=f"gridwatch-artifacts-{_ACCOUNT}-{region}",
                job_role_arn=f"arn:aws:iam::{_ACCOUNT}:role/gridwatch-training-job",
                xgboost_source_uri=f"s3://gridwatch-artifacts-{_ACCOUNT}-{region}/source/sourcedir.tar.gz",
                hook_source_uri=f"s3://gridwatch-artifacts-{_ACCOUNT}-{region}/source/gridwatch_hook.zip",
                hook_version=__version__,
                is_known=False,
            )
        )

    def etags(self, parsed: ParsedSpec) -> Mapping[str, Mapping[str, str]]:
        return {name: {} for name in parsed.spec.data}

    def data(self, parsed: ParsedSpec) -> Mapping[str, DataSource]:
        del parsed
        return {}

    @property
    def open_uri(self) -> OpenUri | None:
        return None

    def processing_instances(self) -> int | None:
        return None


class Deployed:
    """A deployment: the plan has the names and requests that an upload of the spec would lead to."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._without_data: list[str] = []
        self._with_data: dict[str, Sequence[str]] = {}

    @property
    def is_local(self) -> bool:
        endpoint = self._cloud.session.endpoint_url
        return endpoint is not None and is_on_this_machine(endpoint)

    @property
    def deployment(self) -> Deployment:
        from gridwatch.launch.deployment import Deployment

        found = self._cloud.deployment
        return Deployment(
            region=self._cloud.session.region,
            name_prefix=found.name_prefix,
            experiments_bucket=found.experiments_bucket,
            artifacts_bucket=found.artifacts_bucket,
            job_role_arn=found.job_role,
            xgboost_source_uri=found.xgboost_source,
            hook_source_uri=found.hook_source,
            hook_version=found.hook_version,
            is_known=False,  # from where code may run is known to the deployed functions, not to the stack's outputs
        )

    @property
    def note(self) -> str:
        place = f"planned for the deployment {self._cloud.stack!r}"
        if self._cloud.deployment.batch_job_queue:
            place += " (through AWS Batch, which names the training jobs itself, after these)"
        if not self._without_data:
            return f"{place} and the data that it holds now"
        missing = ", ".join(self._without_data)
        return (
            f"{place}, where there is no data yet at {missing}: upload it before the spec, "
            "which is refused otherwise; the ten hex digits in the names will be others then"
        )

    def etags(self, parsed: ParsedSpec) -> Mapping[str, Mapping[str, str]]:
        from gridwatch.aws.experiment_bucket import S3ExperimentBucket
        from gridwatch.spec.windows import channel_uris

        name = self._cloud.deployment.experiments_bucket
        bucket = S3ExperimentBucket(name, self._cloud.session.s3)
        today = self._cloud.clock.now().date()
        uris = {channel: channel_uris(data, name, today) for channel, data in parsed.spec.data.items() if data.uri}
        found = {
            channel: {key: etag for uri in all_of for key, etag in _etags(bucket, uri).items()}
            for channel, all_of in uris.items()
        }
        self._without_data = [uris[channel][-1] for channel, etags in found.items() if not etags]
        self._with_data = {channel: uris[channel] for channel, etags in found.items() if etags}
        return {channel: found.get(channel, {}) for channel in parsed.spec.data}

    def data(self, parsed: ParsedSpec) -> Mapping[str, DataSource]:
        from gridwatch.aws.data_source import S3Data

        if not self._with_data:
            self.etags(parsed)
        return {channel: S3Data(*uris, s3=self._cloud.session.s3) for channel, uris in self._with_data.items()}

    @property
    def open_uri(self) -> OpenUri | None:
        from gridwatch.aws.data_source import S3Data

        return lambda uri: S3Data(uri, s3=self._cloud.session.s3)

    def processing_instances(self) -> int | None:
        from gridwatch.aws.service_quotas import processing_instances

        return processing_instances(self._cloud.session.client("service-quotas"))


def _etags(bucket: ExperimentBucket, uri: str) -> Mapping[str, str]:
    """The channels' etags; empty also for data that may not be read: a person may have fewer rights than the
    deployment.
    """
    try:
        return bucket.etags(uri)
    except PermanentError:
        return {}
