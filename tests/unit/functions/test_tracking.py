"""Stories of jobs that end: what is recorded, who is woken, who is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gridwatch.domain.descriptions import JobDescription
from gridwatch.domain.trials import QUEUED, TrialRecord, TrialState
from gridwatch.events.messages import EvaluateJob, StartTrials
from gridwatch.launch.tracking import TrackingOutcome
from gridwatch.state.memory import MemoryStore
from gridwatch_rules.failures import NotFoundError
from gridwatch_rules.tensors.metric_definition import LogMetric
from tests.unit.functions.test_launching import limited
from tests.unit.functions.world import World, example


def running(name: str = "blobs-debugger") -> World:
    world = World()
    world.submit(example(name))
    world.start()
    return world


def test_the_end_is_recorded_with_what_only_sagemaker_knows() -> None:
    world = running()
    (trial,) = world.trials()

    world.finish(
        trial.job_name, final_metrics={"validation-error": 0.2}, billable_seconds=9, model_uri="s3://artifacts/m.tar.gz"
    )

    (trial,) = world.trials()
    assert (trial.state, trial.billable_seconds, trial.model_uri) == (
        TrialState.COMPLETED,
        9,
        "s3://artifacts/m.tar.gz",
    )
    assert trial.final_metrics == {"validation-error": 0.2}


def test_an_attempt_that_failed_while_batch_tries_again_is_no_end() -> None:
    world = running()
    (trial,) = world.trials()
    failed = world.training.finish(trial.job_name, "Failed", failure_reason="InternalServerError: try again")
    # What Batch says of it, which knows of no later moment than the submission.
    world.training.jobs[trial.job_name] = replace(
        failed, status="InProgress", secondary_status=QUEUED, modified_at=trial.created_at, ended_at=None
    )
    woken = list(world.start_queue.messages)

    world.tracker().track(failed)

    assert world.trials()[0].state is TrialState.RUNNING
    assert world.store.alerts == {}
    assert world.start_queue.messages == woken


def test_a_failure_is_told_once_however_often_it_is_heard_of() -> None:
    world = running()
    (trial,) = world.trials()

    world.finish(trial.job_name, "Failed", failure_reason="AlgorithmError: out of memory")
    for _ in range(3):
        world.tracker().track(world.training.jobs[trial.job_name])

    assert world.trials()[0].reason == "AlgorithmError: out of memory"
    assert [alert.kind for alert in world.store.alerts.values()] == ["trial_failed"]


def test_a_repeated_end_wakes_the_others_again_but_the_launcher_once() -> None:
    """The first call may have died between recording and waking."""
    world = running()
    (trial,) = world.trials()
    end = world.training.finish(trial.job_name)

    assert world.tracker().track(end) is TrackingOutcome.RECORDED
    assert world.tracker().track(end) is TrackingOutcome.STALE

    assert world.evaluate_queue.messages == [EvaluateJob(trial.job_name, ended=True)] * 2
    assert world.start_queue.messages.count(StartTrials(f"{trial.job_name} is over")) == 1


def test_news_of_a_job_that_is_not_ours_are_left_alone() -> None:
    world = running()
    news = replace(world.training.jobs[world.trials()[0].job_name], job_name="somebody-elses-job")

    assert world.tracker().track(news) is TrackingOutcome.FOREIGN

    assert world.evaluate_queue.messages == []


def test_a_built_in_algorithms_expressions_are_learnt_from_its_job() -> None:
    world = running()
    (trial,) = world.trials()
    job = world.store.jobs[trial.job_name]
    own = (LogMetric(name="test:rmse", regex="rmse=(.*)"),)
    news = replace(world.training.jobs[trial.job_name], log_metrics=own)
    world.tracker().track(news)
    assert world.store.jobs[trial.job_name].log_metrics == job.log_metrics != own  # it has its own
    world.store.put_job(replace(job, log_metrics=()))
    end = replace(world.training.finish(trial.job_name), log_metrics=own)
    world.training.jobs[trial.job_name] = end
    world.tracker().track(end)
    assert world.store.jobs[trial.job_name].log_metrics == own


def test_the_first_news_wakes_the_evaluation_and_further_progress_nobody() -> None:
    world = running()
    (trial,) = world.trials()
    assert world.tracker().track(world.training.jobs[trial.job_name]) is TrackingOutcome.BEGUN
    assert world.evaluate_queue.messages == [EvaluateJob(trial.job_name)]
    world.evaluate_queue.messages.clear()
    world.clock.advance(5)
    news = replace(world.training.jobs[trial.job_name], secondary_status="Training", modified_at=world.clock.now())

    assert world.tracker().track(news) is TrackingOutcome.RECORDED

    assert world.trials()[0].secondary_status == "Training"
    assert world.evaluate_queue.messages == []


def test_a_job_that_is_gone_from_sagemaker_ends_as_its_event_says() -> None:
    world = running()
    (trial,) = world.trials()
    end = world.training.finish(trial.job_name)

    def gone(job_name: str) -> JobDescription:
        raise NotFoundError(job_name)

    world.training.describe_job = gone  # type: ignore[method-assign]
    world.tracker().track(end)

    assert world.trials()[0].state is TrialState.COMPLETED


class ContestedStore(MemoryStore):
    """Somebody else writes the record just before the first `times` updates."""

    def __init__(self, inner: MemoryStore, times: int, change: dict[str, Any]) -> None:
        super().__init__()
        self.__dict__.update(inner.__dict__)
        self.times, self.change = times, change

    def update_trial(self, trial: TrialRecord, *, expected: TrialRecord) -> None:
        if self.times:
            self.times -= 1
            later = expected.updated_at.replace(microsecond=self.times + 1)
            super().update_trial(replace(expected, updated_at=later, **self.change), expected=expected)
        super().update_trial(trial, expected=expected)


def test_what_somebody_else_wrote_meanwhile_is_not_lost() -> None:
    world = running()
    (trial,) = world.trials()
    contested = ContestedStore(world.store, 3, {"priority": 7})

    outcome = replace(world.tracker(), store=contested).track(world.training.finish(trial.job_name))

    assert outcome is TrackingOutcome.RECORDED
    assert (world.trials()[0].state, world.trials()[0].priority) == (TrialState.COMPLETED, 7)


def test_a_trial_that_is_cancelled_at_the_last_moment_is_not_launched() -> None:
    world = World()
    world.submit(example("blobs-debugger"))

    world.start(store=ContestedStore(world.store, 1, {"state": TrialState.CANCELLED, "reason": "by ana"}))

    assert world.training.requests == []
    assert world.trials()[0].state is TrialState.CANCELLED


class NoListing(MemoryStore):
    """Whoever reads a whole grid at the end of each of its jobs reads it as often as it has jobs."""

    def list_trials(self, experiment: str) -> list[TrialRecord]:
        raise AssertionError(f"all trials of {experiment} are read")


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_at_a_jobs_end_its_grid_is_not_read(status: str) -> None:
    world = World()
    world.submit(limited("max_failures: 3"))
    world.start()
    sparing = NoListing()
    sparing.__dict__.update(world.store.__dict__)
    world.store = sparing

    world.finish(world.trials(TrialState.RUNNING)[0].job_name, status)
    world.start()

    assert len(world.training.requests) == 5
