"""Stories of sweeping: whatever was lost or died is repaired by the schedule, and nothing is done twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from gridwatch.domain.rule_report import RuleReport
from gridwatch.domain.trials import TrialState
from gridwatch.events.messages import DeliverAlert, EvaluateJob, SnapshotExperiment, StartTrials
from gridwatch_rules.status import RuleStatus
from tests.unit.functions.test_reacting import event
from tests.unit.functions.watching import JOB, LOSS, World, at_every_call

STUCK = [8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0]


def settle(world: World) -> None:
    """Everything that waits in the queues is done; minutes pass."""
    while world.bus.events or world.alert_queue.messages:
        for each in list(world.bus.events):
            world.react(each)
            world.bus.events.remove(each)
        world.deliver_all()
    world.clock.advance(300)


def test_a_quiet_world_is_left_alone_but_for_the_clock_of_its_rules() -> None:
    world = World()
    world.losses(8.0, 4.0)
    world.evaluate()
    world.clock.advance(300)

    report = world.sweep()

    assert (report.recorded, report.findings, report.alerts, report.waiting, report.complete) == (0, 0, 0, False, True)
    assert world.evaluate_queue.messages == [EvaluateJob(JOB)]
    assert world.training.described == []
    assert world.start_queue.messages == []


def test_an_end_that_no_event_told_is_recorded_and_wakes_what_follows() -> None:
    world = World()
    world.clock.advance(300)
    world.training.finish(JOB, "Completed", final_metrics={"validation-error": 0.1})

    report = world.sweep()

    assert report.recorded == 1
    assert world.trial.state is TrialState.COMPLETED
    assert world.trial.final_metrics == {"validation-error": 0.1}
    assert EvaluateJob(JOB, ended=True) in world.evaluate_queue.messages
    assert world.snapshot_queue.messages == [SnapshotExperiment("blobs")]
    assert len(world.start_queue.messages) == 1


def test_a_sweep_that_dies_over_an_end_loses_nothing_of_what_follows() -> None:
    def prepare() -> World:
        world = World()
        world.clock.advance(300)
        world.training.finish(JOB, "Failed", failure_reason="out of memory")
        return world

    for world in at_every_call(lambda world, fuse: world.sweep(fuse), prepare):
        world.clock.advance(300)
        world.track_all()
        world.sweep()
        assert world.trial.state is TrialState.FAILED
        assert EvaluateJob(JOB, ended=True) in world.evaluate_queue.messages
        assert SnapshotExperiment("blobs") in world.snapshot_queue.messages
        world.deliver_all()
        assert [message[0] for message in world.topic.messages] == [
            "[Gridwatch] blobs/0a1b2c3d4e failed: out of memory"
        ]


def test_a_failure_that_no_event_told_is_told_once() -> None:
    world = World()
    world.clock.advance(300)
    world.training.finish(JOB, "Failed", failure_reason="out of memory")
    world.sweep()
    world.sweep()
    world.deliver_all()
    assert [message[0] for message in world.topic.messages] == ["[Gridwatch] blobs/0a1b2c3d4e failed: out of memory"]


def test_a_stop_that_no_event_told() -> None:
    world = World()
    world.react(event())
    world.clock.advance(300)
    world.training.finish(JOB, "Stopped")
    world.sweep()
    assert (world.trial.state, world.trial.reason) == (TrialState.STOPPED, "stopped by loss@24")


def test_a_job_that_sagemaker_does_not_know_is_reported() -> None:
    world = World()
    del world.training.jobs[JOB]
    world.clock.advance(300)
    assert world.sweep().vanished == (JOB,)
    assert world.trial.state is TrialState.RUNNING


def test_a_trial_that_was_claimed_by_a_launcher_that_died_wakes_the_launcher() -> None:
    world = World()
    del world.training.jobs[JOB]
    world.store.trials[("blobs", "0a1b2c3d4e")] = replace(world.trial, state=TrialState.STARTING)
    world.clock.advance(300)
    report = world.sweep()
    assert report.waiting
    assert report.vanished == ()
    assert world.start_queue.messages == [StartTrials("sweep")]
    world.sweep()
    assert len(world.start_queue.messages) == 1  # of one minute


def test_a_job_that_runs_although_its_trial_waits_is_found() -> None:
    world = World()
    world.store.trials[("blobs", "0a1b2c3d4e")] = replace(world.trial, state=TrialState.WAITING)
    world.training.put("gridwatch-of-somebody-else", {})
    world.clock.advance(300)

    assert world.sweep().recorded == 1

    assert world.trial.state is TrialState.RUNNING
    assert world.training.described == [JOB]


def test_what_is_on_its_way_is_not_hurried() -> None:
    world = World()
    world.losses(*STUCK)
    world.evaluate()  # the event is on the bus, nobody has reacted yet
    world.training.finish(JOB)
    report = world.sweep()
    assert (report.recorded, report.findings, report.alerts) == (0, 0, 0)


def test_a_finding_whose_event_was_lost_is_put_on_the_bus_again() -> None:
    world = World()
    world.losses(*STUCK)
    world.evaluate()
    world.bus.events.clear()
    world.clock.advance(300)

    assert world.sweep().findings == 1
    settle(world)

    assert world.training.stopped == [JOB]
    assert len(world.topic.messages) == 1
    assert "loss did not change" in world.topic.messages[0][1]
    assert world.sweep().findings == 0


def test_a_finding_of_a_job_that_is_over_is_found_too() -> None:
    world = World()
    world.losses(*STUCK)
    world.evaluate(ended=True)
    world.bus.events.clear()
    world.training.finish(JOB)
    world.store.trials[("blobs", "0a1b2c3d4e")] = replace(world.trial, state=TrialState.COMPLETED)
    world.clock.advance(300)
    assert world.sweep().findings == 1
    settle(world)
    assert len(world.topic.messages) == 1


def test_findings_of_one_job_are_one_event() -> None:
    world = World(LOSS, replace(LOSS, name="again"))
    world.losses(*STUCK)
    world.evaluate()
    world.bus.events.clear()
    world.clock.advance(300)
    assert world.sweep().findings == 2
    assert len(world.bus.events) == 1


def test_an_alert_whose_message_was_lost_is_sent() -> None:
    world = World()
    world.react(event())
    world.alert_queue.messages.clear()
    world.clock.advance(300)
    assert world.sweep().alerts == 1
    (message,) = world.alert_queue.messages
    assert isinstance(message, DeliverAlert)
    world.deliver_all()
    assert len(world.topic.messages) == 1
    assert world.sweep().alerts == 0


def test_reactions_that_died_and_whose_message_is_lost_are_carried_out() -> None:
    def prepare() -> World:
        world = World()
        world.losses(*STUCK)
        world.evaluate()
        return world

    for world in at_every_call(lambda world, fuse: world.react(fuse=fuse), prepare):
        world.bus.events.clear()
        settle(world)
        for _ in range(2):
            world.sweep()
            settle(world)

        assert world.training.stopped == [JOB]
        assert len(world.topic.messages) == 1
        assert world.store.open_findings() == []
        assert world.store.unsent_alerts() == []


def test_jobs_are_described_at_sagemakers_pace_and_within_the_time() -> None:
    world = World()
    for number in range(1, 2001):
        world.add_job(f"gridwatch-blobs-{number:010x}-1", f"{number:010x}", LOSS)
    world.clock.advance(300)
    for name in world.training.jobs:
        world.training.finish(name)
    began = world.clock.now()

    report = world.sweep()

    assert not report.complete
    assert (world.clock.now() - began).total_seconds() <= 300 - 29
    described = [name for name, count in Counter(world.training.described).items() if count == 3]
    assert 1000 < len(described) <= 271 * 4 + 1  # by the sweep, then by the tracker, which asks again before an end


def test_lost_ends_are_found_beside_many_jobs_under_debuggers_own_rules() -> None:
    world = World()
    for number in range(1, 1201):
        world.add_job(f"gridwatch-blobs-{number:010x}-1", f"{number:010x}", LOSS)
        name = f"gridwatch-blobs-{number:010x}-1"
        world.store.put_job(replace(world.store.jobs[name], managed_rules=True))
    world.clock.advance(300)
    for number in (7, 300, 601, 999, 1200):
        world.training.finish(f"gridwatch-blobs-{number:010x}-1")

    assert world.sweep().recorded == 5
    asked = set(world.training.described)
    world.clock.advance(30)
    world.sweep()
    assert len(asked) < 1200
    assert len(asked | set(world.training.described)) == 1200, "each in its turn"


def managed(world: World, **statuses: RuleStatus) -> None:
    """What SageMaker's own rules say of the job from now on, which no event tells."""
    world.store.put_job(replace(world.store.jobs[JOB], managed_rules=True))
    reports = tuple(RuleReport(name, status, f"{name} at step 24") for name, status in statuses.items())
    world.training.jobs[JOB] = replace(world.training.jobs[JOB], rule_reports=reports)


def test_what_sagemakers_own_rules_found_and_no_event_told_stops_the_job() -> None:
    world = World()
    managed(world, loss=RuleStatus.ISSUES_FOUND, other=RuleStatus.IN_PROGRESS)
    world.clock.advance(300)
    assert world.sweep().managed == 2
    settle(world)
    assert world.training.stopped == [JOB]
    assert [message[0] for message in world.topic.messages] == ["[Gridwatch] Stopped blobs/0a1b2c3d4e: loss"]

    assert world.sweep().managed == 0
    settle(world)
    assert len(world.topic.messages) == 1


def test_sagemakers_own_rules_are_asked_until_the_last_verdict_also_after_the_jobs_end() -> None:
    world = World()
    managed(world, loss=RuleStatus.IN_PROGRESS)
    world.training.finish(JOB)
    world.sweep()
    managed(world, loss=RuleStatus.ISSUES_FOUND)
    world.clock.advance(300)
    assert world.sweep().managed == 1
    settle(world)
    assert world.training.stopped == []
    assert len(world.topic.messages) == 1
    described = world.training.described.copy()
    world.sweep()
    assert world.training.described == described
    assert list(world.store.managed_jobs()) == []


def test_a_sweep_that_dies_while_it_tells_of_sagemakers_rules_loses_nothing() -> None:
    def prepare() -> World:
        world = World()
        managed(world, loss=RuleStatus.ISSUES_FOUND)
        world.clock.advance(300)
        return world

    for world in at_every_call(lambda world, fuse: world.sweep(fuse), prepare):
        world.sweep()
        settle(world)
        assert world.training.stopped == [JOB]
        assert len(world.topic.messages) == 1
