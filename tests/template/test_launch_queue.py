"""AWS Batch as the launch target: its queue, who may do what with it, and which events come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gridwatch.aws.batch_training import share_identifier
from infra.settings import DeploymentSettings, DeploymentSettingsError
from tests.template.conftest import Synthesize
from tests.template.synthesized import Synthesized
from tests.template.test_patterns import woken_by
from tests.template.test_synthesis import cfn_lint

EVENTS = Path(__file__).resolve().parents[1] / "events"
JOBS = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/"
SERVICE_JOBS = "arn:aws:batch:eu-west-1:123456789012:service-job/*"


@pytest.fixture(scope="module")
def batch(synthesize: Synthesize) -> Synthesized:
    return synthesize(launch_target="batch", batch_max_instances=12, batch_team_weights="vision research=4,nlp=1")


def only(found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    (properties,) = found.values()
    return properties


def test_without_it_there_is_nothing_of_batch(synthesized: Synthesized) -> None:
    assert not [each for each in synthesized.raw["Resources"].values() if each["Type"].startswith("AWS::Batch")]
    for function in synthesized.functions.values():
        assert function.environment.get("BATCH_JOB_QUEUE", "") == ""
        actions = [
            action for each in synthesized.statements(synthesized.role_of(function)) for action in each["Action"]
        ]
        assert not [action for action in actions if action.startswith("batch:")]
    assert synthesized.resolve(synthesized.raw["Outputs"]["LaunchTarget"]["Value"]) == "direct"


def test_the_queue_shares_the_instances_among_teams(batch: Synthesized) -> None:
    environment = only(batch.of_type("AWS::Batch::ServiceEnvironment"))
    assert environment["ServiceEnvironmentType"] == "SAGEMAKER_TRAINING"
    assert environment["CapacityLimits"] == [{"CapacityUnit": "NUM_INSTANCES", "MaxCapacity": 12}]
    policy = only(batch.of_type("AWS::Batch::SchedulingPolicy"))
    shares = policy["FairsharePolicy"]["ShareDistribution"]
    assert {share["ShareIdentifier"]: share["WeightFactor"] for share in shares} == {
        share_identifier("vision research"): 0.25,
        "nlp": 1,
    }
    queue = only(batch.of_type("AWS::Batch::JobQueue"))
    assert queue["JobQueueType"] == "SAGEMAKER_TRAINING"
    assert len(queue["ServiceEnvironmentOrder"]) == 1
    assert "Policy" in queue["SchedulingPolicyArn"]


def test_functions_know_the_queue_and_may_do_their_part_with_it(batch: Synthesized) -> None:
    look = {"batch:DescribeServiceJob", "batch:ListServiceJobs", "batch:ListTagsForResource"}
    expected = {
        "start_trials": look | {"batch:SubmitServiceJob", "batch:TagResource"},
        "track_job": look,
        "react_to_finding": look | {"batch:TerminateServiceJob"},
        "sweep": look,
    }
    for name, function in batch.functions.items():
        statements = batch.statements(batch.role_of(function))
        actions = {action for each in statements for action in each["Action"] if action.startswith("batch:")}
        assert actions == expected.get(name, set()), name
        assert bool(function.environment.get("BATCH_JOB_QUEUE")) is (name in expected)
        for statement in statements:
            if "batch:TerminateServiceJob" in statement["Action"]:
                assert statement["Resource"] == [SERVICE_JOBS]
                assert statement["Condition"] == {"StringEquals": {"aws:ResourceTag/gridwatch:prefix": "gridwatch"}}
            if "sagemaker:DescribeTrainingJob" in statement["Action"] and "Condition" not in statement:
                assert set(statement["Resource"]) == {
                    f"{JOBS}gridwatch-*", f"{JOBS}AWSBatchgridwatch-*", f"{JOBS}awsbatchgridwatch-*",
                }  # fmt: skip
    assert float(batch.functions["start_trials"].environment["LAUNCH_RATE_PER_SECOND"]) == 20


def test_news_of_jobs_that_batch_named_and_of_their_ends_arrive(batch: Synthesized) -> None:
    queue = batch.resolve(batch.raw["Outputs"]["LaunchTarget"]["Value"])
    ended = json.loads((EVENTS / "batch_service_job_state_change.json").read_text())
    ended["detail"]["jobQueue"] = queue
    running = {**ended, "detail": {**ended["detail"], "status": "RUNNING"}}
    elsewhere = {**ended, "detail": {**ended["detail"], "jobQueue": "arn:of:others"}}
    named = json.loads((EVENTS / "sagemaker_batch_job_state_change.json").read_text())
    woken = {name: woken_by(batch, event) for name, event in {
        "ended": ended, "running": running, "elsewhere": elsewhere, "named": named,
    }.items()}  # fmt: skip
    assert woken == {
        "ended": {"ServiceJobEnded"}, "running": set(), "elsewhere": set(), "named": {"TrainingJobChanged"},
    }  # fmt: skip


def test_cfn_lint_has_nothing_to_say(batch: Synthesized) -> None:
    answer = cfn_lint(batch.folder / "Gridwatch.template.json")
    assert (answer.returncode, answer.stdout) == (0, "")


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"launch_target": "queue"}, "launch_target: 'queue' must be direct or batch"),
        ({"batch_max_instances": 0}, "batch_max_instances: 0 must be at least 1"),
        ({"batch_team_weights": "vision"}, "batch_team_weights: ('vision',) must be such as vision=2,nlp=1"),
        ({"batch_team_weights": "vision research=4,vision-research=1"}, "two teams are one to AWS Batch"),
        ({"batch_attempts": 11}, "batch_attempts: 11 must be 1 to 10"),
    ],
)
def test_what_cannot_be_deployed_is_refused(context: dict[str, object], problem: str) -> None:
    with pytest.raises(DeploymentSettingsError) as raised:
        DeploymentSettings.from_context(context)
    assert problem in str(raised.value)
