"""`gridwatch register`: puts a trial's model into SageMaker's model registry, with its lineage."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.looking.options import JsonOption
from gridwatch.cli.looking.trials import Found, find_trial
from gridwatch.cli.output import console, print_json
from gridwatch.cli.rerun import read_fingerprint
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.reproduce.registering import (
    CannotRegisterError,
    RegistrationOptions,
    group_name,
    metrics_document,
    package_request,
)
from gridwatch.reproduce.registering import register as registered
from gridwatch.storage.layout import MODEL_PREFIX, s3_uri, split_s3_uri

# boto3 is slow to import: only commands that talk to AWS pay for it.
# ruff: noqa: PLC0415


def register(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    trial: Annotated[str, typer.Argument(help="A training job, a trial's id, or <experiment>/<place>.")],
    group: Annotated[
        str | None, typer.Option(help="The model package group; by default that of the experiment.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="The image that serves the model.")] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Approved at once; else it waits for approval.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show the request, and register nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put a trial's model into SageMaker's model registry, with its lineage. Again, it finds what is there."""
    from gridwatch.aws.model_registry import SageMakerRegistry

    cloud = cloud_of(context)
    found = find_trial(cloud.store, trial)
    if found.job_name != found.trial.job_name:
        raise CliError(f"{found.job_name} is a former attempt; the trial's model is that of {found.trial.job_name}")
    name = group or group_name(cloud.deployment.name_prefix, found.experiment.name)
    metrics = s3_uri(cloud.deployment.artifacts_bucket, f"{MODEL_PREFIX}{found.trial.training_job}/metrics.json")
    job = cloud.store.get_job(found.job_name)
    fingerprint = job.fingerprint if job is not None else None
    experiment = found.experiment if fingerprint is None else _as_it_was(cloud, found)
    try:
        request = package_request(
            experiment,
            found.trial,
            RegistrationOptions(image=image, approved=approve),
            group=name,
            metrics_uri=metrics,
            fingerprint=fingerprint,
        )
    except CannotRegisterError as error:
        raise CliError(str(error)) from error
    if plan:
        print_json(request)
        return
    _check_model(cloud, found)
    bucket, key = split_s3_uri(metrics)
    body = metrics_document(found.trial)
    cloud.session.s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")
    registry = SageMakerRegistry(cloud.session.client("sagemaker"))
    result = registered(experiment, found.trial, request, registry)
    if as_json:
        print_json({"arn": result.arn, "group": result.group, "new": result.is_new})
    else:
        console().print(result.arn, markup=False, soft_wrap=True)
        told = "registered" if result.is_new else "it was registered before"
        console(stderr=True).print(f"{told} in the group {result.group}")


def _as_it_was(cloud: Cloud, found: Found) -> ExperimentRecord:
    """The experiment as it was when the trial was uploaded: a later upload may have another spec."""
    made = read_fingerprint(cloud, found)
    return replace(
        found.experiment,
        spec_key=made.spec_key,
        spec_version=made.spec_version,
        document=made.document,
        template=made.template,
    )


def _check_model(cloud: Cloud, found: Found) -> None:
    from gridwatch.aws.experiment_bucket import S3ExperimentBucket

    uri = str(found.trial.model_uri)
    if not S3ExperimentBucket(split_s3_uri(uri)[0], cloud.session.s3).etags(uri):
        raise CliError(f"the model of {found.job_name} is gone: there is nothing at {uri}")
