"""Checks of SageMaker's model parallel library.

Sources: `sagemaker.fw_utils.validate_mp_config`; for version 1 "smdistributed.modelparallel" of its documentation,
for version 2 "The SageMaker model parallel library v2 reference" of the developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.distribution import ModelParallel
from gridwatch.spec.problems import Path, Problem, did_you_mean, enumerated, shown

SECOND = "pytorch-smp"  # the framework whose images have version 2, which torchrun starts
_PATH: Path = ("distribution", "model_parallel")
_FIRST_NAMES = (
    "activation_loading_horizon", "active_microbatches", "auto_partition", "bf16", "contiguous", "ddp_dist_backend",
    "ddp_port", "default_partition", "delayed_parameter_initialization", "deterministic_server", "fp16", "fp16_params",
    "horovod", "load_partition", "memory_weight", "offload_activations", "partition_file", "pipeline_parallel_degree",
    "prescaled_batch", "sddp_ddp_static_graph", "sdp_gradient_clipping", "sdp_hierarchical_allgather",
    "sdp_max_live_parameters", "sdp_param_persistence_threshold", "sdp_reduce_bucket_size",
    "sharded_data_parallel_degree", "shard_optimizer_state", "skip_tracing", "tensor_parallel_degree",
    "tensor_parallel_seed",
)  # fmt: skip
_SECOND_NAMES = (
    "activation_loading_horizon", "allow_empty_shards", "context_parallel_degree", "expert_parallel_degree",
    "fsdp_cache_flush_warnings", "hybrid_shard_degree", "moe", "random_seed", "sm_activation_offloading",
    "tensor_parallel_degree",
)  # fmt: skip
# Fields that version 2 does not have.
_OF_FIRST = ("partitions", "microbatches", "pipeline", "optimize", "ddp", "processes_per_host", "mpi_options")


def check_model_parallel(spec: ExperimentSpec, given: ModelParallel) -> Iterator[Problem]:
    for name in given.parameters:
        if name in ModelParallel.model_fields:
            message = "is a field of its own"
            yield Problem(path=(*_PATH, "parameters", name), message=message, advice=f"say model_parallel.{name}")
    if spec.algorithm.framework == SECOND:
        for name in _OF_FIRST:
            if getattr(given, name) is not None:
                message = f"the library's version 2, which {SECOND} has, knows no such thing"
                yield Problem(path=(*_PATH, name), message=message, allowed="parameters, placement_strategy")
    elif spec.algorithm.framework is not None and given.processes_per_host is None:
        message = "MPI must know how many processes to start"
        path: Path = (*_PATH, "processes_per_host")
        yield Problem(path=path, message=message, advice="say one for each GPU of a machine")
    yield from _between(given)


def warn_of_model_parallel(spec: ExperimentSpec) -> Iterator[Problem]:
    if spec.distribution is None or spec.distribution.model_parallel is None or spec.algorithm.framework is None:
        return
    known = _SECOND_NAMES if spec.algorithm.framework == SECOND else _FIRST_NAMES
    for name in spec.distribution.model_parallel.parameters:
        if name not in known and name not in ModelParallel.model_fields:
            yield Problem(
                path=(*_PATH, "parameters", name), message="is no parameter of the library that is known here",
                allowed=enumerated(known, 12), advice=did_you_mean(name, known),
            )  # fmt: skip


def _between(given: ModelParallel) -> Iterator[Problem]:
    """The library's own rules, which a job would otherwise learn only after its machines have started."""
    told = given.told
    partitions = told.get("partitions")
    default = told.get("default_partition")
    if told.get("auto_partition") is False and default is None:
        yield _wrong("auto_partition", "without it the library must be told the default_partition", None)
    if isinstance(default, int) and isinstance(partitions, int) and default >= partitions:
        yield _wrong("default_partition", "there is no such partition", f"0 to {partitions - 1}", default)
    weight = told.get("memory_weight")
    if isinstance(weight, (int, float)) and not 0 <= weight <= 1:
        yield _wrong("memory_weight", "is out of range", "0 to 1", weight)
    if told.get("ddp") and told.get("horovod"):
        yield _wrong("horovod", "one of ddp and horovod is used between the copies of the model", None)
    degree = told.get("tensor_parallel_degree")
    if given.processes_per_host is not None and isinstance(degree, int) and degree > 1 and not told.get("ddp"):
        yield _wrong("tensor_parallel_degree", "beyond 1 the library needs ddp: true", None, degree)


def _wrong(name: str, message: str, allowed: str | None, found: object = None) -> Problem:
    path: Path = (*_PATH, "parameters", name)
    return Problem(path=path, message=message, allowed=allowed, found=shown(found) if found is not None else None)
