"""Stories of jobs that write no tensors: their rules look at what the log says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evaluate_rules.evaluating import Evaluated
from evaluate_rules.recording import LogRecorder
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.state.records import LogMetric, RulePolicy
from tests.fakes.fuse import Fuse
from tests.fakes.logs import FakeLog, FakeMetricRecord
from tests.fakes.mortal_store import KilledError
from tests.unit.functions.watching import ALIVE, JOB, LOSS, World

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

    def look(self, *, ended: bool = False, fuse: Fuse = ALIVE) -> Evaluated:
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
        return evaluator.evaluate(EvaluationRequest(JOB, ended=ended))

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


def test_the_log_is_not_read_again_at_once_but_at_the_end_it_is() -> None:
    world = Logged()
    world.say("8")
    world.look()
    pages = world.log.pages
    world.clock.advance(-57)  # three seconds later: the files that were just written wake the evaluation
    world.look()
    assert world.log.pages == pages
    world.clock.advance(-57)
    world.look(ended=True)
    assert world.log.pages > pages


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


def test_a_job_with_tensors_has_its_log_left_alone() -> None:
    world = Logged(LOSS)
    world.store.put_job(replace(world.store.jobs[JOB], log_metrics=()))
    world.look()
    assert world.log.pages == 0
