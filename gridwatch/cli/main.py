"""The `gridwatch` command: mounts every command, and turns known errors into one line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import gridwatch
from gridwatch.cli import (
    debugger,
    experiments,
    local,
    queries,
    rules,
    snapshots,
    spec,
    steering,
    stopping,
    submit,
    tensors,
)
from gridwatch.cli.alerts import alerts
from gridwatch.cli.analytics import command, shell
from gridwatch.cli.backtest import backtest
from gridwatch.cli.calibrate import calibrate
from gridwatch.cli.context import connect
from gridwatch.cli.demo.command import demo
from gridwatch.cli.doctor.command import doctor
from gridwatch.cli.errors import CliError
from gridwatch.cli.look import look
from gridwatch.cli.looking.compare import compare
from gridwatch.cli.looking.inspect import inspect
from gridwatch.cli.looking.leaderboard import leaderboard
from gridwatch.cli.looking.lineage import lineage
from gridwatch.cli.looking.logs import logs
from gridwatch.cli.looking.search import search
from gridwatch.cli.output import visible_lines
from gridwatch.cli.plan import plan
from gridwatch.cli.preflight import preflight
from gridwatch.cli.profiler import profiler
from gridwatch.cli.redrive import redrive
from gridwatch.cli.register import register
from gridwatch.cli.report import report
from gridwatch.cli.rerun import fingerprint, rerun
from gridwatch.cli.teardown import teardown
from gridwatch_rules.failures import GridwatchError

app = typer.Typer(
    name="gridwatch",
    help="Hyperparameter grids on SageMaker, watched.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        print(gridwatch.__version__)
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    stack: Annotated[
        str | None, typer.Option(help="The deployment's CloudFormation stack.", envvar="GRIDWATCH_STACK")
    ] = None,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which.")] = False,
) -> None:
    """Hyperparameter grids on SageMaker, watched."""
    context.obj = connect(stack)


app.command("demo")(demo)
app.command("plan")(plan)
app.command("preflight")(preflight)
app.command("submit")(submit.submit)
app.command("experiments")(experiments.experiments)
app.command("status")(experiments.status)
app.command("look")(look)
app.command("stop")(steering.stop)
app.command("retry")(steering.retry)
app.command("register")(register)
app.command("rerun")(rerun)
app.command("fingerprint")(fingerprint)
app.command("snapshot")(snapshots.snapshot)
app.command("doctor")(doctor)
app.command("redrive")(redrive)
app.command("profiler")(profiler)
app.command("leaderboard")(leaderboard)
app.command("compare")(compare)
app.command("inspect")(inspect)
app.command("logs")(logs)
app.command("alerts")(alerts)
app.command("search")(search)
app.command("lineage")(lineage)
app.command("query")(queries.query)
app.command("sql")(shell.sql)
app.command("analytics")(command.analytics)
app.command("report")(report)
app.command("teardown")(teardown)
app.command("backtest")(backtest)
app.command("calibrate")(calibrate)
app.add_typer(rules.app, name="rules", help="The rules, and what one says of a folder of tensors.")
app.add_typer(tensors.app, name="tensors", help="What is in a folder of tensors.")
app.add_typer(spec.app, name="spec", help="Specs that are made from what is there.")
app.add_typer(debugger.app, name="debugger", help="Whether this account has SageMaker's own Debugger.")
app.add_typer(stopping.app, name="stopping", help="The switch that pauses all stopping.")
app.add_typer(local.app, name="local", help="The embedded cloud on this machine.")


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 it could not be done, 2 wrong usage, 130 interrupted."""
    try:
        app()
    except (CliError, GridwatchError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        # boto3 is imported by commands that talk to AWS only; if it is not there, the error is not its own.
        if not _is_of_aws(error):
            raise
        _fail(_explain(error))


def _is_of_aws(error: Exception) -> bool:
    if "gridwatch.cli.session" not in sys.modules:
        return False
    from gridwatch.cli.session import AWS_ERRORS  # noqa: PLC0415  it is there already

    return isinstance(error, AWS_ERRORS)


def _explain(error: Exception) -> str:
    from gridwatch.cli.session import explain  # noqa: PLC0415  it is there already

    return explain(error)


def _fail(message: str) -> None:
    print(f"gridwatch: {visible_lines(message)}", file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
