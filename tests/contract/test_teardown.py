"""`gridwatch teardown` against the local cloud's SageMaker: order, what is shared, and going on after a fall."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.cli.errors import CliError
from gridwatch.cli.teardown import Step, Teardown
from tests.contract.localcloud_world import World
from tests.fakes.clock import FakeClock


def experiment(world: World, trials: int, components: int = 2) -> tuple[str, list[str]]:
    sagemaker, name = world.client("sagemaker"), world.name("torn")
    sagemaker.create_experiment(ExperimentName=name)
    made = []
    for trial in range(trials):
        sagemaker.create_trial(ExperimentName=name, TrialName=f"{name}-{trial}")
        for number in range(components):
            component = f"{name}-{trial}-{number}"
            sagemaker.create_trial_component(TrialComponentName=component)
            sagemaker.associate_trial_component(TrialName=f"{name}-{trial}", TrialComponentName=component)
            made.append(component)
    return name, made


class Own(Teardown):
    """All trials below the name of an experiment are its own."""

    def plan(self, *entities: str, own: Collection[str] | None = None) -> list[Step]:
        trials = (each for name in entities for each in self._listed("trials", ExperimentName=name))
        mine = {each["TrialName"] for each in trials if each["TrialName"].startswith(entities)}
        return super().plan(*entities, own=mine if own is None else own)


def teardown(sagemaker: Any) -> Own:
    return Own(sagemaker, FakeClock(), rate=20)


def test_everything_goes_in_the_order_that_sagemaker_needs(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name, components = experiment(world, trials=12)  # more than a page
    calls = teardown(sagemaker)
    steps = calls.plan(name)
    assert len(steps) == 2 * len(components) + 12 + 1
    for step in steps:
        calls.take(step)
    assert calls.plan(name) == []
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_trial_component(TrialComponentName=components[0])


def test_several_experiments_go_together_with_the_component_that_they_share(world: World) -> None:
    sagemaker = world.client("sagemaker")
    first, shared = experiment(world, trials=2, components=1)
    second, _ = experiment(world, trials=1)
    sagemaker.associate_trial_component(TrialName=f"{second}-0", TrialComponentName=shared[0])
    calls = teardown(sagemaker)
    steps = calls.plan(first, second, "never-opened")
    assert [step.name for step in steps if step.action == "delete experiment"] == [first, second]
    assert steps[0] == Step("disassociate component", shared[0], f"{first}-0") or steps[0].trial == f"{first}-1"
    for step in steps:
        calls.take(step)
    assert calls.plan(first, second) == []
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_trial_component(TrialComponentName=shared[0])


def test_what_somebody_else_put_into_the_experiment_stays_and_the_experiment_with_it(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name, components = experiment(world, trials=2, components=1)
    other, theirs = world.name("theirs"), world.name("made-by-hand")
    sagemaker.create_trial(ExperimentName=name, TrialName=other)
    sagemaker.create_trial_component(TrialComponentName=theirs)
    sagemaker.associate_trial_component(TrialName=other, TrialComponentName=theirs)
    sagemaker.associate_trial_component(TrialName=other, TrialComponentName=components[0])
    calls = teardown(sagemaker)
    for step in calls.plan(name):
        calls.take(step)
    assert calls.plan(name) == []
    (left,) = sagemaker.list_trials(ExperimentName=name)["TrialSummaries"]
    assert left["TrialName"] == other
    kept = sagemaker.list_trial_components(TrialName=other)["TrialComponentSummaries"]
    assert {each["TrialComponentName"] for each in kept} == {theirs, components[0]}


def test_a_component_of_another_experiment_stays(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name, components = experiment(world, trials=2, components=1)
    other, _ = experiment(world, trials=1, components=0)
    sagemaker.associate_trial_component(TrialName=f"{other}-0", TrialComponentName=components[0])
    sagemaker.associate_trial_component(TrialName=f"{name}-1", TrialComponentName=components[0])
    calls = teardown(sagemaker)
    for step in calls.plan(name):
        calls.take(step)
    left = sagemaker.list_trial_components(TrialName=f"{other}-0")["TrialComponentSummaries"]
    assert [each["TrialComponentName"] for each in left] == components[:1]


def test_the_component_of_a_processing_job_is_taken_out_and_stays(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name, components = experiment(world, trials=1, components=1)
    prepared = f"{name}-prepare-aws-processing-job"
    sagemaker.create_trial_component(TrialComponentName=prepared)
    sagemaker.associate_trial_component(TrialName=f"{name}-0", TrialComponentName=prepared)
    calls = teardown(sagemaker)
    for step in calls.plan(name):
        calls.take(step)
    assert calls.plan(name) == []
    assert sagemaker.describe_trial_component(TrialComponentName=prepared)
    with pytest.raises(sagemaker.exceptions.ResourceNotFound):
        sagemaker.describe_trial_component(TrialComponentName=components[0])


def test_a_component_of_two_trials_goes_with_the_last_of_them(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name, (component, _) = experiment(world, trials=2, components=1)
    sagemaker.associate_trial_component(TrialName=f"{name}-1", TrialComponentName=component)
    calls = teardown(sagemaker)
    steps = calls.plan(name)
    assert [step.action for step in steps if step.name == component] == [
        "disassociate component", "disassociate component", "delete component",
    ]  # fmt: skip
    for step in steps:
        calls.take(step)
    assert calls.plan(name) == []


def test_called_again_it_goes_on_where_it_fell(world: World) -> None:
    sagemaker = world.client("sagemaker")
    name, _ = experiment(world, trials=3)
    steps = teardown(sagemaker).plan(name)
    for step in steps[:4]:
        teardown(sagemaker).take(step)
    again = teardown(sagemaker).plan(name)
    assert len(again) == len(steps) - 4
    for step in again:
        teardown(sagemaker).take(step)
    for step in steps:
        teardown(sagemaker).take(step)  # what is gone is done
    assert teardown(sagemaker).plan(name) == []


class Refusing:
    """A client whose DeleteTrial is refused so many times."""

    def __init__(self, exceptions: Any, code: str, times: int) -> None:
        self.exceptions, self._code, self._left, self.calls = exceptions, code, times, 0

    def delete_trial(self, **_: str) -> None:
        self.calls += 1
        if self._left:
            self._left -= 1
            raise ClientError({"Error": {"Code": self._code, "Message": "not now"}}, "DeleteTrial")


@pytest.mark.parametrize("code", ["ThrottlingException", "ValidationException"])
def test_what_may_pass_is_waited_for(world: World, code: str) -> None:
    client = Refusing(world.client("sagemaker").exceptions, code, times=3)
    clock = FakeClock()
    before = clock.now()
    Teardown(client, clock, rate=10).take(Step("delete trial", "a"))
    assert client.calls == 4
    assert (clock.now() - before).total_seconds() == pytest.approx(0.5 + 1 + 2 + 4 * 0.1)


@pytest.mark.parametrize(("code", "calls"), [("AccessDeniedException", 1), ("ValidationException", 6)])
def test_what_does_not_pass_is_told(world: World, code: str, calls: int) -> None:
    client = Refusing(world.client("sagemaker").exceptions, code, times=99)
    with pytest.raises(CliError, match="delete trial a: not now; call it again to go on"):
        Teardown(client, FakeClock(), rate=10).take(Step("delete trial", "a"))
    assert client.calls == calls
