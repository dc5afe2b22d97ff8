"""Rules on the profile, reports and users' own rules: when they are looked at, and what becomes of their answers."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluate_rules.evaluating import Outcome
from evaluate_slow_rules.evaluating import SlowEvaluator, SlowRuleOutcome
from gridwatch.aws.custom_rules import LambdaCustomRules
from gridwatch.aws.job_folders import neighbour_source
from gridwatch.domain.rules import RulePolicy
from gridwatch.events.evaluation_request import EvaluationRequest, evaluation_request
from gridwatch.events.messages import EvaluateSlowRule, to_body
from gridwatch.events.rule_status_publisher import RuleStatusPublisher
from gridwatch.events.slow_rule import slow_rule_request
from gridwatch_rules.failures import PermanentError, TransientError
from gridwatch_rules.rules.custom.answer import as_answer
from gridwatch_rules.rules.custom.run import CustomRun
from gridwatch_rules.rules.finding import Finding
from gridwatch_rules.rules.status_change import RuleEvaluation
from gridwatch_rules.status import RuleStatus
from gridwatch_rules.tensors.errors import CorruptTensorError
from gridwatch_rules.tensors.modes import Mode
from gridwatch_rules.tensors.source import TensorSource
from run_custom_rule.running import CustomRuleRunner
from tests.tensor_folder import TensorFolder
from tests.unit.functions.watching import JOB, LOSS, World

EVENTS = Path(__file__).resolve().parents[2] / "events"
OWN = RulePolicy(name="own", rule="SlowRuleOutcome", parameters={"limit": 3}, source="s3://experiments/code/slow.py")
REPORT = RulePolicy(name="report", rule="CreateXgboostReport")
CPU = RulePolicy(name="cpu", rule="CPUBottleneck", parameters={"scan_interval_us": 0, "patience": 0})
MACHINE = RulePolicy(name="machine", rule="ProfilerReport")
QUIET = RuleEvaluation(RuleStatus.IN_PROGRESS)
FIRED = RuleEvaluation(
    RuleStatus.ISSUES_FOUND,
    "it is slow",
    Finding(rule="SlowRuleOutcome", step=4, mode=Mode.TRAIN, sentence="slow at step 4"),
)


class FakeCustomRules:
    """Answers in turn; `runs` are what was asked."""

    def __init__(self, *answers: RuleEvaluation) -> None:
        self.answers, self.runs = list(answers), list[CustomRun]()

    def run(self, run: CustomRun) -> RuleEvaluation:
        self.runs.append(run)
        return self.answers.pop(0)


def rendered(source: TensorSource, title: str) -> str:
    return f"<h1>{title}</h1>{len(source.keys('index/'))} files"


def slow(world: World, rules: FakeCustomRules | None = None, render: Any = rendered) -> SlowEvaluator:
    return SlowEvaluator(
        store=world.store,
        publisher=RuleStatusPublisher(store=world.store, bus=world.bus, clock=world.clock),
        custom_rules=rules,
        open_tensors=lambda job: world.tensors[job.job_name].source(),
        render=render,
        reports=world.reports,
    )


def statuses(world: World) -> dict[str, str]:
    return {record.rule_name: record.status for record in world.store.list_rule_evaluations(JOB)}


def samples(world: World, *cpu: float) -> None:
    """A profile with one sample a second."""
    lines = [
        {
            "Timestamp": 1_795_000_000.0 + second,
            "NodeId": "algo-1",
            "Dimension": "CPUUtilization",
            "Name": "cpu0",
            "Value": each,
        }
        for second, each in enumerate(cpu)
    ]
    key = "system/incremental/2026111812/1795000000.algo-1.json"
    world.profile[key] = "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def test_custom_rules_are_asked_for_at_once_then_once_a_minute_and_at_the_end() -> None:
    world = World(OWN, REPORT)
    world.losses(3.0, 2.0)
    asked = [world.evaluate().asked for _ in range(3)]
    world.clock.advance(60)
    asked += [world.evaluate().asked, world.evaluate(ended=True).asked, world.evaluate(ended=True).asked]
    assert asked == [("own",), (), (), ("own",), ("own", "report"), ()]
    assert world.slow_queue.messages == [
        EvaluateSlowRule(JOB, "own"), EvaluateSlowRule(JOB, "own"),
        EvaluateSlowRule(JOB, "own", ended=True), EvaluateSlowRule(JOB, "report", ended=True),
    ]  # fmt: skip
    assert statuses(world) == {"own": "InProgress", "report": "InProgress"}
    assert world.evaluate(ended=True).outcome is Outcome.OVER


def test_of_a_cheap_job_custom_rules_are_asked_for_more_seldom() -> None:
    world = World(OWN)
    job = world.store.get_job(JOB)
    assert job is not None
    world.store.put_job(replace(job, look_seconds=58.0))
    world.losses(3.0, 2.0)
    asked = [world.evaluate().asked]
    for _ in range(5):
        world.clock.advance(60)
        asked.append(world.evaluate().asked)
    assert asked == [("own",), (), (), (), (), ("own",)]


def test_other_rules_go_on_beside_them() -> None:
    world = World(OWN, LOSS)
    world.losses(8.0, 4.0, 2.0, 1.0, 1.0, 1.0, 1.0)
    world.evaluate()
    assert statuses(world) == {"own": "InProgress", "loss": "IssuesFound"}
    assert world.evaluate().outcome is not Outcome.OVER


def test_what_a_custom_rule_finds_is_told_as_any_other() -> None:
    world = World(OWN, LOSS)
    world.losses(3.0, 2.0)
    world.evaluate()
    rules = FakeCustomRules(QUIET, FIRED)
    evaluator = slow(world, rules)
    assert evaluator.evaluate(EvaluateSlowRule(JOB, "own")).outcome is SlowRuleOutcome.UNCHANGED
    assert evaluator.evaluate(EvaluateSlowRule(JOB, "own", ended=True)).outcome is SlowRuleOutcome.CHANGED
    assert evaluator.evaluate(EvaluateSlowRule(JOB, "own")).outcome is SlowRuleOutcome.OVER
    assert rules.runs[1] == CustomRun(
        job_name=JOB,
        source="s3://experiments/code/slow.py",
        class_name="SlowRuleOutcome",
        parameters={"limit": 3},
        ended=True,
    )
    event = world.bus.events[-1]["detail"]
    listed = event["DebugRuleEvaluationStatuses"]
    assert {each["RuleConfigurationName"]: each["RuleEvaluationStatus"] for each in listed} == statuses(world)
    assert event["Findings"][0]["Finding"]["sentence"] == "slow at step 4"
    assert statuses(world) == {"own": "IssuesFound", "loss": "InProgress"}


def test_without_permission_no_code_runs_and_the_rule_says_so() -> None:
    world = World(OWN)
    world.evaluate()
    evaluated = slow(world).evaluate(EvaluateSlowRule(JOB, "own"))
    assert (evaluated.status, statuses(world)) == (RuleStatus.ERROR, {"own": "Error"})
    assert "no rules of users' own" in evaluated.details


def test_a_report_is_written_and_the_status_says_where() -> None:
    world = World(REPORT)
    world.losses(3.0, 2.0)
    evaluated = slow(world).evaluate(EvaluateSlowRule(JOB, "report", ended=True))
    assert evaluated.details == f"The report is at s3://artifacts/reports/{JOB}/report.html"
    assert world.reports.pages[(JOB, "report")] == f"<h1>report of {JOB}</h1>2 files"
    assert statuses(world) == {"report": "NoIssuesFound"}


def test_a_report_on_damaged_tensors_is_an_error() -> None:
    def fail(_source: TensorSource, _title: str) -> str:
        raise CorruptTensorError("events/1", "it is damaged")

    world = World(REPORT)
    world.losses(3.0)
    assert slow(world, render=fail).evaluate(EvaluateSlowRule(JOB, "report")).status is RuleStatus.ERROR


def test_a_report_on_a_job_that_saved_nothing_says_so() -> None:
    world = World(REPORT)
    evaluated = slow(world).evaluate(EvaluateSlowRule(JOB, "report", ended=True))
    assert (evaluated.status, statuses(world)) == (RuleStatus.SAW_NOTHING, {"report": "SawNothing"})
    assert evaluated.details.endswith("the job saved no tensors and reported no metrics")
    assert not world.reports.pages


def test_jobs_and_rules_that_are_not_there_are_passed_over() -> None:
    world = World(REPORT)
    for job_name, rule_name in (("another-1", "report"), (JOB, "another")):
        assert slow(world).evaluate(EvaluateSlowRule(job_name, rule_name)).outcome is SlowRuleOutcome.FOREIGN


def test_the_profile_is_evaluated_when_it_is_new_and_at_the_end() -> None:
    world = World(CPU, MACHINE, LOSS)
    samples(world, 99.0, 99.0, 99.0, 99.0)
    world.losses(3.0, 2.0)
    assert world.evaluator().evaluate(EvaluationRequest(JOB, profile=False)).changes == ()
    world.evaluate(ended=True)
    records = {record.rule_name: record for record in world.store.list_rule_evaluations(JOB)}
    assert records["loss"].status == "SawNothing"  # two steps, and it compares over two
    assert records["machine"].details is not None
    assert records["machine"].details.endswith(f"he report is at s3://artifacts/reports/{JOB}/machine.html")
    assert "Where the time went" in world.reports.pages[(JOB, "machine")]
    assert world.evaluate().outcome is Outcome.OVER


@pytest.mark.parametrize("splits", [[4], [1, 2, 3, 4], [2, 2, 4]])
def test_however_a_profile_arrives_the_verdict_is_the_same(splits: list[int]) -> None:
    world = World(CPU)
    for until in splits:
        samples(world, *[99.0, 20.0, 99.0, 99.0][:until])
        world.evaluator().evaluate(EvaluationRequest(JOB, tensors=False))
    world.evaluate(ended=True)
    (record,) = world.store.list_rule_evaluations(JOB)
    whole = World(CPU)
    samples(whole, 99.0, 20.0, 99.0, 99.0)
    whole.evaluate(ended=True)
    (expected,) = whole.store.list_rule_evaluations(JOB)
    assert (record.status, record.finding) == (expected.status, expected.finding)


def test_an_event_says_what_is_new() -> None:
    def request(name: str) -> EvaluationRequest:
        found = evaluation_request(json.loads((EVENTS / name).read_text()))
        assert found is not None
        return found

    index, profile = request("s3_index_created.json"), request("s3_profile_created.json")
    assert (index.tensors, index.profile, profile.tensors, profile.profile) == (True, False, False, True)


def test_requests_for_slow_rules_are_those_that_are_sent() -> None:
    message = EvaluateSlowRule(JOB, "own", ended=True)
    assert slow_rule_request(json.loads(to_body(message))) == message
    for other in ({}, {"type": "EvaluateSlowRule"}, {"type": "EvaluateJob", "job_name": "a", "rule_name": "b"}):
        with pytest.raises(ValueError, match="not a request"):
            slow_rule_request(other)


def test_jobs_are_compared_within_the_deployment_only() -> None:
    comparing = RulePolicy(
        name="same", rule="SimilarAcrossRuns",
        parameters={"other_trials": "former", "fires_when": "similar", "collection_names": "losses"},
    )  # fmt: skip
    world = World(comparing)
    world.tensors["former"] = TensorFolder({"metrics": ["loss"], "losses": ["loss"]})
    world.losses(3.0, 2.0, job_name="former")
    world.losses(9.0, 2.0)
    world.evaluate()
    assert statuses(world) == {"same": "IssuesFound"}
    foreign = World(replace(comparing, parameters={**comparing.parameters, "other_trials": "s3://elsewhere/x"}))
    foreign.losses(9.0, 2.0)
    foreign.evaluate()
    assert statuses(foreign) == {"same": "Error"}


@pytest.mark.parametrize(
    "location",
    ["s3://other/tensors/a/debug-output", "s3://bucket/models/a", "/etc", "s3://bucket/tensors/../a/debug-output"],
)
def test_neighbours_are_jobs_of_the_bucket(location: str) -> None:
    with pytest.raises(LookupError):
        neighbour_source("bucket", location)


class FakeLambda:
    """A client whose function answers so."""

    def __init__(self, payload: bytes, **answer: str) -> None:
        self.answer = {"Payload": MemoryPayload(payload), **answer}

    def invoke(self, **_request: Any) -> dict[str, Any]:
        return self.answer


class MemoryPayload:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, size: int) -> bytes:
        return self.content[:size]


RUN = CustomRun(job_name=JOB, source="s3://experiments/code/slow.py", class_name="SlowRuleOutcome")


def test_the_function_s_answers_and_failures() -> None:
    def answer(payload: bytes, **more: str) -> RuleEvaluation:
        return LambdaCustomRules("f", FakeLambda(payload, **more)).run(RUN)

    assert answer(json.dumps(as_answer(QUIET)).encode()) == QUIET
    died = answer(b'{"errorMessage": "Runtime exited with error: signal: killed"}', FunctionError="Unhandled")
    assert died.status is RuleStatus.ERROR
    assert "signal: killed" in died.details
    assert answer(b"[]", FunctionError="Unhandled").status is RuleStatus.ERROR
    assert answer(b"what?").status is RuleStatus.ERROR
    with pytest.raises(TransientError, match="S3 is unwell"):
        answer(b'{"try_again": "S3 is unwell"}')


def test_the_function_runs_allowed_code_only() -> None:
    fetched: list[str] = []

    def fetch(source: str, _folder: Path) -> Path:
        fetched.append(source)
        raise PermanentError("no such key", code="NoSuchKey") if "gone" in source else TransientError("S3 is unwell")

    runner = CustomRuleRunner(
        artifacts_bucket="artifacts", allowed=("s3://experiments/code/",), seconds=5, environment={}, fetch=fetch
    )
    refused = runner.run(replace(RUN, source="s3://elsewhere/slow.py"))
    assert isinstance(refused, RuleEvaluation)
    assert "does not run code from s3://elsewhere/slow.py" in refused.details
    assert fetched == []
    gone = runner.run(replace(RUN, source="s3://experiments/code/gone.py"))
    assert isinstance(gone, RuleEvaluation)
    assert "NoSuchKey" in gone.details
    assert runner.run(RUN) == "S3 is unwell"


LEAVES_ONE_BEHIND = """
import os, pathlib, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        pathlib.Path(__file__).with_name("left").write_text(str(os.getpid()))
        time.sleep(600)
    os._exit(0)
while not pathlib.Path(__file__).with_name("left").exists():
    time.sleep(0.01)
class SlowRuleOutcome: ...
"""


@pytest.mark.skipif(sys.platform != "linux", reason="as Lambda is")
def test_no_process_of_a_rule_outlives_it_not_even_one_that_left_its_group(tmp_path: Path) -> None:
    def fetch(_source: str, _folder: Path) -> Path:
        file = tmp_path / "slow.py"
        file.write_text(LEAVES_ONE_BEHIND)
        return file

    runner = CustomRuleRunner(
        artifacts_bucket="artifacts",
        allowed=("s3://experiments/code/",),
        seconds=20,
        environment={},
        fetch=fetch,
        locate=lambda bucket, job: f"s3://{bucket}/tensors/{job}/debug-output",
    )
    runner.run(RUN)
    assert not Path(f"/proc/{(tmp_path / 'left').read_text()}").exists()


def test_a_rule_that_could_not_be_looked_at_to_the_last_is_told_as_failed_once() -> None:
    world = World(REPORT)
    world.store.jobs[JOB] = replace(world.store.jobs[JOB], policies=(REPORT,))
    evaluator = slow(world)
    evaluator.give_up(EvaluateSlowRule(JOB, "report"), "TransientError: S3 is unwell")
    assert statuses(world) == {}

    for _ in range(2):
        evaluator.give_up(EvaluateSlowRule(JOB, "report", ended=True), "TransientError: S3 is unwell")

    assert statuses(world) == {"report": "Error"}
    assert len(world.bus.events) == 1
    told = world.bus.events[0]["detail"]["DebugRuleEvaluationStatuses"][0]
    assert told["StatusDetails"] == "TransientError: S3 is unwell"
