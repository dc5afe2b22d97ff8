"""How the command line reaches tensors: a path, an s3:// address in AWS or in the local cloud, or a trial."""

from __future__ import annotations

from pathlib import Path

from gridwatch.cli.context import Cloud
from gridwatch.cli.errors import CliError
from gridwatch.cli.local_state import recall, refuse_ended, state_file
from gridwatch.cli.looking.trials import find_trial
from gridwatch.cli.settings import Environment, child_environment
from gridwatch.storage.layout import s3_uri, tensor_prefix
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


def tensors_of(subject: str, cloud: Cloud) -> str:
    """Where the tensors are that a path, an address or a trial's name means: a training job, the trial's id, or
    `<experiment>/<place>`, as `gridwatch inspect` takes them. Raises FileNotFoundError or CliError.
    """
    return opener_of(cloud).tensors_in(subject if _is_folder(subject) else _output_of(subject, cloud))


def _is_folder(subject: str) -> bool:
    """Whether it is here, or written as no trial's name is: at most one slash is in such a name, and not in front."""
    written = subject.startswith(("s3://", "/", ".", "~")) or subject.rstrip("/").count("/") > 1
    return written or Path(subject).is_dir()


def _output_of(subject: str, cloud: Cloud) -> str:
    """The address under which a trial's job saves."""
    from gridwatch.cli.session import AWS_ERRORS, explain  # noqa: PLC0415  boto3 is slow to import

    try:
        found = find_trial(cloud.store, subject)
        job = cloud.store.get_job(found.job_name)
    except (CliError, *AWS_ERRORS) as error:
        raise CliError(f"there is no folder {subject}, and no trial was found either: {explain(error)}") from error
    if job is not None and job.tensors_uri is not None:
        return job.tensors_uri
    output, _, _ = tensor_prefix(found.job_name).rstrip("/").rpartition("/")
    return s3_uri(cloud.deployment.artifacts_bucket, output)


def environment_for(location: str) -> dict[str, str]:
    """Ours; for S3, as other commands do, the local cloud's if one is running and nothing else is said."""
    if not location.startswith("s3://") or Environment.read().endpoint_url is not None:
        return child_environment()
    cloud = recall(state_file())
    if cloud is None:
        refuse_ended(state_file())
    return child_environment(**(cloud.environment() if cloud else {}))
