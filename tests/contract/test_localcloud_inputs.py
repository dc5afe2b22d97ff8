"""How data reaches a training: copies in File and FastFile mode, named pipes in Pipe mode, a part on each host."""

import gzip
import json
import struct
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.localcloud_world import BUCKET, SCRIPT_IMAGE, World, channel, log_of, pack_source, unpacked

# What each host found: the content of each file, or of `--epochs` epochs of the pipe.
_READER = """
import json, os, pathlib, sys
epochs = int(sys.argv[sys.argv.index("--epochs") + 1])
place = pathlib.Path(os.environ["SM_CHANNEL_TRAIN"])
host = os.environ["SM_CURRENT_HOST"]
found = {p.relative_to(place).as_posix(): p.read_bytes().hex() for p in place.rglob("*") if p.is_file()}
for epoch in range(epochs):
    with open(f"{place}_{epoch}", "rb") as pipe:
        found[str(epoch)] = (pipe.read(3) if "--hasty" in sys.argv else pipe.read()).hex()
config = json.loads(pathlib.Path(os.environ["SM_INPUT_CONFIG_DIR"], "resourceconfig.json").read_text())
name = pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], f"{host}.json")
name.write_text(json.dumps({"found": found, "config": config, "hosts": json.loads(os.environ["SM_HOSTS"])}))
if "--fails" in sys.argv and host == sys.argv[sys.argv.index("--fails") + 1]:
    raise ValueError("this host is broken")
if "--fails" in sys.argv:
    import time
    time.sleep(600)
"""
PARTS = {f"part-{number}": f"{number},{number}\n".encode() for number in range(5)}


@pytest.fixture(scope="module")
def parts(world: World) -> str:
    for name, content in PARTS.items():
        world.client("s3").put_object(Bucket=BUCKET, Key=f"parts/{name}", Body=content)
        world.client("s3").put_object(Bucket=BUCKET, Key=f"zipped/{name}", Body=gzip.compress(content))
    return f"s3://{BUCKET}/parts/"


def create(world: World, given: dict[str, Any], epochs: int, hosts: int = 1, *flags: str, **changes: Any) -> str:
    name = world.name("reads")
    request = world.request(name, InputDataConfig=[given], **changes)
    request["AlgorithmSpecification"] |= {"TrainingImage": SCRIPT_IMAGE}
    request["ResourceConfig"] = changes.get("ResourceConfig") or {**request["ResourceConfig"], "InstanceCount": hosts}
    source = pack_source(world, "reader", **{"train.py": _READER})
    request["HyperParameters"] = {
        "sagemaker_program": "train.py", "sagemaker_submit_directory": source, "epochs": str(epochs),
        **dict(zip(flags[::2], flags[1::2], strict=True)),
    }  # fmt: skip
    world.client("sagemaker").create_training_job(**request)
    return name


def read(world: World, given: dict[str, Any], epochs: int, hosts: int = 1, *flags: str, **changes: Any) -> list[Any]:
    """What the hosts found, in their order."""
    name = create(world, given, epochs, hosts, *flags, **changes)
    job = world.ended(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    told = unpacked(world, f"s3://{BUCKET}/models/{name}/output/output.tar.gz")
    return [json.loads(told[f"algo-{number}.json"]) for number in range(1, len(told) + 1)]


def contents(told: dict[str, Any]) -> dict[str, bytes]:
    return {name: bytes.fromhex(found) for name, found in told["found"].items()}


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_files_are_there_whole(world: World, parts: str, mode: str) -> None:
    (told,) = read(world, channel("train", parts) | {"InputMode": mode}, 0)
    assert contents(told) == PARTS


def test_a_pipe_carries_the_channel_once_in_each_epoch(world: World, parts: str) -> None:
    (told,) = read(world, channel("train", parts) | {"InputMode": "Pipe"}, 3)
    assert contents(told) == dict.fromkeys("012", b"".join(PARTS.values()))


def test_a_pipe_need_not_be_read_to_its_end(world: World, parts: str) -> None:
    (told,) = read(world, channel("train", parts) | {"InputMode": "Pipe"}, 2, 1, "hasty", "yes")
    assert contents(told) == {"0": b"0,0", "1": b"0,0"}


def test_a_shuffled_pipe_has_another_order_in_each_epoch_and_the_same_for_the_same_seed(
    world: World, parts: str
) -> None:
    given = channel("train", parts) | {"InputMode": "Pipe", "ShuffleConfig": {"Seed": 3}}
    first, second = (contents(read(world, given, 2)[0]) for _ in range(2))
    assert first == second
    assert first["0"] != first["1"]
    assert all(sorted(epoch.splitlines(True)) == sorted(PARTS.values()) for epoch in first.values())


def test_compressed_objects_come_out_of_the_pipe_plain(world: World, parts: str) -> None:
    given = channel("train", parts.replace("parts", "zipped")) | {"InputMode": "Pipe", "CompressionType": "Gzip"}
    assert contents(read(world, given, 1)[0]) == {"0": b"".join(PARTS.values())}


def test_what_is_declared_compressed_and_is_not_fails_the_job(world: World, parts: str) -> None:
    given = channel("train", parts) | {"InputMode": "Pipe", "CompressionType": "Gzip"}
    job = world.ended(create(world, given, 1))
    assert job["TrainingJobStatus"] == "Failed"
    assert "CompressionType is Gzip, but" in job["FailureReason"]


def records(stream: bytes) -> list[bytes]:
    found = []
    while stream:
        magic, length = struct.unpack("<II", stream[:8])
        assert magic == 0xCED7230A
        found.append(stream[8 : 8 + length])
        stream = stream[8 + length + -length % 4 :]
    return found


def test_objects_are_wrapped_into_records(world: World, parts: str) -> None:
    given = channel("train", parts) | {"InputMode": "Pipe", "RecordWrapperType": "RecordIO"}
    assert records(contents(read(world, given, 1)[0])["0"]) == list(PARTS.values())


def test_an_augmented_manifest_gives_each_attribute_as_a_record(world: World, parts: str) -> None:
    lines = [{"source-ref": f"{parts}{name}", "label": number} for number, name in enumerate(PARTS)]
    text = "\n".join(map(json.dumps, lines))
    world.client("s3").put_object(Bucket=BUCKET, Key="lists/augmented.jsonl", Body=text.encode())
    given = channel(
        "train", f"s3://{BUCKET}/lists/augmented.jsonl",
        S3DataType="AugmentedManifestFile", AttributeNames=["source-ref", "label"],
    )  # fmt: skip
    (told,) = read(world, given | {"InputMode": "Pipe", "RecordWrapperType": "RecordIO"}, 1)
    wanted = [each for number, content in enumerate(PARTS.values()) for each in (content, str(number).encode())]
    assert records(contents(told)["0"]) == wanted


@pytest.mark.parametrize("mode", ["File", "Pipe"])
def test_a_sharded_channel_is_divided_among_the_hosts(world: World, parts: str, mode: str) -> None:
    given = channel("train", parts, S3DataDistributionType="ShardedByS3Key") | {"InputMode": mode}
    first, second = read(world, given, int(mode == "Pipe"), 2)
    pieces = [b"".join(contents(told).values()).splitlines(True) for told in (first, second)]
    assert [len(piece) for piece in pieces] == [3, 2]
    assert sorted(pieces[0] + pieces[1]) == sorted(PARTS.values())


def test_every_host_has_its_own_resource_configuration(world: World, parts: str) -> None:
    told = read(world, channel("train", parts), 0, 3)
    hosts = ["algo-1", "algo-2", "algo-3"]
    assert [each["config"]["current_host"] for each in told] == hosts
    assert all(each["hosts"] == each["config"]["hosts"] == hosts for each in told)
    assert all(contents(each) == PARTS for each in told)


def test_instance_groups_share_one_cluster_and_a_channel_reaches_its_group_alone(world: World, parts: str) -> None:
    groups = [
        {"InstanceGroupName": "data", "InstanceType": "ml.m5.large", "InstanceCount": 1},
        {"InstanceGroupName": "dnn", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
    ]
    given = channel("train", parts, InstanceGroupNames=["dnn"])
    name = create(world, given, 0, ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 5})
    job = world.ended(name)
    assert job["TrainingJobStatus"] == "Failed"
    # The script asks for the channel on both hosts.
    assert "[algo-1]" in job["FailureReason"]
    assert "SM_CHANNEL_TRAIN" in job["FailureReason"]


def test_the_failure_of_one_host_is_the_failure_of_the_job(world: World, parts: str) -> None:
    job = world.ended(create(world, channel("train", parts), 0, 2, "fails", "algo-2"))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: [algo-2] ExecuteUserScriptError:")
    assert "this host is broken" in job["FailureReason"]
    name = job["TrainingJobName"]
    assert any("this host is broken" in line for line in log_of(world, name, "algo-2"))
    assert not any("this host is broken" in line for line in log_of(world, name, "algo-1"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CompressionType": "Gzip"}, "CompressionType is for Pipe mode only; the input mode is File"),
        ({"RecordWrapperType": "RecordIO"}, "RecordWrapperType is for Pipe mode only"),
    ],
)
def test_what_only_pipes_can_do_is_refused_elsewhere(world: World, parts: str, changes: Any, said: str) -> None:
    with pytest.raises(ClientError, match=said):
        create(world, channel("train", parts) | changes, 0)


def test_fast_file_mode_reads_prefixes_alone(world: World, parts: str) -> None:
    listed = channel("train", parts) | {"InputMode": "FastFile"}
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    with pytest.raises(ClientError, match="FastFile mode reads S3Prefix alone, not ManifestFile"):
        create(world, listed, 0)


@pytest.mark.parametrize(
    ("hyperparameters", "said"),
    [
        ({"sagemaker_mpi_enabled": "true"}, "with MPI; torchrun"),
        ({"sagemaker_distributed_dataparallel_enabled": "true"}, "data parallel library"),
        ({"mp_parameters": "{}"}, "model parallel library"),
    ],
)
def test_libraries_of_sagemakers_own_are_refused(world: World, hyperparameters: dict[str, str], said: str) -> None:
    with pytest.raises(ClientError, match=said):
        world.train(HyperParameters=hyperparameters)


def test_commands_for_containers_are_refused(world: World) -> None:
    request = world.request(world.name())
    request["AlgorithmSpecification"]["ContainerEntrypoint"] = ["/bin/train"]
    with pytest.raises(ClientError, match="ContainerEntrypoint cannot be obeyed"):
        world.client("sagemaker").create_training_job(**request)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"prefix": "s3://%b/parts/"}, "part-0",]', "it is not JSON"),
        (b"[]", "it is no JSON array with a prefix"),
        (b'["part-0"]', "its first element is not"),
        (b'[{"prefix": "s3://%b/parts/"}]', "after its prefix it lists no objects"),
        (b'[{"prefix": "s3://%b/parts/"}, "part-0", 5]', "it lists what is no name of an object"),
        (b'[{"prefix": "s3://%b/parts/"}, "gone"]', "parts/gone, which is not there"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_its_writers_fault(
    world: World, parts: str, content: bytes, told: str
) -> None:
    assert parts
    world.client("s3").put_object(
        Bucket=BUCKET, Key="manifests/bad.manifest", Body=content.replace(b"%b", BUCKET.encode())
    )
    given = channel("train", f"s3://{BUCKET}/manifests/bad.manifest")
    given["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    job = world.ended(create(world, given, 0))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: Data download failed:the manifest s3://")
    assert told in job["FailureReason"]


def test_keys_may_hold_what_means_something_in_addresses(world: World) -> None:
    names = ["a#b.csv", "c?d=1.csv", "50%.csv", "my rows/é.csv", "e;f.csv"]
    for name in names:
        world.client("s3").put_object(Bucket=BUCKET, Key=f"my odd#names/{name}", Body=name.encode())
    (found,) = read(world, channel("train", f"s3://{BUCKET}/my odd#names/"), 0)
    assert {name: bytes.fromhex(content).decode() for name, content in found["found"].items()} == {
        name: name for name in names
    }
    manifest = json.dumps([{"prefix": f"s3://{BUCKET}/my odd#names/"}, *names])
    world.client("s3").put_object(Bucket=BUCKET, Key="manifests/odd #1.manifest", Body=manifest.encode())
    listed = channel("train", f"s3://{BUCKET}/manifests/odd #1.manifest")
    listed["DataSource"]["S3DataSource"]["S3DataType"] = "ManifestFile"
    (found,) = read(world, listed, 0)
    assert set(found["found"]) == set(names)
