"""Stories of the engine `auto`: Debugger is tried, and no job ever runs without the rules that its spec asks for."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml

from gridwatch.domain.trials import TrialState
from gridwatch.events.rule_status import JobRuleStatuses
from gridwatch.launch.request import DEBUGGER_FIELDS
from gridwatch_rules.failures import NotYetError, PermanentError, TransientError
from gridwatch_rules.rules.status_change import StatusChange
from gridwatch_rules.status import RuleStatus
from react_to_finding.reacting import Reactor
from tests.fakes.mortal_store import KilledError, MortalStore
from tests.tensor_folder import MemorySource
from tests.unit.functions.world import World, example

CLOSED = PermanentError("This account has no access to SageMaker Debugger.", code="ValidationException")


def spec(engine: str = "auto", **changes: Any) -> str:
    rules = [{"rule": "TreeDepth", "on_issue": "stop"}, {"when": "value > 3.0", "name": "large"}]
    grid = {"grid": {"max_depth": [2, 4, 8], "num_round": [10]}, "limits": {"parallel_jobs": 2}}
    return yaml.safe_dump({**yaml.safe_load(example()), **grid, "rules": rules, "engine": engine, **changes})


def asks_debugger(request: Any) -> bool:
    return bool(set(DEBUGGER_FIELDS) - {"ProfilerConfig"} & set(request))


def test_where_the_account_has_debugger_it_watches_and_gridwatch_beside_it() -> None:
    world = World()
    world.submit(spec())

    world.start()

    assert len(world.training.requests) == 2
    assert all(asks_debugger(request) for request in world.training.requests)
    job = world.store.jobs[world.trials()[0].job_name]
    assert (job.engine, job.managed_rules) == ("debugger", True)
    assert [policy.name for policy in job.own_policies] == ["large"]
    assert [each.job_name for each in world.store.managed_jobs()] == sorted(
        trial.job_name for trial in world.trials(TrialState.RUNNING)
    )
    assert world.store.debugger_refusal is None


def test_a_refusal_is_one_of_debugger_when_the_same_request_without_it_is_taken() -> None:
    world = World()
    world.training.debugger_refusal = CLOSED
    world.submit(spec())

    world.start()

    assert [trial.state for trial in world.trials()] == [TrialState.RUNNING, TrialState.RUNNING, TrialState.WAITING]
    plain = World()
    plain.submit(spec("gridwatch"))
    plain.start()
    assert world.training.requests == plain.training.requests
    for trial in world.trials(TrialState.RUNNING):
        job = world.store.jobs[trial.job_name]
        assert (job.engine, job.managed_rules) == ("gridwatch", False)
        assert [policy.name for policy in job.own_policies] == ["TreeDepth", "large"]
    assert world.store.managed_jobs() == []
    refusal = world.store.debugger_refusal
    assert refusal is not None
    assert (refusal.account, refusal.region, refusal.words) == ("123456789012", "eu-west-1", str(CLOSED))
    assert refusal.job_name == world.trials()[0].job_name
    (alert,) = world.store.alerts.values()
    assert alert.kind == "debugger_refused"
    assert alert.content["details"] == [str(CLOSED)]
    assert len(world.training.shares) == 3  # tried once: the second job was not even asked with it


def test_it_is_remembered_told_to_the_next_spec_and_tried_again_after_a_month_or_on_request() -> None:
    world = World()
    world.training.debugger_refusal = CLOSED
    world.submit(spec())
    world.start()
    world.training.debugger_refusal = None

    world.clock.advance(3600)
    world.submit(spec(name="next"), "experiments/next.yaml")
    answer = world.bucket.answers["status/experiments/next.yaml.json"]
    assert any("SageMaker refused Debugger to this account" in each["message"] for each in answer["warnings"])
    found = world.store.get_experiment("next")
    assert found is not None
    assert found.engine == "gridwatch"
    world.start()
    assert not any(asks_debugger(request) for request in world.training.requests)

    world.clock.advance(timedelta(days=31).total_seconds())
    world.submit(spec(name="later"), "experiments/later.yaml")
    world.start()
    assert asks_debugger(world.training.requests[-1])

    refusal = world.store.debugger_refusal
    assert refusal is not None
    world.store.debugger_refusal = replace(refusal, at=world.clock.now(), forgotten=True)
    world.submit(spec(name="again"), "experiments/again.yaml")
    world.start()
    assert asks_debugger(world.training.requests[-1])


def test_what_sagemaker_refuses_without_debugger_too_says_nothing_about_the_account() -> None:
    world = World()
    world.training.failures = [PermanentError("RoleArn cannot be assumed", code="ValidationException")] * 6
    world.submit(spec())

    world.start()

    assert {trial.state for trial in world.trials()} == {TrialState.REFUSED}
    assert world.store.debugger_refusal is None
    assert [alert.kind for alert in world.store.alerts.values()] == ["trial_refused"]


def test_a_request_that_never_reached_sagemaker_says_nothing_about_the_account() -> None:
    world = World()
    world.training.failures = [PermanentError("Unknown parameter", code="ParamValidation")] * 3
    world.submit(spec())

    world.start()

    assert {trial.state for trial in world.trials()} == {TrialState.REFUSED}
    assert world.training.requests == []
    assert world.store.debugger_refusal is None


def test_missing_room_and_passing_failures_are_no_refusals() -> None:
    world = World()
    world.training.failures = [NotYetError("the limit of ml.m5.large is 0", code="ResourceLimitExceeded")]
    world.submit(spec())
    world.start()
    assert world.store.debugger_refusal is None
    assert world.training.requests == []

    world.training.failures = [TransientError("unwell", code="InternalError")]
    world.start()
    assert all(asks_debugger(request) for request in world.training.requests)
    assert world.store.debugger_refusal is None


def test_the_engine_debugger_is_refused_as_it_is() -> None:
    world = World()
    world.training.debugger_refusal = CLOSED
    world.submit(spec("debugger"))

    world.start()

    assert {trial.state for trial in world.trials()} == {TrialState.REFUSED}
    assert world.trials()[0].reason == str(CLOSED)
    assert world.training.requests == []
    assert world.store.debugger_refusal is None


def test_through_a_queue_debugger_is_not_tried_because_its_refusal_would_come_too_late() -> None:
    world = World()
    world.tries_debugger = False
    world.submit(spec())

    world.start()

    assert not any(asks_debugger(request) for request in world.training.requests)
    assert {world.store.jobs[trial.job_name].engine for trial in world.trials(TrialState.RUNNING)} == {"gridwatch"}


def test_more_rules_than_processing_instances_are_gridwatchs_under_auto() -> None:
    world = World()
    world.processing_instances = 0
    assert world.submit(spec()).recorded == 3
    world.start()
    assert not any(asks_debugger(request) for request in world.training.requests)
    assert world.submit(spec("debugger", name="only"), "experiments/only.yaml").problems == 1


def _lost(world: World) -> None:
    world.training.lost = [TransientError("connection reset")]


@pytest.mark.parametrize("names_first", [True, False])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("prepare", [_lost, lambda world: None])
def test_whenever_a_launcher_dies_the_job_that_runs_is_on_record_with_its_own_rules(
    prepare: Callable[[World], None], closed: bool, names_first: bool
) -> None:
    for calls in itertools.count(1):
        world = World()
        world.training.debugger_refusal = CLOSED if closed else None
        world.training.names_first = names_first
        prepare(world)
        world.submit(spec(grid={"max_depth": [2], "num_round": [10]}))
        try:
            world.start(store=MortalStore(world.store, calls))
            died = False
        except KilledError:
            died = True
        for _ in range(3):
            world.clock.advance(120)
            world.start()
        (trial,) = world.trials()
        assert trial.state is TrialState.RUNNING, calls
        (request,) = world.training.requests
        job = world.store.jobs[trial.job_name]
        assert (job.engine == "debugger") is asks_debugger(request) is not closed, calls
        assert job.managed_rules is not closed, calls
        assert len(job.own_policies) == (2 if closed else 1), calls
        if not died:
            break
    assert calls > 8


def test_findings_of_debuggers_rules_are_decided_by_the_specs_policy() -> None:
    world = World()
    world.submit(spec())
    world.start()
    name = world.trials()[0].job_name
    found = StatusChange.in_words("TreeDepth", RuleStatus.ISSUES_FOUND, "at step 3 resulted in the condition being met")

    reactor = Reactor(
        store=world.store, training=world.training, alerts=world.alerts, clock=world.clock, name_prefix="gridwatch",
        artifacts_bucket="artifacts-bucket", seconds_left=lambda: 60.0, jitter=lambda longest: longest / 2,
        open_tensors=lambda job: MemorySource({}),
    )  # fmt: skip
    list(reactor.react(JobRuleStatuses(name, (found,), managed=True)))

    assert world.training.stopped == [name]


@pytest.mark.parametrize("names_first", [True, False])
def test_a_job_whose_creation_was_not_heard_of_is_on_record_as_it_was_created(names_first: bool) -> None:
    world = World()
    world.training.debugger_refusal, world.training.names_first = CLOSED, names_first
    world.submit(spec(grid={"max_depth": [2], "num_round": [10]}))
    world.start()
    (trial,) = world.trials()
    # As a launcher leaves it that never heard of SageMaker's answer: the job is there, without Debugger.
    world.store.update_trial(replace(trial, state=TrialState.WAITING, job_arn=None), expected=trial)
    world.store.debugger_refusal = None

    world.start()

    assert world.trials()[0].state is TrialState.RUNNING
    assert len(world.training.requests) == 1
    job = world.store.jobs[trial.job_name]
    assert (job.engine, len(job.own_policies)) == ("gridwatch", 2)
