"""`gridwatch preflight`: finds what is wrong before an instance is paid for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gridwatch.cli.errors import CliError
from gridwatch.cli.flight import checked
from gridwatch.cli.output import console, print_json
from gridwatch.cli.plan import AWS_REGION, planned, site_of
from gridwatch.cli.script_packages import missing_packages, print_packages

if TYPE_CHECKING:
    from gridwatch.domain.notices import Report
    from gridwatch.preflight.manifests import OpenUri
    from gridwatch.spec.model import ExperimentSpec
    from gridwatch.storage.data_source import DataSource

# pydantic takes a while to import: only commands that read specs pay for it.
# ruff: noqa: PLC0415


def preflight(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    spec: Annotated[Path, typer.Argument(help="The experiment spec, YAML or JSON.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="A folder with the channels' data, in place of what lies on S3.")
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Train on a sample as well, here: at most a minute, XGBoost and PyTorch.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    region: AWS_REGION = "us-east-1",
) -> None:
    """Check a spec and a sample of its data before anything is launched. Exit code 1 when it would be refused.

    The data is that of the deployment within reach, or what lies below --data: a file or folder under the channel's
    address, its last part, or the channel's name.
    """
    from gridwatch.cli.short_run import short_run
    from gridwatch.preflight.sampling import FULL

    site = site_of(context, region)
    parsed, made = planned(spec, site, as_json=as_json)
    sources = site.data(parsed) if data is None else local_data(made.spec, data)
    further = short_run(made, spec.parent, sources) if run else ()
    open_uri = site.open_uri if data is None else below(data)
    report = checked(made, sources, FULL, further, open_uri=open_uri)
    packages = missing_packages(made.spec, spec.parent, site)
    if as_json:
        warnings = [warning.as_document() for warning in made.warnings]
        print_json({**report.as_document(), "warnings": warnings, "packages": packages})
    else:
        err = console(stderr=True)
        for warning in made.warnings:
            err.print(f"warning: {warning.as_text(str(spec))}", markup=False)
        print_packages(packages)
        _print(report, sources, made.spec)
    if report.refusals:
        raise CliError("the experiment would be refused: mend what is wrong, or say otherwise under preflight")


def below(folder: Path) -> OpenUri:
    """The file or folder that stands for an address in S3, found under the key, with or without bucket and data/."""
    from gridwatch.preflight.sampling import LocalObjects
    from gridwatch.storage.layout import DATA_PREFIX, split_s3_uri

    def opened(uri: str) -> DataSource:
        bucket, key = split_s3_uri(uri)
        roots = (folder, folder / bucket)
        found = [LocalObjects(root, left_out) for root in roots for left_out in ("", DATA_PREFIX)]
        return next((each.under(key) for each in found if each.under(key).files()), found[0].under(key))

    return opened


def local_data(spec: ExperimentSpec, folder: Path) -> Mapping[str, DataSource]:
    """Each channel's file or folder. Raises CliError for a channel that has none."""
    from gridwatch.preflight.sampling import LocalData

    found: dict[str, DataSource] = {}
    for name, channel in spec.data.items():
        if channel.uri is None:
            continue  # a file system
        address = channel.uri.removeprefix("s3://").rstrip("/")
        places = [folder / address, folder / address.rsplit("/", 1)[-1], folder / name, folder / f"{name}.csv"]
        place = next((place for place in places if place.exists()), None)
        if place is None:
            raise CliError(
                f"there is no data of channel {name!r} in {folder}: looked for {', '.join(map(str, places))}"
            )
        found[name] = LocalData(place)
    return found


def _print(report: Report, sources: Mapping[str, DataSource], spec: ExperimentSpec) -> None:
    out, err = console(), console(stderr=True)
    for notice in report.notices:
        out.print(notice.as_text(), markup=False)
    if not report.notices:
        out.print("nothing found")
    for line in report.looked_at:
        err.print(line, markup=False)
    blind = [name for name in spec.data if name not in sources]
    if blind:
        err.print(f"not looked at: the data of {', '.join(blind)}; name its folder with --data", markup=False)
