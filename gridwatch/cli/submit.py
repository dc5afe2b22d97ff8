"""`gridwatch submit`: checks a spec and uploads it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.launch_site import Deployed
from gridwatch.cli.output import console
from gridwatch.cli.script_packages import missing_packages, print_packages
from gridwatch.cli.settings import own_command
from gridwatch.cli.sources import packed_source
from gridwatch.storage import layout

if TYPE_CHECKING:
    from gridwatch.spec.model import ExperimentSpec


def submit(
    context: typer.Context,
    spec: Annotated[Path, typer.Argument(help="The experiment spec, YAML or JSON.")],
) -> None:
    """Check a spec and upload it: Gridwatch launches what is new in it."""
    if not layout.is_spec_key(f"{layout.SPEC_PREFIX}{spec.name}"):
        raise CliError(f"{spec} is no spec by its name: it must end in {', '.join(layout.SPEC_SUFFIXES)}")
    cloud = cloud_of(context)
    content = read_file(spec)
    checked = checked_spec(spec, content, cloud.clock.now().date())
    print_packages(missing_packages(checked, spec.parent, Deployed(cloud)))
    name = checked.name
    for path in own_files(checked, spec.parent):
        upload_rule(cloud, spec.parent / path, f"{layout.CODE_PREFIX}{path}")
    key = f"{layout.SPEC_PREFIX}{name}{spec.suffix.lower()}"
    packed = packed_source(checked.algorithm, spec.parent)
    told = {}
    if packed is not None:
        bucket = cloud.deployment.experiments_bucket
        cloud.session.s3.put_object(Bucket=bucket, Key=packed.key, Body=packed.content)
        told = {layout.SOURCE_METADATA: packed.key}
        console(stderr=True).print(f"uploaded script to s3://{bucket}/{packed.key}")
    cloud.session.s3.put_object(Bucket=cloud.deployment.experiments_bucket, Key=key, Body=content, Metadata=told)
    console(stderr=True).print(f"uploaded to s3://{cloud.deployment.experiments_bucket}/{key}")
    console(stderr=True).print(f"watch it: {own_command()} status {name}")


def own_files(spec: ExperimentSpec, folder: Path) -> list[str]:
    """The rule files that the spec names by a path and that lie in the folder under it."""
    sources = dict.fromkeys(use.source for use in spec.rules if use.source and not use.source.startswith("s3://"))
    return [source for source in sources if (folder / source).is_file()]


def upload_rule(cloud: Cloud, file: Path, key: str) -> None:
    """Upload a rule's file to the place that the spec names, before the spec itself."""
    cloud.session.s3.put_object(Bucket=cloud.deployment.experiments_bucket, Key=key, Body=read_file(file))
    console(stderr=True).print(f"uploaded rule file to s3://{cloud.deployment.experiments_bucket}/{key}")


def read_file(file: Path) -> bytes:
    """The file's content. Raises CliError when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}") from error


def checked_spec(spec: Path, content: bytes, today: date) -> ExperimentSpec:
    """The spec; warnings go to stderr. Raises CliError with every problem of the spec."""
    # pydantic: only commands that read specs need it
    from gridwatch.spec.parse import parse_spec  # noqa: PLC0415
    from gridwatch.spec.problems import SpecError  # noqa: PLC0415

    try:
        parsed = parse_spec(content, today=today)
    except SpecError as error:
        raise CliError(error.as_text(str(spec))) from error
    for warning in parsed.warnings:
        console(stderr=True).print(f"warning: {warning.as_text(str(spec))}", markup=False)
    return parsed.spec
