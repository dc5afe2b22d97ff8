"""Stories of where SageMaker lists the trials, 300 in an experiment and then in a further one, and what they share."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from gridwatch.domain.experiments import TrackingRecord
from gridwatch.domain.trials import TrialState
from gridwatch.launch.linking import Linked, Linker
from gridwatch_rules.failures import NotYetError, PermanentError, ThrottledError
from tests.unit.functions.world import World, example

FIRST, SECOND, THIRD = "gridwatch-blobs", "gridwatch-blobs-002", "gridwatch-blobs-003"


def grid(points: int, name: str = "blobs") -> str:
    rounds = ", ".join(str(n) for n in range(1, points + 1))
    text = example().replace("num_round: [10, 20]", f"num_round: [{rounds}]").replace("gamma: [3, 4]", "gamma: [3]")
    text = text.replace("max_depth: [2, 8]", "max_depth: [2]").replace("name: blobs\n", f"name: {name}\n")
    return text.replace("trials: 16", f"trials: {points}").replace("parallel_jobs: 4", f"parallel_jobs: {points}")


def started(points: int, *, limit: int = 300) -> World:
    world = World(rate=1000.0)
    world.training.trial_limit = limit
    world.submit(grid(points))
    world.start()
    assert len(world.trials(TrialState.RUNNING)) == points
    return world


def places(world: World) -> list[str | None]:
    """In which experiment each job says that it is, in the order of their creation."""
    return [request.get("ExperimentConfig", {}).get("ExperimentName") for request in world.training.requests]


def entities(world: World, experiment: str = "blobs") -> tuple[str, ...]:
    record = world.store.get_tracking(experiment)
    return record.entities if record else ()


def test_of_601_trials_every_one_is_in_an_experiment_and_none_holds_more_than_300() -> None:
    world = started(601)

    assert Counter(places(world)) == {FIRST: 300, SECOND: 300, THIRD: 1}
    assert Counter(world.training.trials.values()) == Counter(places(world))
    assert entities(world) == (FIRST, SECOND, THIRD)
    assert {request["ExperimentConfig"]["TrialName"] for request in world.training.requests} == set(
        world.training.trials
    )
    assert len(world.training.trial_calls) == 601 + 2, "a full one is asked once"
    assert {trial.experiment for trial in world.trials()} == {"blobs"}, "the tables keep the spec's name"


def test_as_long_as_there_is_room_nothing_is_recorded() -> None:
    assert entities(started(300)) == ()


def test_the_next_launcher_goes_on_where_the_last_one_was() -> None:
    world = started(4, limit=2)
    world.training.trial_calls.clear()
    world.clock.advance(10)
    world.submit(grid(5))
    world.start()
    assert places(world) == [FIRST, FIRST, SECOND, SECOND, THIRD]
    assert [name for name, _ in world.training.trial_calls] == [SECOND, THIRD]


def test_another_attempt_of_a_trial_is_where_the_first_one_was() -> None:
    world = started(3, limit=2)
    first = world.training.requests[0]["TrainingJobName"]
    world.finish(first, "Failed", failure_reason="CapacityError: Unable to provision requested ML compute capacity.")
    world.clock.advance(3600)
    world.start()
    assert places(world) == [FIRST, FIRST, SECOND, FIRST]


def test_the_name_of_another_spec_is_passed_over() -> None:
    world = World(rate=1000.0)
    world.training.trial_limit = 2
    world.submit(grid(1, "blobs-002"), "experiments/other.yaml")
    world.submit(grid(3))
    world.start()
    assert entities(world) == (FIRST, THIRD)
    assert Counter(places(world)) == {FIRST: 2, SECOND: 1, THIRD: 1}


def test_a_spec_whose_name_was_taken_for_a_further_experiment_has_one_of_its_own() -> None:
    world = started(3, limit=2)
    world.submit(grid(3, "blobs-002"), "experiments/other.yaml")
    world.start()
    assert entities(world, "blobs-002") == (f"{SECOND}-002", f"{SECOND}-003")
    assert Counter(places(world)) == {FIRST: 2, SECOND: 1, f"{SECOND}-002": 2, f"{SECOND}-003": 1}


def test_two_launchers_that_open_one_open_the_same() -> None:
    world = started(2, limit=2)
    world.submit(grid(3))
    original = world.store.save_tracking

    def overtaken(record: TrackingRecord) -> TrackingRecord:
        original(replace(record, entities=(*record.entities[:-1], THIRD)))
        return original(record)

    world.store.save_tracking = overtaken  # type: ignore[method-assign]
    world.start()
    assert places(world) == [FIRST, FIRST, THIRD]


def test_a_call_that_fails_in_passing_is_repeated() -> None:
    world = World()
    world.training.trial_failures = [ThrottledError("Rate exceeded"), None]
    world.submit(example())
    world.start()
    assert places(world) == [FIRST] * 4


def test_tracking_that_is_unwell_keeps_no_trial_from_training() -> None:
    world = World()
    world.training.trial_failures = [ThrottledError("Rate exceeded")] * 3
    world.submit(example())
    launcher = world.launcher(world.store)
    for trial in world.trials()[:2]:
        launcher.start(trial, world.store.experiments["blobs"])
    assert places(world) == [None, FIRST], "the next one is tried again"
    assert launcher.tracking.untracked == {world.trials()[0].job_name: "Rate exceeded"}


def test_tracking_that_is_refused_is_not_asked_again_in_that_round() -> None:
    world = World()
    world.training.trial_failures = [PermanentError("not authorized", code="AccessDeniedException")] * 9
    world.submit(example())
    world.start()
    assert places(world) == [None] * 4
    assert len(world.training.trial_calls) == 1


def test_an_account_without_room_for_further_experiments_trains_all_the_same() -> None:
    world = World(rate=1000.0)
    world.training.trial_failures = [None, None, *[NotYetError("full", code="ResourceLimitExceeded")] * 2]
    world.submit(grid(4))
    world.start()
    assert places(world) == [FIRST, FIRST, None, None]


def prepared() -> str:
    return example().replace("resources:\n", "preprocessing: {jobs: [prepare]}\nresources:\n")


def begin(world: World) -> list[Linked]:
    """The first news of every job that runs: what became of the components."""
    return [linked(world, trial.job_name, begins=True) for trial in world.trials(TrialState.RUNNING)]


def linked(world: World, job_name: str, *, begins: bool = False) -> Linked:
    linker = Linker(store=world.store, training=world.training, clock=world.clock, name_prefix="gridwatch")
    return linker.link(job_name, begins=begins)


def metadata(world: World) -> list[str]:
    return [name for name in world.training.components if "-metadata-" in name]


def in_trials(world: World) -> list[list[str]]:
    """The components of each trial of SageMaker's."""
    return [[name for owner, name in world.training.links if owner == trial] for trial in world.training.trials]


def test_the_trials_share_what_describes_them_and_the_jobs_that_prepared_their_data() -> None:
    world = World()
    world.training.components["prepare-aws-processing-job"] = {}
    world.submit(prepared())
    world.start()
    begin(world)
    (shared,) = metadata(world)
    assert in_trials(world) == [[shared, "prepare-aws-processing-job"]] * 4
    assert [trial.components for trial in world.trials(TrialState.RUNNING)] == [
        (shared, "prepare-aws-processing-job")
    ] * 4
    assert begin(world) == [Linked()] * 4, "nothing is left to do"


def test_each_further_experiment_has_its_own_description() -> None:
    world = started(5, limit=2)
    begin(world)
    assert len(metadata(world)) == 3
    assert Counter(name.partition("-metadata-")[0] for _, name in world.training.links) == {
        FIRST: 2,
        SECOND: 2,
        THIRD: 1,
    }


def test_a_processing_job_that_sagemaker_does_not_have_is_told_and_nothing_fails() -> None:
    world = World()
    world.submit(prepared())
    world.start()
    (found, *_) = begin(world)
    assert found.linked == (metadata(world)[0],)
    assert list(found.missing) == ["prepare-aws-processing-job"]
    world.training.components["prepare-aws-processing-job"] = {}
    job = world.training.requests[0]["TrainingJobName"]
    assert linked(world, job) == Linked(), "between its begin and its end nothing is asked"
    world.finish(job)
    assert linked(world, job).linked == ("prepare-aws-processing-job",)
    assert linked(world, job) == Linked()


def test_what_fails_in_passing_is_tried_again_at_the_end_until_it_is_done() -> None:
    world = World()
    world.submit(example())
    world.start()
    job = world.training.requests[0]["TrainingJobName"]
    world.training.link_failures = [ThrottledError("Rate exceeded")] * 2
    assert list(linked(world, job, begins=True).missing.values()) == ["Rate exceeded"]
    world.finish(job)
    with pytest.raises(ThrottledError):
        linked(world, job)
    assert linked(world, job).linked == (metadata(world)[0],)


def test_a_spec_that_says_something_else_is_described_anew_for_the_trials_to_come() -> None:
    world = World()
    world.submit(example())
    world.start()
    begin(world)
    (first,) = metadata(world)
    world.clock.advance(10)
    world.submit(example().replace("hypothesis: Shallow", "hypothesis: Surely shallow"))
    for request in list(world.training.requests):
        world.finish(request["TrainingJobName"])
    world.start()
    begin(world)
    _, second = metadata(world)
    assert in_trials(world) == [[first]] * 4 + [[second]] * 4


def test_a_description_that_cannot_be_made_keeps_no_trial_from_training() -> None:
    world = World(rate=1000.0)
    world.training.component_failures = [ThrottledError("Rate exceeded")] * 3
    world.submit(example())
    launcher = world.launcher(world.store)
    for trial in world.trials()[:2]:
        launcher.start(trial, world.store.experiments["blobs"])
    assert places(world) == [FIRST, FIRST]
    assert list(launcher.tracking.undescribed.values()) == ["Rate exceeded"]
    assert [len(found.linked) for found in begin(world)] == [1, 1], "the next launch has made it for both"

    world = World()
    world.training.component_failures = [PermanentError("not authorized", code="AccessDeniedException"), None]
    world.submit(example())
    world.start()
    assert places(world) == [FIRST] * 4
    assert metadata(world) == [], "a refusal is not asked for again in that round"
    assert [list(found.missing) for found in begin(world)] == [
        [world.store.jobs[world.trials()[0].job_name].components[0]]
    ] * 4


def test_jobs_that_sagemaker_does_not_track_have_no_components() -> None:
    world = World()
    world.training.trial_failures = [PermanentError("not authorized", code="AccessDeniedException")]
    world.submit(example())
    world.start()
    assert begin(world) == [Linked()] * 4
    assert world.training.components == {}
