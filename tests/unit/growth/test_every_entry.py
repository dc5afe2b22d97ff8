"""Every command and every function's every message is called with few and with four times as many trials, and past
experiments: none makes a call for each of them, but where a reason stands beside its name.
"""

from __future__ import annotations

import importlib
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer

from gridwatch.alerts.gates import HOUR
from gridwatch.cli.main import app
from gridwatch.domain.alerts import AlertGate
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events import messages
from gridwatch.events.messages import (
    CloseGate,
    DeliverAlert,
    DigestExperiment,
    EvaluateJob,
    EvaluateSlowRule,
    SnapshotExperiment,
    StartTrials,
    TrackJob,
)
from gridwatch.launch.watching import WATCH_TAG
from gridwatch.storage import layout
from tests.unit.growth.counted import ARTIFACTS, EXPERIMENTS, FUNCTIONS, Counted, a_spec, sqs_event
from tests.unit.growth.grown import A_MEGABYTE
from tests.unit.growth.test_requests import _alert

EVENTS = Path(__file__).resolve().parents[2] / "events"
RUNNING, WAITING, FAILED = TrialState.RUNNING, TrialState.WAITING, TrialState.FAILED
TICK: Mapping[str, Any] = json.loads((EVENTS / "scheduled_event.json").read_text())

TRIALS, PAST = (40, 160), (21, 84)  # numbers of trials of one experiment, and of experiments that are over
EACH = 0.3  # calls for each further one, two of which tell ten together, and some hold a hundred
REGIONS = {"action": "cancel", "confidence": 0.8, "share": 0.5, "min_failures": 4}
Enter = Callable[[Counted], object]


def _nothing(_: Counted) -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One way into the product. `state` is that of the trials; `prepare` does what is not counted. `past`: numbers of
    experiments that are over.
    """

    enter: Enter
    state: TrialState = TrialState.COMPLETED
    prepare: Enter = _nothing
    past: tuple[int, int] = PAST
    reads: bool = False  # it changes nothing, so that one world serves several


def _event(name: str, **detail: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    event["detail"] |= detail
    return event


def _queued(function: str, event: Mapping[str, Any]) -> Enter:
    return lambda c: c.invoke(function, sqs_event(json.dumps(event)))


def _alerted(c: Counted) -> None:
    c.store.add_alert(_alert("a" * 64, c.clock.now()))


def _gate(c: Counted) -> None:
    """A gate that has held back an alert of each trial."""
    names = [f"{number:064x}" for number in range(len(c.trials))]
    for name in names:
        c.store.add_alert(_alert(name, c.clock.now()))
    now = c.clock.now()
    c.store.save_gate(AlertGate(gate_id=HOUR, opened_at=now, closes_at=now, collected=tuple(names)))


def _tensors(c: Counted) -> None:
    c.save_tensors(c.trials[0].job_name)


def _index_file(c: Counted) -> None:
    key = f"{layout.tensor_prefix(c.trials[0].job_name)}index/000000000/000000000002_worker_0.json"
    event = _event("s3_index_created", bucket={"name": ARTIFACTS}, object={"key": key, "size": 9, "etag": "e"})
    c.invoke("evaluate_rules", sqs_event(json.dumps(event)))


def _upload(c: Counted) -> dict[str, Any]:
    put = c.s3.put_object(Bucket=EXPERIMENTS, Key="experiments/new.yaml", Body=_spec(c).encode())
    stored = {"key": "experiments/new.yaml", "etag": put["ETag"].strip('"'), "version-id": put["VersionId"]}
    return _event("s3_spec_created", bucket={"name": EXPERIMENTS}, object=stored)


def _spec(c: Counted) -> str:
    return a_spec(len(c.trials) // 8 * 8).replace("name: blobs", "name: new", 1)


def _data(c: Counted) -> None:
    for name in ("train", "validation"):
        c.s3.put_object(Bucket=EXPERIMENTS, Key=f"data/blobs/{name}.csv", Body=b"0,1,2\n")
    for name in c.past:
        c.put_long_ago(f"experiments/{name}.yaml", b"name: x\n", EXPERIMENTS)


def _missed(c: Counted) -> None:
    _data(c)
    _upload(c)
    c.clock.advance(600)


def _finding(c: Counted) -> None:
    trial = c.trials[1]
    detail = {
        "TrainingJobName": trial.job_name, "Experiment": "blobs", "Trial": trial.trial_id, "Findings": [],
        "DebugRuleEvaluationStatuses": [
            {"RuleConfigurationName": "finite", "RuleEvaluationStatus": "IssuesFound", "LastModifiedTime": 1}
        ],
    }  # fmt: skip
    c.invoke("react_to_finding", sqs_event(json.dumps(_event("gridwatch_rule_status_change", **detail))))


def _stops(c: Counted) -> None:
    """The rule that fires stops its job, and doomed regions are asked for."""
    trial = c.trials[1]
    job = c.store.get_job(trial.job_name)
    assert job is not None
    policies = tuple(replace(each, on_issue="stop") for each in job.policies)  # type: ignore[arg-type]
    c.store.put_job(replace(job, policies=policies))
    record = c.world.experiment
    document = {**record.document, "doomed_regions": REGIONS}
    c.store.put_experiment(replace(record, document=document, uploaded_at=record.uploaded_at + timedelta(seconds=1)))


def _ended(c: Counted) -> None:
    """The first job is over, which nobody knows yet."""
    job = c.sagemaker.jobs[c.trials[0].job_name]
    job.status, job.secondary, job.ended = "Completed", "Completed", c.stage.now


def _state_change(c: Counted) -> None:
    trial = c.trials[0]
    tags = {"gridwatch:prefix": "gridwatch", "gridwatch:experiment": "blobs", "gridwatch:trial": trial.trial_id}
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{trial.job_name}"
    event = _event("sagemaker_training_job_state_change", TrainingJobName=trial.job_name, TrainingJobArn=arn, Tags=tags)
    c.invoke("track_job", sqs_event(json.dumps(event)))


def _tagged(c: Counted) -> None:
    """As many jobs of other people run, which are tagged, and known."""
    for trial in c.trials:
        c.sagemaker.jobs[trial.job_name] = c.job_of(trial, **{WATCH_TAG: "all"})
    c.clock.advance(300)


def _unpublished(c: Counted) -> None:
    """A rule of every trial has found something, of which nobody was told."""
    for trial in c.trials:
        for each in c.store.list_rule_evaluations(trial.job_name):
            if each.rule_name == "finite":
                later = each.updated_at + timedelta(seconds=1)
                c.store.put_rule_evaluation(replace(each, status="IssuesFound", updated_at=later))
    _tagged(c)


def _snapshot(c: Counted) -> None:
    """The tables are there, as of now."""
    c.send("snapshot_experiment", SnapshotExperiment("blobs"))
    c.clock.advance(3_600)


def _slow(c: Counted) -> None:
    job = c.store.get_job(c.trials[0].job_name)
    assert job is not None
    slow = RulePolicy(name="report", rule="CreateXgboostReport", parameters={})
    c.store.put_job(replace(job, policies=(*job.policies, slow)))
    _tensors(c)


def _taken_meanwhile(c: Counted) -> None:
    """Whoever waits lets the function take the snapshot that was asked for."""
    sleep = c.clock.sleep

    def work(seconds: float) -> None:
        sleep(1.0 + seconds)
        c.clock.sleep = sleep  # type: ignore[method-assign]
        calls = Counter(c.calls)
        c.send("snapshot_experiment", SnapshotExperiment("blobs"))
        c.calls.clear()
        c.calls.update(calls)

    c.clock.sleep = work  # type: ignore[method-assign]


def _says(*words: str, typed: str | None = None) -> Enter:
    """A command, in which FIRST is the first trial's job, and THIRD the third's place."""
    known: Mapping[str, Callable[[Counted], str]] = {
        "FIRST": lambda c: c.trials[0].job_name, "SECOND": lambda c: c.trials[1].job_name,
        "PAST": lambda c: c.past[0], "SPEC": _written, "OUT": _out,
    }  # fmt: skip
    return lambda c: c.command(*(known.get(word, lambda _, word=word: word)(c) for word in words), typed=typed)


def _written(c: Counted) -> str:
    path = c.folder / "new.yaml"
    path.write_text(_spec(c))
    return str(path)


def _out(c: Counted) -> str:
    return str(c.folder / "out")


HANDLERS: Mapping[str, Entry] = {
    "deliver_alert DeliverAlert": Entry(lambda c: c.send("deliver_alert", DeliverAlert("a" * 64)), prepare=_alerted),
    "deliver_alert CloseGate": Entry(lambda c: c.send("deliver_alert", CloseGate(HOUR)), prepare=_gate),
    "deliver_alert DigestExperiment": Entry(lambda c: c.send("deliver_alert", DigestExperiment("blobs"))),
    "evaluate_rules EvaluateJob": Entry(
        lambda c: c.send("evaluate_rules", EvaluateJob(c.trials[0].job_name)), RUNNING, _tensors
    ),
    "evaluate_rules an index file": Entry(_index_file, RUNNING, _tensors),
    "evaluate_slow_rules EvaluateSlowRule": Entry(
        lambda c: c.send("evaluate_slow_rules", EvaluateSlowRule(c.trials[0].job_name, "report", ended=False)),
        RUNNING, _slow,
    ),
    "launch_grid an upload": Entry(lambda c: c.invoke("launch_grid", _upload(c)), prepare=_data),
    "launch_grid missed uploads": Entry(
        lambda c: c.invoke("launch_grid", {"task": "look for missed uploads"}), prepare=_missed
    ),
    "react_to_finding a rule's status": Entry(_finding, RUNNING, _stops),
    "snapshot_experiment SnapshotExperiment": Entry(
        lambda c: c.send("snapshot_experiment", SnapshotExperiment("blobs"))
    ),
    "snapshot_experiment a further SnapshotExperiment": Entry(
        lambda c: c.send("snapshot_experiment", SnapshotExperiment("blobs")), prepare=_snapshot
    ),
    "snapshot_experiment the tick": Entry(lambda c: c.invoke("snapshot_experiment", TICK), prepare=_snapshot),
    "start_trials StartTrials": Entry(lambda c: c.send("start_trials", StartTrials("test")), WAITING),
    "sweep the minute": Entry(lambda c: c.invoke("sweep", {"task": "wake evaluations"}), RUNNING),
    "sweep five minutes": Entry(lambda c: c.invoke("sweep", TICK), RUNNING, _tagged),
    "sweep five minutes of lost findings": Entry(lambda c: c.invoke("sweep", TICK), RUNNING, _unpublished),
    "track_job TrackJob": Entry(
        lambda c: c.send("track_job", TrackJob(c.trials[0].job_name)), RUNNING, _ended
    ),
    "track_job a state change": Entry(_state_change, RUNNING, _ended),
}  # fmt: skip

COMMANDS: Mapping[str, Entry] = {
    "analytics": Entry(_says("analytics", "blobs", "--csv", "-"), prepare=_snapshot, reads=True),
    "backtest": Entry(_says("backtest", "blobs", "--rule", "MedianStopping"), prepare=_snapshot, reads=True),
    "calibrate": Entry(_says("calibrate", "blobs", "--max-killed", "0.5"), prepare=_snapshot, reads=True),
    "compare": Entry(_says("compare", "FIRST", "SECOND"), prepare=_snapshot, reads=True),
    "compare of experiments": Entry(_says("compare", "blobs", "PAST"), prepare=_snapshot, reads=True),
    "experiments": Entry(_says("experiments"), reads=True),
    "inspect": Entry(_says("inspect", "blobs/2"), prepare=_snapshot, reads=True),
    "leaderboard": Entry(_says("leaderboard", "blobs"), prepare=_snapshot, reads=True),
    "leaderboard while trials run": Entry(_says("leaderboard", "blobs"), RUNNING, reads=True),
    "lineage": Entry(_says("lineage", "blobs/2"), reads=True),
    "lineage of an address": Entry(_says("lineage", "s3://experiments-bucket/data"), reads=True),
    "logs": Entry(_says("logs", "blobs/2"), reads=True),
    "logs of rules": Entry(_says("logs", "FIRST", "--rules"), reads=True),
    "look": Entry(_says("look", "blobs", "--minutes", "0"), RUNNING, reads=True),
    "query": Entry(_says("query", "leaderboard", "--experiment", "blobs"), prepare=_snapshot, reads=True),
    "query on this machine": Entry(
        _says("query", "leaderboard", "--engine", "duckdb"), prepare=_snapshot, past=(2, 8), reads=True
    ),
    "report": Entry(_says("report", "blobs", "--output", "OUT"), prepare=_snapshot, reads=True),
    "retry": Entry(_says("retry", "blobs", "--failed"), FAILED),
    "search": Entry(_says("search", "eta=0.2"), reads=True),
    "search by state": Entry(_says("search", "state=running"), reads=True),
    "snapshot": Entry(_says("snapshot", "blobs"), prepare=_taken_meanwhile),
    "sql": Entry(_says("sql", typed="SELECT count(*) FROM trials;\n"), prepare=_snapshot, past=(2, 8), reads=True),
    "status": Entry(_says("status", "blobs"), reads=True),
    "stop": Entry(_says("stop", "blobs"), WAITING),
    "stop those that run": Entry(_says("stop", "blobs"), RUNNING),
    "stopping pause": Entry(_says("stopping", "pause", "--reason", "test"), RUNNING),
    "stopping resume": Entry(_says("stopping", "resume"), RUNNING),
    "stopping status": Entry(_says("stopping", "status"), reads=True),
    "submit": Entry(_says("submit", "SPEC"), prepare=_data),
    "teardown": Entry(_says("teardown", "blobs")),
}

ENTRIES: dict[str, Entry] = {**HANDLERS, **{f"gridwatch {name}": entry for name, entry in COMMANDS.items()}}


# Where the number of calls grows all the same: by entry, the operations and why.
LISTED: Mapping[str, Mapping[str, str]] = {
    "snapshot_experiment SnapshotExperiment": {"s3:ListObjectsV2": "the curves of a job that is over are read once"},
    "gridwatch query on this machine": {"s3:GetObject": "a file of a table is fetched once, and kept on the machine"},
    "gridwatch sql": {"s3:GetObject": "a file of a table is fetched once, and kept on the machine"},
    "gridwatch stop those that run": {"sagemaker:StopTrainingJob": "SageMaker stops one job with a request"},
}
# Commands that read no records of many trials or experiments, and of which trials.
ALONE: Mapping[str, str] = {
    "alerts": "the local cloud's mailbox",
    "debugger forget": "one record of the deployment",
    "debugger status": "one record of the deployment",
    "demo": "a cloud of its own, and eight trials",
    "doctor": "the account, and with --canary one trial of its own",
    "fingerprint": "one trial, found as `inspect` finds it",
    "local leave": "this machine",
    "local up": "this machine",
    "plan": "a spec",
    "preflight": "a spec and a sample of its data",
    "profiler": "one job",
    "redrive": "dead letters, ten with a request",
    "register": "one trial, found as `inspect` finds it",
    "rerun": "one trial, found as `inspect` finds it",
    "rules check": "a folder of tensors",
    "rules list": "the package",
    "spec from-job": "one job",
    "tensors ls": "a folder of tensors",
    "tensors plot": "a folder of tensors",
    "tensors show": "a folder of tensors",
}
OF_MANY = ("list_trials(", "trials_in(", "list_experiments(", "trials_of(", "records_of_jobs(", "records_of_trials(")


def measured(name: str, trials: int, past: int) -> tuple[Counter[str], float]:
    """The calls of an entry, and the megabytes that it reads from the state table."""
    entry = ENTRIES[name]
    with ExitStack() as stack:
        made = _kept if entry.reads else _made
        counted = made(trials, past, entry.state, entry.prepare)
        if not entry.reads:
            stack.enter_context(counted)
        counted.start()
        entry.enter(counted)
        return Counter(counted.calls), counted.megabytes


def _made(trials: int, past: int, state: TrialState, prepare: Enter) -> Counted:
    counted = Counted(trials, past, state=state)
    prepare(counted)
    return counted


@cache
def _kept(trials: int, past: int, state: TrialState, prepare: Enter) -> Counted:
    return _worlds.enter_context(_made(trials, past, state, prepare))


_worlds = ExitStack()


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    with _worlds:
        yield
    _kept.cache_clear()


@pytest.mark.parametrize("name", ENTRIES)
def test_no_call_is_made_for_each_trial_or_experiment(name: str) -> None:
    few_past, many_past = ENTRIES[name].past
    few, less = measured(name, TRIALS[0], few_past)
    assert few.total(), "it asks for nothing"
    for trials, past, further in (
        (TRIALS[1], few_past, TRIALS[1] - TRIALS[0]),
        (TRIALS[0], many_past, many_past - few_past),
    ):
        many, more = measured(name, trials, past)
        grown = {each: many[each] - few[each] for each in many if each not in LISTED.get(name, {})}
        most = EACH * further + A_MEGABYTE * max(more - less, 0)
        assert sum(grown.values()) <= most, f"with {trials} trials and {past} past experiments: {grown}"
        for each in LISTED.get(name, {}):
            assert many[each] <= 4.5 * few[each], f"{each}: from {few[each]} to {many[each]}"


@pytest.mark.parametrize("name", LISTED)
def test_what_is_listed_does_grow(name: str) -> None:
    few_past, many_past = ENTRIES[name].past
    few, _ = measured(name, 8, few_past)
    many, _ = measured(name, 32, many_past)
    for each in LISTED[name]:
        assert many[each] - few[each] > EACH * 24, f"{each} may be taken from the list"


def _commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        yield from (
            _commands(command, f"{before}{name} ") if hasattr(command, "commands") else [(f"{before}{name}", command)]
        )


def test_every_command_is_here() -> None:
    known = dict(_commands(typer.main.get_command(app)))
    called = {name if name in known else name.partition(" ")[0] for name in COMMANDS}
    assert called | ALONE.keys() == known.keys()
    assert not called & ALONE.keys()
    for name in ALONE:
        source = inspect.getsource(inspect.getmodule(known[name].callback))  # type: ignore[arg-type]
        assert not [each for each in OF_MANY if each in source], name


def test_every_function_and_message_is_here() -> None:
    functions = {path.parent.name for path in FUNCTIONS.glob("*/handler.py")}
    without_records = {name for name in functions if "state_table" not in _settings(name)}
    assert {name.partition(" ")[0] for name in HANDLERS} == functions - without_records
    kinds = {name for name, each in vars(messages).items() if isinstance(each, type) and is_dataclass(each)}
    assert kinds - {name.rpartition(" ")[2] for name in HANDLERS} == {"PostWebhook"}
    assert "post_webhook" in without_records


def _settings(function: str) -> set[str]:
    return {each.name for each in fields(importlib.import_module(f"{function}.settings").Settings)}


def test_a_call_for_each_trial_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_each(counted: Counted) -> None:
        with counted.installed():
            for trial in counted.trials:
                boto3.client("dynamodb").get_item(
                    TableName="state", Key={"pk": {"S": f"job#{trial.job_name}"}, "sk": {"S": "job"}}
                )

    monkeypatch.setitem(ENTRIES, "reads each", Entry(read_each))
    with pytest.raises(AssertionError, match="'dynamodb:GetItem': 120"):
        test_no_call_is_made_for_each_trial_or_experiment("reads each")
