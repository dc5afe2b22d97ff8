"""Stories of jobs' logs: what they say of metrics is recorded, looked at by rules and followed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from evaluate_rules.evaluating import Evaluated
from evaluate_rules.recording import LogRecorder
from gridwatch.domain.rules import RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.events.messages import EvaluateJob, SnapshotExperiment
from gridwatch.state.codec import moment_text
from gridwatch_rules.tensors.log_metrics import LogPage
from gridwatch_rules.tensors.metric_definition import LogMetric
from tests.fakes.fuse import Fuse
from tests.fakes.logs import FakeLog, FakeMetricRecord
from tests.fakes.mortal_store import KilledError
from tests.unit.functions.watching import ALIVE, JOB, World

METRICS = (LogMetric(name="loss", regex=r"loss=(\S+)"), LogMetric(name="acc", regex=r"acc=(\S+)"))
STUCK = ["8", "4", "2", "1", "1", "1", "1", "1"]


class Logged(World):
    """One running job of which there is only a log."""

    def __init__(self, *policies: RulePolicy) -> None:
        super().__init__(*policies)
        self.store.put_job(replace(self.store.jobs[JOB], log_metrics=METRICS, log_apart=True))
        self.log, self.record = FakeLog(), FakeMetricRecord()

    def say(self, *values: str) -> None:
        for value in values:
            self.log.lines += ["a line of no interest", f"epoch loss={value} acc=0.5"]

    @property
    def planned(self) -> list[EvaluateJob]:
        """The looks that were planned, each once."""
        return [each for each in self.evaluate_queue.messages if isinstance(each, EvaluateJob) and each.look]

    def look(self, planned: str = "", *, ended: bool = False, log: bool = True, fuse: Fuse = ALIVE) -> Evaluated:
        self.clock.advance(60)
        recorder = LogRecorder(
            log=fuse.guard(self.log),
            record=fuse.guard(self.record),
            queue=fuse.guard(self.evaluate_queue),
            snapshot_queue=fuse.guard(self.snapshot_queue),
            clock=self.clock,
            interval=20,
        )
        evaluator = replace(self.evaluator(), open_log=lambda job: self.record.source(), recorder=recorder)
        looks = (planned,) if planned else ()
        return evaluator.evaluate(EvaluationRequest(JOB, ended=ended, log=log, looks=looks))

    @property
    def found_at(self) -> int | None:
        finding = self.store.rule_evaluations[(JOB, "loss")].finding
        return None if finding is None else int(finding["step"])


def test_a_loss_that_stands_still_in_the_log_is_found_and_the_job_stopped() -> None:
    world = Logged()
    world.say(*STUCK)
    world.look()
    assert world.found_at == 6
    world.react()
    assert world.training.stopped == [JOB]
    assert world.trial.reason == "stopped by loss@6"


@pytest.mark.parametrize("page_size", [1, 2, 100])
@pytest.mark.parametrize("cut", range(1, 8))
def test_any_split_of_the_log_leads_to_the_same_step(cut: int, page_size: int) -> None:
    world = Logged()
    world.log.page_size = page_size
    world.say(*STUCK[:cut])
    world.look()
    world.look()
    world.say(*STUCK[cut:])
    world.look()
    assert world.found_at == 6


@pytest.mark.parametrize(
    ("rule", "values"),
    [
        ("MetricNonFinite", ["1", "nan"]),
        ("MetricPlateau", ["1"] * 12),
        ("Divergence", ["1", "0.5", "9"]),
        ("Oscillation", ["1", "9"] * 8),
    ],
)
def test_metric_rules_see_the_log_as_they_see_tensors(rule: str, values: list[str]) -> None:
    world = Logged(RulePolicy(name="loss", rule=rule))
    world.say("2", "1.5")
    world.look()
    assert world.store.rule_evaluations[(JOB, "loss")].status == "InProgress"
    world.say(*values)
    world.look()
    assert world.store.rule_evaluations[(JOB, "loss")].status == "IssuesFound"
    assert world.store.rule_evaluations[(JOB, "loss")].finding["curve"]["values"][:2] == [2.0, 1.5]  # type: ignore[index]


def test_a_threshold_of_one_metric() -> None:
    policy = RulePolicy(name="loss", rule="MetricThreshold", parameters={"above": 3, "tensor_regex": "^loss$"})
    world = Logged(policy)
    world.say("1", "2", "4")
    world.look()
    assert world.found_at == 2


def test_a_look_plans_the_next_one_and_only_that_one_reads() -> None:
    world = Logged()
    world.say("8")
    world.look()
    (planned,) = world.planned
    assert (planned.look, world.evaluate_queue.delays[-1]) == (
        moment_text(world.clock.now() + timedelta(seconds=20)),
        20,
    )
    pages = world.log.pages
    for waited in (1, 10, 5):  # the sweep, news of the job, a message that came twice
        world.clock.advance(waited - 60)
        world.look()
    assert (world.log.pages, world.planned) == (pages, [planned])
    world.clock.advance(4 - 60)
    world.look(planned.look)
    assert world.log.pages > pages
    first, second = world.planned
    assert second.look > first.look


def test_the_same_planned_look_twice_leaves_one_chain() -> None:
    world = Logged()
    world.look()
    (planned,) = world.planned
    for _ in range(2):
        world.clock.advance(20 - 60)
        world.look(planned.look)
    assert len(world.planned) == 2  # the second found another one planned
    pages = world.log.pages
    world.clock.advance(19 - 60)
    world.look(world.planned[0].look)
    assert world.log.pages == pages


def test_a_chain_that_broke_off_is_begun_again_by_the_minute_check() -> None:
    world = Logged()
    world.look()
    pages = world.log.pages
    world.clock.advance(49 - 60)
    world.look()
    assert world.log.pages == pages
    world.look()  # a minute later: its message is lost
    assert world.log.pages > pages
    assert len(world.planned) == 2


def test_the_end_reads_the_log_to_its_last_line_and_asks_for_the_tables_once() -> None:
    world = Logged(RulePolicy(name="loss", rule="MetricNonFinite"))
    world.log.page_size = 1
    world.say(*map(str, range(100, 70, -1)))  # more pages than are read at once
    world.look(ended=True)
    assert world.store.rule_evaluations[(JOB, "loss")].status == "InProgress"
    assert not world.record.kept.closed
    rounds = 0
    while world.evaluate_queue.messages[-1] == EvaluateJob(JOB, ended=True) and not world.record.kept.closed:
        world.look(ended=True)
        rounds += 1
    assert rounds == 3
    assert (world.record.kept.steps, world.record.kept.due) == (30, None)
    assert world.store.rule_evaluations[(JOB, "loss")].status == "NoIssuesFound"
    assert world.snapshot_queue.messages == [SnapshotExperiment("blobs")]
    pages = world.log.pages
    world.look(ended=True)
    assert world.log.pages == pages


def test_lines_that_come_after_the_end_are_read_before_the_log_is_closed() -> None:
    world = Logged(RulePolicy(name="loss", rule="MetricNonFinite"))
    world.say("8")
    over = replace(world.trial, state=TrialState.COMPLETED, ended_at=world.clock.now() + timedelta(seconds=55))
    world.store.trials["blobs", world.trial.trial_id] = over
    world.look(ended=True)  # five seconds after the end
    assert world.store.rule_evaluations[(JOB, "loss")].status == "NoIssuesFound"  # rules need not wait
    assert (world.evaluate_queue.messages[-1], world.evaluate_queue.delays[-1]) == (EvaluateJob(JOB, ended=True), 10)
    assert (world.record.kept.closed, world.snapshot_queue.messages) == (False, [])
    world.say("4")
    world.look(ended=True)
    assert (world.record.kept.steps, world.record.kept.closed) == (2, True)
    assert world.snapshot_queue.messages == [SnapshotExperiment("blobs")]


def test_a_job_that_is_over_plans_no_look() -> None:
    world = Logged()
    world.store.trials["blobs", world.trial.trial_id] = replace(world.trial, state=TrialState.COMPLETED)
    world.look()
    assert world.planned == []


def test_a_look_that_began_before_the_last_one_does_not_open_the_log_again() -> None:
    """Several workers evaluate one job: what an earlier look has to say comes after the log was closed."""
    world = Logged()
    world.say(*STUCK)
    page, began = world.log.page, []

    def ended_meanwhile(*place: str) -> LogPage:
        if not began:
            began.append(place)
            finished = replace(world.trial, state=TrialState.COMPLETED, ended_at=world.clock.now())
            world.store.trials["blobs", world.trial.trial_id] = finished
            world.look(ended=True)
        return page(*place)

    world.log.page = ended_meanwhile  # type: ignore[method-assign]
    world.look()
    assert began
    assert (world.record.kept.steps, world.record.kept.closed) == (len(STUCK), True)


def test_the_last_look_closes_the_log_though_another_moved_its_position() -> None:
    world = Logged()
    world.say(*STUCK)
    finished = replace(world.trial, state=TrialState.COMPLETED, ended_at=world.clock.now())
    world.store.trials["blobs", world.trial.trial_id] = finished
    page = world.log.page

    def moved_meanwhile(*place: str) -> LogPage:
        if world.log.pages == 0:
            world.record.move(JOB, world.record.position(JOB))
        return page(*place)

    world.log.page = moved_meanwhile  # type: ignore[method-assign]
    world.look(ended=True)
    assert world.record.moves == 2
    assert (world.record.kept.steps, world.record.kept.closed) == (len(STUCK), True)


def test_what_the_log_repeats_hook_waits_for_the_minute_check_and_the_end() -> None:
    world = Logged()
    world.store.put_job(replace(world.store.jobs[JOB], log_repeats_hook=True))
    world.say(*STUCK)
    world.look()
    assert (world.planned, world.record.kept.steps) == ([], len(STUCK))
    assert world.store.rule_evaluations[(JOB, "loss")].status == "InProgress"  # rules look at the hook's


def test_an_event_of_tensors_does_not_read_the_log() -> None:
    world = Logged()
    world.look(log=False)
    assert world.log.pages == 0


def test_a_job_of_a_former_version_has_its_log_among_its_tensors() -> None:
    world = Logged()
    world.store.put_job(replace(world.store.jobs[JOB], log_apart=False))
    world.say(*STUCK)
    world.look()
    assert world.found_at is None  # of the folder of the log it knows nothing
    assert world.record.kept.steps == len(STUCK)


def test_without_rules_the_log_is_read_and_its_objective_followed() -> None:
    world = Logged()
    job = replace(world.store.jobs[JOB], policies=(), objective_metric="acc", objective_direction="maximize")
    world.store.put_job(job)
    world.log.lines = [f"epoch loss={loss} acc={acc}" for loss, acc in ((3, 0.1), (2, 0.9), (1, 0.7))]
    world.look()
    (current,) = world.store.list_current("blobs")
    assert (current.value, current.best, current.best_step, current.source) == (0.7, 0.9, 1, "log")
    assert world.bus.events == []


def test_where_the_log_says_nothing_of_the_objective_the_hooks_is_followed() -> None:
    """As in the tables; as soon as the log has a value, it is the objective."""
    world = Logged()
    job = replace(world.store.jobs[JOB], objective_metric="loss", objective_direction="minimize")
    world.store.put_job(job)
    world.losses(3.0, 2.0, 2.5)
    world.log.lines = ["loss: 9 in words"]
    world.look()
    (current,) = world.store.list_current("blobs")
    assert (current.value, current.best, current.count, current.source) == (2.5, 2.0, 3, "hook")
    world.say("7")
    world.look()
    (current,) = world.store.list_current("blobs")
    assert (current.value, current.count, current.source) == (7.0, 1, "log")
    world.losses(3.0, 2.0, 2.5, 1.0)
    world.look()
    (current,) = world.store.list_current("blobs")
    assert (current.value, current.source) == (7.0, "log")


@pytest.mark.parametrize("year", [1, 2100, 9999])
def test_a_plan_for_a_time_that_no_look_is_planned_for_is_none(year: int) -> None:
    world = Logged()
    world.say("8")
    world.look()
    world.record.kept = replace(world.record.kept, due=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
    world.say("4")
    world.look()
    assert world.record.kept.steps == 2
    assert world.planned[-1].look == moment_text(world.record.kept.due)  # type: ignore[arg-type]


def test_a_position_that_the_log_forgot_leads_to_the_same_steps() -> None:
    world = Logged()
    world.say(*STUCK[:4])
    world.look()
    world.log.expired = True
    world.log.page_size = 100
    world.say(*STUCK[4:])

    world.look()
    assert world.found_at == 6
    assert world.record.kept.steps == len(STUCK)


def test_death_at_any_call_loses_no_step() -> None:
    for calls in range(12):
        for after in (False, True):
            world = Logged()
            world.say(*STUCK)
            try:
                world.look(fuse=Fuse(calls, after=after))
            except KilledError:
                world.look()
            assert world.found_at == 6
            assert world.record.kept.steps == len(STUCK)
