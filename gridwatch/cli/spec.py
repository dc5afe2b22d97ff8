"""`gridwatch spec`: makes specs from existing things."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console
from gridwatch_rules.clock import SystemClock

# pydantic takes a while to import: only who reads specs pays for it.
# ruff: noqa: PLC0415

app = typer.Typer(no_args_is_help=True)


@app.callback()
def root() -> None:
    """Specs that are made from what is there."""


@app.command("from-job")
def from_job(
    context: typer.Context,
    job: Annotated[str, typer.Argument(help="The training job's name, whoever launched it.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A new file; else standard output.")] = None,
) -> None:
    """Write a spec from an existing training job, with comments where something could not be carried over."""
    from gridwatch.spec.from_job import spec_of_job
    from gridwatch.spec.parse import parse_spec
    from gridwatch.spec.problems import SpecError

    sagemaker = cloud_of(context).session.client("sagemaker")
    described = sagemaker.describe_training_job(TrainingJobName=job)
    found = sagemaker.list_tags(ResourceArn=described["TrainingJobArn"])["Tags"]
    draft = spec_of_job(described, {tag["Key"]: tag["Value"] for tag in found})
    text = draft.as_yaml()
    if output is None:
        sys.stdout.write(text)
    elif output.exists():
        raise CliError(f"{output} exists; it is not written over")
    else:
        output.write_text(text)
    said = console(stderr=True)
    try:
        parse_spec(text.encode(), today=SystemClock().now().date())
    except SpecError as error:
        said.print("it cannot be launched as it is:", markup=False)
        said.print(error.as_text(str(output or job)), markup=False, soft_wrap=True)
