"""With --lambda-limits a function has Lambda's memory and share of a processor, and its time as always."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridwatch.cli.local_state import troubles_of
from gridwatch.localcloud import LocalCloud
from gridwatch.localcloud.confining import is_possible
from tests.contract.localcloud_world import World, write_images
from tests.contract.test_localcloud_layers import archive

pytestmark = pytest.mark.skipif(not is_possible(), reason="this machine has no /proc")

CODE = """
import time
def handle(event, context):
    held = bytearray(event.get("megabytes", 0) * 2**20)
    began = time.process_time()
    ends = time.monotonic() + event.get("busy", 0)
    while time.monotonic() < ends:
        pass
    time.sleep(event.get("waits", 0))
    return {"computed": time.process_time() - began, "held": len(held)}
"""


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("limited")
    with LocalCloud.start(images=write_images(folder), options=("--lambda-limits",)) as cloud:
        made = World(cloud)
        made.prepare()
        yield made


def invoke(world: World, event: dict[str, Any], *, megabytes: int = 256, timeout: int = 30) -> dict[str, Any]:
    lambdas, name = world.client("lambda"), world.name("limited")
    lambdas.create_function(
        FunctionName=name, Runtime="python3.13", Role=world.role, Handler="app.handle", Timeout=timeout,
        MemorySize=megabytes, Code={"ZipFile": archive(**{"app.py": CODE})},
    )  # fmt: skip
    answer = lambdas.invoke(FunctionName=name, Payload=json.dumps(event))
    return {"name": name, "error": answer.get("FunctionError"), "said": json.loads(answer["Payload"].read())}


def test_what_keeps_within_its_limits_answers(limited: World) -> None:
    answer = invoke(limited, {"megabytes": 20})
    assert answer["error"] is None, answer
    assert answer["said"]["held"] == 20 * 2**20


def test_what_needs_more_memory_is_killed_and_told_of(limited: World) -> None:
    answer = invoke(limited, {"megabytes": 300, "waits": 20})
    assert answer["error"] is not None
    assert "signal: killed" in answer["said"]["errorMessage"]
    (told,) = [text for text in troubles_of(limited.cloud.endpoint) if answer["name"] in text]
    assert "needed more than its 256 MB of memory" in told


def test_what_computes_gets_its_share_of_a_processor(limited: World) -> None:
    answer = invoke(limited, {"busy": 3.0})
    assert answer["error"] is None, answer
    assert answer["said"]["computed"] <= 3.0 * 256 / 1_769 + 0.2


def test_what_takes_longer_than_its_time_is_ended(limited: World) -> None:
    answer = invoke(limited, {"waits": 20}, timeout=1)
    assert answer["error"] is not None
    assert "timed out after 1.00 seconds" in answer["said"]["errorMessage"]
