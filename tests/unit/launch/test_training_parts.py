"""Every part of a training job: what reaches the request, and what is refused with its reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gridwatch.launch.plan import make_plan
from gridwatch.launch.template import Inputs
from gridwatch.spec.problems import SpecError
from tests.unit.functions.world import DEPLOYMENT
from tests.unit.launch.service_model import faults
from tests.unit.launch.test_requests import planned, requests
from tests.unit.spec.specs import parsed, problems

LOSS = "validation loss: ([0-9.eE+-]+)"


def script(**sections: Any) -> dict[str, Any]:
    """The least spec with a script of one's own, with sections changed."""
    document: dict[str, Any] = {
        "name": "parts",
        "objective": {"metric": "loss", "direction": "minimize"},
        "algorithm": {"framework": "pytorch", "version": "2.10", "entry_point": "train.py", "metrics": {"loss": LOSS}},
        "data": {"train": {"uri": "s3://somewhere/train/"}},
        "resources": {"instance_type": "ml.g5.12xlarge"},
    }
    for name, section in sections.items():
        known = document.get(name)
        document[name] = {**known, **section} if isinstance(known, dict) and isinstance(section, dict) else section
    return document


def request(document: dict[str, Any], **deployment: Any) -> dict[str, Any]:
    plan = planned(document, replace(DEPLOYMENT, allowed_in_specs=("*",), **deployment))
    made = requests(plan)[0]
    assert faults("CreateTrainingJob", made) == []
    return made


def told(document: dict[str, Any]) -> list[str]:
    return [f"{problem.field}: {problem.message}" for problem in problems(document)]


def test_a_script_gets_its_image_its_archive_and_its_values_as_json() -> None:
    made = request(script(hyperparameters={"epochs": 3, "name": "a", "amp": True}))
    image = "763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-training:2.10.0-gpu-py313"
    assert made["AlgorithmSpecification"]["TrainingImage"] == image
    assert made["AlgorithmSpecification"]["MetricDefinitions"] == [{"Name": "loss", "Regex": LOSS}]
    values = {name: json.loads(value) for name, value in made["HyperParameters"].items()}
    assert values.items() >= {
        "epochs": 3, "name": "a", "amp": True, "sagemaker_program": "train.py",
        "sagemaker_submit_directory": "s3://experiments-bucket/code/sources/0.tar.gz", "sagemaker_region": "eu-west-1",
        "sagemaker_job_name": made["TrainingJobName"],
    }.items()  # fmt: skip


def test_the_image_follows_the_machine_of_each_trial() -> None:
    document = script(grid={"resources.instance_type": ["ml.c5.xlarge", "ml.g5.xlarge"]})
    plan = planned(document)
    images = [made["AlgorithmSpecification"]["TrainingImage"].rsplit(":")[-1] for made in requests(plan)]
    assert images == ["2.10.0-cpu-py313", "2.10.0-gpu-py313"]
    assert len(set(plan.trial_ids)) == 2


def test_a_built_in_algorithm_gets_its_values_as_texts_and_no_script() -> None:
    document = script(
        algorithm={"framework": None}, hyperparameters={"k": 10, "feature_dim": 784, "early": True, "rate": 0.5}
    )
    document["algorithm"] = {"name": "knn"}
    document["objective"]["metric"] = "test:accuracy"
    document["data"]["train"]["content_type"] = "text/csv"
    made = request(document)
    assert made["HyperParameters"] == {"k": "10", "feature_dim": "784", "early": "true", "rate": "0.5"}
    assert made["AlgorithmSpecification"]["TrainingImage"].endswith("/knn:1")
    assert "MetricDefinitions" not in made["AlgorithmSpecification"]


def test_an_own_image_runs_its_command_and_must_be_allowed() -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/trainer:7"
    document = script(algorithm={})
    document["algorithm"] = {"image": image, "command": ["run"], "arguments": ["--x"], "metrics": {"loss": LOSS}}
    made = request(document)
    assert made["AlgorithmSpecification"]["ContainerEntrypoint"] == ["run"]
    assert made["HyperParameters"] == {}
    with pytest.raises(SpecError) as caught:
        planned(document)
    assert caught.value.problems[0].field == "algorithm.image"
    assert planned(document, replace(DEPLOYMENT, allowed_in_specs=("123456789012.dkr.ecr.*/team/*",))).count == 1


def test_every_way_of_reading_data_reaches_the_channel() -> None:
    document = script(
        data={
            "train": {
                "uri": "s3://bkt/labels.manifest", "kind": "augmented_manifest", "attributes": ["ref", "label"],
                "input_mode": "Pipe", "record_wrapper": "RecordIO", "compression": "gzip", "sharded": True,
                "shuffle_seed": 3, "content_type": "application/x-recordio",
            },
            "files": {"file_system": {"id": "fs-0123456789abcdef0", "type": "EFS", "path": "/data"}},
        },
        resources={"network": {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}},
    )  # fmt: skip
    train, files = request(document)["InputDataConfig"]
    assert train == {
        "ChannelName": "train",
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "AugmentedManifestFile", "S3Uri": "s3://bkt/labels.manifest",
                "S3DataDistributionType": "ShardedByS3Key", "AttributeNames": ["ref", "label"],
            }
        },
        "ContentType": "application/x-recordio", "InputMode": "Pipe", "RecordWrapperType": "RecordIO",
        "CompressionType": "Gzip", "ShuffleConfig": {"Seed": 3},
    }  # fmt: skip
    assert files["DataSource"]["FileSystemDataSource"] == {
        "FileSystemId": "fs-0123456789abcdef0", "FileSystemType": "EFS", "DirectoryPath": "/data",
        "FileSystemAccessMode": "ro",
    }  # fmt: skip


def test_how_data_is_brought_makes_no_other_trial_but_which_part_of_it_does() -> None:
    before = planned(script()).trial_ids
    assert (
        planned(script(data={"train": {"uri": "s3://somewhere/train/", "input_mode": "FastFile"}})).trial_ids == before
    )
    assert planned(script(data={"train": {"uri": "s3://somewhere/train/", "sharded": True}})).trial_ids != before


def test_the_machines_and_their_network_reach_the_request() -> None:
    document = script(
        resources={
            "instance_type": "ml.c5.xlarge", "instance_count": 2, "volume_gb": 30, "volume_key": "alias/volumes",
            "output_key": "alias/models", "compress_output": False, "max_runtime": "1h", "max_pending": "3h",
            "retries": 2, "spot": {"max_wait": "2h"}, "encrypted_traffic": True, "isolated": True,
            "network": {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]},
            "role": "arn:aws:iam::123456789012:role/train-team",
        },
        checkpoints={"path": "/opt/ml/checkpoints"},
    )  # fmt: skip
    made = request(document)
    assert made["ResourceConfig"] == {
        "InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30, "VolumeKmsKeyId": "alias/volumes",
    }  # fmt: skip
    assert made["StoppingCondition"] == {
        "MaxRuntimeInSeconds": 3600, "MaxWaitTimeInSeconds": 7200, "MaxPendingTimeInSeconds": 10800
    }  # fmt: skip
    assert made["EnableManagedSpotTraining"] is True
    assert made["RetryStrategy"] == {"MaximumRetryAttempts": 2}
    assert made["EnableNetworkIsolation"] is made["EnableInterContainerTrafficEncryption"] is True
    assert made["VpcConfig"] == {"SecurityGroupIds": ["sg-0a1b2c3d"], "Subnets": ["subnet-0a1b2c3d"]}
    assert made["RoleArn"] == "arn:aws:iam::123456789012:role/train-team"
    assert made["OutputDataConfig"]["KmsKeyId"] == "alias/models"
    assert made["OutputDataConfig"]["CompressionType"] == "NONE"
    place = made["CheckpointConfig"]["S3Uri"]
    trial = planned(document, replace(DEPLOYMENT, allowed_in_specs=("*",))).trials[0].trial_id
    assert place == f"s3://artifacts-bucket/checkpoints/parts/{trial}"


def test_groups_of_instances_and_warm_pools() -> None:
    document = script()
    groups = {"data": {"instance_type": "ml.c5.xlarge", "instance_count": 2}, "gpu": {"instance_type": "ml.g5.xlarge"}}
    document["resources"] = {"groups": groups}
    document["data"]["train"]["instance_groups"] = ["data"]
    made = request(document)
    assert made["ResourceConfig"]["InstanceGroups"][0] == {
        "InstanceGroupName": "data", "InstanceType": "ml.c5.xlarge", "InstanceCount": 2
    }  # fmt: skip
    assert "InstanceType" not in made["ResourceConfig"]
    assert made["InputDataConfig"][0]["DataSource"]["S3DataSource"]["InstanceGroupNames"] == ["data"]
    warm = request(script(resources={"keep_alive": "30m"}))
    assert warm["ResourceConfig"]["KeepAlivePeriodInSeconds"] == 1800


def test_a_script_that_finds_its_data_itself_needs_no_channel() -> None:
    document = script()
    del document["data"]
    assert "InputDataConfig" not in request(document)
    document["data"] = {}
    assert "InputDataConfig" not in request(document)
    going_on = script(start_from={"model": "s3://models/earlier/model.tar.gz"})
    del going_on["data"]
    assert [channel["ChannelName"] for channel in request(going_on)["InputDataConfig"]] == ["model"]


def test_switches_of_the_platform_and_a_registry_of_ones_own() -> None:
    made = request(script(resources={"remote_debug": True, "infra_check": True, "session_tags": True}))
    assert made["RemoteDebugConfig"] == {"EnableRemoteDebug": True}
    assert made["InfraCheckConfig"] == {"EnableInfraCheck": True}
    assert made["SessionChainingConfig"] == {"EnableSessionTagChaining": True}
    assert not {"RemoteDebugConfig", "InfraCheckConfig", "SessionChainingConfig"} & set(request(script()))
    network = {"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}
    function = "arn:aws:lambda:eu-west-1:123456789012:function:credentials"
    algorithm = {"image": "registry.example.com/trainer:7", "metrics": {"loss": LOSS}}
    document = script(resources={"network": network})
    for registry, expected in (
        ({}, {"TrainingRepositoryAccessMode": "Vpc"}),
        ({"credentials": function},
         {"TrainingRepositoryAccessMode": "Vpc",
          "TrainingRepositoryAuthConfig": {"TrainingRepositoryCredentialsProviderArn": function}}),
    ):  # fmt: skip
        document["algorithm"] = {**algorithm, "registry": registry}
        assert request(document)["AlgorithmSpecification"]["TrainingImageConfig"] == expected
    with pytest.raises(SpecError) as refused:
        planned(document, replace(DEPLOYMENT, allowed_in_specs=("registry.example.com/*", "subnet-*", "sg-*")))
    assert [each.field for each in refused.value.problems] == ["algorithm.registry.credentials"]
    del document["resources"]["network"]
    assert told(document) == ["algorithm.registry: a registry of your own is reached through your network"]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ({"torchrun": {}}, {"sagemaker_torch_distributed_enabled": True, "sagemaker_instance_type": "ml.g5.12xlarge"}),
        ({"pytorch_ddp": {}}, {"sagemaker_pytorch_ddp_enabled": True, "sagemaker_instance_type": "ml.g5.12xlarge"}),
        ({"mpi": {"processes_per_host": 4, "options": "-x A=1"}},
         {"sagemaker_mpi_enabled": True, "sagemaker_mpi_num_of_processes_per_host": 4,
          "sagemaker_mpi_custom_mpi_options": "-x A=1"}),
    ],
)  # fmt: skip
def test_containers_are_told_how_training_is_distributed(way: dict[str, Any], expected: dict[str, Any]) -> None:
    values = request(script(distribution=way))["HyperParameters"]
    assert {name: json.loads(values[name]) for name in expected} == expected


def test_an_earlier_model_is_a_channel_and_part_of_the_trials_identity() -> None:
    document = script(start_from={"experiment": "earlier", "channel": "previous"})
    made = request(document)["InputDataConfig"][-1]
    assert made["ChannelName"] == "previous"
    assert made["ContentType"] == "application/x-sagemaker-model"
    one, other = (
        make_plan(
            parsed(document), DEPLOYMENT, Inputs(etags={"train": {}}, source_uri="s3://bkt/a.tar.gz", model_uri=uri)
        )
        for uri in ("s3://m/1.tar.gz", "s3://m/2.tar.gz")
    )
    assert one.trial_ids != other.trial_ids


GPU8 = {"instance_type": "ml.p4d.24xlarge", "instance_count": 2}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (script(algorithm={"version": "9.9"}), "algorithm.version: AWS has no such image of pytorch"),
        (script(algorithm={"entry_point": None}), "algorithm.entry_point: pytorch needs the script that trains"),
        (script(algorithm={"entry_point": "../train.py"}), "algorithm.entry_point: lies outside source"),
        (script(algorithm={"source": "../src"}), "algorithm.source: leaves the spec's folder"),
        (script(algorithm={"source": "s3://bkt/x.zip"}), "algorithm.source: is no address of an archive"),
        (script(algorithm={"image": "a/b:1"}), "algorithm: it is not clear what trains"),
        (script(algorithm={"metrics": {"loss": "loss"}}),
         "algorithm.metrics.loss: has no group, so the metric's value is not known"),
        (script(objective={"metric": "lost"}), "objective.metric: is not found in the log of the jobs"),
        (script(hyperparameters={"sagemaker_program": "x"}),
         "hyperparameters.sagemaker_program: SageMaker's containers take this for themselves"),
        (script(resources={"instance_type": "ml.trn1.2xlarge"}),
         "resources.instance_type: no image of pytorch 2.10 is known for this kind of machine"),
        (script(data={"train": {"uri": "s3://bkt/x", "compression": "gzip"}}),
         "data.train.compression: is for data that is streamed"),
        (script(data={"train": {"uri": "s3://bkt/x", "attributes": ["a"]}}),
         "data.train.attributes: an augmented manifest and the attributes to read belong together"),
        (script(data={"train": {"uri": "s3://b-1/a.manifest", "kind": "augmented_manifest", "attributes": ["a"]}}),
         "data.train.input_mode: an augmented manifest can only be streamed"),
        (script(data={"train": {"uri": "s3://b-1/a.manifest", "kind": "manifest", "input_mode": "FastFile"}}),
         "data.train.input_mode: what a manifest lists cannot be read so"),
        (script(data={"train": {"content_type": "text/csv"}}), "data.train: where the data is must be said once"),
        (script(data={"train": {"file_system": {"id": "fs-0123456789", "type": "EFS", "path": "/"}}}),
         "data.train.file_system: a file system is reached through its network only"),
        (script(resources={"keep_alive": "2h"}), "resources.keep_alive: is over SageMaker's limit"),
        (script(resources={"keep_alive": "1h", "spot": {"max_wait": "2d"}}),
         "resources.keep_alive: spot instances are not kept warm: their capacity goes back when a job ends"),
        (script(resources={"spot": {"max_wait": "1h"}}),
         "resources.spot.max_wait: waiting and training together cannot be shorter than training"),
        (script(resources={"max_pending": "1h"}), "resources.max_pending: is out of range"),
        (script(resources={"volume_key": "alias/a"}),
         "resources.volume_key: ml.g5.12xlarge has local NVMe storage, which SageMaker encrypts with keys of its own"),
        (script(distribution={"torchrun": {}, "mpi": {}}), "distribution: a training is distributed in one way"),
        (script(distribution={"parameter_server": {}}), "distribution.parameter_server: is not for what trains here"),
        (script(distribution={"data_parallel": {}}, resources=GPU8),
         "distribution.data_parallel: AWS's images of pytorch 2.10.0 do not have SageMaker's library"),
        (script(distribution={"data_parallel": {}}, algorithm={"version": "2.0.1"}),
         "distribution.data_parallel: SageMaker's data parallel library does not run on this type"),
        (script(distribution={"torchrun": {}}, resources={"instance_type": "ml.c5.xlarge"}),
         "distribution.torchrun: needs machines with GPUs"),
        (script(distribution={"torchrun": {}}, checkpoints={}, engine="debugger"),
         "engine: Debugger is switched off in a distributed training with checkpoints: nothing would be saved"),
        (script(distribution={"model_parallel": {"partitions": 2, "processes_per_host": 8}}, engine="debugger",
                algorithm={"version": "1.13.1"}, resources=GPU8),
         "engine: Debugger sees no tensors of a training with model_parallel"),
        (script(checkpoints={"uri": "s3://bkt/c"}, grid={"a": [1, 2]}),
         "checkpoints.uri: one checkpoint cannot be gone on from by several trials: each would write over the others'"),
        (script(start_from={}), "start_from: it is not clear which model is meant"),
        (script(start_from={"experiment": "parts"}), "start_from.experiment: is this experiment itself"),
        (script(start_from={"model": "s3://bkt/m.tar.gz", "channel": "train"}),
         "start_from.channel: there is a channel of this name"),
        (script(resources={"isolated": True}, collect={"losses": {}}),
         "resources.isolated: the hook sends its tensors to S3, which isolated containers do not reach"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_the_reason(document: dict[str, Any], expected: str) -> None:
    assert told(document) == [expected]


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        ("lda", {"resources": {"instance_type": "ml.g5.xlarge"}},
         "resources.instance_type: lda does not train on this kind of machine"),
        ("lda", {"resources": {"instance_type": "ml.c5.xlarge", "instance_count": 2}},
         "resources.instance_count: lda trains on one instance"),
        ("image-classification", {}, "data: image-classification needs the channel validation"),
        ("forecasting-deepar", {"data": {"train": {"uri": "s3://bkt/x", "content_type": "json", "input_mode": "Pipe"}}},
         "data.train.input_mode: forecasting-deepar does not read its data so"),
        ("pca", {"collect": {"losses": {}}}, "collect: pca saves no tensors"),
        ("pca", {"start_from": {"model": "s3://bkt/m.tar.gz"}}, "start_from: pca cannot go on from an earlier model"),
        ("pca", {"checkpoints": {}}, "checkpoints: pca writes no checkpoints that it could go on from"),
        ("pca", {"resources": {"max_runtime": "1h", "spot": {"max_wait": "2h"}, "instance_type": "ml.c5.xlarge"}},
         "resources.spot.max_wait: SageMaker lets pca wait no longer without checkpoints"),
        ("pc", {}, "algorithm.name: is no built-in algorithm of SageMaker"),
    ],
)  # fmt: skip
def test_built_in_algorithms_refuse_what_they_cannot(name: str, change: dict[str, Any], expected: str) -> None:
    document = script(**change)
    document["algorithm"] = {"name": name}
    if "data" not in change:
        document["data"]["train"]["content_type"] = (
            "image/png" if name == "image-classification" else "application/x-recordio-protobuf"
        )
    assert told(document) == [expected]


def test_versions_that_aws_no_longer_patches_are_told_with_what_replaces_them() -> None:
    (warning,) = parsed(script(algorithm={"version": "2.8"})).warnings
    assert warning.message == "AWS stopped patching this image on 2026-08-06"
    assert warning.advice == "2.10.0 replaces it"


def test_a_region_without_the_image_is_told_with_those_that_have_it() -> None:
    document = script(resources={"instance_type": "ml.c5.xlarge"})
    document["algorithm"] = {"name": "lda"}
    document["data"]["train"]["content_type"] = "text/csv"
    with pytest.raises(SpecError) as caught:
        planned(document, replace(DEPLOYMENT, region="eu-south-2"))
    assert "no image of lda is known for region 'eu-south-2'" in caught.value.problems[0].message


def test_an_expired_xgboost_is_named_with_what_replaces_it() -> None:
    algorithm = {"framework": "xgboost", "version": "1.7-1"}
    warnings = parsed(script(algorithm=algorithm, resources={"instance_type": "ml.m5.large"})).warnings
    assert [(each.field, each.message, each.advice) for each in warnings] == [
        ("algorithm.version", "its support ended 2025-03-06", "3.2-0 replaces it")
    ]
