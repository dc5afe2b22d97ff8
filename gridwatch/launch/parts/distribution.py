"""The hyperparameters of script mode that tell the containers of a distributed training, each value as JSON."""

from __future__ import annotations

import json
from typing import Any

from gridwatch.spec.model import ExperimentSpec
from gridwatch.spec.parts.distribution import Distribution, ModelParallel, Mpi

INSTANCE_TYPE = "sagemaker_instance_type"
_MPI = "sagemaker_mpi"
_TORCHRUN = "sagemaker_torch_distributed_enabled"
_DATA_PARALLEL = "sagemaker_distributed_dataparallel"


def distribution_part(spec: ExperimentSpec) -> dict[str, Any]:
    if spec.distribution is None:
        return {}
    values = _values(spec.distribution, spec.resources.instance_type)
    if groups := spec.resources.groups:
        values.pop(INSTANCE_TYPE, None)
        values["sagemaker_distribution_instance_groups"] = [spec.distribution.instance_group or next(iter(groups))]
    return {"HyperParameters": {name: json.dumps(value) for name, value in values.items()}}


def _values(distribution: Distribution, instance_type: str) -> dict[str, Any]:
    machine = {INSTANCE_TYPE: instance_type}
    if distribution.data_parallel is not None:
        options = distribution.data_parallel.mpi_options or ""
        return {f"{_DATA_PARALLEL}_enabled": True, f"{_DATA_PARALLEL}_custom_mpi_options": options, **machine}
    if distribution.model_parallel is not None:
        return {**_model_parallel(distribution.model_parallel), **machine}
    if distribution.torchrun is not None:
        return {_TORCHRUN: True, **machine}
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
    if given.processes_per_host is None:
        launcher: dict[str, Any] = {_TORCHRUN: True}
    else:
        launcher = _mpi(Mpi(processes_per_host=given.processes_per_host, options=given.mpi_options))
    parameters = {"mp_parameters": given.told} if given.told else {}
    return {**launcher, **parameters, f"{_DATA_PARALLEL}_enabled": False}
