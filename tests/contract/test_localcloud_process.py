"""The local cloud as a process: it starts quickly, binds loopback only, and leaves nothing behind however it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridwatch.localcloud import LocalCloud, LocalCloudError
from tests.contract.localcloud_world import World, wait_for, write_images

ROOT = Path(__file__).parents[2]


def _alive(pid: int) -> bool:
    """A zombie has ended; only its parent has not looked yet."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def _cloud_with_children(tmp_path: Path) -> tuple[LocalCloud, list[int]]:
    """A cloud with a running job that has a child of its own, and the pids of all of them."""
    cloud = LocalCloud.start(images=write_images(tmp_path), state_dir=tmp_path / "state")
    world = World(cloud)
    world.prepare()
    name = world.train(HyperParameters={"rounds": "1", "child": "yes"})

    def pids() -> list[int] | None:
        group = {"logGroupName": "/aws/sagemaker/TrainingJobs"}
        events = (
            world.client("logs").filter_log_events(**group)["events"]
            if world.describe(name)["SecondaryStatus"] == "Training"
            else []
        )
        said = [m for event in events if (m := re.fullmatch(r"child (\d+) parent (\d+)", event["message"]))]
        return [int(number) for match in said for number in match.groups()] or None

    found = [cloud.pid, *wait_for(pids)]
    assert all(_alive(pid) for pid in found)
    return cloud, found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_cloud(tmp_path: Path, number: int) -> None:
    cloud, pids = _cloud_with_children(tmp_path)
    os.kill(cloud.pid, number)
    try:
        wait_for(lambda: True if not any(_alive(pid) for pid in pids) else None, timeout=10)
        scratch = tmp_path / "state"
        wait_for(lambda: True if not list(scratch.glob("localcloud-*")) else None, timeout=5)
    finally:
        cloud.stop()


def test_the_cloud_ends_with_its_parent() -> None:
    parent = (
        "import os, signal, sys; from gridwatch.localcloud import LocalCloud; cloud = LocalCloud.start();"
        "print(cloud.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, "-c", parent], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL
    pid = int(ended.stdout)
    wait_for(lambda: True if not _alive(pid) else None, timeout=10)


def test_a_port_that_is_taken_is_said_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port, begun = somebody.getsockname()[1], time.monotonic()
        with pytest.raises(LocalCloudError) as refusal:
            LocalCloud.start(port=port)
    assert str(refusal.value) == f"the local cloud did not start: port {port} is taken; --port 0 takes a free one"
    assert time.monotonic() - begun < 30


def test_only_loopback_is_bound(world: World) -> None:
    port = int(world.cloud.endpoint.rsplit(":", 1)[1])
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{world.cloud.pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    assert f"0100007F:{port:04X}" in listening
    assert not any(address.startswith("00000000:") and int(address[9:], 16) == port for address in listening)


def test_other_addresses_are_refused() -> None:
    with pytest.raises(LocalCloudError, match="not a loopback address"):
        LocalCloud.start(options=("--host", "0.0.0.0"))


def test_a_bad_image_map_is_a_clear_error(tmp_path: Path) -> None:
    images = tmp_path / "images.json"
    images.write_text(json.dumps({"images": [{"image": "a", "kind": "b"}]}))
    with pytest.raises(LocalCloudError, match="needs image, command and kind"):
        LocalCloud.start(images=images)


def test_the_cloud_is_ready_within_seconds() -> None:
    begin = time.monotonic()
    with LocalCloud.start():
        assert time.monotonic() - begin < 10
