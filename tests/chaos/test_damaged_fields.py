"""Records in which one value is another: whatever it is, everything else goes on, and every command is answered."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from gridwatch.aws.state_table import StateTable
from gridwatch.cli import debugger, stopping
from gridwatch.cli.context import Cloud as Connected
from gridwatch.cli.errors import CliError
from gridwatch.cli.experiments import experiments, status
from gridwatch.cli.looking.compare import compare
from gridwatch.cli.looking.inspect import inspect
from gridwatch.cli.looking.lineage import lineage
from gridwatch.cli.looking.logs import logs
from gridwatch.cli.looking.search import search
from gridwatch.domain.alerts import AlertGate, AlertRecord
from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.domain.experiments import ExperimentRecord, LaunchHold, TrackingRecord, TuningRecord
from gridwatch.domain.jobs import CurrentRecord, JobRecord
from gridwatch.domain.reactions import ReactionRecord
from gridwatch.domain.regions import RegionsRecord
from gridwatch.domain.rules import RuleEvaluationRecord
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.state.store import ConflictError
from gridwatch_rules.failures import GridwatchError
from tests.chaos.conftest import seeds
from tests.chaos.damaged_fields import damaged, filled
from tests.chaos.test_damaged_records import OTHER, SICK, SOUND, Deployed, _upload, blueprint, deployed
from tests.fakes.clock import FakeClock
from tests.simulation.clients import Client
from tests.simulation.story import Scenario, prepare, unrest

__all__ = ["blueprint", "deployed"]
STATES = ["completed", "stopped", "completed", "failed"]
MINE = ("#new", "j-", "of-debugger", "gate#cause", "debugger")


def _further(store: StateTable, now: datetime) -> None:
    """Sound records of the kinds that the story leaves none of, where the functions look for them."""
    sick = {"experiment": SICK, "created_at": now, "updated_at": now}
    places = [(SICK, state.value, state) for state in TrialState] + [("new", "t", TrialState.WAITING)]
    for experiment, name, state in places:
        known = sick | {"experiment": experiment, "trial_id": name, "job_name": f"j-{experiment}-{name}"}
        trial = filled(TrialRecord, **known, state=state)
        store.add_trials([replace(trial, waits_until=None, started_at=now)])
        job = {key: value for key, value in known.items() if key not in ("created_at", "updated_at")}
        store.put_job(filled(JobRecord, **job, tensors_uri=None, managed_rules=name == "running"))
    for state in (TrialState.WAITING, TrialState.RUNNING):
        store.add_tuning(filled(TuningRecord, **sick, name=f"t-{state.value}", state=state))
    store.put_experiment(filled(ExperimentRecord, name="new", created_at=now, updated_at=now, uploaded_at=now))
    for job, verdict in ((f"j-{SICK}-running", "IssuesFound"), (f"j-{SICK}-stopping", "Error")):
        finding = {"job_name": job, "rule_name": "o", "updated_at": now}
        store.put_rule_evaluation(filled(RuleEvaluationRecord, **finding, status=verdict))
    for save, kind in (
        (store.save_hold, LaunchHold), (store.save_tracking, TrackingRecord), (store.save_regions, RegionsRecord),
    ):  # fmt: skip
        try:
            save(filled(kind, experiment=SICK, updated_at=now, version=0))
        except ConflictError:
            continue  # the story has one
    store.put_current(filled(CurrentRecord, experiment=SICK, trial_id="running", updated_at=now))
    store.add_alert(filled(AlertRecord, alert_id="new", created_at=now, experiment=SICK, sent_at=None, told_in=None))
    gate = {"gate_id": "cause", "opened_at": now, "closes_at": now, "version": 0}
    store.save_gate(filled(AlertGate, **gate, told=False, closed=False))
    store.put_debugger_refusal(filled(DebuggerRefusal, at=now))
    reaction = {"job_name": f"j-{SICK}-running", "rule_name": "o", "experiment": SICK, "decided_at": now}
    store.claim_reaction(filled(ReactionRecord, **reaction, carried_out_at=None), until=now)


def _damage(deployed: Deployed, chance: random.Random) -> list[str]:
    """One value of every record that is not of another experiment; returns what was done."""
    done: list[str] = []
    for key, item in list(deployed.table.items()):
        text, name = json.dumps(item), " ".join(key)
        if "document" in item and OTHER not in text and (SICK in text or any(each in name for each in MINE)):
            changed, what = damaged(item, chance)
            done.append(f"{name}: {what}")
            deployed.put(changed)
    return done


class _S3(Client):
    """With the classes of errors that a client of boto3 has; the simulated cloud raises ClientError for each."""

    exceptions = SimpleNamespace(NoSuchKey=ClientError)


def _commands(deployed: Deployed) -> Connected:
    cloud = deployed.cloud
    environment = cloud.blueprint.environment
    session: Any = SimpleNamespace(
        dynamodb=Client("dynamodb", cloud), s3=_S3("s3", cloud), sqs=Client("sqs", cloud), endpoint_url=None,
        client=lambda service: Client(service, cloud),
    )  # fmt: skip
    connected = Connected(lambda: session, "Gridwatch", FakeClock(), is_named=True)
    connected.__dict__["deployment"] = SimpleNamespace(
        state_table=environment["STATE_TABLE"],
        experiments_bucket=environment["EXPERIMENTS_BUCKET"],
        artifacts_bucket=environment["ARTIFACTS_BUCKET"],
        name_prefix="gridwatch",
    )
    connected.__dict__["ask"] = lambda sql: SimpleNamespace(columns=(), rows=())  # there is no Athena here
    return connected


def _answered(connected: Connected, words: list[str]) -> BaseException | None:
    """Asks as a person does; returns what a person would see as a traceback."""
    wrapped = typer.Typer()

    @wrapped.callback()
    def root(context: typer.Context) -> None:
        context.obj = connected

    for command in (experiments, status, search, inspect, compare, lineage, logs):
        wrapped.command(command.__name__)(command)
    wrapped.add_typer(stopping.app, name="stopping")
    wrapped.add_typer(debugger.app, name="debugger")
    return CliRunner().invoke(wrapped, words).exception


def _asked(store: StateTable) -> Iterator[tuple[str, list[str]]]:
    """Every command that reads, of every experiment and trial there is."""
    for words in (["experiments"], ["experiments", "--json"], ["search"], ["search", "--json"], ["stopping", "status"]):
        yield "", words
    yield "debugger", ["debugger", "status"]  # its own record is one of those
    for name in (OTHER, SOUND, SICK, "new"):
        yield name, ["status", name]
        yield name, ["status", name, "--json"]
        trials = [f"{name}/{trial.trial_id}" for trial in store.list_trials(name)]
        for trial in trials:
            for words in (["inspect", trial], ["lineage", trial], ["logs", "--rules", trial]):
                yield name, words
        if len(trials) > 1:
            yield name, ["compare", *trials[:2]]


FOUND = (101, 110, 22, 206)  # what they damage did harm once


@pytest.mark.parametrize("seed", [*FOUND, *(1000 + seed for seed in seeds())])
def test_whatever_one_value_is_everything_else_goes_on(deployed: Deployed, seed: int) -> None:
    cloud, chance = deployed.cloud, random.Random(seed)
    prepare(cloud, Scenario(7, (_upload(SICK, 1.0), _upload(OTHER, 2.0))))
    reacted = re.compile(f"^job#.*{SICK}.* reaction#high$")
    cloud.stage.run(lambda: any(reacted.match(" ".join(key)) for key in deployed.table), most_seconds=600.0)
    environment = cloud.blueprint.environment
    store = StateTable(environment["STATE_TABLE"], dynamodb=Client("dynamodb", cloud))
    _further(store, cloud.stage.moment())
    done = _damage(deployed, chance)
    assert len(done) > 40
    prepare(cloud, Scenario(7, (_upload(SOUND, 1.0),)))
    cloud.stage.run(lambda: False, most_seconds=3600.0)

    told = "\n".join(done)
    bucket = environment["ARTIFACTS_BUCKET"]
    for name in (OTHER, SOUND):
        assert [trial.state.value for trial in store.list_trials(name)] == STATES, told
        mails = [mail.subject for mail in cloud.inbox if name in mail.subject + mail.message]
        assert any("has ended" in subject for subject in mails), told
        assert any("high" in subject for subject in mails), told
        for table in ("experiments", "trials", "metrics", "findings"):
            assert (bucket, f"tables/{table}/{name}.parquet") in cloud.s3.objects, told
        assert (bucket, f"reports/experiments/{name}.html") in cloud.s3.objects, told
    raised = [line for line in cloud.stage.trace if "raised" in line and ("sweep#" in line or "start_trials#" in line)]
    assert not raised, told
    assert not [line for line in unrest(cloud) if SOUND in line or OTHER in line], told
    connected = _commands(deployed)
    for name, words in _asked(store):
        error = _answered(connected, words)
        refused = name in (SICK, "new", "debugger") and isinstance(error, CliError | GridwatchError | SystemExit)
        assert error is None or refused, (words, error, told)
