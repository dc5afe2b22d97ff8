"""`gridwatch stopping`: the switch that pauses all stopping, in a deployment or in every one of the account."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridwatch.cli.context import Cloud, cloud_of
from gridwatch.cli.errors import CliError
from gridwatch.cli.output import console, print_json
from gridwatch.cli.queries import JsonOption
from gridwatch.domain.deployments import StoppingRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.job_records import records_of_trials
from gridwatch.verdicts.decision import kept_by_pause

if TYPE_CHECKING:
    from gridwatch.state.store import StateStore
from gridwatch.state.unreadable import UnreadableRecordError

app = typer.Typer(no_args_is_help=True)
ReasonOption = Annotated[str, typer.Option(help="Why; told with every finding that would have stopped a job.")]
AccountOption = Annotated[
    bool, typer.Option("--account", help="In every deployment of this account and region, not in one alone.")
]


@app.command("pause")
def pause(context: typer.Context, reason: ReasonOption, account: AccountOption = False) -> None:
    """From now on stop no training job; findings are still recorded and told."""
    cloud = cloud_of(context)
    for stack, store in _stores(cloud, account=account).items():
        _set(cloud, store, paused=True, reason=reason)
        console().print(f"{stack}: stopping is paused; `gridwatch stopping resume` ends it")


@app.command("resume")
def resume(context: typer.Context, reason: ReasonOption = "", account: AccountOption = False) -> None:
    """Stop training jobs again. What was found during the pause was told; who still runs is listed."""
    cloud = cloud_of(context)
    for stack, store in _stores(cloud, account=account).items():
        _set(cloud, store, paused=False, reason=reason)
        console().print(f"{stack}: training jobs are stopped again when their rules ask for it")
        for trial, rule in spared(store):
            command = f"gridwatch stop {trial.experiment} --where 'index == {trial.index}'"
            console().print(f"  {rule} would have stopped {trial.job_name}, which still runs: {command}", markup=False)


@app.command("status")
def status(context: typer.Context, as_json: JsonOption = False, account: AccountOption = False) -> None:
    """Say whether stopping is paused, since when, by whom and why."""
    documents = {stack: _described(store) for stack, store in _stores(cloud_of(context), account=account).items()}
    if as_json:
        print_json(documents if account else next(iter(documents.values())))
        return
    for stack, document in documents.items():
        state = "paused" if document["paused"] else "on"
        since = f" since {document['at']:%Y-%m-%d %H:%M:%S} UTC, by {document['by']}" if document["at"] else ""
        why = f": {document['reason']}" if document["reason"] else ""
        console().print(f"{stack}: stopping is {state}{since}{why}", markup=False)


def _described(store: StateStore) -> Mapping[str, Any]:
    """The switch as it counts: one that cannot be read counts as paused, as it does for the functions that stop
    jobs.
    """
    try:
        return describe(store.get_stopping())
    except UnreadableRecordError as error:
        return {"paused": True, "by": None, "reason": f"the switch cannot be read: {error.reason}", "at": None}


def describe(record: StoppingRecord | None) -> Mapping[str, Any]:
    """The switch in words; without `at`, nobody has touched it."""
    return {
        "paused": record.paused if record else False,
        "by": record.by if record else None,
        "reason": record.reason if record else None,
        "at": record.at if record else None,
    }


def spared(store: StateStore) -> Iterator[tuple[TrialRecord, str]]:
    """Trials that run on because stopping was paused when a rule asked to stop them, each with that rule."""
    running = sorted(store.trials_in(TrialState.RUNNING), key=lambda trial: trial.experiment)
    for _, its in groupby(running, key=lambda trial: trial.experiment):
        trials = list(its)
        records = records_of_trials(store, trials)
        for trial in trials:
            for reaction in records[trial.job_name].reactions:
                if kept_by_pause(reaction.reason, reaction.outcome):
                    yield trial, reaction.rule_name


def _stores(cloud: Cloud, *, account: bool) -> Mapping[str, StateStore]:
    if not account:
        return {cloud.stack: cloud.store}
    found = cloud.stores()
    if not found:
        raise CliError("this account has no deployment of Gridwatch in this region")
    return found


def _set(cloud: Cloud, store: StateStore, *, paused: bool, reason: str) -> None:
    record = StoppingRecord(paused=paused, by=_who(cloud), reason=reason, at=cloud.clock.now())
    store.put_stopping(record)


def _who(cloud: Cloud) -> str:
    """The caller as AWS knows it, with the user's name on this machine, for roles that several people assume."""
    arn = cloud.session.client("sts").get_caller_identity()["Arn"]
    return f"{getpass.getuser()} ({arn})"
