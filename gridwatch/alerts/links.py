"""Addresses of the pages about a training job in AWS, made from its ARN alone: any partition, account and region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

_CONSOLES = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
_EMBEDDED = "000000000000"  # the embedded cloud's account, which no console shows
_LOG_GROUP = "/aws/sagemaker/TrainingJobs"


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    address: str


def job_links(job_arn: str) -> tuple[Link, ...]:
    """The addresses of the job's page and of its logs; none when the ARN is no training job's in a partition with a
    console.
    """
    parts = job_arn.split(":", 5)
    if not _has_console(parts) or not parts[5].startswith("training-job/"):
        return ()
    region, job_name = parts[3], parts[5].removeprefix("training-job/")
    console = f"https://{region}.{_CONSOLES[parts[1]]}"
    # The log console wants its fragment percent-encoded twice, with $ for the second percent sign.
    group = quote(quote(_LOG_GROUP, safe=""), safe="").replace("%", "$")
    stream = quote(f"?logStreamNameFilter={job_name}/", safe="").replace("%", "$")
    return (
        Link("Job", f"{console}/sagemaker/home?region={region}#/jobs/{job_name}"),
        Link("Logs", f"{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{group}{stream}"),
    )


def object_link(label: str, bucket: str, key: str, job_arn: str) -> Link | None:
    """An object's page in S3's console, in the partition and region of a job; None where there is none."""
    parts = job_arn.split(":", 5)
    if not _has_console(parts):
        return None
    address = f"https://{parts[3]}.{_CONSOLES[parts[1]]}/s3/object/{bucket}?region={parts[3]}&prefix={quote(key)}"
    return Link(label, address)


def _has_console(parts: Sequence[str]) -> bool:
    return len(parts) == 6 and parts[1] in _CONSOLES and parts[4] != _EMBEDDED


def logs_command(job_name: str) -> str:
    """The command that prints the job's log. `aws logs tail` would need version 2 of the AWS command line."""
    return f"gridwatch logs {job_name}"
