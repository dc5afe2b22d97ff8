"""Layers of another platform whoever uploaded them, and functions that cannot be imported: told where people look."""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gridwatch.cli.local_state import troubles_of
from gridwatch.cli.session import Session
from gridwatch.cli.settings import Environment
from gridwatch.localcloud import LocalCloud
from tests.contract.localcloud_world import World, wait_for

BUILT = Path(__file__).resolve().parents[2] / "layers" / "build"
DEPLOYED = "aarch64-manylinux_2_28"


def archive(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return buffer.getvalue()


def foreign_layer(**changes: str) -> bytes:
    """The dependency layer that is deployed to AWS, as the CDK's own command uploads it: nothing in it runs here."""
    manifest = json.loads((BUILT / DEPLOYED / "runtime" / "layer-build.json").read_text())
    files = {"python/pydantic/__init__.py": "raise ImportError('arm')"}
    files["layer-build.json"] = json.dumps({**manifest, **changes})
    return archive(**files)


def function(world: World, layer: bytes, code: str) -> str:
    lambdas, name = world.client("lambda"), world.name("layered")
    content = {"ZipFile": layer}
    version = lambdas.publish_layer_version(LayerName=name, Content=content)["LayerVersionArn"]
    lambdas.create_function(
        FunctionName=name, Runtime="python3.13", Role=world.role, Handler="app.handle", Layers=[version],
        Code={"ZipFile": archive(**{"app.py": code})}, Timeout=30,
    )  # fmt: skip
    return name


def invoke(world: World, name: str) -> dict[str, Any]:
    answer = world.client("lambda").invoke(FunctionName=name)
    said = json.loads(answer["Payload"].read())
    return {"error": answer.get("FunctionError"), "said": said}


def test_a_layer_for_another_platform_is_swapped_when_it_is_read(world: World) -> None:
    code = "import pydantic\ndef handle(event, context): return pydantic.VERSION"
    answer = invoke(world, function(world, foreign_layer(), code))
    assert answer["error"] is None, answer
    assert answer["said"].startswith("2.")


def test_a_layer_that_nothing_here_can_stand_for_is_told(world: World) -> None:
    name = function(world, foreign_layer(requirements_sha256="another"), "def handle(event, context): return 1")
    assert invoke(world, name)["error"]
    (told,) = [text for text in troubles_of(world.cloud.endpoint) if name in text]
    assert "run `make layers`" in told


def test_a_function_that_dies_on_import_is_told_until_it_starts(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    name = function(world, archive(**{"python/empty.py": ""}), "import no_such_module")
    assert invoke(world, name)["error"]
    (told,) = [text for text in troubles_of(world.cloud.endpoint) if name in text]
    assert "no_such_module" in told
    Session.discover(Environment(endpoint_url=world.cloud.endpoint, stack=None))
    assert f"warning: function {name} cannot start" in capsys.readouterr().err
    fixed = archive(**{"app.py": "def handle(event, context): return 1"})
    world.client("lambda").update_function_code(FunctionName=name, ZipFile=fixed)
    wait_for(lambda: True if invoke(world, name)["error"] is None else None)
    assert not [text for text in troubles_of(world.cloud.endpoint) if name in text]


def test_it_is_said_where_the_cloud_was_started() -> None:
    with LocalCloud.start() as cloud:
        world = World(cloud)
        world.prepare()
        name = function(world, archive(**{"python/empty.py": ""}), "import no_such_module")
        for _ in range(3):
            invoke(world, name)
        complaint = next(iter(cloud.complaints()))
    assert complaint.startswith(f"function {name} cannot start")
    assert "no_such_module" in complaint


def test_another_emulator_has_no_troubles_to_tell() -> None:
    assert troubles_of("http://127.0.0.1:9") == []


def test_the_document_is_shown(world: World) -> None:
    with urllib.request.urlopen(f"{world.cloud.endpoint}/_localcloud/troubles", timeout=10) as answer:
        assert set(json.load(answer)) == {"troubles"}
