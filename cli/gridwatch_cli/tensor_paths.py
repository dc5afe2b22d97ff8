"""Tensor folders as people name them: a path, an s3:// address in AWS or in the local cloud, or a trial."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gridwatch.storage.layout import s3_uri, tensor_prefix
from gridwatch.tensors.layout import STEP_PREFIXES
from gridwatch.tensors.source import TensorSource, open_folder
from gridwatch_cli.context import Cloud
from gridwatch_cli.errors import CliError
from gridwatch_cli.looking.trials import find_trial

_OUTPUTS = ("debug-output", "log-output")  # what the hook saved, and what was read from the log


def opener(cloud: Cloud) -> Callable[[str], TensorSource]:
    """Opens another job's tensors. What it gives raises FileNotFoundError for a folder that is not there."""
    return lambda location: open_location(tensors_in(location, cloud), cloud)


def open_location(location: str, cloud: Cloud) -> TensorSource:
    """The folder at a path or address."""
    if not location.startswith("s3://"):
        return open_folder(location)
    from gridwatch.aws.tensor_source import S3Source  # noqa: PLC0415  boto3 is slow to import

    return S3Source.at(cloud.session.s3, location)


def tensors_of(subject: str, cloud: Cloud) -> str:
    """Where the tensors are that a path, an address or a trial's name means: a training job, the trial's id, or
    `<experiment>/<place>`, as `gridwatch inspect` takes them. Raises FileNotFoundError or CliError.
    """
    return tensors_in(subject if _is_folder(subject) else _output_of(subject, cloud), cloud)


def _is_folder(subject: str) -> bool:
    """Whether it is here, or written as no trial's name is: at most one slash is in such a name, and not in front."""
    written = subject.startswith(("s3://", "/", ".", "~")) or subject.rstrip("/").count("/") > 1
    return written or Path(subject).is_dir()


def _output_of(subject: str, cloud: Cloud) -> str:
    """The address under which a trial's job saves."""
    from gridwatch_cli.session import AWS_ERRORS, explain  # noqa: PLC0415  boto3 is slow to import

    try:
        found = find_trial(cloud.store, subject)
        job = cloud.store.get_job(found.job_name)
    except (CliError, *AWS_ERRORS) as error:
        raise CliError(f"there is no folder {subject}, and no trial was found either: {explain(error)}") from error
    if job is not None and job.tensors_uri is not None:
        return job.tensors_uri
    output, _, _ = tensor_prefix(found.job_name).rstrip("/").rpartition("/")
    return s3_uri(cloud.deployment.artifacts_bucket, output)


def tensors_in(location: str, cloud: Cloud) -> str:
    """The location itself; of a job's whole output what its hook saved, else what was read from its log."""
    source = open_location(location, cloud)
    if any(source.keys(prefix, limit=1) for prefix in STEP_PREFIXES):
        return location
    found = next((name for name in _OUTPUTS if source.keys(f"{name}/", limit=1)), None)
    return f"{location.rstrip('/')}/{found}" if found else location
