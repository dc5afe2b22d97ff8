"""The section about the machines of a training job and their network."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

from pydantic import Field, StringConstraints

from gridwatch.spec.instance_types import processor
from gridwatch.spec.parts.section import Section
from gridwatch.spec.values import Seconds

GroupName = Annotated[str, StringConstraints(pattern=r"^\S(.*\S)?$", max_length=64)]
SubnetId = Annotated[str, StringConstraints(pattern=r"^[-0-9a-zA-Z]+$", max_length=32)]
# CreateTrainingJob, KmsKeyId: a key's id, its ARN or an alias.
KeyId = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9:/_-]+$", min_length=1, max_length=2_048)]
RoleArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$", max_length=2_048)
]
PlanArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws[a-z\-]*:sagemaker:[a-z0-9\-]+:[0-9]{12}:training-plan/.+$", max_length=2_048),
]


class InstanceGroup(Section):
    """Some of the instances of a job whose instances differ."""

    instance_type: Annotated[str, Field(max_length=32, description="such as ml.g5.xlarge")]
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1


class Spot(Section):
    """Spare capacity, cheaper and taken away when others need it."""

    max_wait: Annotated[Seconds, Field(description="for capacity and training together; at least max_runtime")]


class Network(Section):
    """Your own network, in which the containers run."""

    subnets: Annotated[list[SubnetId], Field(min_length=1, max_length=16)]
    security_groups: Annotated[list[SubnetId], Field(min_length=1, max_length=5)]


class Resources(Section):
    """The machines of one training job."""

    instance_type: Annotated[str, Field(max_length=32, description="such as ml.m5.large")] = "ml.m5.large"
    instance_count: Annotated[int, Field(ge=1, le=100)] = 1
    groups: Annotated[
        dict[GroupName, InstanceGroup],
        Field(max_length=5, description="instances that differ, in place of instance_type and instance_count"),
    ] = Field(default_factory=dict)
    volume_gb: Annotated[int, Field(ge=1, le=16_384, description="storage of each instance")] = 10
    volume_key: Annotated[KeyId | None, Field(description="the KMS key that encrypts the volumes")] = None
    output_key: Annotated[KeyId | None, Field(description="the KMS key that encrypts the model")] = None
    compress_output: Annotated[bool, Field(description="the model as one archive; false: as its files")] = True
    max_runtime: Annotated[Seconds, Field(description="of one job; SageMaker stops it then")] = 86_400
    max_pending: Annotated[
        Seconds | None, Field(description="for capacity; SageMaker gives up then; 2 hours to 28 days")
    ] = None
    keep_alive: Annotated[
        Seconds | None, Field(description="keep the instances warm for the next job so long; they are billed")
    ] = None
    spot: Spot | None = None
    retries: Annotated[
        int | None, Field(ge=1, le=30, description="how often SageMaker tries again after an internal error of its own")
    ] = None
    network: Network | None = None
    isolated: Annotated[bool, Field(description="the containers reach no network, not even S3")] = False
    encrypted_traffic: Annotated[bool, Field(description="between the containers of one job")] = False
    remote_debug: Annotated[
        bool, Field(description="let people into the running containers, by SSM; the jobs' role must allow it")
    ] = False
    infra_check: Annotated[bool, Field(description="have SageMaker check the machines before the training")] = False
    session_tags: Annotated[bool, Field(description="pass the role's session tags on to the job")] = False
    role: Annotated[RoleArn | None, Field(description="of the jobs, in place of the deployment's")] = None
    training_plan: Annotated[PlanArn | None, Field(description="reserved capacity, by its ARN")] = None

    @property
    def largest(self) -> tuple[str, int]:
        """The type and number of the instances; with instance groups, those of the type with the most."""
        return max(self.machines.items(), key=lambda machine: machine[1])

    @property
    def machines(self) -> dict[str, int]:
        """How many instances of each type one job takes."""
        counts = Counter[str]()
        for group in self.groups.values():
            counts[group.instance_type] += group.instance_count
        return dict(counts) or {self.instance_type: self.instance_count}

    @property
    def further_machines(self) -> dict[str, int]:
        """The instances of groups that `largest` leaves out."""
        return {kind: count for kind, count in self.machines.items() if kind != self.largest[0]}

    @property
    def image_type(self) -> str:
        """The instance type that all instances' image is made for: with groups, as the SageMaker SDK chooses, the first
        with accelerators, since such an image runs on the others as well.
        """
        types = list(self.machines)
        return next((each for each in types if processor(each) != "cpu"), types[0])
