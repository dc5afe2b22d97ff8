"""Debugger on the command line: what is known of the account, and the profiler of a job that runs."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gridwatch.cli.context import Cloud
from gridwatch.cli.debugger import app
from gridwatch.cli.errors import CliError
from gridwatch.cli.profiler import profiler
from gridwatch.domain.deployments import DebuggerRefusal
from gridwatch.launch.profiler_update import ProfiledJob, ProfilerUpdateError, profiler_update
from gridwatch.state.memory import MemoryStore
from tests.fakes.clock import START, FakeClock
from tests.unit.functions.watching import JOB, World
from tests.unit.launch.service_model import faults

REFUSAL = DebuggerRefusal(
    account="123456789012", region="eu-west-1", at=START, words="no access", code="ValidationException",
    job_name="job-1", experiment="blobs",
)  # fmt: skip
RUNNING = ProfiledJob(job_name="job", region="eu-west-1", status="InProgress", rules=(), place="s3://bkt/tensors")
PLACE = "s3://artifacts/tensors"
IMAGE = "929884845733.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-debugger-rules:latest"


class FakeSageMaker:
    def __init__(self, **described: Any) -> None:
        self.described = {
            "TrainingJobName": JOB, "TrainingJobStatus": "InProgress",
            "OutputDataConfig": {"S3OutputPath": "s3://mine/models"}, **described,
        }  # fmt: skip
        self.updates: list[dict[str, Any]] = []

    def describe_training_job(self, **asked: str) -> dict[str, Any]:
        assert asked == {"TrainingJobName": JOB}
        return self.described

    def update_training_job(self, **request: Any) -> None:
        assert faults("UpdateTrainingJob", request) == []
        self.updates.append(request)


class CloudInMemory(Cloud):
    def __init__(self, store: MemoryStore, sagemaker: FakeSageMaker | None = None) -> None:
        session: Any = SimpleNamespace(client=lambda service: sagemaker, region="eu-west-1")
        super().__init__(lambda: session, "Gridwatch", FakeClock(), is_named=True)
        self.__dict__ |= {"store": store, "deployment": SimpleNamespace(artifacts_bucket="artifacts")}


def run(cloud: Cloud, *words: str) -> str:
    wrapped = typer.Typer()

    @wrapped.callback()
    def root(context: typer.Context) -> None:
        context.obj = cloud

    wrapped.add_typer(app, name="debugger")
    wrapped.command("profiler")(profiler)
    result = CliRunner().invoke(wrapped, [*words])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_what_is_known_is_told_and_can_be_forgotten() -> None:
    cloud = CloudInMemory(MemoryStore())
    assert "nothing is known" in run(cloud, "debugger", "status")
    run(cloud, "debugger", "forget")
    assert cloud.store.get_debugger_refusal() is None
    cloud.store.put_debugger_refusal(REFUSAL)

    told = run(cloud, "debugger", "status")
    assert "for job-1 of blobs: ValidationException: no access" in told
    assert "jobs with engine: auto do not try it" in told
    assert '"refused": true' in run(cloud, "debugger", "status", "--json")

    run(cloud, "debugger", "forget")
    assert cloud.store.get_debugger_refusal() == replace(REFUSAL, forgotten=True)
    assert "the next job with engine: auto tries it again" in run(cloud, "debugger", "status")


def test_rules_that_are_added_are_on_the_record_of_the_job() -> None:
    world, sagemaker = World(), FakeSageMaker()
    run(CloudInMemory(world.store, sagemaker), "profiler", JOB, "--rules", "ProfilerReport, LowGPUUtilization")

    (request,) = sagemaker.updates
    assert request == {
        "TrainingJobName": JOB,
        "ProfilerConfig": {"S3OutputPath": PLACE, "DisableProfiler": False},
        "ProfilerRuleConfigurations": [
            {"RuleConfigurationName": name, "RuleEvaluatorImage": IMAGE, "RuleParameters": {"rule_to_invoke": name}}
            for name in ("ProfilerReport", "LowGPUUtilization")
        ],
    }
    job = world.store.jobs[JOB]
    assert [policy.name for policy in job.policies if policy.managed] == ["ProfilerReport", "LowGPUUtilization"]
    assert [policy.name for policy in job.own_policies] == ["loss"]
    assert [known.job_name for known in world.store.managed_jobs()] == [JOB]


def test_on_off_and_the_interval() -> None:
    world, sagemaker = World(), FakeSageMaker(ProfilerConfig={"S3OutputPath": "s3://kept/place"})
    cloud = CloudInMemory(world.store, sagemaker)
    run(cloud, "profiler", JOB, "--on", "--interval", "1000")
    run(cloud, "profiler", JOB, "--off")
    assert [request["ProfilerConfig"] for request in sagemaker.updates] == [
        {"S3OutputPath": "s3://kept/place", "DisableProfiler": False, "ProfilingIntervalInMilliseconds": 1000},
        {"DisableProfiler": True},
    ]
    assert not world.store.managed_jobs()


def test_a_job_that_gridwatch_does_not_know_is_profiled_where_its_role_writes() -> None:
    sagemaker = FakeSageMaker()
    told = run(CloudInMemory(MemoryStore(), sagemaker), "profiler", JOB, "--rules", "ProfilerReport")
    assert sagemaker.updates[0]["ProfilerConfig"]["S3OutputPath"] == "s3://mine/models"
    assert "Gridwatch does not watch this job" in told


@pytest.mark.parametrize(
    ("job", "asked", "says"),
    [
        (RUNNING, {"on": None}, "nothing is asked for"),
        (RUNNING, {"on": False, "rules": ["ProfilerReport"]}, "for a profiler that is on"),
        (RUNNING, {"on": True, "interval": 300}, "allowed are 100, 200, 500"),
        (RUNNING, {"rules": ["TreeDepth"]}, "TreeDepth is no rule of Debugger's profiler"),
        (RUNNING, {"rules": ["StepOutlier", "StepOutlier"]}, "rules can only be added"),
        (replace(RUNNING, rules=("StepOutlier",)), {"rules": ["StepOutlier"]}, "rules can only be added"),
        (replace(RUNNING, rules=tuple(f"r{n}" for n in range(20))), {"rules": ["StepOutlier"]}, "at most 20 rules"),
        (replace(RUNNING, status="Completed"), {"on": True}, "only a job that is InProgress can be updated"),
    ],
)
def test_what_cannot_be_done_is_said_before_sagemaker_is_asked(
    job: ProfiledJob, asked: dict[str, Any], says: str
) -> None:
    with pytest.raises(ProfilerUpdateError, match=says):
        profiler_update(job, **{"on": None, "interval": None, "rules": [], **asked})


def test_a_refusal_of_the_command_is_an_error_of_it() -> None:
    with pytest.raises(CliError, match="nothing is asked for"):
        run(CloudInMemory(MemoryStore(), FakeSageMaker()), "profiler", JOB)
