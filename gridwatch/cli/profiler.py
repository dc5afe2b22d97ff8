"""`gridwatch profiler`: turns Debugger's profiler of a running job on or off, or adds rules to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.launch.images import UnknownRegionError
from gridwatch.launch.profiler_update import ProfiledJob, ProfilerUpdateError, profiler_update
from gridwatch.storage.layout import TENSOR_PREFIX, s3_uri

if TYPE_CHECKING:
    from gridwatch.state.store import StateStore


def profiler(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The training job's name.")],
    on: Annotated[bool | None, typer.Option("--on/--off", help="Turn the profiler on or off.")] = None,
    interval: Annotated[int | None, typer.Option(help="Milliseconds between two samples of the machine.")] = None,
    rules: Annotated[str, typer.Option(help="Rules of Debugger's profiler to add, with commas between.")] = "",
) -> None:
    """Turn Debugger's profiler of a running job on or off, or add rules to it, in an account that has Debugger."""
    cloud = cloud_of(context)
    sagemaker = cloud.session.client("sagemaker")
    described = sagemaker.describe_training_job(TrainingJobName=job)
    wanted = [name.strip() for name in rules.split(",") if name.strip()]
    try:
        request = profiler_update(
            profiled_job(described, cloud.session.region, cloud.deployment.artifacts_bucket, cloud.store),
            on=on, interval=interval, rules=wanted,
        )  # fmt: skip
    except (ProfilerUpdateError, UnknownRegionError) as error:
        raise CliError(str(error)) from error
    # On record first: a finding that comes at once is then known to be one of a rule that was asked for.
    known = watch(cloud.store, job, wanted)
    sagemaker.update_training_job(**request)
    state = "off" if on is False else "on"
    console().print(f"the profiler of {job} is {state}" + (f"; {', '.join(wanted)} added" if wanted else ""))
    if wanted and not known:
        console().print("Gridwatch does not watch this job: what the rules find is in its description alone")


def profiled_job(described: Mapping[str, Any], region: str, artifacts_bucket: str, store: StateStore) -> ProfiledJob:
    """A job as DescribeTrainingJob shows it. Its profile goes where it already goes, else beside what the job's role
    writes.
    """
    name = described["TrainingJobName"]
    job = store.get_job(name)
    launched = job is not None and not job.watched
    usual = s3_uri(artifacts_bucket, TENSOR_PREFIX.rstrip("/")) if launched else None
    place = (described.get("ProfilerConfig") or {}).get("S3OutputPath") or usual
    return ProfiledJob(
        job_name=name,
        region=region,
        status=described["TrainingJobStatus"],
        rules=tuple(rule["RuleConfigurationName"] for rule in described.get("ProfilerRuleConfigurations") or ()),
        place=place or described["OutputDataConfig"]["S3OutputPath"],
    )


def watch(store: StateStore, job_name: str, rules: Sequence[str]) -> bool:
    """Record rules that were added to a job, so that their findings are told; False for a job that is not
    Gridwatch's.
    """
    job = store.get_job(job_name)
    if job is None or not rules:
        return job is not None
    known = {policy.name for policy in job.policies}
    added = tuple(
        RulePolicy(name=name, rule=name, on_issue=Action.ALERT, managed=True) for name in rules if name not in known
    )
    store.put_job(replace(job, policies=(*job.policies, *added), managed_rules=True))
    return True
