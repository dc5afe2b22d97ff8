"""`gridwatch debugger`: what is known of this account's access to SageMaker Debugger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import typer

from gridwatch.cli.context import cloud_of
from gridwatch.cli.output import console, print_json
from gridwatch.cli.queries import JsonOption
from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.launch.debugger_access import TRIED_AGAIN, refused_now

app = typer.Typer(no_args_is_help=True)


@app.command("status")
def status(context: typer.Context, as_json: JsonOption = False) -> None:
    """Say whether SageMaker refused Debugger to this account, when, in which words, and until when that counts."""
    cloud = cloud_of(context)
    refusal = cloud.store.get_debugger_refusal()
    found = describe(refusal, refused=refused_now(refusal, cloud.clock.now()))
    if as_json:
        print_json(found)
        return
    out = console()
    if refusal is None:
        out.print("nothing is known: no job with engine: auto was refused Debugger here")
        return
    out.print(
        f"{refusal.account}, {refusal.region}: SageMaker refused Debugger on {refusal.at:%Y-%m-%d %H:%M:%S} UTC, "
        f"for {refusal.job_name} of {refusal.experiment}: {refusal.code}: {refusal.words}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    if found["refused"]:
        out.print(f"until {found['until']:%Y-%m-%d %H:%M:%S} UTC jobs with engine: auto do not try it")
    else:
        out.print("the next job with engine: auto tries it again")


@app.command("forget")
def forget(context: typer.Context) -> None:
    """Have Debugger tried again by the next job whose spec says engine: auto."""
    store = cloud_of(context).store
    refusal = store.get_debugger_refusal()
    if refusal is None:
        console().print("nothing is known that could be forgotten")
        return
    store.put_debugger_refusal(replace(refusal, forgotten=True))
    console().print("the next job with engine: auto tries Debugger again; specs from before keep their plan")


def describe(refusal: DebuggerRefusal | None, *, refused: bool) -> Mapping[str, Any]:
    return {
        "refused": refused,
        "account": refusal.account if refusal else None,
        "region": refusal.region if refusal else None,
        "at": refusal.at if refusal else None,
        "until": refusal.at + TRIED_AGAIN if refusal and not refusal.forgotten else None,
        "code": refusal.code if refusal else None,
        "words": refusal.words if refusal else None,
        "job_name": refusal.job_name if refusal else None,
        "experiment": refusal.experiment if refusal else None,
    }
