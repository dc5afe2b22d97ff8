"""`gridwatch submit`: put a spec where Gridwatch finds it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from gridwatch.storage import layout
from gridwatch_cli.context import cloud_of
from gridwatch_cli.errors import CliError
from gridwatch_cli.output import console


def submit(
    context: typer.Context,
    spec: Annotated[Path, typer.Argument(help="The experiment spec, YAML or JSON.")],
) -> None:
    """Check a spec and upload it: Gridwatch launches what is new in it."""
    if not layout.is_spec_key(f"{layout.SPEC_PREFIX}{spec.name}"):
        raise CliError(f"{spec} is no spec by its name: it must end in {', '.join(layout.SPEC_SUFFIXES)}")
    cloud = cloud_of(context)
    content = read_file(spec)
    name = checked_name(spec, content, cloud.clock.now().date())
    key = f"{layout.SPEC_PREFIX}{name}{spec.suffix}"
    cloud.session.s3.put_object(Bucket=cloud.deployment.experiments_bucket, Key=key, Body=content)
    console(stderr=True).print(f"uploaded to s3://{cloud.deployment.experiments_bucket}/{key}")
    console(stderr=True).print(f"watch it: gridwatch status {name}")


def read_file(file: Path) -> bytes:
    """Raises CliError when it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror}") from error


def checked_name(spec: Path, content: bytes, today: date) -> str:
    """The experiment's name; what is doubtful is said on stderr. Raises CliError with every problem of the spec."""
    # pydantic: only commands that read specs need it
    from gridwatch.spec.parse import parse_spec  # noqa: PLC0415
    from gridwatch.spec.problems import SpecError  # noqa: PLC0415

    try:
        parsed = parse_spec(content, today=today)
    except SpecError as error:
        raise CliError(error.as_text(str(spec))) from error
    for warning in parsed.warnings:
        console(stderr=True).print(f"warning: {warning.as_text(str(spec))}", markup=False)
    return parsed.spec.name
