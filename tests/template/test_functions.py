"""Each function as it is deployed: its code, layers, settings, log, and that it starts from these alone."""

from __future__ import annotations

import hashlib
import importlib
import json
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from benchmarks.growth import LIMITS
from gridwatch.settings import read_settings
from infra.constructs.own_layer import LEFT_OUT
from tests.template.conftest import Synthesize
from tests.template.synthesized import Synthesized
from tests.template.test_permissions import actions_of
from tests.unit.imports import PACKAGES, graph

BY_NAME = ("gridwatch_rules.rules.", "gridwatch_rules.judgement.")
ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
LAYERS = {
    "evaluate_rules": {"numeric"},
    "evaluate_slow_rules": {"plots"},
    "react_to_finding": {"numeric"},  # reads how far a job has come
    "run_custom_rule": {"plots"},
    "snapshot_experiment": {"numeric", "duckdb"},
}
POWERTOOLS = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"}
# What Lambda itself puts into the environment and handlers' libraries may read when they are imported.
LAMBDA_ENVIRONMENT = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "LANG": "en_US.UTF-8"}


def settings_class(function: str) -> type:
    """The one dataclass that the function's settings module defines."""
    module = importlib.import_module(f"{function}.settings")
    (found,) = [
        member
        for member in vars(module).values()
        if isinstance(member, type) and is_dataclass(member) and member.__module__ == module.__name__
    ]
    return found


def test_every_folder_is_deployed_and_nothing_else(synthesized: Synthesized) -> None:
    assert sorted(synthesized.functions) == FUNCTIONS


def test_users_code_and_webhooks_have_no_function_unless_the_deployment_asks_for_it(synthesize: Synthesize) -> None:
    default = synthesize()
    assert sorted(default.functions) == [name for name in FUNCTIONS if name not in ("run_custom_rule", "post_webhook")]
    assert not default.of_type("AWS::Chatbot::SlackChannelConfiguration")
    assert "sns:Publish" in actions_of(default, default.role_of(default.functions["deliver_alert"]))
    assert default.functions["launch_grid"].environment["CUSTOM_RULE_SOURCES"] == ""
    slow = default.functions["evaluate_slow_rules"]
    assert slow.environment["CUSTOM_RULE_FUNCTION"] == ""
    assert "lambda:InvokeFunction" not in actions_of(default, default.role_of(slow))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_environment_is_the_settings(synthesized: Synthesized, function: str) -> None:
    settings = settings_class(function)
    environment = synthesized.functions[function].environment
    assert set(environment) - POWERTOOLS == {field.name.upper() for field in fields(settings)}
    read_settings(settings, environment)  # and every value converts


@pytest.mark.parametrize("function", FUNCTIONS)
def test_asset_holds_the_function_alone(synthesized: Synthesized, function: str) -> None:
    asset = synthesized.asset(synthesized.functions[function])
    assert [path.name for path in asset.iterdir()] == [function]
    deployed = {path.relative_to(asset).as_posix() for path in asset.rglob("*") if path.is_file()}
    source = ROOT / "functions"
    written = {path.relative_to(source).as_posix() for path in (source / function).rglob("*") if path.is_file()}
    assert deployed == {path for path in written if "__pycache__" not in path}


def layer_assets(synthesized: Synthesized, function: str) -> dict[str, Path]:
    """What the function's layers hold, by the layers' names."""
    layers = synthesized.of_type("AWS::Lambda::LayerVersion")
    found = {}
    for logical_id in synthesized.functions[function].properties["Layers"]:
        asset = synthesized.folder / f"asset.{layers[logical_id]['Content']['S3Key'].removesuffix('.zip')}"
        manifest = asset / "layer-build.json"
        found[json.loads(manifest.read_text())["layer"] if manifest.exists() else "gridwatch"] = asset
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
def test_layers(synthesized: Synthesized, function: str) -> None:
    assert layer_assets(synthesized, function).keys() == {"gridwatch", "runtime"} | LAYERS.get(function, set())


def test_our_own_layer_holds_the_two_packages_without_what_people_use(synthesized: Synthesized) -> None:
    own = layer_assets(synthesized, "launch_grid")["gridwatch"]
    assert {path.name for path in (own / "python").iterdir()} == {"gridwatch", "gridwatch_rules"}
    rooms = {path.name for path in (own / "python" / "gridwatch").iterdir()}
    assert {"launch", "aws", "spec"} <= rooms
    assert rooms.isdisjoint({"cli", "localcloud", "__pycache__"})
    assert not list(own.rglob("*.pyc"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_handler_imports_from_its_asset_and_layers_alone(synthesized: Synthesized, function: str) -> None:
    layers = layer_assets(synthesized, function)
    own = layers.pop("gridwatch") / "python"
    built = [ROOT / "layers" / "build" / "host" / name / "python" for name in layers]
    path = [str(synthesized.asset(synthesized.functions[function])), str(own), *map(str, built)]
    program = f"import sys; sys.path[:0] = {path!r}; from {function}.handler import handler; assert callable(handler)"
    # -I and -S: neither this environment's packages nor PYTHONPATH nor the current folder.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        env=LAMBDA_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_layers_are_built_for_the_deployed_platform(synthesized: Synthesized) -> None:
    for properties in synthesized.of_type("AWS::Lambda::LayerVersion").values():
        asset = synthesized.folder / f"asset.{properties['Content']['S3Key'].removesuffix('.zip')}"
        manifest = asset / "layer-build.json"
        if manifest.exists():
            built = json.loads(manifest.read_text())
            assert (built["platform"], built["python"]) == ("aarch64-manylinux_2_28", "3.13")
            assert not list(asset.rglob("*x86_64*.so"))


@pytest.mark.parametrize("platform", ["host", "aarch64-manylinux_2_28"])
@pytest.mark.parametrize("layer", ["runtime", "numeric", "duckdb", "plots"])
def test_layers_are_built_from_the_current_lock_and_name_no_machine(platform: str, layer: str) -> None:
    built = ROOT / "layers" / "build" / platform / layer
    lock = (ROOT / "layers" / layer / "requirements.txt").read_bytes()
    assert (
        json.loads((built / "layer-build.json").read_text())["requirements_sha256"] == hashlib.sha256(lock).hexdigest()
    )
    assert not (built / "python" / "bin").exists()
    assert not list((built / "python").glob("*.dist-info/direct_url.json"))


def test_the_layers_take_the_pins_of_the_environment() -> None:
    def pins(lock: Path) -> set[str]:
        return set(re.findall(r"^([a-z0-9-]+==[^ \\]+)", lock.read_text(), re.MULTILINE))

    environment = pins(ROOT / "requirements" / "dev.txt")
    for layer in ("runtime", "numeric", "duckdb", "plots"):
        assert pins(ROOT / "layers" / layer / "requirements.txt") - environment == set()


def test_code_and_layers_of_every_function_fit_lambda(synthesized: Synthesized) -> None:
    layers = synthesized.of_type("AWS::Lambda::LayerVersion")
    for function in synthesized.functions.values():
        keys = [
            function.properties["Code"]["S3Key"],
            *(layers[layer]["Content"]["S3Key"] for layer in function.properties["Layers"]),
        ]
        folders = [synthesized.folder / f"asset.{key.removesuffix('.zip')}" for key in keys]
        size = sum(path.stat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
        assert size < 250 * 1024**2, function.name  # Lambda's limit for code and layers, unzipped


@pytest.mark.parametrize("function", FUNCTIONS)
def test_named_logged_and_traced(synthesized: Synthesized, function: str) -> None:
    properties = synthesized.functions[function].properties
    name = f"gridwatch-{function.replace('_', '-')}"
    assert properties["FunctionName"] == name
    assert (properties["Runtime"], properties["Architectures"]) == ("python3.13", ["arm64"])
    assert properties["Handler"] == f"{function}.handler.handler"
    # Users' code may not even write traces.
    assert properties.get("TracingConfig") == (None if function == "run_custom_rule" else {"Mode": "Active"})
    assert properties["LoggingConfig"]["LogFormat"] == "JSON"
    log_group = synthesized.of_type("AWS::Logs::LogGroup")[properties["LoggingConfig"]["LogGroup"]]
    assert (log_group["LogGroupName"], log_group["RetentionInDays"]) == (f"/aws/lambda/{name}", 90)


def test_no_function_imports_what_the_layer_leaves_out() -> None:
    packages = {name: folder for name, folder in PACKAGES.items() if name in LEFT_OUT}
    imports = graph(packages | dict.fromkeys(FUNCTIONS, ROOT / "functions"))
    imports["gridwatch_rules"] = set()  # offers its functions by name, and imports each when it is asked for
    # The catalogues import rules by name, and the process of a rule of a user's own is started by name.
    seen = {name for name in imports if name.partition(".")[0] in FUNCTIONS or name.startswith(BY_NAME)}
    todo = list(seen)
    while todo:
        module = todo.pop()
        found = imports[module] | ({module.rpartition(".")[0]} & imports.keys())
        todo += found - seen
        seen |= found
    left = {
        name
        for package, places in LEFT_OUT.items()
        for place in places
        for name in imports
        if f"{name}.".startswith(f"{package}.{place.removesuffix('.py').replace('/', '.')}.")
    }
    assert {"gridwatch.state.memory", "gridwatch.cli.main", "gridwatch_rules.command.main"} <= left
    assert sorted(seen & left) == []


def test_growth_is_measured_against_what_functions_have(synthesized: Synthesized) -> None:
    had = {name: synthesized.functions[name].properties for name in LIMITS}
    assert {name: (each["Timeout"], each["MemorySize"]) for name, each in had.items()} == LIMITS
