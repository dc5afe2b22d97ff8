"""The account's limits in the local cloud: calls too fast, quotas of instances, missing capacity, a late Search."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.sagemaker.limits import NO_CAPACITY, Limits
from tests.contract.localcloud_world import EVALUATOR, World, wait_for, write_images

RATE, BURST, LAG = 5.0, 10, 1.5
LIMITS = (
    "--rate", f"DescribeExperiment={RATE:g}", "--burst", str(BURST), "--quota", "2", "--quota", "ml.m5.xlarge=1",
    "--search-lag", str(LAG), "--quota", "trials=2", "--quota", "components=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("limited")
    options = ("--stop-grace", "2", "--starting-delay", "0.05", *LIMITS)
    with LocalCloud.start(images=write_images(folder), state_dir=folder / "state", options=options) as cloud:
        running = World(cloud)
        running.prepare()
        yield running


def _once(world: World) -> Any:
    """A client that does not repeat what is throttled."""
    session = boto3.session.Session(world.cloud.account, "local", region_name=world.cloud.region)
    config = Config(retries={"mode": "standard", "total_max_attempts": 1})
    return session.client("sagemaker", endpoint_url=world.cloud.endpoint, config=config)


def test_calls_beyond_the_burst_are_throttled_and_the_bucket_fills_again(limited: World) -> None:
    client = _once(limited)

    def outcome() -> str:
        with pytest.raises(ClientError) as caught:
            client.describe_experiment(ExperimentName="none")
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
        error = caught.value.response["Error"]
        if error["Code"] == "ThrottlingException":
            assert error["Message"] == "Rate exceeded"
        return str(error["Code"])

    seen = Counter(outcome() for _ in range(40))
    assert BURST <= seen["ResourceNotFound"] < 30
    assert seen["ThrottlingException"] == 40 - seen["ResourceNotFound"]
    wait_for(lambda: outcome() != "ThrottlingException" or None, 2)
    for _ in range(30):  # what is not named has no rate
        client.list_training_jobs()


def test_quotas_are_told_in_awss_words_and_a_slot_is_free_when_the_job_is_over(limited: World) -> None:
    long: dict[str, Any] = {"HyperParameters": {"rounds": "1", "pause": "60"}}
    xlarge: dict[str, Any] = {
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5}
    }
    first = limited.train(**long, **xlarge)
    told = (
        "The account-level service limit 'ml.m5.xlarge for training job usage' is 1 Instances, with current "
        "utilization of 1 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an "
        "increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase "
        "for this quota."
    )
    assert _refusal(limited, **xlarge) == ("ResourceLimitExceeded", told)
    second = limited.train(**long)
    code, message = _refusal(limited)
    assert code == "ResourceLimitExceeded"
    assert "'Number of instances across all training jobs' is 2 Instances, with current utilization of 2" in message
    with pytest.raises(ClientError, match="ResourceInUse"):
        limited.client("sagemaker").create_training_job(**limited.request(first))

    limited.client("sagemaker").stop_training_job(TrainingJobName=first)
    limited.ended(first)
    third = limited.train(**xlarge, **long)
    for name in (second, third):
        limited.client("sagemaker").stop_training_job(TrainingJobName=name)
        limited.ended(name)


def test_trials_of_an_experiment_and_components_of_a_trial_are_counted_but_for_those_of_jobs(limited: World) -> None:
    sagemaker = limited.client("sagemaker")
    sagemaker.create_experiment(ExperimentName="counted")
    for number in range(2):
        sagemaker.create_trial(ExperimentName="counted", TrialName=f"counted-{number}")
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded) as caught:
        sagemaker.create_trial(ExperimentName="counted", TrialName="counted-2")
    assert (
        "'Total number of trials allowed in a single experiment, excluding those automatically created by SageMaker' "
        "is 2 Trials, with current utilization of 0 Trials and a request delta of 3 Trials."
    ) in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError, match="already exists"):
        sagemaker.create_trial(ExperimentName="counted", TrialName="counted-1")
    sagemaker.delete_trial(TrialName="counted-1")
    sagemaker.create_trial(ExperimentName="counted", TrialName="counted-2")

    for name in ("one", "two", "three", "prepared-aws-processing-job"):
        sagemaker.create_trial_component(TrialComponentName=name)
    for name in ("one", "prepared-aws-processing-job", "two", "one"):
        sagemaker.associate_trial_component(TrialName="counted-0", TrialComponentName=name)
    with pytest.raises(sagemaker.exceptions.ResourceLimitExceeded, match=r"single trial, .* is 2 Trial Components"):
        sagemaker.associate_trial_component(TrialName="counted-0", TrialComponentName="three")


def test_search_knows_of_a_job_and_of_its_end_only_later(limited: World) -> None:
    name = limited.train("late")
    limited.ended(name)
    assert _found(limited, name) is None
    wait_for(lambda: _found(limited, name), 2 * LAG)
    assert wait_for(lambda: found if (found := _found(limited, name)) == "Completed" else None, 2 * LAG)


def test_the_same_share_of_jobs_lacks_capacity_every_time() -> None:
    names = [f"job-{number}" for number in range(2_000)]
    lacking = [name for name in names if Limits(capacity_failures=0.2).lacks_capacity(name)]
    assert 300 < len(lacking) < 500
    assert not any(Limits().lacks_capacity(name) for name in names)
    assert all(Limits(capacity_failures=1.0).lacks_capacity(name) for name in names)


def test_without_capacity_a_job_fails_before_it_trains(tmp_path: Any) -> None:
    options = ("--starting-delay", "0.05", "--capacity-failures", "1")
    with LocalCloud.start(images=write_images(tmp_path), state_dir=tmp_path / "state", options=options) as cloud:
        world = World(cloud)
        world.prepare()
        job = world.ended(world.train())
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", NO_CAPACITY)
    assert [step["Status"] for step in job["SecondaryStatusTransitions"]] == ["Starting", "Failed"]


def _refusal(world: World, **changes: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        world.train(**changes)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def _found(world: World, name: str) -> str | None:
    expression = {"Filters": [{"Name": "TrainingJobName", "Operator": "Equals", "Value": name}]}
    results = world.client("sagemaker").search(Resource="TrainingJob", SearchExpression=expression)["Results"]
    return str(results[0]["TrainingJob"]["TrainingJobStatus"]) if results else None


def test_an_account_without_debugger_is_refused_what_is_debuggers_and_nothing_else(limited: World) -> None:
    rule = {"RuleConfigurationName": "r", "RuleEvaluatorImage": EVALUATOR}
    hook = {"S3OutputPath": "s3://data/tensors"}
    asked: list[dict[str, Any]] = [
        {"DebugHookConfig": hook},
        {"DebugHookConfig": hook, "DebugRuleConfigurations": [rule]},
        {"ProfilerConfig": {"S3OutputPath": "s3://data/profile"}},
        {"ProfilerRuleConfigurations": [rule]},
    ]
    for fields in asked:
        code, message = _refusal(limited, **fields)
        assert code == "ValidationException"
        assert "Debugger is not available to this account" in message
    name = limited.train(
        ProfilerConfig={"DisableProfiler": True}, TensorBoardOutputConfig={"S3OutputPath": "s3://data/board"}
    )
    with pytest.raises(ClientError, match="Debugger is not available"):
        limited.client("sagemaker").update_training_job(TrainingJobName=name, ProfilerRuleConfigurations=[rule])
    limited.ended(name)
