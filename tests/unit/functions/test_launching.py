"""Stories of launching: what is uploaded, what SageMaker is asked to train, what people are told."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gridwatch.domain.regions import CANCELLED_IN
from gridwatch.domain.trials import TrialRecord, TrialState
from gridwatch.events.messages import DeliverAlert, EvaluateJob, SnapshotExperiment, StartTrials
from gridwatch.launch.observation import REMOVED
from gridwatch.launch.ports import Share
from gridwatch.state.memory import MemoryStore
from gridwatch.state.store import TrialPlace
from gridwatch_rules.failures import NotYetError, PermanentError, ThrottledError, TransientError
from launch_grid.platform import UploadOutcome
from start_trials.starting import MAX_ATTEMPTS
from start_trials.waiting import PAGE, WaitingTrials
from tests.fakes.mortal_store import KilledError, MortalStore
from tests.unit.functions.world import DEPLOYMENT, World, example


def test_an_uploaded_grid_is_recorded_started_within_its_limit_and_finished() -> None:
    world = World()

    accepted = world.submit(example())

    assert (accepted.outcome, accepted.trials, accepted.recorded) == (UploadOutcome.ACCEPTED, 8, 8)
    assert world.start_queue.messages == [StartTrials("spec experiments/blobs.yaml")]
    world.start()
    assert len(world.trials(TrialState.RUNNING)) == 4  # limits.parallel_jobs
    for trial in world.trials(TrialState.RUNNING):
        world.finish(trial.job_name, final_metrics={"validation-error": 0.12}, billable_seconds=30)
    world.start()
    for trial in world.trials(TrialState.RUNNING):
        world.finish(trial.job_name)

    assert [trial.state for trial in world.trials()] == [TrialState.COMPLETED] * 8
    assert len(world.training.requests) == 8
    first = world.trials()[0]
    assert (first.final_metrics, first.billable_seconds) == ({"validation-error": 0.12}, 30)
    assert world.evaluate_queue.messages[0] == EvaluateJob(first.job_name, ended=True)
    assert world.snapshot_queue.messages == [SnapshotExperiment("blobs")] * 9  # once accepted, and at every end


def test_the_same_upload_again_and_a_repeated_event_launch_nothing() -> None:
    world = World()
    upload = world.upload(example())
    world.launch(upload)
    world.start()

    assert world.launch(upload).recorded == 0
    assert world.submit(example()).recorded == 0
    world.start()

    assert len(world.trials()) == 8
    assert len(world.training.requests) == 4


def test_two_keys_with_one_experiment_are_one_experiment_and_the_later_upload_wins() -> None:
    world = World()
    early = world.upload(example().replace("parallel_jobs: 4", "parallel_jobs: 1"), "experiments/a.yaml")
    world.clock.advance(5)
    late = world.upload(example().replace("parallel_jobs: 4", "parallel_jobs: 2"), "experiments/b.yaml")

    world.launch(late)
    assert world.launch(early).outcome is UploadOutcome.SUPERSEDED

    world.start()
    assert len(world.trials()) == 8
    assert len(world.training.requests) == 2


def test_an_older_version_of_a_key_is_not_launched_after_a_newer_one_came() -> None:
    world = World()
    older = world.upload(example())
    newer = world.upload(example().replace("max_depth: [2, 8]", "max_depth: [3]"))

    assert world.launch(older).outcome is UploadOutcome.SUPERSEDED
    assert world.launch(newer).recorded == 4


def test_a_changed_spec_launches_its_new_points_and_cancels_those_that_still_wait() -> None:
    world = World()
    world.submit(example())
    world.start()  # the first four run: max_depth 2
    world.clock.advance(10)

    accepted = world.submit(example().replace("max_depth: [2, 8]", "max_depth: [2, 4]"))

    assert (accepted.recorded, accepted.cancelled) == (4, 4)
    assert {trial.hyperparameters["max_depth"] for trial in world.trials(TrialState.CANCELLED)} == {8}
    assert {trial.hyperparameters["max_depth"] for trial in world.trials(TrialState.WAITING)} == {4}
    assert {trial.hyperparameters["max_depth"] for trial in world.trials(TrialState.RUNNING)} == {2}


def test_a_point_that_comes_back_is_launched_after_all() -> None:
    world = World()
    world.submit(example())
    world.clock.advance(10)
    world.submit(example().replace("max_depth: [2, 8]", "max_depth: [2]"))
    world.clock.advance(10)

    assert world.submit(example()).recorded == 4

    assert len(world.trials(TrialState.WAITING)) == 8


def test_a_bad_spec_launches_nothing_and_is_told_once() -> None:
    world = World()
    upload = world.upload(example().replace("max_depth:", "max_dept:").replace("minimize", "minimise"))

    assert world.launch(upload).outcome is UploadOutcome.REJECTED
    world.launch(upload)

    answer = world.bucket.answers["status/experiments/blobs.yaml.error.json"]
    assert {(problem["field"], problem["line"]) for problem in answer["problems"]} >= {("objective.direction", 13)}
    assert "did you mean minimize?" in answer["text"]
    assert not world.store.trials
    assert world.start_queue.messages == []
    assert len(world.store.alerts) == 1
    (alert,) = world.store.alerts.values()
    assert alert.kind == "spec_rejected"
    assert DeliverAlert(alert.alert_id) in world.alert_queue.messages


def test_a_spec_that_is_mended_loses_its_error() -> None:
    world = World()
    world.submit("name: [")
    assert "status/experiments/blobs.yaml.error.json" in world.bucket.answers

    world.submit(example())

    assert list(world.bucket.answers) == ["status/experiments/blobs.yaml.json"]
    assert world.bucket.answers["status/experiments/blobs.yaml.json"]["trials"] == 8


def test_a_channel_without_data_is_a_problem_of_the_spec() -> None:
    world = World()
    world.bucket.objects.clear()

    assert world.submit(example()).outcome is UploadOutcome.REJECTED

    (first, second) = world.bucket.answers["status/experiments/blobs.yaml.error.json"]["problems"]
    assert (first["field"], second["field"]) == ("data.train.uri", "data.validation.uri")
    assert "no object" in first["message"]


def test_a_channel_that_may_not_be_read_is_a_problem_of_the_spec_too() -> None:
    world = World()

    def denied(uri: str) -> Mapping[str, str]:
        raise PermanentError("not yours", code="AccessDenied")

    world.bucket.etags = denied  # type: ignore[method-assign]

    assert world.submit(example()).outcome is UploadOutcome.REJECTED
    text = world.bucket.answers["status/experiments/blobs.yaml.error.json"]["text"]
    assert "data.train.uri: cannot be read: AccessDenied" in text


def test_new_data_under_the_same_address_makes_new_trials() -> None:
    world = World()
    world.submit(example())
    world.bucket.objects["s3://experiments-bucket/data/blobs/train.csv"] = "other"
    world.clock.advance(10)

    assert world.submit(example()).recorded == 8


@pytest.mark.parametrize("calls", range(12))
def test_killed_anywhere_while_accepting_the_next_try_completes_the_rest(calls: int) -> None:
    world = World()
    upload = world.upload(example())

    with contextlib.suppress(KilledError):
        world.launch(upload, store=MortalStore(world.store, calls))
    world.launch(upload)

    assert [trial.index for trial in world.trials()] == list(range(8))
    assert world.start_queue.messages == [StartTrials("spec experiments/blobs.yaml")]
    world.start()
    assert len(world.training.requests) == 4


@pytest.mark.parametrize("calls", range(20))
def test_killed_anywhere_while_starting_every_job_is_created_once(calls: int) -> None:
    world = World()
    world.submit(example())

    with contextlib.suppress(KilledError):
        world.start(store=MortalStore(world.store, calls))
    world.clock.advance(120)
    for _ in range(3):
        world.start()
        for trial in world.trials(TrialState.RUNNING):
            world.finish(trial.job_name)

    assert len(world.trials(TrialState.COMPLETED)) == 8
    names = [request["TrainingJobName"] for request in world.training.requests]
    assert len(names) == len(set(names)) == 8


def test_the_pace_is_kept() -> None:
    world = World(rate=1.0)
    world.submit(example().replace("parallel_jobs: 4", "parallel_jobs: 8"))

    world.start()

    gaps = [
        (later - earlier).total_seconds()
        for earlier, later in zip(world.training.created_at, world.training.created_at[1:], strict=False)
    ]
    assert gaps == [pytest.approx(1.0)] * 7


def test_throttling_is_waited_out_and_nothing_is_lost_or_doubled() -> None:
    world = World()
    world.training.failures = [ThrottledError("Rate exceeded"), ThrottledError("Rate exceeded"), None]
    world.submit(example())

    world.start()

    assert len(world.training.requests) == 4
    assert world.clock.slept[:2] == [pytest.approx(1.0), pytest.approx(2.0)]


def test_a_service_that_is_unwell_all_the_time_ends_the_round_and_the_trial_waits() -> None:
    world = World()
    world.training.failures = [TransientError("boom")] * MAX_ATTEMPTS
    world.submit(example())

    report = world.start()

    assert report.stopped_by is not None
    assert len(world.trials(TrialState.WAITING)) == 8
    assert len(world.training.requests) == 0


def test_a_quota_makes_trials_wait_without_a_loop() -> None:
    world = World(quota=2)
    world.submit(example())

    report = world.start()

    assert len(world.trials(TrialState.RUNNING)) == 2
    assert len(world.trials(TrialState.WAITING)) == 6
    assert report.outcomes["not yet"] == 1
    assert world.alert_queue.messages == []
    world.finish(world.trials(TrialState.RUNNING)[0].job_name)
    world.start()
    assert len(world.trials(TrialState.RUNNING)) == 2


def test_a_slot_is_taken_until_the_job_is_over_also_while_it_stops_or_is_being_started() -> None:
    world = World()
    world.submit(example())
    world.start()
    first, second, *_ = world.trials(TrialState.RUNNING)
    world.training.stop_job(first.job_name)
    world.clock.advance(1)
    world.tracker().track(world.training.jobs[first.job_name])
    assert len(world.trials(TrialState.STOPPING)) == 1
    world.store.update_trial(replace(second, state=TrialState.STARTING, updated_at=world.clock.now()), expected=second)

    world.start()
    assert len(world.training.requests) == 4

    world.finish(first.job_name, "Stopped")
    world.start()
    assert len(world.training.requests) == 5


def test_a_full_instance_type_does_not_hold_up_another() -> None:
    world = World()
    world.submit(example())
    world.submit(
        example().replace("name: blobs\n", "name: others\n").replace("ml.m5.large", "ml.c5.xlarge"),
        "experiments/o.yaml",
    )
    world.training.failures = [NotYetError("no ml.m5.large", code="ResourceLimitExceeded")]

    world.start()

    assert {trial.experiment for trial in world.trials(TrialState.RUNNING)} == {"others"}


def test_in_a_grid_over_instance_types_a_full_one_does_not_hold_up_another() -> None:
    world = World()
    world.submit(example())
    for trial in world.trials():
        kind = "ml.m5.large" if trial.index < 4 else "ml.c5.xlarge"
        settings = {"resources.instance_type": kind}
        world.store.update_trial(replace(trial, instance_type=kind, settings=settings), expected=trial)
    world.training.failures = [NotYetError("the limit of ml.m5.large is 0", code="ResourceLimitExceeded")]

    report = world.start()

    assert [trial.index for trial in world.trials(TrialState.RUNNING)] == [4, 5, 6, 7]
    assert report.outcomes["not yet"] == 1


def test_no_room_for_a_jobs_managed_rules_does_not_hold_up_jobs_without() -> None:
    world = World()
    world.submit(example())
    world.clock.advance(1)
    world.submit(example().replace("name: blobs\n", "name: others\n"), "experiments/o.yaml")
    ruled = world.store.get_experiment("blobs")
    assert ruled is not None
    template = {**ruled.template, "DebugRuleConfigurations": [{}]}
    world.store.put_experiment(replace(ruled, template=template, uploaded_at=world.clock.now()))
    over = "The account-level service limit 'Number of instances across all processing jobs' is 4 Instances"
    world.training.failures = [NotYetError(over, code="ResourceLimitExceeded")]

    world.start()

    assert Counter(trial.experiment for trial in world.trials(TrialState.RUNNING)) == {"others": 4}


def test_a_refusal_is_recorded_and_told_once_for_the_whole_grid() -> None:
    world = World()
    refusal = PermanentError("RoleArn cannot be assumed", code="ValidationException")
    world.training.failures = [refusal] * 8
    world.submit(example())

    world.start()

    refused = world.trials(TrialState.REFUSED)
    assert len(refused) == 8
    assert refused[0].reason == "RoleArn cannot be assumed"
    assert [alert.kind for alert in world.store.alerts.values()] == ["trial_refused"]
    world.clock.advance(60)
    assert world.submit(example()).recorded == 8  # a new upload gives what never ran another chance


def test_a_job_whose_creation_was_not_heard_of_is_adopted() -> None:
    world = World()
    world.training.lost = [TransientError("connection reset")]
    world.submit(example())

    world.start()

    assert len(world.training.requests) == 4
    assert len(world.trials(TrialState.RUNNING)) == 4


def test_a_name_taken_by_somebody_else_is_a_refusal() -> None:
    world = World()
    world.submit(example("blobs-debugger"))
    world.training.put(world.trials()[0].job_name, {"owner": "somebody else"})

    world.start()

    (trial,) = world.trials()
    assert trial.state is TrialState.REFUSED
    assert re.search("not of this trial", trial.reason or "")


@pytest.mark.parametrize("created", [True, False])
def test_a_trial_left_behind_by_a_killed_launcher_is_recovered(created: bool) -> None:
    world = World()
    world.submit(example("blobs-debugger"))

    class Killed(BaseException):
        pass

    if created:
        world.training.lost = [Killed()]  # type: ignore[list-item]
    else:
        world.training.failures = [Killed()]  # type: ignore[list-item]
    with pytest.raises(Killed):
        world.start()
    assert world.trials()[0].state is TrialState.STARTING

    world.clock.advance(120)
    world.start()

    assert world.trials()[0].state is TrialState.RUNNING
    assert len(world.training.requests) == 1


def test_a_job_that_was_over_before_anybody_recorded_it_is_left_to_those_who_see_to_ends() -> None:
    """A launcher that recorded the end would keep it from the tracker and the sweep, and all that follows from it."""
    world = World()
    world.submit(example("blobs-debugger"))

    class Killed(BaseException):
        pass

    world.training.lost = [Killed()]  # type: ignore[list-item]
    with pytest.raises(Killed):
        world.start()
    (job_name,) = world.training.jobs
    event = world.training.finish(job_name, "Failed", failure_reason="out of memory")
    world.clock.advance(120)
    world.start()
    (trial,) = world.trials()
    assert (trial.state, trial.job_arn) == (TrialState.RUNNING, event.arn)

    world.tracker().track(event)
    assert world.trials()[0].state is TrialState.FAILED
    assert EvaluateJob(job_name, ended=True) in world.evaluate_queue.messages


@pytest.mark.parametrize("created", [True, False])
def test_the_next_round_sees_out_the_claim_of_a_launcher_that_died_a_moment_ago(created: bool) -> None:
    world = World(invocation_seconds=90.0)
    world.submit(example("blobs-debugger"))
    (world.training.lost if created else world.training.failures).append(KilledError())  # type: ignore[arg-type]
    with pytest.raises(KilledError):
        world.start()

    world.clock.advance(10)  # the message shows again
    died = world.clock.now()
    report = world.start()

    assert report.handed_over
    assert (world.clock.now() - died).total_seconds() <= 60
    world.start()
    assert [trial.state for trial in world.trials()] == [TrialState.RUNNING]
    assert len(world.training.requests) == 1


def test_a_round_without_the_time_for_it_leaves_a_claim_to_the_next() -> None:
    world = World(invocation_seconds=60.0)
    world.submit(example("blobs-debugger"))
    world.training.failures.append(KilledError())  # type: ignore[arg-type]
    with pytest.raises(KilledError):
        world.start()
    world.clock.slept.clear()
    assert not world.start().handed_over
    assert world.clock.slept == []


def test_before_its_time_ends_the_launcher_hands_over() -> None:
    world = World(rate=1.0, invocation_seconds=20.0)
    world.submit(example().replace("parallel_jobs: 4", "parallel_jobs: 8"))

    report = world.start()

    assert report.handed_over
    assert 0 < len(world.training.requests) < 8
    assert world.start_queue.messages[-1] == StartTrials("hand over")
    while world.start().handed_over:
        pass
    assert len(world.training.requests) == 8


def test_two_launchers_at_once_create_every_job_once() -> None:
    world = World()
    world.submit(example())
    original = world.training.create_job

    def interrupted(request: Mapping[str, Any], share: Share) -> str:
        world.training.create_job = original  # type: ignore[method-assign]
        world.start()  # a second launcher runs while the first is about to create its job
        return original(request, share)

    world.training.create_job = interrupted  # type: ignore[method-assign]
    world.start()

    names = [request["TrainingJobName"] for request in world.training.requests]
    assert len(names) == len(set(names))
    assert len(names) >= 4


def test_experiments_take_turns_and_priority_goes_first() -> None:
    world = World()
    grid = "num_round: [" + ", ".join(str(n) for n in range(1, 41)) + "]"
    large = example().replace("name: blobs\n", "name: large\n").replace("num_round: [10, 20]", grid)
    large = large.replace("trials: 16", "trials: 1000").replace("parallel_jobs: 4", "parallel_jobs: 100")
    world.submit(large, "experiments/large.yaml")
    world.clock.advance(1)
    world.submit(example(), "experiments/blobs.yaml")
    world.clock.advance(1)
    world.submit(
        example("blobs-debugger").replace("limits:", "priority: 5\nlimits:"), "experiments/blobs-debugger.yaml"
    )

    world.start()

    order = [request["ExperimentConfig"]["ExperimentName"] for request in world.training.requests]
    assert order[0] == "gridwatch-blobs-debugger"
    assert set(order[1:9]) == {"gridwatch-blobs", "gridwatch-large"}
    assert order[1:9].count("gridwatch-blobs") == 4


def test_without_sagemakers_experiments_none_is_made_and_retries_are_runs_of_their_own() -> None:
    app = f"arn:aws:sagemaker:{DEPLOYMENT.region}:123456789012:mlflow-app/app-0A1B"
    world = World(allowed=(app,))
    world.submit(f"{example('blobs-debugger')}\ntracking: {{experiments: false, mlflow: {{resource: '{app}'}}}}\n")
    world.start()
    (trial,) = world.trials()
    world.finish(trial.job_name, "Failed", failure_reason="CapacityError: Unable to provision requested capacity.")
    world.clock.advance(3_600)
    world.start()

    assert world.training.experiments == set()
    assert ["ExperimentConfig" in request for request in world.training.requests] == [False, False]
    runs = [request["MlflowConfig"]["MlflowRunName"] for request in world.training.requests]
    assert runs == [f"gridwatch-blobs-debugger-{trial.trial_id}-{attempt}" for attempt in (1, 2)]


def test_a_job_that_found_no_capacity_waits_again_under_another_name_for_as_long_as_it_takes() -> None:
    world = World()
    world.submit(example("blobs-debugger"))
    world.start()
    (trial,) = world.trials()
    first = trial.job_name
    reason = "CapacityError: Unable to provision requested ML compute capacity."

    world.finish(first, "Failed", failure_reason=reason)

    (waiting,) = world.trials(TrialState.WAITING)
    assert (waiting.attempt, waiting.reason, waiting.job_name) == (2, reason, first.removesuffix("-1") + "-2")
    world.start()
    assert len(world.training.requests) == 1, "it waits a minute first"
    for attempt in range(2, 12):
        world.clock.advance(3600)
        world.start()
        assert world.trials()[0].attempt == attempt
        world.finish(world.trials()[0].job_name, "Failed", failure_reason=reason)
    world.clock.advance(3600)
    world.start()
    world.finish(world.trials()[0].job_name)
    assert world.trials()[0].state is TrialState.COMPLETED
    names = [request["TrainingJobName"] for request in world.training.requests]
    assert len(names) == len(set(names)) == 12
    assert world.store.alerts == {}


def test_of_a_large_grid_only_the_next_few_are_read() -> None:
    world = World()
    rounds = ", ".join(str(n) for n in range(1, 401))
    large = example().replace("num_round: [10, 20]", f"num_round: [{rounds}]").replace("trials: 16", "trials: 1600")
    world.submit(large)
    world.clock.advance(1)
    world.submit(example().replace("name: blobs\n", "name: small\n"), "experiments/small.yaml")
    store = CountingStore(world.store)

    world.start(store=store)

    assert len(world.trials()) == 1_608
    assert Counter(trial.experiment for trial in world.trials(TrialState.RUNNING)) == {"blobs": 4, "small": 4}
    assert store.read < 2 * PAGE + 20


def test_a_page_ends_anywhere() -> None:
    world = World()
    for number, name in enumerate(("a", "b", "c")):
        world.clock.advance(number)
        world.submit(example().replace("name: blobs\n", f"name: {name}\n"), f"experiments/{name}.yaml")
    for size in range(1, 30):
        queues = WaitingTrials(world.store, page=size).queues()
        found = {name: [trial.index for trial in queue] for name, queue in queues.items()}
        assert found == {name: list(range(8)) for name in "abc"}


class CountingStore(MemoryStore):
    """The records of another store; counts the trials that it hands out by state."""

    def __init__(self, inner: MemoryStore) -> None:
        super().__init__()
        self.__dict__.update(inner.__dict__)
        self.read = 0

    def trials_in(
        self, state: TrialState, *, limit: int | None = None, after: TrialPlace | None = None
    ) -> Sequence[TrialRecord]:
        found = super().trials_in(state, limit=limit, after=after)
        self.read += len(found)
        return found


def limited(limit: str) -> str:
    return example().replace("limits:\n", f"limits:\n  {limit}\n")


def fail(world: World, reason: str) -> None:
    world.finish(world.trials(TrialState.RUNNING)[0].job_name, "Failed", failure_reason=reason)


def test_after_a_deadline_nothing_is_launched_and_it_is_told_once() -> None:
    world = World()
    world.submit(limited("deadline: 2026-11-21T10:30:00+01:00"))  # half an hour from now
    world.start()
    world.clock.advance(1_900)
    for _ in range(2):
        world.finish(world.trials(TrialState.RUNNING)[0].job_name)
        world.start()

    assert len(world.training.requests) == 4
    assert len(world.trials(TrialState.WAITING)) == 4
    (alert,) = world.store.alerts.values()
    assert (alert.kind, alert.content["severity"]) == ("limit_reached", "warning")
    assert "deadline 2026-11-21T09:30:00+00:00 is over" in alert.content["summary"]

    world.submit(limited("deadline: 2026-11-22T10:30:00Z"))
    world.start()
    assert len(world.training.requests) == 6, "a later upload goes on"


def test_a_budget_counts_what_is_billed_and_what_the_running_jobs_will_cost() -> None:
    world = World()
    world.submit(limited("budget: 0.5"))  # ml.m5.large: 0.115 an hour
    world.start()
    began = {"started_at": world.clock.now()}
    for trial in world.trials(TrialState.RUNNING)[:2]:
        world.clock.advance(3_600)
        world.finish(trial.job_name, billable_seconds=3_600, **began)
    world.start()  # two done for 0.23, two running for as much: 0.46
    assert len(world.trials(TrialState.RUNNING)) == 4
    world.clock.advance(60)
    world.start()

    world.finish(world.trials(TrialState.RUNNING)[0].job_name, billable_seconds=3_600, **began)
    world.start()

    assert len(world.training.requests) == 6
    assert [alert.kind for alert in world.store.alerts.values()] == ["limit_reached"]
    assert "of 0.50 are spent" in next(iter(world.store.alerts.values())).content["summary"]


def test_failures_of_one_kind_in_a_row_hold_the_rest_until_a_person_uploads_again() -> None:
    world = World()
    world.submit(limited("max_failures: 3"))
    world.start()
    fail(world, "AlgorithmError: out of memory, exit code: 137")
    fail(world, "AlgorithmError: no such column")
    fail(world, "ClientError: Unable to allocate: MemoryError")
    world.finish(world.trials(TrialState.RUNNING)[0].job_name)
    world.start()
    for _ in range(3):
        assert len(world.trials(TrialState.RUNNING)) > 0
        fail(world, "AlgorithmError: MemoryError")
    launched = len(world.training.requests)
    world.start()

    assert len(world.training.requests) == launched
    assert world.trials(TrialState.WAITING) == []
    world.submit(limited("max_failures: 3").replace("max_depth: [2, 8]", "max_depth: [2, 8, 9]"))
    world.start()
    assert len(world.training.requests) == launched + 3


OUT_OF_MEMORY, NO_COLUMN = "AlgorithmError: MemoryError", "AlgorithmError: no such column"


def test_failures_of_several_kinds_hold_nothing() -> None:
    world = World()
    world.submit(limited("max_failures: 3"))
    world.start()
    for reason in (OUT_OF_MEMORY, NO_COLUMN, OUT_OF_MEMORY, OUT_OF_MEMORY):
        fail(world, reason)
    assert len(world.training.requests) == 4
    world.start()
    assert len(world.training.requests) == 8


def test_a_completed_job_ends_the_row_of_failures() -> None:
    world = World()
    world.submit(limited("max_failures: 3"))
    world.start()
    fail(world, OUT_OF_MEMORY)
    fail(world, OUT_OF_MEMORY)
    world.finish(world.trials(TrialState.RUNNING)[0].job_name)
    fail(world, OUT_OF_MEMORY)
    world.start()
    assert len(world.training.requests) == 8


def test_a_point_that_is_gone_is_cancelled_also_when_the_upload_that_took_it_out_was_not_in_time() -> None:
    world = World()
    world.submit(example())
    experiment = world.store.get_experiment("blobs")
    assert experiment is not None
    world.clock.advance(1)
    world.store.put_experiment(replace(experiment, trial_ids=experiment.trial_ids[1:], uploaded_at=world.clock.now()))

    world.start()

    (gone,) = world.trials(TrialState.CANCELLED)
    assert (gone.trial_id, gone.reason) == (experiment.trial_ids[0], REMOVED)
    assert len(world.training.requests) == 4


def test_the_next_upload_brings_back_what_a_doomed_region_spared_and_a_repeated_event_does_not() -> None:
    world = World()
    upload = world.upload(example())
    world.launch(upload)
    world.clock.advance(1)
    waiting = world.trials(TrialState.WAITING)[0]
    spared = replace(
        waiting, state=TrialState.CANCELLED, reason=f"{CANCELLED_IN}eta = 1.0", updated_at=world.clock.now()
    )
    world.store.update_trial(spared, expected=waiting)

    assert world.launch(upload).recorded == 0
    assert world.trials(TrialState.CANCELLED) == [spared]

    world.clock.advance(1)
    assert world.submit(example()).recorded == 1
    assert world.trials(TrialState.CANCELLED) == []


def test_a_held_grid_waits_and_the_alert_names_the_jobs_once() -> None:
    world = World()
    world.submit(limited("max_failures: 3").replace("parallel_jobs: 4", "parallel_jobs: 3"))
    world.start()
    failed = [trial.job_name for trial in world.trials(TrialState.RUNNING)]
    for name in failed:
        world.finish(name, "Failed", failure_reason=f"AlgorithmError: {name}: OutOfMemoryError")
        world.tracker().track(world.training.jobs[name])  # the event comes twice
    world.start()
    world.start()

    assert len(world.trials(TrialState.WAITING)) == 5
    (alert,) = [alert for alert in world.store.alerts.values() if alert.kind == "limit_reached"]
    assert list(alert.content["details"]) == failed
    assert alert.content["summary"].startswith("All 3 failed with: out of memory, ")


MISSING = """AlgorithmError: ExecuteUserScriptError:
ExitCode 1
ErrorMessage "ModuleNotFoundError: No module named 'lightgbm'
"
Command "/opt/conda/bin/python3.10 train.py --eta 0.1", exit code: 1"""


def first_failures(world: World, count: int, reason: str = MISSING) -> None:
    """So many jobs of a grid that is just beginning fail, one after the other."""
    for trial in world.trials(TrialState.RUNNING)[:count]:
        world.finish(trial.job_name, "Failed", failure_reason=reason)


def test_a_script_that_fails_at_once_costs_its_first_trials_and_not_the_grid() -> None:
    world = World()
    world.submit(example())
    world.start()
    first_failures(world, 3)
    world.start()

    assert len(world.training.requests) == 4, "one more was running already"
    assert len(world.trials(TrialState.WAITING)) == 4
    (alert,) = [alert for alert in world.store.alerts.values() if alert.kind == "limit_reached"]
    assert (
        alert.content["title"]
        == "blobs: all 3 that are over failed with: ModuleNotFoundError: No module named 'lightgbm'"
    )
    assert "gridwatch retry blobs --failed" in alert.content["commands"]


def held(world: World) -> str | None:
    hold = world.store.get_hold("blobs")
    return hold.reason if hold is not None and hold.limit is not None else None


def with_error(text: str) -> str:
    return MISSING.replace("ModuleNotFoundError: No module named 'lightgbm'", text)


def test_what_is_told_stays_true_when_those_on_their_way_end_too() -> None:
    world = World()
    world.submit(example())
    world.start()
    first_failures(world, 3)
    world.start()
    assert held(world) == "all 3 that are over failed with: ModuleNotFoundError: No module named 'lightgbm'"
    first_failures(world, 1)
    assert held(world) == "all 4 failed with: ModuleNotFoundError: No module named 'lightgbm'"


def test_one_on_its_way_that_fails_otherwise_is_counted_apart() -> None:
    world = World()
    world.submit(example())
    world.start()
    first_failures(world, 3)
    world.start()
    first_failures(world, 1, with_error("KeyError: 'a'"))
    assert held(world) == "3 of 4 failed with: ModuleNotFoundError: No module named 'lightgbm'"


def test_two_kinds_of_failure_in_turn_do_not_cost_the_grid() -> None:
    world = World()
    world.submit(example().replace("parallel_jobs: 4", "parallel_jobs: 1"))
    for number in range(8):
        world.start()
        first_failures(world, 1, with_error(("KeyError: 'a'", "ValueError: b")[number % 2]))
    world.start()
    assert len(world.training.requests) == 5
    assert held(world) == "3 of 5 failed with: KeyError: 'a'"


@pytest.mark.parametrize("reason", [
    "InternalServerError: We encountered an internal error. Please try again.",
    "CapacityError: Unable to provision requested ML compute capacity.",
])  # fmt: skip
def test_failures_of_aws_are_not_the_scripts(reason: str) -> None:
    world = World()
    world.submit(example())
    for _ in range(20):
        world.start()
        first_failures(world, 1, reason)
    assert held(world) is None


def test_a_failure_of_aws_between_those_of_the_script_ends_no_count() -> None:
    world = World()
    world.submit(example().replace("parallel_jobs: 4", "parallel_jobs: 1"))
    for reason in (MISSING, "InternalServerError: We encountered an internal error.", MISSING, MISSING):
        world.start()
        first_failures(world, 1, reason)
    world.start()
    assert held(world) == "3 of 4 failed with: ModuleNotFoundError: No module named 'lightgbm'"


def test_a_first_success_ends_the_care_of_the_beginning() -> None:
    world = World()
    world.submit(example())
    world.start()
    first_failures(world, 2)
    world.finish(world.trials(TrialState.RUNNING)[0].job_name)
    first_failures(world, 4)
    world.start()
    first_failures(world, 4)
    world.start()
    assert len(world.training.requests) == 8


def test_first_failures_of_several_causes_hold_nothing() -> None:
    world = World()
    world.submit(example())
    world.start()
    for number, name in enumerate(("KeyError: 'a'", "ValueError: b", "KeyError: 'c'", "OSError: d")):
        first_failures(world, 1, MISSING.replace("ModuleNotFoundError: No module named 'lightgbm'", name))
        assert len(world.trials(TrialState.FAILED)) == number + 1
    world.start()
    assert len(world.training.requests) == 8


def test_refusals_count_as_failures_and_spare_the_rest_of_the_grid() -> None:
    world = World()
    world.training.failures = [PermanentError("not authorized to perform: iam:PassRole", code="AccessDenied")] * 8
    world.submit(limited("max_failures: 2"))

    world.start()

    assert len(world.trials(TrialState.REFUSED)) == 2
    assert len(world.trials(TrialState.WAITING)) == 6
    assert sorted(alert.kind for alert in world.store.alerts.values()) == ["limit_reached", "trial_refused"]


@pytest.mark.parametrize("calls", range(40))
def test_killed_anywhere_a_reached_limit_holds_and_is_told(calls: int) -> None:
    world = World()
    world.training.failures = [PermanentError("not authorized", code="AccessDenied")] * 8
    world.submit(limited("max_failures: 2"))

    with contextlib.suppress(KilledError):
        world.start(store=MortalStore(world.store, calls))
    world.clock.advance(120)
    world.start()
    world.start()

    # Killed between counting a refusal and recording it, the second trial waits with the others.
    refused, waiting = len(world.trials(TrialState.REFUSED)), len(world.trials(TrialState.WAITING))
    assert refused in (1, 2)
    assert refused + waiting == 8
    assert sum(alert.kind == "limit_reached" for alert in world.store.alerts.values()) == 1


def test_data_that_cannot_be_learned_from_is_refused_before_anything_is_launched() -> None:
    world = World()
    address = f"s3://{world.bucket.name}/data/blobs/train.csv"
    world.bucket.contents[address] = b"label,a,b\n" + b"0,1.5,2\n1,2.5,3\n" * 50

    accepted = world.submit(example())

    assert (accepted.outcome, accepted.problems) == (UploadOutcome.REJECTED, 1)
    answer = world.bucket.answers["status/experiments/blobs.yaml.error.json"]
    assert "the first row is a header" in answer["text"]
    assert answer["problems"][0]["field"] == "data.train"
    assert answer["problems"][0]["line"]
    assert world.trials() == []


MANIFEST = "s3://experiments-bucket/data/lists/train.manifest"


def with_manifest(world: World, content: str) -> str:
    """The example with its training data listed in a manifest of that content."""
    world.bucket.objects[MANIFEST] = "etag"
    world.bucket.contents[MANIFEST] = content.encode()
    return example().replace("uri: blobs/train.csv", "uri: lists/train.manifest\n    kind: manifest", 1)


def test_the_files_of_a_manifest_are_looked_at_like_any_others() -> None:
    world = World()
    listed = '[{"prefix": "s3://experiments-bucket/data/blobs/"}, "train.csv"]'
    assert world.submit(with_manifest(world, listed)).outcome is UploadOutcome.ACCEPTED
    looked_at = world.bucket.answers["status/experiments/blobs.yaml.json"]["preflight"]["looked_at"]
    assert looked_at[0] == "train: a manifest of 1 object, 1 of which were looked for: 0 are not there"
    assert looked_at[1].startswith("train: read all of ")
    world.bucket.contents["s3://experiments-bucket/data/blobs/train.csv"] = b"label,a,b\n" + b"1,2,3\n" * 30
    assert world.submit(with_manifest(world, listed) + "\n").outcome is UploadOutcome.REJECTED
    (problem,) = world.bucket.answers["status/experiments/blobs.yaml.error.json"]["problems"]
    assert "preflight, header" in problem["message"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('[{"prefix": "s3://experiments-bucket/data/blobs/"}, "train.csv",]', "it is no JSON"),
        ('[{"prefix": "s3://experiments-bucket/data/blobs/"}, "gone.csv"]', "data/blobs/gone.csv, which is not there"),
        ("[]", "an empty array"),
    ],
)
def test_an_upload_with_a_manifest_that_cannot_be_read_is_refused(content: str, told: str) -> None:
    world = World()
    assert world.submit(with_manifest(world, content)).outcome is UploadOutcome.REJECTED
    (problem,) = world.bucket.answers["status/experiments/blobs.yaml.error.json"]["problems"]
    assert (problem["field"], told in problem["message"]) == ("data.train", True), problem
    assert world.trials() == []


def test_what_preflight_only_warns_of_stands_in_the_answer() -> None:
    world = World()
    address = f"s3://{world.bucket.name}/data/blobs/train.csv"
    rows = "".join(f"{row % 2},{row * 7 % 101}.5,4\n" for row in range(100))
    world.bucket.contents[address] = rows.encode()

    assert world.submit(example()).outcome is UploadOutcome.ACCEPTED
    preflight = world.bucket.answers["status/experiments/blobs.yaml.json"]["preflight"]
    told = [notice["check"] for notice in preflight["notices"] if notice["channel"] == "train"]
    assert told == ["constant"]


def test_the_spec_may_launch_over_a_refusal() -> None:
    world = World()
    world.bucket.contents[f"s3://{world.bucket.name}/data/blobs/train.csv"] = b"a,b,c\n" + b"0,1.5,2\n1,2.5,3\n" * 50
    assert world.submit(example() + "\npreflight: {warn: [header]}\n").outcome is UploadOutcome.ACCEPTED
