"""Stories of tuning jobs: created once whatever dies, their jobs trials like any other, over when all of it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from gridwatch.alerts.content import trial_facts
from gridwatch.alerts.digest import is_over
from gridwatch.domain.experiments import TuningRecord
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import EvaluateJob, SnapshotExperiment
from gridwatch.launch.tracking import Tracker, TrackingOutcome
from gridwatch.launch.tuned_jobs import TunedJobs
from gridwatch.launch.tuning import TUNING_TAG
from gridwatch.launch.tuning_steering import stop_tunings
from gridwatch.launch.tuning_tracking import TuningTracker
from gridwatch_rules.failures import NotYetError, PermanentError, ThrottledError, TransientError
from start_trials.tuning import TuningLauncher
from sweep.tuning import TuningSweeper
from tests.fakes.tuning import FakeTuning
from tests.unit.functions.world import World
from tests.unit.launch.test_tuning import tuned

CHOSEN = {
    "eta": "0.125",
    "max_depth": "3",
    "num_round": "10",
    "objective": '"binary:logistic"',
    "_tuning_objective_metric": '"validation-error"',
    "sagemaker_program": '"train.py"',
}


class Tuned(World):
    """A spec that tunes, its tuning job, and SageMaker that launches jobs of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tuning = FakeTuning(self.clock, self.training)

    def submit_tuning(self, **tune: Any) -> TuningRecord:
        self.submit(yaml.safe_dump(tuned(**tune)))
        return self.record

    @property
    def record(self) -> TuningRecord:
        return self.store.list_tunings("blobs")[-1]

    def start_tuning(self) -> dict[str, int]:
        launcher = TuningLauncher(
            store=self.store, tuning=self.tuning, alerts=self.alerts, snapshot_queue=self.snapshot_queue,
            clock=self.clock, name_prefix="gridwatch",
        )  # fmt: skip
        return dict(launcher.start_waiting())

    def tracker(self) -> Tracker:
        children = TunedJobs(
            store=self.store, training=self.training, tuning=self.tuning, clock=self.clock, name_prefix="gridwatch"
        )
        return replace(super().tracker(), enrollers=(children,))

    def tuning_tracker(self) -> TuningTracker:
        return TuningTracker(
            store=self.store, tuning=self.tuning, training=self.training, tracker=self.tracker(),
            snapshot_queue=self.snapshot_queue, alerts=self.alerts, clock=self.clock, name_prefix="gridwatch",
        )  # fmt: skip

    def child(self, number: int = 1, definition: str | None = None, **changes: str) -> str:
        return self.tuning.launch(self.record.name, number, {**CHOSEN, **changes}, definition)

    def hear(self, job_name: str, **changes: Any) -> TrackingOutcome:
        """The event of the job's present state, which has its tags."""
        job = self.training.jobs[job_name]
        return self.tracker().track(replace(job, tags=self.training.tags[job.arn], **changes))

    def is_over(self) -> bool:
        experiment = self.store.get_experiment("blobs")
        assert experiment is not None
        return is_over(experiment, self.store.list_trials("blobs"), self.store.list_tunings("blobs"))


def running() -> Tuned:
    world = Tuned()
    world.submit_tuning()
    world.start_tuning()
    return world


def of_several() -> Tuned:
    """A tuning job with two algorithms that runs."""
    world = Tuned()
    alike = {"parameters": {"eta": {"continuous": [0.1, 0.2]}}}
    world.submit_tuning(parameters={}, algorithms={"small": alike, "large": alike})
    world.start_tuning()
    return world


def test_an_upload_records_one_tuning_job_and_no_trials() -> None:
    world = Tuned()
    record = world.submit_tuning()
    assert record.state is TrialState.WAITING
    assert world.trials() == []
    assert not world.is_over()
    assert world.bucket.answers["status/experiments/blobs.yaml.json"]["tuning_job"] == record.name


def test_it_is_created_once_however_often_the_spec_comes() -> None:
    world = Tuned()
    world.submit_tuning()
    assert world.start_tuning() == {"started": 1}
    world.clock.advance(60)
    world.submit_tuning()
    assert world.start_tuning() == {}
    assert len(world.tuning.requests) == 1
    assert world.record.state is TrialState.RUNNING
    assert world.record.arn is not None


def test_a_launcher_that_died_after_creating_it_is_followed_by_one_that_takes_it() -> None:
    world = Tuned()
    world.submit_tuning()
    world.tuning.lost.append(TransientError("the answer was lost"))
    assert world.start_tuning() == {"unwell": 1}
    assert world.start_tuning() == {"already there": 1}
    assert len(world.tuning.requests) == 1
    assert world.record.state is TrialState.RUNNING


def test_a_name_that_is_somebody_elses_is_refused_and_told() -> None:
    world = Tuned()
    record = world.submit_tuning()
    world.tuning.create_tuning({**record.request, "Tags": []})
    assert world.start_tuning() == {"refused": 1}
    assert world.record.state is TrialState.REFUSED
    assert [alert.kind for alert in world.store.alerts.values()] == ["tuning_refused"]


@pytest.mark.parametrize(
    ("failure", "outcome"), [(ThrottledError("slow down"), "unwell"), (NotYetError("100 run already"), "not yet")]
)
def test_what_passes_by_itself_waits_for_the_next_round(failure: Any, outcome: str) -> None:
    world = Tuned()
    world.submit_tuning()
    world.tuning.failures.append(failure)
    assert world.start_tuning() == {outcome: 1}
    assert world.record.state is TrialState.WAITING
    assert world.start_tuning() == {"started": 1}


def test_a_refused_tuning_job_is_told_and_tried_again_with_the_next_upload() -> None:
    world = Tuned()
    world.submit_tuning()
    world.tuning.failures.append(PermanentError("no such parent", code="ValidationException"))
    assert world.start_tuning() == {"refused": 1}
    assert "no such parent" in (world.record.reason or "")
    assert SnapshotExperiment("blobs") in world.snapshot_queue.messages
    assert world.is_over()
    world.clock.advance(60)
    world.submit_tuning()
    assert world.start_tuning() == {"started": 1}


def test_another_tuning_job_takes_the_place_of_one_that_waits_and_not_of_one_that_runs() -> None:
    world = Tuned()
    first = world.submit_tuning()
    world.clock.advance(1)
    world.submit_tuning(jobs=11)
    kept = world.store.get_tuning("blobs", first.name)
    assert kept is not None
    assert kept.state is TrialState.CANCELLED
    world.start_tuning()
    second = world.record
    world.clock.advance(1)
    world.submit_tuning(jobs=12)
    still = world.store.get_tuning("blobs", second.name)
    assert still is not None
    assert still.state is TrialState.RUNNING


def test_a_job_of_it_becomes_a_trial_with_what_the_tuner_chose() -> None:
    world = running()
    job_name = world.child(3)
    assert world.hear(job_name) is TrackingOutcome.BEGUN
    (trial,) = world.trials()
    assert (trial.experiment, trial.index, trial.job_name, trial.state) == ("blobs", 2, job_name, TrialState.RUNNING)
    assert trial.hyperparameters == {"eta": 0.125, "max_depth": 3, "num_round": 10, "objective": "binary:logistic"}
    job = world.store.jobs[job_name]
    assert (job.objective_metric, job.objective_direction) == ("validation-error", "minimize")
    assert job.tuning_job == world.record.name
    assert world.evaluate_queue.messages == [EvaluateJob(job_name)]
    assert world.hear(job_name) is TrackingOutcome.STALE
    assert len(world.trials()) == 1


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"gridwatch:prefix": "other"},
        {"gridwatch:tuning": "gridwatch-unheard-of"},
        {"gridwatch:experiment": "unheard-of"},
    ],
)
def test_a_job_is_not_taken_at_its_word(tags: dict[str, str]) -> None:
    world = running()
    job_name = world.child()
    mine = world.training.tags[world.training.jobs[job_name].arn]
    mine.update(tags) if tags else mine.clear()
    assert world.hear(job_name) is TrackingOutcome.FOREIGN
    assert world.trials() == []


def test_a_job_without_capacity_is_sagemakers_to_try_again() -> None:
    world = running()
    job_name = world.child()
    world.hear(job_name)
    world.finish(job_name, "Failed", failure_reason="CapacityError: no machine")
    (trial,) = world.trials()
    assert (trial.state, trial.attempt) == (TrialState.FAILED, 1)


def test_the_experiment_is_over_when_its_tuning_job_and_all_of_its_jobs_are() -> None:
    world = running()
    job_name = world.child()
    world.hear(job_name)
    world.finish(job_name)
    assert not world.is_over()  # the tuner may launch another
    world.clock.advance(1)
    assert world.tuning_tracker().track(world.tuning.finish(world.record.name)) is TrackingOutcome.RECORDED
    assert world.is_over()
    assert world.snapshot_queue.messages[-1] == SnapshotExperiment("blobs")


def test_the_end_that_was_recorded_and_not_told_is_told_when_its_event_comes_again() -> None:
    world = running()
    ended = world.tuning.finish(world.record.name)
    world.tuning_tracker().track(ended)
    world.snapshot_queue.messages.clear()
    assert world.tuning_tracker().track(ended) is TrackingOutcome.STALE
    assert world.snapshot_queue.messages == [SnapshotExperiment("blobs")]


def test_jobs_that_no_event_told_of_are_found_at_the_end() -> None:
    world = running()
    job_name = world.child()
    world.training.finish(job_name)
    world.tuning_tracker().track(world.tuning.finish(world.record.name))
    (trial,) = world.trials(TrialState.COMPLETED)
    assert trial.job_name == job_name


def test_a_tuning_job_that_fails_is_told() -> None:
    world = running()
    world.tuning_tracker().track(world.tuning.finish(world.record.name, "Failed", "all jobs failed"))
    assert world.record.reason == "all jobs failed"
    assert [alert.kind for alert in world.store.alerts.values()] == ["tuning_failed"]


def test_the_sweep_finds_lost_jobs_and_lost_ends() -> None:
    world = running()
    sweeper = TuningSweeper(store=world.store, tuning=world.tuning, tracker=world.tuning_tracker(), clock=world.clock)
    job_name = world.child()
    assert sweeper.sweep() == 0  # young: its event is on its way
    world.clock.advance(120)
    assert sweeper.sweep() == 1
    assert world.trials()[0].job_name == job_name
    world.training.finish(job_name)
    world.tuning.finish(world.record.name)
    assert sweeper.sweep() == 0
    assert world.record.state is TrialState.COMPLETED


def test_a_stop_by_hand_ends_what_runs_and_cancels_what_waits() -> None:
    world = running()
    first = world.record
    world.clock.advance(1)
    world.submit_tuning(jobs=11)
    asked: list[str] = []

    def stop(name: str) -> bool:
        asked.append(name)
        return True

    done = stop_tunings(world.store, "blobs", stop, world.clock.now())
    assert asked == [first.name]
    assert world.record.state is TrialState.CANCELLED
    assert len(done) == 2
    assert stop_tunings(world.store, "blobs", lambda name: False, world.clock.now()) == []


def test_a_job_of_a_tuning_job_that_was_never_recorded_is_left_alone() -> None:
    world = running()
    world.tuning.tags["gridwatch-made-up"] = {**world.tuning.tags[world.record.name], TUNING_TAG: "gridwatch-made-up"}
    job_name = world.tuning.launch("gridwatch-made-up", 1, CHOSEN)
    assert world.hear(job_name) is TrackingOutcome.FOREIGN
    assert world.training.described == []


def algorithms(world: Tuned) -> list[tuple[str | None, str | None]]:
    """Of each trial, and of its job."""
    return [(trial.algorithm, world.store.jobs[trial.job_name].algorithm) for trial in world.trials()]


def test_which_of_several_algorithms_a_job_is_of_is_on_its_trial_and_its_job() -> None:
    world = of_several()
    for number, name in enumerate(("large", "small"), 1):
        world.hear(world.child(number, name))
    assert algorithms(world) == [("large", "large"), ("small", "small")]


def test_a_job_that_the_list_does_not_have_yet_gets_its_algorithm_at_the_next_sweep() -> None:
    world = of_several()
    job_name = world.child(1, "large")
    world.tuning.unlisted.add(job_name)
    assert world.hear(job_name) is not TrackingOutcome.FOREIGN
    assert algorithms(world) == [(None, None)]
    world.tuning.unlisted.clear()
    assert world.tuning_tracker().complete(world.record) == 0
    assert algorithms(world) == [("large", "large")]
    assert world.trials()[0].state is TrialState.RUNNING
    listed = world.tuning.listed
    assert world.tuning_tracker().complete(world.record) == 0  # and nothing is written again
    assert world.tuning.listed == listed + 1


def test_a_sweep_that_died_halfway_is_finished_by_the_next() -> None:
    world = of_several()
    job_name = world.child(1, "large")
    world.tuning.unlisted.add(job_name)
    world.hear(job_name)
    (trial,) = world.trials()
    world.store.update_trial(replace(trial, algorithm="large"), expected=trial)
    world.tuning.unlisted.clear()
    world.tuning_tracker().complete(world.record)
    assert algorithms(world) == [("large", "large")]


def test_a_tuning_job_with_one_algorithm_is_not_asked_which_it_is() -> None:
    world = running()
    world.hear(world.child())
    assert algorithms(world) == [(None, None)]
    assert world.tuning.listed == 0
    alone = Tuned()
    alike = {"parameters": {"eta": {"continuous": [0.1, 0.2]}}}
    alone.submit_tuning(parameters={}, algorithms={"only": alike})
    alone.start_tuning()
    alone.hear(alone.child())
    assert algorithms(alone) == [("only", "only")]
    assert alone.tuning.listed == 0


def test_people_are_told_which_algorithm_it_was() -> None:
    world = of_several()
    world.hear(world.child(1, "large"))
    (trial,) = world.trials()
    assert ("Algorithm", "large") in [(fact.label, fact.value) for fact in trial_facts(trial)]
    assert "Algorithm" not in [fact.label for fact in trial_facts(replace(trial, algorithm=None))]
