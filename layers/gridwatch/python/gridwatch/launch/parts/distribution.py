"""How the containers are told of a distributed training: hyperparameters of script mode, each value as JSON."""

from __future__ import annotations

import json
from typing import Any

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.distribution import Distribution, ModelParallel, Mpi

INSTANCE_TYPE = "sagemaker_instance_type"
_MPI = "sagemaker_mpi"
_DATA_PARALLEL = "sagemaker_distributed_dataparallel"


def distribution_part(spec: ExperimentSpec) -> dict[str, Any]:
    if spec.distribution is None:
        return {}
    values = _values(spec.distribution, spec.resources.instance_type)
    if spec.resources.groups:
        values.pop(INSTANCE_TYPE, None)
        values["sagemaker_distribution_instance_groups"] = list(spec.resources.groups)
    return {"HyperParameters": {name: json.dumps(value) for name, value in values.items()}}


def _values(distribution: Distribution, instance_type: str) -> dict[str, Any]:
    machine = {INSTANCE_TYPE: instance_type}
    if distribution.data_parallel is not None:
        options = distribution.data_parallel.mpi_options or ""
        return {f"{_DATA_PARALLEL}_enabled": True, f"{_DATA_PARALLEL}_custom_mpi_options": options, **machine}
    if distribution.model_parallel is not None:
        return {**_model_parallel(distribution.model_parallel), **machine}
    if distribution.torchrun is not None:
        return {"sagemaker_torch_distributed_enabled": True, **machine}
    if distribution.pytorch_ddp is not None:
        return {"sagemaker_pytorch_ddp_enabled": True, **machine}
    if distribution.mpi is not None:
        return _mpi(distribution.mpi)
    if distribution.parameter_server is not None:
        return {"sagemaker_parameter_server_enabled": True}
    return {"sagemaker_multi_worker_mirrored_strategy_enabled": True}


def _mpi(mpi: Mpi) -> dict[str, Any]:
    processes = {} if mpi.processes_per_host is None else {f"{_MPI}_num_of_processes_per_host": mpi.processes_per_host}
    return {f"{_MPI}_enabled": True, **processes, f"{_MPI}_custom_mpi_options": mpi.options or ""}


def _model_parallel(given: ModelParallel) -> dict[str, Any]:
    mpi = Mpi(processes_per_host=given.processes_per_host, options=given.mpi_options)
    parameters = given.model_dump(exclude={"processes_per_host", "mpi_options"}, exclude_none=True)
    return {**_mpi(mpi), "mp_parameters": parameters, f"{_DATA_PARALLEL}_enabled": False}
