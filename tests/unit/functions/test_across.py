"""Stories of rules that look across the trials of an experiment, while the trials run."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from evaluate_rules.evaluating import Evaluated, Evaluator
from gridwatch.aws.state_table import StateTable
from gridwatch.domain.experiments import ExperimentRecord
from gridwatch.domain.rules import Action, RulePolicy
from gridwatch.domain.trials import TrialState
from gridwatch.events.evaluation_request import EvaluationRequest
from gridwatch.judging.judge import CrossTrialJudge
from gridwatch.state.memory import MemoryStore
from gridwatch.state.patience import Patience
from gridwatch.state.store import ConflictError
from gridwatch_rules.judgement.catalogue import judgement_rule_names
from gridwatch_rules.judgement.history import Ending, History
from gridwatch_rules.judgement.live import Pending, Replica, TrialReports, first_entry, log_name
from gridwatch_rules.judgement.median import KatibMedianStopping
from gridwatch_rules.judgement.reported import ReportsRecord
from tests.fakes.clock import FakeClock
from tests.simulation.dynamodb import DynamoDB
from tests.simulation.stage import Stage
from tests.unit.functions.test_evaluating import SCHEMA, finding_of, found
from tests.unit.functions.watching import JOB, World, at_every_call

MEDIAN = RulePolicy(
    name="median",
    rule="KatibMedianStopping",
    parameters={"metric": "loss", "min_trials_required": 2, "start_step": 2},
    on_issue=Action.STOP,
)
OTHERS = [("gridwatch-blobs-aaaaaaaaaa-1", "aaaaaaaaaa"), ("gridwatch-blobs-bbbbbbbbbb-1", "bbbbbbbbbb")]
GOOD = [0.9, 0.5, 0.3, 0.2]
BAD = [0.9, 0.8, 0.8, 0.8]
LOG = log_name("blobs", "loss", "epochs")


def others_completed(*policies: RulePolicy) -> World:
    """Two good trials have completed; the third has just begun."""
    world = World(*(policies or (MEDIAN,)))
    for name, trial_id in OTHERS:
        world.add_job(name, trial_id, *(policies or (MEDIAN,)))
        world.losses(*GOOD, job_name=name)
        world.evaluate(job_name=name)
        trial = world.store.trials["blobs", trial_id]
        world.store.trials["blobs", trial_id] = replace(trial, state=TrialState.COMPLETED)
        world.evaluate(job_name=name, ended=True)
    return world


def verdicts(store: MemoryStore) -> dict[tuple[str, str], tuple[str, Any]]:
    return {key: (record.status, record.finding) for key, record in store.rule_evaluations.items()}


def test_a_trial_worse_than_the_others_is_found_while_it_runs_and_stopped() -> None:
    world = others_completed()
    world.losses(*BAD)
    world.until = 0
    world.evaluate()
    assert found(world) == []
    world.until = 2
    world.evaluate()

    (event,) = found(world)
    jsonschema.validate(event["detail"], SCHEMA)
    finding = finding_of(event)
    assert (finding["rule"], finding["tensor"]) == ("KatibMedianStopping", "loss")
    assert finding["observed"] > finding["threshold"]
    assert finding["evidence"]["metric"] == "loss"
    assert finding["evidence"]["direction"] == "min"
    assert finding["curve"]["values"] == BAD[: finding["step"] + 1]
    assert "of 2 " in finding["sentence"]
    world.react(event)
    assert world.training.stopped == [JOB]
    world.deliver_all()
    assert "loss" in world.topic.messages[-1][1]


def test_trials_do_not_stop_each_other_before_enough_have_completed() -> None:
    world = World(MEDIAN)
    world.losses(*BAD)
    world.evaluate()
    world.evaluate(ended=True)
    assert found(world) == []
    assert world.store.list_rule_evaluations(JOB)[0].status == "NoIssuesFound"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_trial_whose_metric_is_not_finite_is_hopeless_at_once(value: float) -> None:
    world = World(replace(MEDIAN, rule="GridDefault", parameters={"metric": "loss"}))
    world.losses(0.5, value)
    world.evaluate()
    finding = finding_of(found(world)[0])
    assert (finding["step"], finding["observed"]) == (1, "nan")
    assert "not finite" in finding["sentence"]
    json.dumps(world.bus.events, allow_nan=False)


@pytest.mark.parametrize("arrivals", [[3], [0, 1, 2, 3], [2, 1, 2, 0, 3, 3], [1, 3]])
def test_however_the_steps_arrive_the_finding_is_the_same(arrivals: list[int]) -> None:
    world = others_completed()
    world.losses(*BAD)
    for world.until in arrivals:
        world.evaluate()
    (event,) = found(world)
    finding = finding_of(event)
    assert finding["step"] == 1
    assert finding["threshold"] == pytest.approx(sum(GOOD[:2]) / 2)


def test_a_call_that_dies_anywhere_leaves_what_the_next_one_completes_with_the_same_verdict() -> None:
    def prepared() -> World:
        world = others_completed()
        world.losses(*BAD)
        return world

    whole = prepared()
    whole.evaluate()
    entries = whole.store.reports[LOG]
    for world in at_every_call(lambda world, fuse: world.evaluate(fuse=fuse), prepared):
        world.evaluate()
        assert world.store.reports[LOG] == entries
        assert {key: found[1]["evidence"] for key, found in verdicts(world.store).items() if found[1]} == {
            key: found[1]["evidence"] for key, found in verdicts(whole.store).items() if found[1]
        }


def test_reports_that_others_add_meanwhile_change_no_verdict_on_what_was_there_before() -> None:
    """The call records the reports and dies; before it comes again another trial becomes much worse."""
    world = others_completed()
    world.losses(*BAD)
    whole = Replica()
    whole.extend(world.store.reports_after(LOG, 0))
    evaluator = world.evaluator()
    _evaluate(evaluator)
    (event,) = found(world)
    world.store.evaluations.pop(JOB)
    for index in range(5):
        worse, trial_id = f"gridwatch-blobs-{index:010x}-1", f"{index:010x}"
        world.add_job(worse, trial_id, MEDIAN)
        world.losses(9.0, 9.0, 9.0, 9.0, job_name=worse)
        _evaluate(evaluator, worse)
    _evaluate(evaluator)
    again = [each for each in found(world) if each["detail"]["TrainingJobName"] == JOB]
    assert len(again) == 2
    assert finding_of(again[1]) == finding_of(event)


def test_two_processes_that_write_at_once_lose_nothing_and_write_nothing_twice() -> None:
    world = World(MEDIAN)
    jobs = [(JOB, "0a1b2c3d4e"), *OTHERS]
    for name, trial_id in OTHERS:
        world.add_job(name, trial_id, MEDIAN)
    for name, _ in jobs:
        world.losses(*GOOD, job_name=name)
    processes = [world.evaluator(), world.evaluator()]
    for world.until, (name, _), process in itertools.product((1, 3), jobs, processes):
        _evaluate(process, name)
    assert [record.number for record in world.store.reports[LOG]] == list(range(1, 7))
    reports = [report for record in world.store.reports[LOG] for report in record.reports]
    assert len(reports) == 3 * len(GOOD)


def test_an_entry_whose_number_is_taken_comes_after_what_took_it() -> None:
    world = World(MEDIAN)
    world.add_job(*OTHERS[0], MEDIAN)
    world.losses(*GOOD)
    world.losses(*BAD, job_name=OTHERS[0][0])

    class Late(MemoryStore):
        """Somebody else writes just before each first entry."""

        def add_reports(self, record: Any) -> None:
            if len(self.reports.get(LOG, ())) == 0:
                super().add_reports(replace(record, trial="faster-1"))
            super().add_reports(record)

    late = Late()
    late.__dict__.update(world.store.__dict__)
    world.store = late
    world.evaluate()
    assert [record.trial for record in world.store.reports[LOG]] == ["faster-1", "0a1b2c3d4e-1"]


def test_a_second_attempt_is_a_curve_of_its_own_and_other_metrics_have_logs_of_their_own() -> None:
    world = others_completed()
    world.losses(*GOOD)
    world.evaluate()
    job = world.store.jobs[JOB]
    second = f"{JOB[:-1]}2"
    world.add_job(second, "0a1b2c3d4e", MEDIAN)
    world.store.put_job(replace(job, job_name=second, attempt=2))
    world.losses(*BAD, job_name=second)
    world.evaluate(job_name=second)
    assert finding_of(found(world)[0])["step"] == 1
    assert list(world.store.reports) == [LOG]


def test_without_parameters_a_rule_judges_by_the_objective_and_says_when_it_was_not_saved() -> None:
    world = World(replace(MEDIAN, name="default", rule="GridDefault", parameters={}))
    world.losses(*GOOD)
    world.evaluate()
    world.evaluate(ended=True)
    (record,) = world.store.list_rule_evaluations(JOB)
    assert record.status == "SawNothing"
    assert record.details == (
        "GridDefault looks for 4 reports of validation-error; it was never reported: in 4 steps the job saved loss "
        "at 4 steps"
    )


@pytest.mark.parametrize(
    ("rule", "parameters", "reports"),
    [
        ("Patience", {"patience": 2}, 3),
        ("CurveExtrapolation", {"min_reports": 5}, 5),
        ("GridDefault", {"min_reports": 3}, 3),
        ("BanditStopping", {"delay_evaluation": 3}, 3),
        ("TruncationStopping", {"delay_evaluation": 3}, 3),
        ("PercentileStopping", {"start": 3}, 3),
        ("MedianStopping", {"start": 3}, 3),
        ("KatibMedianStopping", {"start_step": 3}, 3),
        ("ASHA", {"grace": 3}, 3),
        ("Hyperband", {"min_resource": 3}, 3),
    ],
)
def test_a_rule_needs_as_many_reports_as_it_judges_by(rule: str, parameters: dict[str, Any], reports: int) -> None:
    for count, status in ((reports, "NoIssuesFound"), (reports - 1, "SawNothing"), (0, "SawNothing")):
        world = World(replace(MEDIAN, rule=rule, parameters=parameters | {"metric": "loss"}))
        world.losses(*[1 / (place + 1) for place in range(count)])
        world.evaluate(ended=True)
        (record,) = world.store.list_rule_evaluations(JOB)
        assert record.status == status, count


def test_every_rule_across_trials_has_its_case() -> None:
    (cases,) = (mark.args[1] for mark in test_a_rule_needs_as_many_reports_as_it_judges_by.pytestmark)
    assert {rule for rule, *_ in cases} == set(judgement_rule_names())


def test_the_first_trial_of_all_is_said_to_have_been_compared_with_none() -> None:
    world = World(MEDIAN)
    world.losses(*BAD)
    world.evaluate(ended=True)
    (record,) = world.store.list_rule_evaluations(JOB)
    assert (record.status, record.details) == (
        "NoIssuesFound",
        "no other trial had reported loss by then, so it was compared with none",
    )


def test_a_replica_judges_as_a_history_told_in_the_same_order() -> None:
    """The log read by another process leads to what the rule says of the history itself."""
    world = others_completed()
    world.losses(*BAD)
    world.evaluate()
    rule = KatibMedianStopping.create({"metric": "loss", "min_trials_required": 2, "start_step": 2})
    replica, history = Replica(), History()
    replica.extend(world.store.reports_after(LOG, 0))
    expected = None
    for record in world.store.reports[LOG]:
        for _, resource, value in record.reports:
            history.report(record.trial, resource, value)
            if record.trial == "0a1b2c3d4e-1" and expected is None:
                expected = rule.judge(record.trial, history)
        if record.ending:
            history.end(record.trial, Ending(record.ending))
    judged = replica.judge("0a1b2c3d4e-1", {"median": Pending(rule)})
    assert expected is not None
    assert judged["median"].judgement == expected


def _evaluate(evaluator: Evaluator, job_name: str = JOB) -> Evaluated:
    return evaluator.evaluate(EvaluationRequest(job_name))


def test_a_process_forgets_the_logs_it_has_not_used_for_longest() -> None:
    judge = CrossTrialJudge(MemoryStore())
    first = judge._replica("a", maximize=False)
    assert judge._replica("a", maximize=False) is first
    for number in range(20):
        judge._replica(str(number), maximize=False)
    assert judge._replica("a", maximize=False) is not first


def test_a_process_forgets_logs_that_are_too_large_together_but_not_the_one_it_needs() -> None:
    judge = CrossTrialJudge(MemoryStore())
    report = (1.0, 1.0, 0.5)
    large, small = judge._replica("large", maximize=False), judge._replica("small", maximize=False)
    large.extend([ReportsRecord(log="large", number=1, trial="a", reports=(report,) * 900_000)])
    small.extend([ReportsRecord(log="small", number=1, trial="a", reports=(report,) * 100_001)])
    assert judge._replica("small", maximize=False) is small
    assert judge._replica("large", maximize=False) is not large
    larger = CrossTrialJudge(MemoryStore())
    alone = larger._replica("alone", maximize=False)
    alone.extend([ReportsRecord(log="alone", number=1, trial="a", reports=(report,) * 1_000_001)])
    assert larger._replica("alone", maximize=False) is alone


EARLIER = log_name("before", "loss", "epochs")


def starts_from(world: World, earlier: str) -> None:
    """The experiment's spec says `start_from: {experiment: earlier}`."""
    now = world.clock.now()
    world.store.put_experiment(
        ExperimentRecord(
            name="blobs", spec_key="experiments/blobs.yaml", spec_version="v1", uploaded_at=now,
            document={"start_from": {"experiment": earlier}}, template={}, policies=(), trial_ids=(), parallel_jobs=1,
            created_at=now, updated_at=now,
        )
    )  # fmt: skip


def completed_before(world: World, *values: list[float], log: str = EARLIER) -> None:
    for number, losses in enumerate(values, 1):
        reports = tuple((float(step), step + 1.0, loss) for step, loss in enumerate(losses))
        world.store.add_reports(
            ReportsRecord(log=log, number=number, trial=f"{number}-1", reports=reports, ending="completed")
        )


def test_trials_of_the_experiment_that_it_starts_from_count() -> None:
    def prepared() -> World:
        world = World(MEDIAN)
        starts_from(world, "before")
        completed_before(world, GOOD, GOOD)
        world.losses(*BAD)
        return world

    world = prepared()
    world.evaluate()
    finding = finding_of(found(world)[0])
    assert finding["step"] == 1
    assert finding["threshold"] == pytest.approx(sum(GOOD[:2]) / 2)
    assert "of 2 " in finding["sentence"]
    first, second = world.store.reports[LOG]
    assert (first.earlier_log, first.earlier_number, first.trial) == (EARLIER, 2, "")
    assert second.trial == "0a1b2c3d4e-1"
    for died in at_every_call(lambda world, fuse: world.evaluate(fuse=fuse), prepared):
        died.evaluate()
        assert finding_of(found(died)[-1]) == finding


def test_what_the_earlier_experiment_reports_afterwards_changes_no_verdict() -> None:
    world = World(MEDIAN)
    starts_from(world, "before")
    completed_before(world, GOOD, GOOD)
    world.losses(*BAD)
    world.evaluate()
    finding = finding_of(found(world)[0])
    for number in (3, 4, 5):
        reports = ((0.0, 1.0, 9.0), (1.0, 2.0, 9.0))
        world.store.add_reports(
            ReportsRecord(log=EARLIER, number=number, trial=f"{number}-1", reports=reports, ending="completed")
        )
    world.store.evaluations.pop(JOB)
    world.evaluate()
    assert finding_of(found(world)[-1]) == finding


def test_a_chain_of_experiments_counts_as_far_back_as_it_goes() -> None:
    world = World(MEDIAN)
    starts_from(world, "before")
    completed_before(world, GOOD, log=log_name("first", "loss", "epochs"))
    world.store.add_reports(first_entry(EARLIER, log_name("first", "loss", "epochs"), 1))
    world.store.add_reports(
        ReportsRecord(
            log=EARLIER, number=2, trial="1-1", reports=((0.0, 1.0, 0.7), (1.0, 2.0, 0.7)), ending="completed"
        )
    )
    world.losses(*BAD)
    world.evaluate()
    assert finding_of(found(world)[0])["threshold"] == pytest.approx(0.7)


def test_an_experiment_without_reports_of_this_metric_is_none_to_start_from() -> None:
    world = World(MEDIAN)
    starts_from(world, "before")
    world.losses(*BAD)
    world.evaluate()
    assert [record.trial for record in world.store.reports[LOG]] == ["0a1b2c3d4e-1"]


class Crowd(MemoryStore):
    """Somebody else's report is always there first, so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def add_reports(self, record: ReportsRecord) -> None:
        if self.times:
            self.times -= 1
            super().add_reports(replace(record, trial=f"other{self.times}-1"))
        super().add_reports(record)


def test_a_report_that_others_are_faster_with_waits_its_turn_and_does_not_give_up() -> None:
    clock, store = FakeClock(), Crowd(times=70)  # of which 50 tries at once were too many
    job: Any = SimpleNamespace(experiment="e")
    use: Any = SimpleNamespace(metric="loss", resource="epochs")
    replica = Replica()
    judge = CrossTrialJudge(store, Patience(clock, jitter=lambda longest: longest / 2))
    judge._record(replica, TrialReports("mine-1", [(0.0, 1.0, 0.5)]), job, use)
    log = store.reports[log_name("e", "loss", "epochs")]
    assert [record.number for record in log] == list(range(1, 72))
    assert (log[-1].trial, replica.number) == ("mine-1", 71)
    assert 0 < sum(clock.slept) < 25
    crowded = Crowd(times=10_000)
    with pytest.raises(ConflictError, match="all the time"):
        CrossTrialJudge(crowded, Patience(FakeClock()))._record(
            Replica(), TrialReports("mine-1", [(0.0, 1.0, 0.5)]), job, use
        )


def test_an_entry_that_cannot_be_read_keeps_its_number_and_says_nothing() -> None:
    dynamodb = DynamoDB(Stage(0), index_lag=0)
    store = StateTable("state", dynamodb=dynamodb)
    for number in (1, 2, 3):
        store.add_reports(ReportsRecord(log=LOG, number=number, trial=f"t{number}-1", reports=((0.0, 1.0, 0.5),)))
    key = (f"reports#{LOG}", "0000000002")
    dynamodb.tables["state"][key] = {"pk": {"S": key[0]}, "sk": {"S": key[1]}, "document": {"S": "garbage"}}
    replica = Replica()
    replica.extend(store.reports_after(LOG, 0))
    assert (replica.number, replica.reports) == (3, 2)
    assert replica.judge("t3-1", {}) == {}
    assert TrialReports("t2-1", [(0.0, 1.0, 0.5)]).entries(replica, LOG)[0].number == 4
