"""The cost of a trial by the deployment's prices, and its machine's use by its profile."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from gridwatch.cli.context import Cloud
from gridwatch.domain.trials import TrialRecord
from gridwatch.savings.money import money
from gridwatch.savings.prices import PriceTable
from gridwatch.storage import layout

if TYPE_CHECKING:
    from gridwatch_rules.tensors.source import TensorSource


def cost_of(cloud: Cloud, trial: TrialRecord, prices: PriceTable | None = None) -> str | None:
    """The trial's estimated cost in words; None without a price or without billed seconds."""
    if trial.billable_seconds is None or trial.instance_type is None:
        return None
    known = prices or prices_of(cloud)
    hourly = known.hourly(trial)
    if hourly is None:
        return None
    return f"{money(trial.billable_seconds / 3600 * hourly, known.currency)} (estimate)"


def usage_of(cloud: Cloud, job_name: str) -> str | None:
    """The mean use of each resource in words; None without a profile."""
    from gridwatch.reports.experiment.usage import read_usage  # noqa: PLC0415  numpy is slow to import
    from gridwatch_rules.tensors.errors import CorruptTensorError  # noqa: PLC0415  likewise

    try:
        usage = read_usage(job_name, profile_of(cloud, job_name), ended=True)
    except CorruptTensorError as error:
        return f"not readable: {error}"
    if usage is None:
        return None
    means = {name: fmean(cell for cell in use.timeline if cell is not None) for name, use in usage.uses.items()}
    return ", ".join(f"{name} {mean:.0f} %" for name, mean in sorted(means.items()))


def prices_of(cloud: Cloud) -> PriceTable:
    """The deployment's prices, or the package's. Raises PriceTableError, a ValueError."""
    s3, bucket = cloud.session.s3, cloud.deployment.experiments_bucket
    try:
        return PriceTable.parse(s3.get_object(Bucket=bucket, Key=layout.PRICE_TABLE_KEY)["Body"].read().decode())
    except s3.exceptions.NoSuchKey:
        return PriceTable.built_in()


def profile_of(cloud: Cloud, job_name: str) -> TensorSource:
    """The profile of one of the deployment's own jobs."""
    from gridwatch.aws.tensor_source import S3Source  # noqa: PLC0415  boto3 is slow to import

    return S3Source(cloud.session.s3, cloud.deployment.artifacts_bucket, layout.profile_prefix(job_name))
