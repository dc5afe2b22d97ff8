"""The contract of `gridwatch.launch.ports.TrainingService`, held by the adapter and by the tests' fake."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gridwatch.aws.batch_training import BatchTraining
from gridwatch.aws.training_service import SageMakerTraining
from gridwatch.domain.descriptions import JobDescription
from gridwatch.launch.observation import is_terminal
from gridwatch.launch.ports import Share, TrainingService
from gridwatch_rules.clock import SystemClock
from gridwatch_rules.failures import NameTakenError, NotFoundError, NotYetError, PermanentError
from tests.contract.localcloud_world import World
from tests.fakes.training import FakeTraining

SHARE = Share("vision", 5)
TAGS = [{"Key": "gridwatch:prefix", "Value": "gridwatch"}, {"Key": "gridwatch:trial", "Value": "0123456789"}]


class Subject:
    """An implementation, requests for it, and the means to see a job through."""

    def __init__(self, service: TrainingService, world: World) -> None:
        self.service, self._world = service, world

    def request(self, **changes: Any) -> dict[str, Any]:
        return self._world.request(self._world.name("contract"), Tags=TAGS, **changes)

    def finished(self, name: str) -> JobDescription:
        if isinstance(self.service, FakeTraining):
            self.service.finish(
                name, final_metrics={"train:error": 1 / 3}, billable_seconds=1, model_uri="s3://data/models/m",
                started_at=self.service.clock.now(), instance_type="ml.m5.large", instance_count=1,
            )  # fmt: skip
        return self.wait(lambda: job if is_terminal((job := self.service.describe_job(name)).status) else None)

    def parameters_of(self, component: str) -> Mapping[str, Any]:
        """The parameters of a trial component as it was made."""
        if isinstance(self.service, FakeTraining):
            return dict(self.service.components[component]["Parameters"])
        described = self._world.client("sagemaker").describe_trial_component(TrialComponentName=component)
        return dict(described["Parameters"])

    def wait(self, look: Callable[[], JobDescription | None]) -> JobDescription:
        deadline = time.monotonic() + 30
        while (found := look()) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found


@pytest.fixture(scope="module")
def job_queue(world: World) -> str:
    """Created as a stack does: the local cloud has Batch's resources from CloudFormation alone."""
    template = {
        "Resources": {
            "Environment": {
                "Type": "AWS::Batch::ServiceEnvironment",
                "Properties": {
                    "ServiceEnvironmentName": "contract",
                    "ServiceEnvironmentType": "SAGEMAKER_TRAINING",
                    "CapacityLimits": [{"MaxCapacity": 8, "CapacityUnit": "NUM_INSTANCES"}],
                },
            },
            "Queue": {
                "Type": "AWS::Batch::JobQueue",
                "Properties": {
                    "JobQueueName": "contract",
                    "JobQueueType": "SAGEMAKER_TRAINING",
                    "Priority": 1,
                    "ServiceEnvironmentOrder": [{"Order": 1, "ServiceEnvironment": {"Ref": "Environment"}}],
                },
            },
        },
        "Outputs": {"Queue": {"Value": {"Ref": "Queue"}}},
    }
    cloudformation = world.client("cloudformation")
    cloudformation.create_stack(StackName="contract-batch", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="contract-batch", WaiterConfig={"Delay": 0, "MaxAttempts": 200}
    )
    (stack,) = cloudformation.describe_stacks(StackName="contract-batch")["Stacks"]
    return str(stack["Outputs"][0]["OutputValue"])


@pytest.fixture(params=["fake", "sagemaker", "batch"])
def subject(request: pytest.FixtureRequest, world: World) -> Subject:
    """Both launch targets, and the fake that other tests use in their place."""
    if request.param == "batch":
        queue = request.getfixturevalue("job_queue")
        service = BatchTraining(queue, batch=world.client("batch"), sagemaker=world.client("sagemaker"))
        return Subject(service, world)
    if request.param == "fake":
        return Subject(FakeTraining(SystemClock()), world)
    return Subject(SageMakerTraining(world.client("sagemaker")), world)


def test_a_created_job_is_there_with_its_tags(subject: Subject) -> None:
    wanted = subject.request()
    arn = subject.service.create_job(wanted, SHARE)

    job = subject.service.describe_job(wanted["TrainingJobName"])
    assert job.job_name == wanted["TrainingJobName"]
    assert job.modified_at.tzinfo is UTC
    given = {tag["Key"]: tag["Value"] for tag in TAGS}
    for known in (arn, job.arn):  # a queue has an ARN for the place in it
        assert subject.service.job_tags(known).items() >= given.items()


def test_a_finished_job_tells_what_came_of_it(subject: Subject) -> None:
    wanted = subject.request()
    subject.service.create_job(wanted, SHARE)

    job = subject.finished(wanted["TrainingJobName"])

    assert job.status == "Completed"
    assert job.final_metrics == {"train:error": pytest.approx(1 / 3, abs=0.01)}
    assert job.billable_seconds is not None
    assert (job.instance_type, job.instance_count) == ("ml.m5.large", 1)
    assert job.started_at is not None
    assert job.ended_at is not None
    assert (job.model_uri or "").startswith("s3://data/models/")


def test_a_name_is_taken_once_and_for_ever(subject: Subject) -> None:
    wanted = subject.request()
    subject.service.create_job(wanted, SHARE)
    with pytest.raises(NameTakenError):
        subject.service.create_job(wanted, SHARE)
    subject.finished(wanted["TrainingJobName"])
    with pytest.raises(NameTakenError):
        subject.service.create_job(wanted, SHARE)


def test_what_is_not_there_is_not_found(subject: Subject) -> None:
    with pytest.raises(NotFoundError):
        subject.service.describe_job("no-such-job")
    with pytest.raises(NotFoundError):
        subject.service.stop_job("no-such-job")


def test_a_job_is_stopped_once(subject: Subject) -> None:
    wanted = subject.request(HyperParameters={"rounds": "1000", "pause": "1"})
    name = wanted["TrainingJobName"]
    subject.service.create_job(wanted, SHARE)
    assert subject.service.stop_job(name)
    if isinstance(subject.service, FakeTraining):
        subject.service.finish(name, "Stopped")
    assert subject.finished(name).status in ("Stopped", "Completed")
    assert not subject.service.stop_job(name)


def test_entities_are_there_after_asking_once_or_twice(subject: Subject) -> None:
    for _ in range(2):
        subject.service.ensure_experiment("contract-experiment")
        assert subject.service.ensure_trial("contract-experiment", "contract-trial") == "contract-experiment"


def test_a_trial_stays_in_the_experiment_that_it_is_in(subject: Subject) -> None:
    for name in ("contract-one", "contract-two"):
        subject.service.ensure_experiment(name)
    assert subject.service.ensure_trial("contract-one", "contract-kept") == "contract-one"
    assert subject.service.ensure_trial("contract-two", "contract-kept") == "contract-one"


def test_an_experiment_takes_as_many_trials_as_the_quota_says(subject: Subject) -> None:
    subject.service.ensure_experiment("contract-full")
    for number in range(300):
        assert subject.service.ensure_trial("contract-full", f"contract-full-{number}") == "contract-full"
    with pytest.raises(NotYetError):
        subject.service.ensure_trial("contract-full", "contract-full-300")
    assert subject.service.ensure_trial("contract-full", "contract-full-0") == "contract-full"


def test_a_trial_of_an_experiment_that_is_not_there_is_refused(subject: Subject) -> None:
    with pytest.raises(NotFoundError):
        subject.service.ensure_trial("contract-none", "contract-none-1")


def test_a_component_is_made_once_and_put_into_as_many_trials_as_one_likes(subject: Subject) -> None:
    service = subject.service
    service.ensure_experiment("contract-shared")
    component = f"contract-once-{uuid.uuid4().hex[:8]}"
    for eta in (0.5, 0.25):
        service.ensure_component(component, {"Parameters": {"eta": {"NumberValue": eta}}})
        for trial in ("contract-shared-1", "contract-shared-2"):
            service.ensure_trial("contract-shared", trial)
            service.add_component(trial, component)
    assert subject.parameters_of(component) == {"eta": {"NumberValue": 0.5}}, "it was made a second time"


def test_a_component_or_a_trial_that_is_not_there_is_not_found(subject: Subject) -> None:
    subject.service.ensure_experiment("contract-shared")
    subject.service.ensure_trial("contract-shared", "contract-shared-1")
    subject.service.ensure_component("contract-metadata", {})
    with pytest.raises(NotFoundError):
        subject.service.add_component("contract-shared-1", "never-ran-aws-processing-job")
    with pytest.raises(NotFoundError):
        subject.service.add_component("contract-no-trial", "contract-metadata")


def test_a_trial_takes_as_many_components_as_the_quota_says_beside_those_of_jobs(subject: Subject) -> None:
    service = subject.service
    service.ensure_experiment("contract-shared")
    service.ensure_trial("contract-shared", "contract-crowded")
    for number in range(50):
        service.ensure_component(f"contract-part-{number}", {})
        service.add_component("contract-crowded", f"contract-part-{number}")
    service.ensure_component("contract-part-50", {})
    service.ensure_component("contract-prepared-aws-processing-job", {})
    with pytest.raises(NotYetError):
        service.add_component("contract-crowded", "contract-part-50")
    service.add_component("contract-crowded", "contract-prepared-aws-processing-job")
    service.add_component("contract-crowded", "contract-part-0")


@pytest.mark.parametrize("says_full_first", [True, False])
def test_whichever_of_two_reasons_sagemaker_gives_the_trial_is_found(says_full_first: bool) -> None:
    """Of a trial that is there already and whose name is asked for in an experiment that is full."""

    class Full:
        def create_trial(self, **_: str) -> None:
            code = "ResourceLimitExceeded" if says_full_first else "ValidationException"
            raise ClientError({"Error": {"Code": code, "Message": "it already exists"}}, "CreateTrial")

        def describe_trial(self, **_: str) -> dict[str, str]:
            return {"ExperimentName": "e-002"}

    assert SageMakerTraining(Full()).ensure_trial("e", "t") == "e-002"


def test_a_request_that_sagemaker_refuses_is_permanent(world: World) -> None:
    service = SageMakerTraining(world.client("sagemaker"))
    with pytest.raises(PermanentError) as caught:
        service.create_job(world.request("not_a_name"), SHARE)
    assert not isinstance(caught.value, NameTakenError)
    with pytest.raises(PermanentError):
        service.create_job({"TrainingJobName": 3}, SHARE)
