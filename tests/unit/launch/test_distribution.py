"""How the containers are told of a distributed training, with groups of instances and SageMaker's own libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gridwatch.launch.plan import waiting_trial
from tests.fakes.clock import START
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned
from tests.unit.launch.test_training_parts import request, script, told
from tests.unit.spec.specs import parsed, problems

TUTORIALS = sorted((Path(__file__).resolve().parents[2] / "sdk" / "tutorials").glob("*.yaml"))
PARAMETERS = "distribution.model_parallel.parameters"
GROUPS = {
    "feeding": {"instance_type": "ml.c5.2xlarge", "instance_count": 2},
    "training": {"instance_type": "ml.g5.2xlarge", "instance_count": 1},
}


def on_groups(**sections: Any) -> dict[str, Any]:
    document = script(**sections)
    document["resources"] = {"groups": GROUPS}
    return document


def values(document: dict[str, Any]) -> dict[str, Any]:
    return {name: json.loads(value) for name, value in request(document)["HyperParameters"].items()}


def first(**fields: Any) -> dict[str, Any]:
    """Version 1 of the model parallel library, which MPI starts."""
    way = {"partitions": 2, "processes_per_host": 8, **fields}
    return script(algorithm={"version": "1.13"}, distribution={"model_parallel": way})


def second(**fields: Any) -> dict[str, Any]:
    algorithm = {"framework": "pytorch-smp", "version": "2.4"}
    return script(algorithm=algorithm, distribution={"model_parallel": fields})


@pytest.mark.parametrize("tutorial", TUTORIALS, ids=lambda path: path.stem)
def test_every_tutorial_is_planned(tutorial: Path) -> None:
    """What the SDK sends for them is compared by `make test-sagemaker`."""
    assert faults("CreateTrainingJob", request(tutorial.read_text())) == []


def test_all_instances_of_different_kinds_run_the_image_that_the_accelerators_need() -> None:
    image = request(on_groups())["AlgorithmSpecification"]["TrainingImage"]
    assert image.endswith("pytorch-training:2.10.0-gpu-py313")
    document = on_groups()
    document["resources"]["groups"] = {"only": {"instance_type": "ml.c5.2xlarge", "instance_count": 2}}
    assert request(document)["AlgorithmSpecification"]["TrainingImage"].endswith("2.10.0-cpu-py313")


def test_a_trial_has_the_machines_of_all_groups() -> None:
    document = on_groups()
    document["resources"]["groups"]["more"] = {"instance_type": "ml.c5.2xlarge", "instance_count": 99}
    made = planned(document)
    record = waiting_trial(made.trials[0], made.spec, START)
    assert (record.instance_type, record.instance_count) == ("ml.c5.2xlarge", 101)
    assert record.further_machines == {"ml.g5.2xlarge": 1}


def test_the_group_that_trains_is_said_and_told() -> None:
    mpi = {"mpi": {"processes_per_host": 1}}
    assert told(on_groups(distribution=mpi)) == [
        "distribution.instance_group: one of the groups is trained on, and which one is not said"
    ]
    (wrong,) = problems(on_groups(distribution={**mpi, "instance_group": "trainin"}))
    assert (wrong.field, wrong.advice) == ("distribution.instance_group", "did you mean training?")
    sent = values(on_groups(distribution={**mpi, "instance_group": "training"}))
    assert sent["sagemaker_distribution_instance_groups"] == ["training"]
    assert told(script(distribution={**mpi, "instance_group": "training"})) == [
        "distribution.instance_group: there is no such group"
    ]


def test_groups_without_accelerators_do_not_train_where_these_are_needed() -> None:
    way = {"data_parallel": {}, "instance_group": "feeding"}
    (wrong,) = (each for each in problems(on_groups(distribution=way, algorithm={"version": "2.0.1"})))
    assert wrong.found == "ml.c5.2xlarge"


def test_debugger_counts_the_instances_of_all_groups() -> None:
    document = script(engine="debugger", checkpoints={})
    document["resources"] = {"groups": {"only": {"instance_type": "ml.g5.2xlarge", "instance_count": 2}}}
    assert any("switched off in a distributed training" in line for line in told(document))


def test_of_the_model_parallel_library_only_what_is_said_is_sent() -> None:
    assert values(first())["mp_parameters"] == {"partitions": 2}
    further = {"tensor_parallel_degree": 4, "fp16": True, "memory_weight": 0.5}
    sent = values(first(ddp=True, placement_strategy="DPT", parameters=further))
    assert sent["mp_parameters"] == {"partitions": 2, "placement_strategy": "DPT", "ddp": True, **further}
    assert sent["sagemaker_mpi_num_of_processes_per_host"] == 8


def test_its_second_version_has_images_of_its_own_and_is_started_by_torchrun() -> None:
    made = request(second(parameters={"hybrid_shard_degree": 8}))
    address = "658645717510.dkr.ecr.eu-west-1.amazonaws.com/smdistributed-modelparallel:2.4.1-gpu-py311-cu121"
    assert made["AlgorithmSpecification"]["TrainingImage"] == address
    sent = {name: json.loads(value) for name, value in made["HyperParameters"].items()}
    assert sent["sagemaker_torch_distributed_enabled"] is True
    assert sent["mp_parameters"] == {"hybrid_shard_degree": 8}
    assert "sagemaker_mpi_enabled" not in sent


def test_version_1_in_an_old_image_gets_the_one_with_the_library() -> None:
    algorithm = {"version": "1.6"}
    plain = request(script(algorithm=algorithm, resources={"instance_type": "ml.p3.16xlarge"}))
    assert plain["AlgorithmSpecification"]["TrainingImage"].endswith(":1.6.0-gpu-py36")
    way = {"model_parallel": {"partitions": 2, "processes_per_host": 8}}
    with_library = request(script(algorithm=algorithm, distribution=way))
    assert with_library["AlgorithmSpecification"]["TrainingImage"].endswith(":1.6.0-gpu-py36-cu110-ubuntu18.04")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (script(algorithm={"version": "1.12"}, distribution={"torchrun": {}}),
         "distribution.torchrun: this version's image does not start it"),
        (script(algorithm={"entry_point": "train.sh"}, distribution={"torchrun": {}}),
         "distribution.torchrun: torchrun starts Python alone"),
        (script(algorithm={"version": "1.13"}, distribution={"model_parallel": {"partitions": 2}}),
         "distribution.model_parallel.processes_per_host: MPI must know how many processes to start"),
        (second(partitions=2),
         "distribution.model_parallel.partitions: the library's version 2, which pytorch-smp has, knows no such thing"),
        (first(parameters={"ddp": True}), "distribution.model_parallel.parameters.ddp: is a field of its own"),
        (first(parameters={"auto_partition": False}),
         f"{PARAMETERS}.auto_partition: without it the library must be told the default_partition"),
        (first(parameters={"default_partition": 2}),
         "distribution.model_parallel.parameters.default_partition: there is no such partition"),
        (first(parameters={"memory_weight": 1.5}),
         "distribution.model_parallel.parameters.memory_weight: is out of range"),
        (first(ddp=True, parameters={"horovod": True}),
         f"{PARAMETERS}.horovod: one of ddp and horovod is used between the copies of the model"),
        (first(parameters={"tensor_parallel_degree": 2}),
         "distribution.model_parallel.parameters.tensor_parallel_degree: beyond 1 the library needs ddp: true"),
    ],
)  # fmt: skip
def test_what_the_library_would_refuse_is_refused_before(document: dict[str, Any], expected: str) -> None:
    assert told(document) == [expected]


def test_unknown_parameters_of_the_library_are_warned_of() -> None:
    warnings = parsed(first(parameters={"tensor_parallel_degre": 1})).warnings
    found = [each for each in warnings if each.field.endswith("tensor_parallel_degre")]
    assert [each.advice for each in found] == ["did you mean tensor_parallel_degree?"]
