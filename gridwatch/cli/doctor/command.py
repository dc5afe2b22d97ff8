"""`gridwatch doctor`: checks an account before a deployment and after it, and tries it out with one tiny job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console, print_json, print_table
from gridwatch.cli.queries import JsonOption

if TYPE_CHECKING:
    from gridwatch.cli.doctor.checks import Check

# boto3 takes a third of a second to import: only commands that talk to AWS pay for it.
# ruff: noqa: PLC0415


def doctor(  # noqa: PLR0917  options of the command line
    context: typer.Context,
    instance_type: Annotated[
        list[str] | None, typer.Option(help="An instance type that specs are to train on; may be repeated.")
    ] = None,
    bucket: Annotated[
        list[str] | None, typer.Option(help="An existing bucket that the deployment is to use; may be repeated.")
    ] = None,
    role: Annotated[
        list[str] | None, typer.Option(help="ARN of an existing role that specs are to name; may be repeated.")
    ] = None,
    webhook_secret: Annotated[
        list[str] | None, typer.Option(help="ARN of a secret with a webhook's address; may be repeated.")
    ] = None,
    mlflow: Annotated[
        list[str] | None, typer.Option(help="ARN of MLflow on SageMaker that specs are to name; may be repeated.")
    ] = None,
    canary: Annotated[
        bool,
        typer.Option("--canary", help="Also train one tiny job through the deployment, and clean it up: costs cents."),
    ] = False,
    patience: Annotated[float, typer.Option(min=1, help="Minutes that each phase of the canary may take.")] = 20.0,
    as_json: JsonOption = False,
) -> None:
    """Check the account, and the deployment where there is one. Exit code 1 when something failed.

    It only reads, unless --canary is given; secrets are read for their form, and not shown.
    """
    from gridwatch.cli.doctor.account import account_checks
    from gridwatch.cli.doctor.mlflow import mlflow_checks
    from gridwatch.cli.doctor.parts import given_checks

    cloud = cloud_of(context)
    types = instance_type or ["ml.m5.large"]
    found = account_checks(cloud.session, types)
    found += given_checks(cloud.session, bucket or (), role or (), webhook_secret or ())
    found += mlflow_checks(cloud.session, mlflow or ())
    found += _of_deployment(cloud, wanted=canary)
    if canary:
        from gridwatch.cli.doctor.canary import canary_checks

        found += canary_checks(cloud, types[0], patience * 60)
    _show(found, as_json=as_json)
    if failed := sum(check.result == "failed" for check in found):
        raise CliError(f"{failed} of {len(found)} checks failed")


def _of_deployment(cloud: Cloud, *, wanted: bool) -> list[Check]:
    """The checks of the deployment. A missing stack is no fault unless the canary needs one."""
    from gridwatch.cli.doctor.checks import Check, Result, looked
    from gridwatch.cli.doctor.parts import debugger_unknown, deployed_checks

    def stack() -> list[Check]:
        try:
            found = cloud.deployment
        except CliError as error:
            if wanted:
                raise
            return [Check("stack", Result.UNKNOWN, str(error)), debugger_unknown()]
        return [
            Check("stack", Result.OK, f"{cloud.stack}, with the prefix {found.name_prefix}"),
            *deployed_checks(cloud),
        ]

    return stack() if wanted else looked("stack", stack)


def _show(found: Sequence[Check], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(check) for check in found])
        return
    rows = [[str(check.result), check.name, check.found, check.advice] for check in found]
    print_table(console(), ("result", "check", "found", "what to do"), rows)
