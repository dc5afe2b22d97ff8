"""Script mode as sagemaker-containers does it, for images that run as plain processes.

Reads the configuration under ``$SAGEMAKER_BASE_DIR`` (a container's ``/opt/ml``), fetches and unpacks
``sagemaker_submit_directory``, sets the ``SM_*`` variables and becomes ``python -m <program> --name value ...`` with
the hyperparameters in alphabetical order (a program ``*.sh`` is run by the shell, a distributed one by ``torchrun``).
Without a program it becomes the script given with ``--algorithm``, the image's built-in algorithm. ``--framework``
names the package whose version it prints first. Imports the standard library alone and nothing of the local cloud,
because it runs under the image's own interpreter.
Contract: https://github.com/aws/sagemaker-training-toolkit (ENVIRONMENT_VARIABLES.md).
"""

import argparse
import hashlib
import hmac
import importlib.metadata
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import ParseResult, quote, urlparse

FRAMEWORK_PREFIX = ("sagemaker_", "_tuning_objective_metric")  # what scripts are not told
# The distributions that torchrun stands for, by the middle of their hyperparameter's name.
TORCHRUN = ("torch_distributed", "pytorch_ddp")


class UserCodeError(Exception):
    """The job asks for code that cannot be run; the message becomes the job's failure reason."""


def decode(hyperparameters: Mapping[str, str]) -> dict[str, Any]:
    """A hyperparameter's value: hyperparameters are JSON-encoded strings; one that is not JSON is the string itself."""
    return {name: _decoded(value) for name, value in hyperparameters.items()}


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def arguments(hyperparameters: Mapping[str, Any]) -> list[str]:
    """The arguments ``--name value`` in alphabetical order (``-n`` for one letter), without the ``sagemaker_`` ones."""
    words: list[str] = []
    for name in sorted(hyperparameters):
        if not name.startswith(FRAMEWORK_PREFIX):
            words += [f"-{name}" if len(name) == 1 else f"--{name}", _text(hyperparameters[name])]
    return words


def environment(base: Path, hyperparameters: Mapping[str, Any], code: Path, module: str) -> dict[str, str]:
    """The ``SM_*`` variables of a training container."""
    config = base / "input" / "config"
    resources = json.loads((config / "resourceconfig.json").read_text())
    inputs = json.loads((config / "inputdataconfig.json").read_text())
    own = {name: value for name, value in hyperparameters.items() if not name.startswith(FRAMEWORK_PREFIX)}
    channels = {name: str(base / "input" / "data" / name) for name in sorted(inputs)}
    groups = {group["instance_group_name"]: group for group in resources["instance_groups"]}
    current, first = resources["current_host"], resources["hosts"][0]
    training_env = {
        "hosts": resources["hosts"],
        "current_host": current,
        "current_instance_type": resources["current_instance_type"],
        "current_instance_group": resources["current_group_name"],
        "current_instance_group_hosts": groups[resources["current_group_name"]]["hosts"],
        "instance_groups": list(groups),
        "instance_groups_dict": groups,
        "is_hetero": len(groups) > 1,
        "is_master": current == first,
        "master_hostname": first,
        "network_interface_name": resources["network_interface_name"],
        "resource_config": resources,
        "input_data_config": inputs,
        "input_dir": str(base / "input"),
        "input_config_dir": str(config),
        "output_dir": str(base / "output"),
        "output_data_dir": str(base / "output" / "data"),
        "output_intermediate_dir": str(base / "output" / "intermediate"),
        "model_dir": str(base / "model"),
        "module_dir": str(code),
        "module_name": module,
        "user_entry_point": hyperparameters.get("sagemaker_program", f"{module}.py"),
        "num_cpus": os.cpu_count() or 1,
        "num_gpus": 0,
        "num_neurons": 0,
        "log_level": int(hyperparameters.get("sagemaker_container_log_level", 20)),
        "job_name": hyperparameters.get("sagemaker_job_name", os.environ.get("TRAINING_JOB_NAME", "")),
    }
    variables = dict(training_env, hps=own, channels=list(channels), user_args=arguments(own))
    variables["framework_params"] = {k: v for k, v in hyperparameters.items() if k.startswith(FRAMEWORK_PREFIX)}
    variables["training_env"] = dict(training_env, hyperparameters=own, channel_input_dirs=channels)
    variables |= {f"channel_{name}": path for name, path in channels.items()}
    variables |= {f"hp_{name}": value for name, value in own.items()}
    return {f"SM_{name.upper()}": _text(value) for name, value in variables.items()}


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def program_command(program: str, module: str, hyperparameters: Mapping[str, Any]) -> list[str]:
    """The command that starts the user's program: by the shell, by torchrun on every host, or as a module."""
    words = arguments(hyperparameters)
    if program.endswith(".sh"):
        return ["/bin/sh", "-c", shlex.join([f"./{program}", *words])]
    if any(hyperparameters.get(f"sagemaker_{name}_enabled") is True for name in TORCHRUN):
        return [*_torchrun(), program, *words]
    return [sys.executable, "-u", "-m", module, *words]


def _torchrun() -> list[str]:
    """The torchrun command, with one process on each host: these hosts have no GPUs."""
    resources = json.loads((_base() / "input" / "config" / "resourceconfig.json").read_text())
    hosts = resources["hosts"]
    return [
        sys.executable, "-u", "-m", "torch.distributed.run",
        f"--nnodes={len(hosts)}", f"--node_rank={hosts.index(resources['current_host'])}", "--nproc_per_node=1",
        f"--master_addr={os.environ.get('MASTER_ADDR', '127.0.0.1')}",
        f"--master_port={os.environ.get('MASTER_PORT', '7777')}",
    ]  # fmt: skip


def fetch_code(source: str, code: Path) -> None:
    """Bring the submitted source (an S3 or local archive, or a folder) into ``code``."""
    code.mkdir(parents=True, exist_ok=True)
    if source.startswith("s3://"):
        archive = code.parent / "sourcedir.tar.gz"
        bucket, _, key = source.removeprefix("s3://").partition("/")
        _download(bucket, key, archive)
    else:
        archive = Path(urlparse(source).path)
    if archive.is_dir():
        code.rmdir()
        code.symlink_to(archive, target_is_directory=True)
        return
    if not tarfile.is_tarfile(archive):
        raise UserCodeError(f"sagemaker_submit_directory {source} is not a tar archive")
    try:
        with tarfile.open(archive) as bundle:
            unpack(bundle, code)
    except tarfile.TarError as error:
        raise UserCodeError(f"sagemaker_submit_directory {source} cannot be unpacked: {error}") from error


def unpack(bundle: tarfile.TarFile, folder: Path) -> None:
    """Extract the archive into ``folder`` and nowhere else. Raises tarfile.TarError for a member that would leave it.

    Python has a filter for this since 3.11.4; before, each member is looked at here when its turn comes.
    """
    if hasattr(tarfile, "data_filter"):
        bundle.extractall(folder, filter="data")
    else:
        unpack_by_member(bundle, folder)


def unpack_by_member(bundle: tarfile.TarFile, folder: Path) -> None:
    """Unpack as ``unpack`` does, where Python has no filter, following the documentation of ``data_filter``."""
    root = folder.resolve()
    for member in bundle:
        place = (root / member.name.lstrip("/")).resolve()
        leads = _link_target(member, place, root)
        if not place.is_relative_to(root) or not leads.is_relative_to(root):
            raise tarfile.ExtractError(f"{member.name!r} would lie outside of the archive's folder")
        if not (member.isfile() or member.isdir() or member.islnk() or member.issym()):
            raise tarfile.ExtractError(f"{member.name!r} is neither a file nor a folder nor a link")
        member.name = member.name.lstrip("/")
        member.mode &= 0o755  # nothing that others may write, nothing that runs as somebody else
        member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
        bundle.extract(member, root)


def _link_target(member: tarfile.TarInfo, place: Path, root: Path) -> Path:
    """Where a link leads; for any other member its own place. A hard link names a member from the archive's root."""
    if member.issym():
        return (place.parent / member.linkname).resolve()
    return (root / member.linkname).resolve() if member.islnk() else place


def _download(bucket: str, key: str, target: Path) -> None:
    region = os.environ.get("AWS_REGION", "us-east-1")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    url = f"{endpoint or f'https://s3.{region}.amazonaws.com'}/{bucket}/{quote(key)}"
    request = urllib.request.Request(url, headers=_signed_headers(urlparse(url), region))  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as response, target.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(response, file)
    except OSError as error:
        raise UserCodeError(f"sagemaker_submit_directory s3://{bucket}/{key}: {error}") from error


def _signed_headers(url: ParseResult, region: str) -> dict[str, str]:
    """The headers of a GET with Signature Version 4: importing boto3 for one file would cost every job half a second.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": url.netloc, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now}
    if token := os.environ.get("AWS_SESSION_TOKEN"):
        headers["x-amz-security-token"] = token
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"GET\n{url.path}\n\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    return headers


def _install_requirements(code: Path, target: Path) -> None:
    requirements = code / "requirements.txt"
    if not requirements.exists() or not requirements.read_text().strip():
        return
    if importlib.util.find_spec("pip") is None:
        raise UserCodeError(
            f"requirements.txt: {sys.prefix} has no pip; the local cloud trains with what that environment holds"
        )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target), "-r", str(requirements)]
    # Paths in it start at the folder of the code.
    if subprocess.run(command, cwd=code, check=False).returncode:
        raise UserCodeError(f"pip could not install {requirements.name}")


def _base() -> Path:
    return Path(os.environ["SAGEMAKER_BASE_DIR"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--algorithm", type=Path)
    parser.add_argument("--framework")
    options = parser.parse_args()
    base = _base()
    hyperparameters = decode(json.loads((base / "input" / "config" / "hyperparameters.json").read_text()))
    if options.framework:
        version = importlib.metadata.version(options.framework)
        sys.stdout.write(f"local cloud: {options.framework} {version}, whatever the image's version\n")
        sys.stdout.flush()
    if options.algorithm and "sagemaker_program" not in hyperparameters:
        _become_algorithm(options.algorithm.resolve())
    _become_program(base, hyperparameters)


def _become_algorithm(script: Path) -> None:
    """Become the algorithm's script, which finds its hyperparameters in the container's files and its packages beside
    its folder.
    """
    os.chdir(script.parent)
    variables = {**os.environ, "PYTHONPATH": str(script.parent.parent)}
    os.execve(sys.executable, [sys.executable, "-u", str(script)], variables)  # noqa: S606  (no shell is wanted)


def _become_program(base: Path, hyperparameters: Mapping[str, Any]) -> None:
    program = hyperparameters.get("sagemaker_program")
    source = hyperparameters.get("sagemaker_submit_directory")
    if not program or not source:
        raise UserCodeError(
            "this image runs scripts here: the hyperparameters sagemaker_program and sagemaker_submit_directory are "
            "needed"
        )
    code, packages = base / "code", base / "packages"
    fetch_code(source, code)
    module = re.sub(r"\.py$", "", program).replace("/", ".")
    if not (code / program).is_file():
        raise UserCodeError(f"{program} is not in {source}")
    if program.endswith(".sh"):
        (code / program).chmod(0o755)
    _install_requirements(code, packages)
    # A hook that came with the job lets SageMaker's toolkits put it first (gridwatch_hook.watch.toolkit).
    brought = str(getattr(sys.modules.get("gridwatch_hook_active"), "folder", ""))
    paths = [brought, str(code), str(packages), os.environ.get("PYTHONPATH", "")]
    variables = environment(base, hyperparameters, code, module)
    variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.chdir(code)
    # The script replaces this process, so that a stop's SIGTERM reaches it as a container's first process.
    command = program_command(program, module, hyperparameters)
    os.execve(command[0], command, {**os.environ, **variables})  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    try:
        main()
    except UserCodeError as problem:
        (_base() / "output" / "failure").write_text(f"ClientError: {problem}")
        sys.exit(f"ClientError: {problem}")
