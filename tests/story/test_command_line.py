"""The command as a person runs it: a process of its own, ended with Ctrl-C, which leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

COMMAND = [sys.executable, "-m", "gridwatch.cli.main"]

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")


class Shell:
    """Runs commands, and looks after the processes that they start."""

    def __init__(self, folder: Path) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self._environment = {**kept, "GRIDWATCH_FILES": str(folder), "PYTHONUNBUFFERED": "1"}
        self.output = folder / "output.txt"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            # A shell's background job, as CI may be, ignores SIGINT and hands that on to what it starts.
            former = signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                return subprocess.Popen(
                    [*COMMAND, *arguments], stdout=output, stderr=subprocess.STDOUT, env=self._environment
                )
            finally:
                signal.signal(signal.SIGINT, former)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**self._environment, **variables}
        return subprocess.run(
            [*COMMAND, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    def wait_for(self, pattern: str, process: subprocess.Popen[bytes], seconds: float = 90) -> str:
        deadline = time.monotonic() + seconds
        while not re.search(pattern, said := self.output.read_text(), re.MULTILINE):
            assert process.poll() is None, said
            assert time.monotonic() < deadline, f"no {pattern!r} in:\n{said}"
            time.sleep(0.1)
        return said


def family(process: subprocess.Popen[bytes]) -> set[Path]:
    """The process and all that descend from it, as folders of /proc."""
    parents = {folder: parent for folder in Path("/proc").glob("[0-9]*") if (parent := _parent(folder)) is not None}
    found = {Path("/proc") / str(process.pid)}
    while more := {folder for folder, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _parent(folder: Path) -> Path | None:
    """None for what has ended; a zombie, which only waits to be read, has ended too."""
    try:
        state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state == "Z" else Path("/proc") / parent


def left_of(members: set[Path]) -> list[str]:
    """The command lines of those that still run some seconds later."""
    deadline = time.monotonic() + 5
    while (left := [folder for folder in members if _parent(folder)]) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [(folder / "cmdline").read_text().replace("\0", " ") for folder in left]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_local_up_is_found_by_other_commands_and_leaves_nothing_behind(shell: Shell) -> None:
    up = shell.start("local", "up", "--port", "0")
    said = shell.wait_for("^ready", up)
    endpoint = re.findall(r"^export AWS_ENDPOINT_URL=(\S+)$", said, re.MULTILINE)[0]

    found = shell.run("experiments", "--json")
    assert json.loads(found.stdout) == []
    assert endpoint in found.stderr, "which cloud is used is said"
    unknown = shell.run("status", "nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "there is no experiment 'nothing'" in unknown.stderr
    members = family(up)
    assert len(members) >= 3, "the command, the cloud and its guard at least"
    _its_mailbox_has_what_was_told(shell, endpoint)

    up.send_signal(signal.SIGINT)
    assert up.wait(20) == 130
    assert left_of(members) == []
    _nothing_goes_to_aws(shell)


def _its_mailbox_has_what_was_told(shell: Shell, endpoint: str) -> None:
    keys = {"aws_access_key_id": "0" * 12, "aws_secret_access_key": "local", "region_name": "us-east-1"}
    bucket = f"gridwatch-experiments-{'0' * 12}-us-east-1"
    boto3.client("s3", endpoint_url=endpoint, **keys).put_object(Bucket=bucket, Key="experiments/x.yaml", Body=b"a: [")
    deadline = time.monotonic() + 30
    while not (mails := json.loads(shell.run("alerts", "--json").stdout)):
        assert time.monotonic() < deadline, "no mail about a spec that cannot be read"
    assert "x.yaml" in mails[0]["text"]
    assert "x.yaml" in shell.run("alerts").stdout, "reading takes nothing out"


def test_when_the_cloud_is_killed_other_shells_do_not_turn_to_aws(shell: Shell) -> None:
    up = shell.start("local", "up", "--port", "0")
    shell.wait_for("^ready", up)
    (cloud,) = [each for each in family(up) if "-m\0gridwatch.localcloud" in (each / "cmdline").read_text()]
    os.kill(int(cloud.name), signal.SIGKILL)
    assert up.wait(20) == 1
    up = shell.start("local", "up", "--port", "0")
    shell.wait_for("^ready", up)
    os.kill(up.pid, signal.SIGKILL)
    up.wait(20)
    _nothing_goes_to_aws(shell)


def _nothing_goes_to_aws(shell: Shell) -> None:
    """Whatever credentials a shell has, what was asked of the local cloud is not asked of an account."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "AKIAPRODUCTION", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "eu-west-1"}
        for command in (["teardown", "blobs", "--artifacts", "--yes"], ["experiments"], ["stop", "blobs"]):
            asked = shell.run(*command, HTTPS_PROXY=address, HTTP_PROXY=address, **keys)
            assert asked.returncode == 1
            assert "has ended; nothing was sent to AWS" in asked.stderr
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_while_jobs_train_leaves_nothing_behind(
    shell: Shell, number: signal.Signals
) -> None:
    demo = shell.start("demo")
    shell.wait_for(r"^  blobs \d +training", demo)
    members = family(demo)
    assert len(members) >= 5, "the command, the cloud, its guard, functions and a job"

    demo.send_signal(number)
    assert demo.wait(20) == 130
    assert left_of(members) == []
