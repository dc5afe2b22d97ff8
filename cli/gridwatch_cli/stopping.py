"""`gridwatch stopping`: the switch that pauses all stopping in a deployment."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from gridwatch.state.records import StoppingRecord
from gridwatch_cli.context import Cloud, cloud_of
from gridwatch_cli.output import console, print_json
from gridwatch_cli.queries import JsonOption

app = typer.Typer(no_args_is_help=True)
ReasonOption = Annotated[str, typer.Option(help="Why; told with every finding that would have stopped a job.")]


@app.command("pause")
def pause(context: typer.Context, reason: ReasonOption) -> None:
    """From now on stop no training job; findings are still recorded and told."""
    cloud = cloud_of(context)
    _set(cloud, paused=True, reason=reason)
    console().print("stopping is paused; `gridwatch stopping resume` ends it")


@app.command("resume")
def resume(context: typer.Context, reason: ReasonOption = "") -> None:
    """Stop training jobs again. What was found during the pause was told, and is not stopped afterwards."""
    cloud = cloud_of(context)
    _set(cloud, paused=False, reason=reason)
    console().print("training jobs are stopped again when their rules ask for it")


@app.command("status")
def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Say whether stopping is paused, since when, by whom and why."""
    document = describe(cloud_of(context).store.get_stopping())
    if as_json:
        print_json(document)
        return
    state = "paused" if document["paused"] else "on"
    since = f" since {document['at']:%Y-%m-%d %H:%M:%S} UTC, by {document['by']}" if document["at"] else ""
    why = f": {document['reason']}" if document["reason"] else ""
    console().print(f"stopping is {state}{since}{why}")


def describe(record: StoppingRecord | None) -> Mapping[str, Any]:
    """The switch as it stands; nobody has touched it when it has no `at`."""
    return {
        "paused": record.paused if record else False,
        "by": record.by if record else None,
        "reason": record.reason if record else None,
        "at": record.at if record else None,
    }


def _set(cloud: Cloud, *, paused: bool, reason: str) -> None:
    record = StoppingRecord(paused=paused, by=_who(cloud), reason=reason, at=cloud.clock.now())
    cloud.store.put_stopping(record)


def _who(cloud: Cloud) -> str:
    """As AWS knows whoever calls, with the name on this machine, for roles that many assume."""
    arn = cloud.session.client("sts").get_caller_identity()["Arn"]
    return f"{getpass.getuser()} ({arn})"
