"""Opens tensors for the command line: at a path, at an s3:// address in AWS or in the local cloud, or of a trial."""

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
    """A function that opens tensors on this machine and in S3."""

    def opened(location: str) -> TensorSource:
        if not location.startswith("s3://"):
            return open_folder(location)
        from gridwatch.aws.tensor_source import S3Source  # noqa: PLC0415  boto3 is slow to import

        return S3Source.at(cloud.session.s3, location)

    return Opener(opened, "gridwatch.aws.tensor_source:open_source", environment or {})


def tensors_of(subject: str, cloud: Cloud) -> str:
    """The tensors named by a path, by an address or by a trial: a training job, the trial's id, or
    `<experiment>/<place>`, as `gridwatch inspect` takes them. Raises FileNotFoundError or CliError.
    """
    return opener_of(cloud).tensors_in(subject if _is_folder(subject) else _output_of(subject, cloud))


def _is_folder(subject: str) -> bool:
    """Whether the text names a folder: it exists, or no trial's name looks like it (at most one slash, and none in
    front).
    """
    written = subject.startswith(("s3://", "/", ".", "~")) or subject.rstrip("/").count("/") > 1
    return written or Path(subject).is_dir()


def _output_of(subject: str, cloud: Cloud) -> str:
    """The address under which a trial's job saves its tensors."""
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
    """The environment for reading: for S3, the running local cloud's unless something else is said, as for other
    commands.
    """
    if not location.startswith("s3://") or Environment.read().endpoint_url is not None:
        return child_environment()
    cloud = recall(state_file())
    if cloud is None:
        refuse_ended(state_file())
    return child_environment(**(cloud.environment() if cloud else {}))
