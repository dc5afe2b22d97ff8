"""How one training is spread over several processors: exactly one of these ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gridwatch.spec.parts.section import Section
from gridwatch.spec.values import Scalar

ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
Options = Annotated[str, Field(max_length=2_000, description="further options of mpirun")]


class DataParallel(Section):
    """SageMaker's distributed data parallel library."""

    mpi_options: Options | None = None


class Mpi(Section):
    """MPI, for Horovod and whatever else starts by mpirun."""

    processes_per_host: Annotated[int | None, Field(ge=1, le=256)] = None
    options: Options | None = None


class ModelParallel(Section):
    """SageMaker's model parallel library: the model cut into partitions, by which microbatches run as in a pipeline.

    Only what is said is sent: the library has defaults of its own. With `processes_per_host` MPI starts it (version 1),
    without torchrun does (version 2).
    """

    partitions: Annotated[int | None, Field(ge=1, le=1_024)] = None
    microbatches: Annotated[int | None, Field(ge=1, le=4_096)] = None
    processes_per_host: Annotated[int | None, Field(ge=1, le=256, description="MPI's; one for each GPU")] = None
    pipeline: Annotated[
        Literal["interleaved", "simple"] | None, Field(description="the order of forward and backward")
    ] = None
    optimize: Annotated[
        Literal["memory", "speed"] | None, Field(description="what the partitions are balanced for")
    ] = None
    placement_strategy: Annotated[
        Literal["cluster", "spread", "DPT", "DTP", "PDT", "PTD", "TDP", "TPD"] | None,
        Field(description="of partitions on neighbouring devices or far apart; or the order of data, pipeline, tensor"),
    ] = None
    ddp: Annotated[bool | None, Field(description="data parallel between the copies of the model")] = None
    parameters: Annotated[
        dict[ParameterName, Scalar],
        Field(max_length=40, description="the library's further ones by its own names, such as tensor_parallel_degree"),
    ] = Field(default_factory=dict)
    mpi_options: Options | None = None

    @property
    def told(self) -> dict[str, Scalar]:
        """The library's parameters, by its names."""
        own = self.model_dump(exclude={"processes_per_host", "mpi_options", "parameters"}, exclude_none=True)
        return {**own, **self.parameters}


class Torchrun(Section):
    """PyTorch's own launcher, one process for each GPU."""


class ParameterServer(Section):
    """TensorFlow's parameter servers."""


class Distribution(Section):
    """Exactly one of these ways."""

    data_parallel: DataParallel | None = None
    model_parallel: ModelParallel | None = None
    torchrun: Torchrun | None = None
    pytorch_ddp: Annotated[Torchrun | None, Field(description="PyTorch's DDP started by MPI")] = None
    mpi: Mpi | None = None
    parameter_server: ParameterServer | None = None
    multi_worker_mirrored: Annotated[ParameterServer | None, Field(description="TensorFlow's strategy")] = None
    instance_group: Annotated[
        str | None, Field(min_length=1, max_length=64, description="of resources.groups, the one that is trained on")
    ] = None

    @property
    def has_library(self) -> bool:
        """Whether it is one of SageMaker's own libraries."""
        return self.data_parallel is not None or self.model_parallel is not None

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that the section names: exactly one in a spec without problems."""
        return tuple(way for way in WAYS if getattr(self, way) is not None)


WAYS = tuple(name for name in Distribution.model_fields if name != "instance_group")
