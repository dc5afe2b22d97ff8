"""How one training is spread over several processors: exactly one of these ways."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gridwatch.spec.parts.section import Section

Options = Annotated[str, Field(max_length=2_000, description="further options of mpirun")]


class DataParallel(Section):
    """SageMaker's distributed data parallel library."""

    mpi_options: Options | None = None


class Mpi(Section):
    """MPI, for Horovod and whatever else starts by mpirun."""

    processes_per_host: Annotated[int | None, Field(ge=1, le=256)] = None
    options: Options | None = None


class ModelParallel(Section):
    """SageMaker's model parallel library: the model cut into partitions, by which microbatches run as in a pipeline."""

    partitions: Annotated[int, Field(ge=1, le=1_024)]
    microbatches: Annotated[int, Field(ge=1, le=4_096)] = 1
    processes_per_host: Annotated[int, Field(ge=1, le=256, description="MPI's; one for each GPU")]
    pipeline: Annotated[Literal["interleaved", "simple"], Field(description="the order of forward and backward")] = (
        "interleaved"
    )
    optimize: Annotated[Literal["memory", "speed"], Field(description="what the partitions are balanced for")] = (
        "memory"
    )
    placement_strategy: Annotated[
        Literal["cluster", "spread"] | None, Field(description="of partitions on neighbouring devices or far apart")
    ] = None
    ddp: Annotated[bool, Field(description="data parallel between the copies of the model")] = False
    mpi_options: Options | None = None


class Torchrun(Section):
    """PyTorch's own launcher, one process for each GPU."""


class ParameterServer(Section):
    """TensorFlow's parameter servers."""


class Distribution(Section):
    """Exactly one of these."""

    data_parallel: DataParallel | None = None
    model_parallel: ModelParallel | None = None
    torchrun: Torchrun | None = None
    pytorch_ddp: Annotated[Torchrun | None, Field(description="PyTorch's DDP started by MPI")] = None
    mpi: Mpi | None = None
    parameter_server: ParameterServer | None = None
    multi_worker_mirrored: Annotated[ParameterServer | None, Field(description="TensorFlow's strategy")] = None
