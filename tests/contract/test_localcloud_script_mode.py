"""Script mode: what a user's script finds when it runs in place of a SageMaker container."""

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gridwatch.localcloud.images import script_mode
from gridwatch.localcloud.sagemaker.layout import Layout, hosts_of, lay_out
from tests.contract.localcloud_world import BUCKET, SCRIPT_IMAGE, World, channel

_SCRIPT = """
import json, os, pathlib, sys
from helper import weights
pathlib.Path(os.environ["SM_MODEL_DIR"], "model.json").write_text(weights())
pathlib.Path(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json").write_text(json.dumps(
    {"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}))
print("train-error:0.25")
if "--fail" in sys.argv:
    raise ValueError("no such column")
"""


def _source(world: World, name: str, **files: str) -> str:
    """A submitted source archive in S3."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as bundle:
        for path, text in {"train.py": _SCRIPT, "helper.py": "def weights(): return '[1]'", **files}.items():
            member = tarfile.TarInfo(path)
            member.size = len(text)
            bundle.addfile(member, io.BytesIO(text.encode()))
    world.client("s3").put_object(Bucket=BUCKET, Key=f"code/{name}.tar.gz", Body=buffer.getvalue())
    return f"s3://{BUCKET}/code/{name}.tar.gz"


def _train(world: World, **hyperparameters: Any) -> dict[str, Any]:
    """Run the script with JSON-encoded hyperparameters, as SDKs send them, until the job ends."""
    request = world.request(world.name("script"), InputDataConfig=[channel("train", f"s3://{BUCKET}/train/")])
    request["AlgorithmSpecification"]["TrainingImage"] = SCRIPT_IMAGE
    request["HyperParameters"] = {name: json.dumps(value) for name, value in hyperparameters.items()}
    world.client("sagemaker").create_training_job(**request)
    return world.ended(request["TrainingJobName"])


def _seen(world: World, job: dict[str, Any]) -> dict[str, Any]:
    key = f"models/{job['TrainingJobName']}/output/output.tar.gz"
    body = world.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as bundle:
        file = bundle.extractfile("seen.json")
        assert file is not None
        seen: dict[str, Any] = json.load(file)
        return seen


def test_a_script_gets_its_hyperparameters_and_folders(world: World) -> None:
    source = _source(world, "plain")
    job = _train(
        world,
        sagemaker_program="train.py",
        sagemaker_submit_directory=source,
        eta=0.2,
        objective="binary:logistic",
        a=[1],
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    seen = _seen(world, job)
    assert seen["arguments"] == ["-a", "[1]", "--eta", "0.2", "--objective", "binary:logistic"]
    variables = seen["environment"]
    assert variables["SM_HP_ETA"] == "0.2"
    assert json.loads(variables["SM_HPS"]) == {"eta": 0.2, "objective": "binary:logistic", "a": [1]}
    assert json.loads(variables["SM_CHANNELS"]) == ["train"]
    assert Path(variables["SM_CHANNEL_TRAIN"]).parts[-3:] == ("input", "data", "train")
    assert json.loads(variables["SM_HOSTS"]) == ["algo-1"]
    assert variables["SM_CURRENT_HOST"] == "algo-1"
    assert json.loads(variables["SM_INPUT_DATA_CONFIG"])["train"]["ContentType"] == "text/csv"
    assert json.loads(variables["SM_TRAINING_ENV"])["job_name"] == job["TrainingJobName"]
    assert variables["SM_MODULE_NAME"] == "train"
    assert not Path(seen["folder"]).exists(), "the job's folder stays behind"


def test_a_script_that_raises_fails_the_job_with_its_last_words(world: World) -> None:
    job = _train(world, sagemaker_program="train.py", sagemaker_submit_directory=_source(world, "f"), fail=True)
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError: ExecuteUserScriptError:")
    assert "ValueError: no such column" in job["FailureReason"]
    assert job["FailureReason"].endswith("exit code: 1")


def test_a_shell_script_is_run_by_the_shell_with_the_images_python(world: World) -> None:
    text = 'python -c "import sys; print(sys.prefix)"; echo "train-error:0.5"; python train.py --shell yes "$@"\n'
    source = _source(world, "shell", **{"run.sh": text})
    job = _train(world, sagemaker_program="run.sh", sagemaker_submit_directory=source, eta=0.2)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    seen = _seen(world, job)
    assert seen["arguments"] == ["--shell", "yes", "--eta", "0.2"]
    assert seen["environment"]["SM_USER_ENTRY_POINT"] == "run.sh"


@pytest.mark.parametrize("distribution", ["torch_distributed", "pytorch_ddp"])
def test_torchrun_starts_one_process_on_each_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distribution: str
) -> None:
    request = {
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 3},
    }
    second = hosts_of(request["ResourceConfig"])[1]
    lay_out(request, tmp_path, second)
    for name, value in (("SAGEMAKER_BASE_DIR", tmp_path), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", 4242)):
        monkeypatch.setenv(name, str(value))
    given = script_mode.decode({f"sagemaker_{distribution}_enabled": "true", "epochs": "3"})
    command = script_mode.program_command("src/train.py", "src.train", given)
    assert command[3:] == [
        "torch.distributed.run", "--nnodes=3", "--node_rank=1", "--nproc_per_node=1", "--master_addr=127.0.0.1",
        "--master_port=4242", "src/train.py", "--epochs", "3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sagemaker_submit_directory": f"s3://{BUCKET}/code/missing.tar.gz"}, "code/missing.tar.gz"),
        ({"sagemaker_program": "other.py"}, "other.py is not in"),
    ],
)
def test_code_that_is_not_there_is_the_users_error(world: World, changes: dict[str, str], said: str) -> None:
    given = {"sagemaker_program": "train.py", "sagemaker_submit_directory": _source(world, "g"), **changes}
    job = _train(world, **given)
    assert job["TrainingJobStatus"] == "Failed"
    assert "ClientError: " in job["FailureReason"]
    assert said in job["FailureReason"]


def test_the_download_is_signed_as_aws_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "AK"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token"),
    ):
        monkeypatch.setenv(name, value)
    url = "https://s3.eu-west-1.amazonaws.com/bucket/code/a%20b.tar.gz"
    headers = script_mode._signed_headers(urlparse(url), "eu-west-1")
    signature = headers.pop("authorization").rsplit("Signature=", 1)[1]
    request = AWSRequest("GET", url, headers=dict(headers))
    request.context["timestamp"] = headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials("AK", "secret", "token"), "s3", "eu-west-1")
    text = signer.string_to_sign(request, signer.canonical_request(request))
    assert signature == signer.signature(text, request)


def test_the_layout_stands_alone(tmp_path: Path) -> None:
    request = {
        "TrainingJobName": "alone",
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "HyperParameters": {"eta": "0.2"},
        "InputDataConfig": [
            channel("train", "s3://b/train"),
            channel("validation", "s3://b/v") | {"InputMode": "FastFile"},
        ],
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "DebugHookConfig": {"S3OutputPath": "s3://b/t", "CollectionConfigurations": [{"CollectionName": "metrics"}]},
        "CheckpointConfig": {"S3Uri": "s3://b/c"},
    }
    layout = lay_out(request, tmp_path)
    read = {path.stem: json.loads(path.read_text()) for path in layout.config.iterdir()}
    assert read["hyperparameters"] == {"eta": "0.2"}
    assert {name: item["TrainingInputMode"] for name, item in read["inputdataconfig"].items()} == {
        "train": "File", "validation": "FastFile",
    }  # fmt: skip
    assert read["resourceconfig"]["hosts"] == ["algo-1"]
    assert read["debughookconfig"]["CollectionConfigurations"] == [{"CollectionName": "metrics"}]
    assert read["debughookconfig"]["LocalPath"] == str(tmp_path / "output" / "tensors")
    assert read["checkpointconfig"] == {"S3Uri": "s3://b/c", "LocalPath": str(tmp_path / "checkpoints")}
    assert [path.name for path in layout.channels] == ["train", "validation"]


def test_every_path_below_opt_ml_is_moved_of_a_variable_that_has_several(tmp_path: Path) -> None:
    moved = Layout(tmp_path).moved({
        "PYTHONPATH": "/opt/ml/input/data/gridwatch/gridwatch.zip:/opt/ml/code/lib:/usr/lib/x:/opt/mlx",
        "PLACE": "/opt/ml/output:/opt/ml/code", "URI": "s3://b/opt/ml/x",
    })  # fmt: skip
    own = f"{tmp_path}/input/data/gridwatch/gridwatch.zip:{tmp_path}/code/lib:/usr/lib/x:/opt/mlx"
    assert moved["PYTHONPATH"] == own
    assert moved["PLACE"] == f"{tmp_path}/output:/opt/ml/code"
    assert moved["URI"] == "s3://b/opt/ml/x"


def test_the_runner_needs_the_standard_library_alone() -> None:
    import ast

    tree = ast.parse(Path(script_mode.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def _bundle(*members: tuple[tarfile.TarInfo, bytes]) -> tarfile.TarFile:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as bundle:
        for member, content in members:
            member.size = len(content)
            bundle.addfile(member, io.BytesIO(content))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer)


def _member(name: str, *, kind: bytes = tarfile.REGTYPE, leads: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, leads, mode
    return member


# Python 3.11.0 to 3.11.3 have no filter for archives.
both_ways = pytest.mark.parametrize("unpack", [script_mode.unpack, script_mode.unpack_by_member])


@both_ways
def test_an_archive_is_unpacked_with_its_links_and_without_others_rights(tmp_path: Path, unpack: Any) -> None:
    with _bundle(
        (_member("src", kind=tarfile.DIRTYPE, mode=0o755), b""),
        (_member("src/train.py", mode=0o4777), b"pass"),
        (_member("/absolute.py"), b"one"),
        (_member("main.py", kind=tarfile.SYMTYPE, leads="src/train.py"), b""),
        (_member("same.py", kind=tarfile.LNKTYPE, leads="src/train.py"), b""),
    ) as bundle:
        unpack(bundle, tmp_path)
    found = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert found == {"src/train.py": "pass", "absolute.py": "one", "main.py": "pass", "same.py": "pass"}
    assert (tmp_path / "src/train.py").stat().st_mode & 0o7022 == 0


@both_ways
@pytest.mark.parametrize(
    "members",
    [
        [_member("../out.py")],
        [_member("src/../../out.py")],
        [_member("link", kind=tarfile.SYMTYPE, leads="/")],
        [_member("link", kind=tarfile.SYMTYPE, leads="..")],
        [_member("src/link", kind=tarfile.SYMTYPE, leads="../../out")],
        [_member("link", kind=tarfile.LNKTYPE, leads="../out.py")],
        [_member("here", kind=tarfile.SYMTYPE, leads="."), _member("up", kind=tarfile.SYMTYPE, leads="here/..")],
        [_member("device", kind=tarfile.CHRTYPE)],
    ],
)
def test_no_member_of_an_archive_leaves_its_folder(tmp_path: Path, unpack: Any, members: list[tarfile.TarInfo]) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with _bundle(*((member, b"") for member in members)) as bundle, pytest.raises(tarfile.TarError):
        unpack(bundle, inner)
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]
