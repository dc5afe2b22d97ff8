"""Every member of a request to the embedded SageMaker is read, or refused: none is passed over in silence.

The service's operations are called with requests that write down what is read of them; botocore's model says what
there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from gridwatch.localcloud.batch.service import RegionalBatch
from gridwatch.localcloud.sagemaker.errors import ServiceError
from gridwatch.localcloud.sagemaker.images import ImageMap
from gridwatch.localcloud.sagemaker.limits import Limits
from gridwatch.localcloud.sagemaker.platform import JobSettings, Platform
from gridwatch.localcloud.sagemaker.records import ECHOED, TrainingJob, first_transition
from gridwatch.localcloud.sagemaker.service import RegionalSageMaker
from gridwatch.localcloud.sagemaker.unobeyed import NO_EFFECT, UNOBEYED, refuse_unobeyed

MODEL = botocore.session.get_session().get_service_model("sagemaker")
NAMES = {"ExperimentName": "e", "TrialName": "t", "TrialComponentName": "c", "ModelPackageGroupName": "g"}
# What these operations keep is what Describe shows; they start jobs, so they are held by ECHOED and by their own tests.
STARTING = {"CreateTrainingJob", "CreateHyperParameterTuningJob"}
# Read when a job of that name is looked up, and by whatever then changes it.
PACKAGE = "arn:aws:sagemaker:us-east-1:000000000000:model-package/g/1"
RUNNING = {
    "UpdateTrainingJob", "StopTrainingJob", "DescribeTrainingJob", "StopHyperParameterTuningJob",
    "DescribeHyperParameterTuningJob", "ListTrainingJobsForHyperParameterTuningJob",
}  # fmt: skip


class Read(Mapping[str, Any]):
    """A request that writes down which of its members were read."""

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members, self.seen = dict(members), set[str]()

    def __getitem__(self, name: str) -> Any:
        self.seen.add(name)
        return self._members[name]

    def __iter__(self) -> Iterator[str]:
        self.seen |= self._members.keys()
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, name: object) -> bool:
        self.seen.add(str(name))
        return name in self._members


def a_platform(folder: Path) -> Platform:
    def none(*_: Any) -> Any:
        pytest.fail("nothing is started here")

    return Platform(
        account="000000000000", region="us-east-1", endpoint="http://127.0.0.1:1", scratch=folder,
        mlflow_stores=folder, guard=none, settings=JobSettings(), client=none, client_as=none,
        put_event=lambda _: None, has_role=lambda _: True, has_objects=lambda *_: True,
        credentials=lambda _: {}, limits=Limits(debugger=True),
    )  # fmt: skip


@pytest.fixture
def sagemaker(tmp_path: Path) -> RegionalSageMaker:
    made = RegionalSageMaker(ImageMap.load(None), a_platform(tmp_path))
    made.call("sagemaker", "CreateExperiment", {"ExperimentName": "e"})
    made.call("sagemaker", "CreateTrial", {"TrialName": "t", "ExperimentName": "e"})
    made.call("sagemaker", "CreateTrialComponent", {"TrialComponentName": "c"})
    made.call("sagemaker", "CreateModelPackageGroup", {"ModelPackageGroupName": "g"})
    made.call("sagemaker", "CreateModelPackage", {"ModelPackageGroupName": "g"})
    image = {"AlgorithmSpecification": {"TrainingImage": "i"}}
    made._jobs.add(TrainingJob("x", "arn:x", image, 2.0, 2.0, (first_transition(2.0),), {}))
    return made


def value(name: str, shape: Any) -> Any:
    """Something that the model allows for a member."""
    if name in NAMES:
        return NAMES[name]
    if shape.metadata.get("enum"):
        return {"Resource": "Experiment", "CrossAccountFilterOption": "SameAccount"}.get(
            name, shape.metadata["enum"][0]
        )
    if shape.type_name == "timestamp":
        return 9e9 if name.endswith("Before") else 1.0
    if name in ("ResourceArn", "SourceArn"):
        return "arn:aws:sagemaker:us-east-1:000000000000:experiment/e"
    plain = {"string": "x", "integer": 1, "boolean": True, "list": [], "map": {}, "structure": {}}
    return {"NextToken": None, "ModelPackageName": PACKAGE, "ModelPackageArn": PACKAGE, "SortBy": "CreationTime",
            "SearchExpression": None}.get(name, plain.get(shape.type_name))  # fmt: skip


def passed_over(sagemaker: RegionalSageMaker, operation: str) -> set[str]:
    shape = MODEL.operation_model(operation).input_shape
    refused = set(UNOBEYED.get(operation, ())) | set(NO_EFFECT.get(operation, ()))
    members = {name: value(name, each) for name, each in shape.members.items() if name not in refused}
    given = {name: each for name, each in members.items() if each is not None}
    if operation.startswith("Create") and operation != "CreateModelPackage":
        given |= {f"{operation.removeprefix('Create')}Name": "fresh"}
    if operation == "CreateModelPackage":
        given.pop("ModelPackageName"), given.pop("Tags")  # refused with a group, by the operation itself
    request = Read(given)
    with suppress(ServiceError):  # what was not read before a refusal is told as passed over
        sagemaker._operations[operation](request)
    return set(given) - request.seen


def test_every_member_is_read_or_refused(sagemaker: RegionalSageMaker) -> None:
    operations = sorted(set(sagemaker._operations) & set(MODEL.operation_names) - STARTING - RUNNING)
    assert len(operations) > 25
    # What deletes comes last.
    operations.sort(key=lambda name: name.startswith(("Delete", "Disassociate")))
    missed = {operation: sorted(found) for operation in operations if (found := passed_over(sagemaker, operation))}
    assert missed == {}, "obey each, or refuse it in gridwatch/localcloud/sagemaker/unobeyed.py"


def test_a_job_shows_every_member_that_it_was_given_or_refuses_it() -> None:
    given = set(MODEL.operation_model("CreateTrainingJob").input_shape.members)
    assert given - set(ECHOED) - {"TrainingJobName", "Tags"} == {
        *NO_EFFECT["CreateTrainingJob"],
        *UNOBEYED["CreateTrainingJob"],
    }


@pytest.mark.parametrize(("operation", "member"), [(o, m) for o, members in UNOBEYED.items() for m in members])
def test_what_is_not_obeyed_is_refused(operation: str, member: str) -> None:
    shape = MODEL.operation_model(operation).input_shape
    assert member in shape.members, "the model has no such member any more"
    special = {"CrossAccountFilterOption": "CrossAccount", "IncludedData": "MetadataOnly"}
    given = special.get(member, value(member, shape.members[member]))
    with pytest.raises(ServiceError, match=member) as refusal:
        refuse_unobeyed(operation, {member: given if given not in (None, [], {}) else {"x": 1}})
    assert refusal.value.code == "ValidationException"


@pytest.mark.parametrize("member", ["quotaShareName", "preemptionConfiguration", "timeoutConfig"])
def test_batch_refuses_what_it_does_not_obey(tmp_path: Path, member: str) -> None:
    batch = RegionalBatch(a_platform(tmp_path))
    batch.put_queue("q", (), None)
    job = {"jobName": "j", "jobQueue": "q", "serviceRequestPayload": "{}", "serviceJobType": "SAGEMAKER_TRAINING"}
    asked = {"quotaShareName": "x", "preemptionConfiguration": {"preemptionRetriesBeforeTermination": 1},
             "timeoutConfig": {"attemptDurationSeconds": 60}}  # fmt: skip
    with pytest.raises(ServiceError, match=member):
        batch.call("SubmitServiceJob", {**job, member: asked[member]})


def test_batch_lists_by_what_it_knows(tmp_path: Path) -> None:
    batch = RegionalBatch(a_platform(tmp_path))
    batch.put_queue("q", (), None)
    wanted = [{"name": "AFTER_CREATED_AT", "values": ["0"]}]
    with pytest.raises(ServiceError, match="AFTER_CREATED_AT"):
        batch.call("ListServiceJobs", {"jobQueue": "q", "filters": wanted})
